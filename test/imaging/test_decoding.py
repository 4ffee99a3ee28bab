"""JPEG files may be decoded smaller; what messages hold is tested with the messages."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.geometry.camera import Camera
from posenet_ros.imaging.decoding import decode_compressed, jpeg_size
from posenet_ros.imaging.preprocess import Preprocess
import pytest

from .test_preprocess import natural_image


def encoded(image: NDArray[np.uint8], suffix: str, *flags: int) -> NDArray[np.uint8]:
    """Return an RGB image as a file."""
    good, data = cv2.imencode(suffix, image[..., ::-1], flags)
    assert good
    return data


@pytest.mark.parametrize('flags', [
    (), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 4)])
@pytest.mark.parametrize('size', [(33, 16), (640, 480)])
def test_the_size_is_read_from_the_header(size: tuple[int, int], flags: tuple[int, ...]) -> None:
    assert jpeg_size(encoded(natural_image(*size), '.jpg', *flags)) == size


def test_what_is_no_jpeg_has_no_jpeg_size() -> None:
    file = encoded(natural_image(32, 16), '.jpg')
    for data in (encoded(natural_image(32, 16), '.png'), file[:0], file[:4], file[:100],
                 np.concatenate([file[:2], file])):
        assert jpeg_size(data) is None


def test_fill_bytes_before_a_marker_are_skipped() -> None:
    file = encoded(natural_image(32, 16), '.jpg')
    assert jpeg_size(np.insert(file, 2, [0xff, 0xff])) == (32, 16)


def test_a_jpeg_is_decoded_as_small_as_the_network_needs_it() -> None:
    image, preprocess = natural_image(1920, 1080), Preprocess(224, 128)
    camera = Camera(1920, 1080, 1600, 1600, 959.5, 539.5)
    file = encoded(image, '.jpg', cv2.IMWRITE_JPEG_QUALITY, 90)
    whole, small = decode_compressed(file), decode_compressed(file, '', preprocess.reduction)
    assert whole.shape == (1080, 1920, 3)
    assert small.shape == (540, 960, 3)
    inputs = [preprocess(decoded, camera).astype(int) for decoded in (whole, small)]
    assert np.abs(inputs[0] - inputs[1]).mean() < 0.5


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_an_image_that_is_not_far_too_large_is_decoded_whole(suffix: str) -> None:
    file = encoded(natural_image(640, 480), suffix)
    decoded = decode_compressed(file, '', Preprocess(224, 128).reduction)
    assert np.array_equal(decoded, decode_compressed(file))


def test_a_png_is_decoded_whole() -> None:
    file = encoded(natural_image(640, 480), '.png')
    assert decode_compressed(file, '', lambda *_: 2).shape == (480, 640, 3)
