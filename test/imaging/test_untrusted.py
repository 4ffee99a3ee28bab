"""Image files of strangers: sizes before decoding, and nothing opened that is no file."""

from __future__ import annotations

from collections.abc import Callable
import os
from pathlib import Path
import resource
import socket
import struct
import threading

import cv2
from helpers import random_image
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.imaging.files import (
    check_image,
    image_size,
    ImageFileError,
    read_depth,
    read_image,
    try_image,
)
from posenet_ros.training.data.exif import read_exif_tags
import pytest

SIDE = 30_000
TIMEOUT_S = 20
READERS: dict[str, Callable[[Path], object]] = {
    'read_image': read_image, 'image_size': image_size, 'check_image': check_image,
    'read_depth': read_depth}


def tiff(width: int, height: int, tile: int = 0) -> bytes:
    """Return the beginning of a TIFF of grey pixels in one strip, or in square tiles."""
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (277, 1)]
    tags += [(322, tile), (323, tile), (324, 8), (325, 4)] if tile else [
        (273, 8), (278, height), (279, 4)]
    entries = b''.join(struct.pack('<HHII', tag, 4, 1, value) for tag, value in sorted(tags))
    return b'II*\0' + struct.pack('<I', 12) + b'data' + struct.pack(
        '<H', len(tags)) + entries + b'\0' * 64


def webp_canvas(width: int, height: int) -> bytes:
    """Return a WebP with an extended header."""
    canvas = struct.pack('<I', 0x02) + (width - 1).to_bytes(3, 'little') + (
        height - 1).to_bytes(3, 'little')
    chunk = b'VP8X' + struct.pack('<I', len(canvas)) + canvas
    return b'RIFF' + struct.pack('<I', 4 + len(chunk)) + b'WEBP' + chunk


def webp_lossless(width: int, height: int) -> bytes:
    """Return a WebP whose only chunk says a size, with pixels of none."""
    bits = (width - 1) | (height - 1) << 14
    data = b'\x2f' + struct.pack('<I', bits) + b'\0' * 64
    chunk = b'VP8L' + struct.pack('<I', len(data)) + data + b'\0' * (len(data) % 2)
    return b'RIFF' + struct.pack('<I', 4 + len(chunk)) + b'WEBP' + chunk


BOMBS = {
    'gif': b'GIF89a' + struct.pack('<HHBBB', 65535, 65535, 0xf0, 0, 0) + b'\0' * 6
    + b',' + struct.pack('<HHHHB', 0, 0, 65535, 65535, 0) + b'\x02\x02\x44\x01\x00;',
    'bmp': b'BM' + struct.pack('<IHHI', 1000, 0, 0, 54) + struct.pack(
        '<IiiHHIIiiII', 40, SIDE, SIDE, 1, 24, 0, 0, 2835, 2835, 0, 0) + b'\0' * 900,
    'tiff': tiff(SIDE, SIDE), 'tiff of one tile': tiff(64, 64, 1 << 20),
    'webp': webp_lossless(16384, 16384), 'webp canvas': webp_canvas(1 << 24, 200),
    'ppm': b'P6\n30000 30000\n255\n' + b'\0' * 64,
    'exr': b'\x76\x2f\x31\x01\x02\0\0\0' + b'\0' * 200,
    'hdr': b'#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 30000 +X 30000\n' + b'\0' * 200,
    'jpeg 2000': b'\0\0\0\x0cjP  \r\n\x87\n' + b'\0' * 100, 'nothing': b'', 'text': b'hello\n' * 9}


@pytest.mark.parametrize('name', BOMBS)
def test_what_says_a_size_that_no_camera_has_or_none_is_never_decoded(
        name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / 'image'
    file.write_bytes(BOMBS[name])
    monkeypatch.setattr(cv2, 'imdecode', None)  # would raise TypeError
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read in READERS.values():
        with pytest.raises(InputError, match=str(file)) as caught:
            read(file)
        assert '\n' not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    before = Path.cwd()
    os.chdir(path.parent)  # the path of a socket is short
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(before)


THINGS: dict[str, tuple[Callable[[Path], object], str]] = {
    'pipe': (make_pipe, 'a pipe or a device'), 'socket': (make_socket, 'a pipe or a device'),
    'folder': (Path.mkdir, 'a folder'),
    'endless device': (lambda path: path.symlink_to('/dev/zero'), 'a pipe or a device'),
    'link to nothing': (lambda path: path.symlink_to('none'), 'no such file')}


@pytest.mark.parametrize('name', THINGS)
def test_what_is_no_file_is_not_opened(name: str, tmp_path: Path) -> None:
    make, why = THINGS[name]
    path = tmp_path / 'image.png'
    make(path)
    found: list[object] = []

    def read() -> None:
        for each in READERS.values():
            try:
                each(path)
            except ImageFileError as error:
                found.append(str(error))
        found.extend([try_image(path), read_exif_tags(path).image])

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(TIMEOUT_S)
    assert not thread.is_alive(), 'it waits'
    assert len(found) == len(READERS) + 2
    for text in found[:len(READERS)]:
        assert why in str(text)
    assert found[-1] == {}


def test_a_file_larger_than_any_image_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / 'image.png'
    with path.open('wb') as file:
        file.truncate(1 << 40)  # sparse
    for read in READERS.values():
        with pytest.raises(ImageFileError, match='1048576 MB'):
            read(path)


@pytest.mark.parametrize('mode', ['P', 'L', '1', 'LA', 'RGBA', 'I;16', 'CMYK', 'YCbCr'])
def test_pixels_of_all_kinds_become_colours(mode: str, tmp_path: Path) -> None:
    from PIL import Image

    size, grey = (16, 12), 200
    image = (Image.fromarray(np.full((12, 16), grey * 257, np.uint16)) if mode == 'I;16'
             else Image.new('RGB', size, (grey, grey, grey)).convert(mode))
    path = tmp_path / ('image.jpg' if mode in ('CMYK', 'YCbCr') else 'image.png')
    image.save(path)
    found = read_image(path)
    assert image_size(path) == check_image(path) == size
    assert found.shape == (12, 16, 3)
    assert abs(found.mean() - grey) < (20 if mode == '1' else 2)  # of which is dithered


def test_depths_are_read_as_they_are_written_and_nothing_else_is(tmp_path: Path) -> None:
    depth = np.arange(12, dtype=np.uint16).reshape(3, 4) * 1000
    cv2.imwrite(str(tmp_path / 'a.png'), depth)
    assert np.array_equal(read_depth(tmp_path / 'a.png'), depth)
    cv2.imwrite(str(tmp_path / 'b.png'), random_image(Camera(8, 8, 8, 8, 4, 4)))
    with pytest.raises(ImageFileError, match='16-bit millimetres'):
        read_depth(tmp_path / 'b.png')
