"""JPEG files may be decoded smaller; what messages hold is tested with the messages."""

from __future__ import annotations

from pathlib import Path
import struct
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.imaging.decoding import decode_compressed
from posenet_ros.imaging.files import (
    check_image,
    image_size,
    ImageFileError,
    read_image,
    try_image,
)
from posenet_ros.imaging.headers import ImageError, jpeg_size
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


def png_header(width: int, height: int) -> NDArray[np.uint8]:
    """Return a PNG whose header says this size, with the pixels of a small one."""
    file = encoded(natural_image(32, 16), '.png').tobytes()
    head = b'IHDR' + struct.pack('>II', width, height) + file[24:29]
    data = file[:12] + head + struct.pack('>I', zlib.crc32(head)) + file[33:]
    return np.frombuffer(data, np.uint8)


def jpeg_header(width: int, height: int) -> NDArray[np.uint8]:
    """Return a JPEG whose header says this size."""
    file = encoded(natural_image(32, 16), '.jpg').ravel().copy()
    at = file.tobytes().index(b'\xff\xc0') + 5
    file[at:at + 4] = np.frombuffer(struct.pack('>HH', height, width), np.uint8)
    return file


@pytest.mark.parametrize('file', [
    png_header(30000, 30000), png_header(0, 16), jpeg_header(32, 0), jpeg_header(0, 16),
    jpeg_header(65000, 65000)], ids=str)
def test_a_size_that_no_camera_has_is_refused_before_decoding(
        file: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cv2, 'imdecode', None)  # would raise TypeError
    for reduction in (None, Preprocess(32, 32).reduction):
        with pytest.raises(ImageError, match=r'has to have 1 to \d+ pixels. Received: \d+x\d+'):
            decode_compressed(file, '', reduction)
    file.tofile(tmp_path / 'image')
    for read in (read_image, image_size):
        with pytest.raises(ImageFileError, match=r'a damaged file \(\d+x\d+\)'):
            read(tmp_path / 'image')


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.bmp', '.tiff', '.webp', '.ppm'])
def test_the_size_of_every_kind_of_file_is_read_without_decoding(
        suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if suffix not in ('.jpg', '.png'):
        pytest.importorskip('PIL')
    encoded(natural_image(48, 32), suffix).tofile(tmp_path / 'image')
    monkeypatch.setattr(cv2, 'imdecode', None)
    assert image_size(tmp_path / 'image') == (48, 32)


@pytest.mark.parametrize('suffix', ['.jpg', '.png'])
def test_files_that_are_cut_off_are_damaged(suffix: str, tmp_path: Path) -> None:
    whole = encoded(natural_image(320, 240), suffix).ravel()
    for length in (0, 1, 2, 14, 30, len(whole) // 2, len(whole) - 20):
        whole[:length].tofile(tmp_path / 'image')
        for read in (read_image, image_size):
            with pytest.raises(ImageFileError, match='a damaged file'):
                read(tmp_path / 'image')
    with pytest.raises(ImageFileError, match='no such file'):
        image_size(tmp_path / 'none')


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.bmp', '.ppm'])
def test_a_check_finds_every_file_that_does_not_decode(suffix: str, tmp_path: Path) -> None:
    """Bytes anywhere in the file, also in the middle, are exchanged."""
    whole, path = encoded(natural_image(64, 48), suffix).ravel(), tmp_path / 'image'
    rng = np.random.default_rng(7)
    whole.tofile(path)
    assert check_image(path) == (64, 48)
    found = set()
    for i in range(200):
        damaged = whole.copy()
        at = rng.integers(2, len(whole) - 8 if i % 2 else 60)
        damaged[at:at + 8] = rng.integers(0, 256, 8)
        damaged.tofile(path)
        decodes = isinstance(try_image(path), tuple)
        found.add(decodes)
        if decodes:
            read_image(path)
    assert found == ({False} if suffix == '.png' else {True, False})


def test_the_size_is_compared_with_the_camera_before_decoding() -> None:
    def other_camera(width: int, height: int) -> int:
        raise InputError(f'not {width}x{height}')

    for suffix in ('.jpg', '.png'):
        with pytest.raises(InputError, match='not 32x16'):
            decode_compressed(encoded(natural_image(32, 16), suffix), '', other_camera)
