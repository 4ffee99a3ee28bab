"""
Bytes of ROS images to RGB arrays.

Done here with OpenCV instead of by cv_bridge: no cv_bridge on PyPI works with NumPy 2, and one
decoder for the node, the evaluator and machines without ROS cannot give two answers. The results
equal those of cv_bridge's `imgmsg_to_cv2(msg, 'rgb8')`. The node gives the encodings that this
lacks to cv_bridge, where ROS provides one that works.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import AnyArray, RgbImage
from posenet_ros.imaging.headers import check_size, file_size, ImageError, is_cut_off, jpeg_size
from posenet_ros.imaging.semi_planar import decode_semi_planar, SEMI_PLANAR

BytesLike = Any  # anything with the buffer protocol: array.array, bytes, NumPy array

Reduction = Callable[[int, int], int]  # (width, height) -> factor 1, 2, 4...

REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4,
           8: cv2.IMREAD_REDUCED_COLOR_8}


@dataclass(frozen=True, eq=False)
class Frame:
    """
    An image with the time and the camera frame of its message.

    :param image: (H, W, 3) uint8 RGB; may share memory with the message, so do not write to it.
    :param stamp_ns: when it was taken, nanoseconds.
    :param frame_id: TF frame of the camera, optical convention.
    """

    image: RgbImage
    stamp_ns: int
    frame_id: str


class Encoding(NamedTuple):
    """How an encoding's pixels lie in memory, and OpenCV's code that makes them RGB."""

    depth_bits: int
    channels: int
    to_rgb: int | None


# OpenCV names a Bayer pattern by its second row's second and third pixel, ROS by the first two
# rows' upper left square: rggb is OpenCV's BG.
_BAYER = {'rggb': cv2.COLOR_BayerBG2RGB, 'bggr': cv2.COLOR_BayerRG2RGB,
          'gbrg': cv2.COLOR_BayerGR2RGB, 'grbg': cv2.COLOR_BayerGB2RGB}

ENCODINGS = {
    'rgb8': Encoding(8, 3, None),
    'bgr8': Encoding(8, 3, cv2.COLOR_BGR2RGB),
    'rgba8': Encoding(8, 4, cv2.COLOR_RGBA2RGB),
    'bgra8': Encoding(8, 4, cv2.COLOR_BGRA2RGB),
    'rgb16': Encoding(16, 3, None),
    'bgr16': Encoding(16, 3, cv2.COLOR_BGR2RGB),
    'rgba16': Encoding(16, 4, cv2.COLOR_RGBA2RGB),
    'bgra16': Encoding(16, 4, cv2.COLOR_BGRA2RGB),
    'mono8': Encoding(8, 1, cv2.COLOR_GRAY2RGB),
    'mono16': Encoding(16, 1, cv2.COLOR_GRAY2RGB),
    'yuv422': Encoding(8, 2, cv2.COLOR_YUV2RGB_UYVY),
    'uyvy': Encoding(8, 2, cv2.COLOR_YUV2RGB_UYVY),
    'yuv422_yuy2': Encoding(8, 2, cv2.COLOR_YUV2RGB_YUY2),
    'yuyv': Encoding(8, 2, cv2.COLOR_YUV2RGB_YUY2),
    **{f'bayer_{pattern}{bits}': Encoding(bits, 1, code)
       for pattern, code in _BAYER.items() for bits in (8, 16)},
}
SUPPORTED = (*ENCODINGS, *SEMI_PLANAR)


def decode_raw(
        data: BytesLike, encoding: str, size: tuple[int, int], step: int,
        is_bigendian: int) -> RgbImage:
    """
    Decode the pixels of a sensor_msgs/Image.

    :param data: the bytes, at least height * step long.
    :param encoding: a name of sensor_msgs/image_encodings.
    :param size: (width, height), pixels.
    :param step: length of a row with its padding, bytes.
    :param is_bigendian: 0 or 1, the byte order of 16-bit pixels.
    :returns: (H, W, 3) RGB; shares memory with `data` where nothing had to be converted.
    :raises ImageError: when the message contradicts itself or the encoding is not supported.
    """
    if encoding in SEMI_PLANAR:
        return decode_semi_planar(np.frombuffer(data, np.uint8), encoding, size, step)
    layout = _layout(encoding)
    _check_geometry(encoding, layout, size, step, is_bigendian)
    width, height = size
    flat = np.frombuffer(data, dtype=np.uint8)
    if len(flat) < height * step:
        raise ImageError(f'the data of an image have to be height * step = {height} * {step} = '
                         f'{height * step} bytes. Received: {len(flat)} bytes')
    row_bytes = width * layout.channels * layout.depth_bits // 8
    rows = flat[:height * step].reshape(height, step)[:, :row_bytes]
    if layout.depth_bits == 16:
        rows = rows.view('>u2' if is_bigendian else '<u2').astype(np.uint16)
    return _rgb(rows.reshape(height, width, layout.channels), layout.to_rgb)


def decode_compressed(data: BytesLike, image_format: str = '',
                      reduction: Reduction | None = None) -> RgbImage:
    """
    Decode the file in a sensor_msgs/CompressedImage, usually JPEG or PNG.

    The orientation that a file may carry is ignored: CameraInfo describes the pixels as stored.

    :param data: the file's bytes.
    :param image_format: the message's `format`, as `jpeg` or `rgb8; jpeg compressed bgr8`.
    :param reduction: gets the (width, height) of the file's header before anything is decoded; it
        chooses the factor by which a JPEG is decoded smaller, which costs less than to decode and
        halve it and divides both, or raises InputError where no camera has that size.
    :returns: (H, W, 3) RGB.
    :raises ImageError: when the file is empty, cut off, of an unknown kind, a depth image, or of
        more than MAX_PIXELS.
    """
    if 'compressedDepth' in image_format:
        raise ImageError(_colour_expected(image_format))
    flat = np.frombuffer(data, dtype=np.uint8)
    factor = _checked_factor(flat, reduction)
    image = None
    if factor and not is_cut_off(flat):
        flags = cv2.IMREAD_IGNORE_ORIENTATION | REDUCED.get(
            factor, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        image = _decoded(lambda: cv2.imdecode(flat, flags))
    if image is None:
        raise ImageError('the data of a compressed image have to be a whole JPEG or PNG file. '
                         f'Received: {len(flat)} bytes that do not decode, format '
                         f'{image_format!r}')
    if image.dtype != np.uint8 and not image_format.startswith('mono16'):
        raise ImageError(_colour_expected(f'{image.dtype} pixels, format {image_format!r}'))
    return _rgb(image, cv2.COLOR_BGR2RGB)


def decode_depth(data: BytesLike) -> NDArray[np.uint16]:
    """
    Decode an image file of depths.

    :returns: (H, W) millimetres.
    :raises ImageError: when it is none of 16 bits and one channel, or has more than MAX_PIXELS.
    """
    flat = np.frombuffer(data, dtype=np.uint8)
    size = file_size(flat)
    if size:
        check_size(*size)
    image = _decoded(lambda: cv2.imdecode(flat, cv2.IMREAD_UNCHANGED)) if size else None
    if image is None or image.dtype != np.uint16 or image.ndim != 2:
        raise ImageError('a depth image has to be of 16-bit millimetres, one channel. Received: '
                         + ('no image' if image is None else f'{image.dtype} {image.shape}'))
    return image


def _checked_factor(flat: NDArray[np.uint8], reduction: Reduction | None) -> int:
    """
    Check the size in a file's header.

    :returns: the factor by which it is decoded smaller; 0 where the header says no size: nothing
        is decoded whose size is not known.
    """
    jpeg = jpeg_size(flat)
    size = jpeg or file_size(flat)
    if size is None:
        return 0
    check_size(*size)
    factor = reduction(*size) if reduction else 1
    return factor if jpeg else 1


def _layout(encoding: str) -> Encoding:
    if encoding not in ENCODINGS:
        raise ImageError(_colour_expected(repr(encoding)))
    return ENCODINGS[encoding]


def _colour_expected(received: str) -> str:
    return (f'the encoding of an image has to be one of {", ".join(SUPPORTED)}. '
            f'Received: {received}. Depth and float images are not supported')


def _check_geometry(
        encoding: str, layout: Encoding, size: tuple[int, int], step: int,
        is_bigendian: int) -> None:
    width, height = size
    smallest = 3 if encoding.startswith('bayer') else 1  # what OpenCV can interpolate
    if min(size) < smallest:
        raise ImageError(f'a {encoding} image has to be at least {smallest}x{smallest} pixels. '
                         f'Received: {width}x{height}')
    if layout.channels == 2 and width % 2:
        raise ImageError(f'a {encoding} image has to have an even width. Received: {width}')
    row_bytes = width * layout.channels * layout.depth_bits // 8
    if step < row_bytes:
        raise ImageError(f'step of a {encoding} image {width} pixels wide has to be at least '
                         f'{row_bytes} bytes. Received: {step}')
    if is_bigendian not in (0, 1):
        raise ImageError(f'is_bigendian has to be 0 or 1. Received: {is_bigendian}')


def _rgb(pixels: AnyArray, code: int | None) -> RgbImage:
    """Convert (H, W, C) pixels of 8 or 16 bits to RGB of 8 bits."""
    if code is not None:
        image = _decoded(lambda: cv2.cvtColor(pixels, code))
        if image is None:
            raise ImageError('an image has to be convertible to RGB. Received: '
                             f'{pixels.dtype} pixels of the shape {pixels.shape}')
        pixels = image
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=255 / 65535)
    return np.ascontiguousarray(pixels)


def _decoded(decode: Callable[[], Any]) -> AnyArray | None:
    """Call OpenCV; None where it raises."""
    try:
        return decode()  # type: ignore[no-any-return]
    except cv2.error:
        return None
