"""
Semi-planar YUV of sensor_msgs/image_encodings: nv12, nv21 and nv24.

A plane of luma is followed by one in which both chroma values stand side by side: of every second
pixel and row for nv12 (U V) and nv21 (V U), of every pixel for nv24 (U V). BT.601, as OpenCV.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import RgbImage
from posenet_ros.imaging.headers import check_size, ImageError

# encoding -> OpenCV's code, bytes of a pixel
SEMI_PLANAR = {'nv12': (cv2.COLOR_YUV2RGB_NV12, 1.5), 'nv21': (cv2.COLOR_YUV2RGB_NV21, 1.5),
               'nv24': (cv2.COLOR_YUV2RGB_NV12, 3.0)}


def decode_semi_planar(data: NDArray[np.uint8], encoding: str, size: tuple[int, int],
                       step: int) -> RgbImage:
    """
    Decode an image of one of :data:`SEMI_PLANAR`.

    :param data: (N,) bytes.
    :param size: (width, height), pixels; even for nv12 and nv21.
    :param step: bytes of a row of luma with its padding; drivers differ in it, so the length of
        the data counts where there is no padding.
    :returns: (H, W, 3).
    :raises ImageError: when the message contradicts itself.
    """
    width, height = size
    check_size(width, height)
    code, depth = SEMI_PLANAR[encoding]
    if depth < 2 and (width % 2 or height % 2):
        raise ImageError(f'a {encoding} image has to have an even width and height. '
                         f'Received: {width}x{height}')
    stride = width if len(data) == int(depth * width * height) else step
    if stride < width or len(data) < int(depth * stride * height):
        raise ImageError(f'the data of a {encoding} image {width}x{height} have to be '
                         f'{int(depth * width * height)} bytes, or {depth:g} * height * step. '
                         f'Received: {len(data)} bytes, step {step}')
    luma = data[:stride * height].reshape(height, stride)[:, :width]
    if depth < 2:
        chroma = data[stride * height:stride * height * 3 // 2].reshape(-1, stride)[:, :width]
        return np.asarray(cv2.cvtColor(np.vstack([luma, chroma]), code))
    chroma = data[stride * height:3 * stride * height].reshape(height, 2 * stride)[:, :2 * width]
    doubled = np.repeat(np.repeat(luma, 2, axis=0), 2, axis=1)  # whose chroma is that of a pixel
    return np.ascontiguousarray(cv2.cvtColor(np.vstack([doubled, chroma]), code)[::2, ::2])
