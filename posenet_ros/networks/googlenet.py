"""
GoogLeNet as the 2015 PoseNet has it, in Caffe's arithmetic.

Kendall, Grimes, Cipolla 2015; Szegedy et al. 2015, table 1. Layers are named as in the
caffe-tensorflow conversion (`posenet.npy`).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

Tensor = Any  # of any Keras backend, or symbolic

# Outputs of each block: 1x1; 3x3 reduced, 3x3; 5x5 reduced, 5x5; pooled.
INCEPTIONS = (
    (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64),
    (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),
    (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128),
    (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128))
POOLED_BEFORE = (3, 8)  # inception 4a and 5a, counted from 1
AUXILIARY_AFTER = (3, 6)  # inception 4a and 4d
MEAN_RGB = (123.68, 116.779, 103.939)
INPUT_SCALE = 1 / 128


class LocalResponseNorm(keras.layers.Layer):  # type: ignore[misc]
    """
    Local response normalisation across channels: x / (1 + alpha / n * sum of n squares)^beta.

    Krizhevsky et al. 2012, section 3.3, with n = 5, alpha = 1e-4 (which Caffe divides by n) and
    beta = 0.75. A 1x1 convolution with a constant band matrix sums the squares: far faster in
    LiteRT than tf.nn.lrn.
    """

    def build(self, input_shape: tuple[int, ...]) -> None:
        """Make the band matrix."""
        index = np.arange(input_shape[-1])
        band = np.abs(index[:, None] - index) <= 2
        self._kernel = (band * (1e-4 / 5)).astype(np.float32)[None, None]
        super().build(input_shape)

    def call(self, x: Tensor) -> Tensor:
        """Return x normalised, in its own shape."""
        kernel = keras.ops.cast(self._kernel, x.dtype)
        total = 1 + keras.ops.conv(keras.ops.square(x), kernel, padding='valid')
        root = keras.ops.rsqrt(total)
        return x * root * keras.ops.sqrt(root)  # total^-0.75


def conv(x: Tensor, filters: int, kernel: int, name: str, stride: int = 1) -> Tensor:
    """Return a convolution padded by half its kernel on both sides (as Caffe), and a ReLU."""
    if stride > 1:  # Keras 'same' would pad the left less than the right
        x = keras.layers.ZeroPadding2D(kernel // 2, name=f'{name}_pad')(x)
    return keras.layers.Conv2D(
        filters, kernel, stride, padding='valid' if stride > 1 else 'same', activation='relu',
        kernel_initializer='he_normal', name=name)(x)


def max_pool(x: Tensor, name: str) -> Tensor:
    """
    Return the 3x3 maxima at stride 2 with Caffe's rounding up: the last window may stick out.

    Zero is a safe pad, since all inputs come from a ReLU.
    """
    extra = [1 - side % 2 for side in x.shape[1:3]]
    padding = 'valid'
    if all(extra):
        padding = 'same'
    elif any(extra):
        x = keras.layers.ZeroPadding2D(((0, extra[0]), (0, extra[1])), name=f'{name}_pad')(x)
    return keras.layers.MaxPooling2D(3, 2, padding=padding, name=name)(x)


def inception(x: Tensor, filters: tuple[int, ...], name: str) -> Tensor:
    """Return the four branches, one after another in the channels."""
    one, three_in, three, five_in, five, pooled = filters
    pool = keras.layers.MaxPooling2D(3, 1, padding='same', name=f'{name}_pool')(x)
    return keras.layers.Concatenate(name=name)([
        conv(x, one, 1, f'{name}_out0'),
        conv(conv(x, three_in, 1, f'{name}_reduction1'), three, 3, f'{name}_out1'),
        conv(conv(x, five_in, 1, f'{name}_reduction2'), five, 5, f'{name}_out2'),
        conv(pool, pooled, 1, f'{name}_out3')])


def features(images: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """
    Return the last feature map (B, H / 32, W / 32, 1024) and those after 4a and 4d.

    :param images: (B, H, W, 3) RGB, 0..255.
    """
    offset = [-mean * INPUT_SCALE for mean in MEAN_RGB]
    x = keras.layers.Rescaling(INPUT_SCALE, offset, name='normalise')(images)
    x = max_pool(conv(x, 64, 7, 'conv1', 2), 'pool1')
    x = LocalResponseNorm(name='norm1')(x)
    x = conv(conv(x, 64, 1, 'reduction2'), 192, 3, 'conv2')
    x = max_pool(LocalResponseNorm(name='norm2')(x), 'pool2')
    auxiliary = []
    for number, filters in enumerate(INCEPTIONS, start=1):
        if number in POOLED_BEFORE:
            x = max_pool(x, f'icp{number}_in')
        x = inception(x, filters, f'icp{number}')
        if number in AUXILIARY_AFTER:
            auxiliary.append(x)
    return x, tuple(auxiliary)
