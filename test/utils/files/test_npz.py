"""Files of arrays: whole ones are read, all others are one line, and none takes memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import zipfile

from file_edits import HEADERS, npy, npy_of_header
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.utils.files.npz import map_arrays, read_arrays
import pytest

ARRAYS = {'names': np.array(['a', 'bb']), 'points': np.arange(6.0).reshape(2, 3),
          'turned': np.asfortranarray(np.arange(6).reshape(2, 3)), 'one': np.array(7)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    np.savez(tmp_path / 'arrays.npz', **ARRAYS)
    return tmp_path / 'arrays.npz'


def test_arrays_are_mapped_or_read(file: Path) -> None:
    mapped, read = map_arrays(file), read_arrays(file)
    for found in (mapped, read):
        assert set(found) == set(ARRAYS)
        for name, array in ARRAYS.items():
            assert found[name].dtype == array.dtype
            assert np.array_equal(found[name], array)
    assert read['points'].flags.writeable
    with pytest.raises(InputError, match="the array 'other' is missing"):
        read['other']


def write(file: Path, name: str, data: bytes, method: int = zipfile.ZIP_STORED) -> None:
    """Write a zip of one file."""
    with zipfile.ZipFile(file, 'w', method) as archive:
        archive.writestr(name, data)


def bomb(file: Path) -> None:
    write(file, 'a.npy', npy(np.zeros(1 << 24)), zipfile.ZIP_DEFLATED)
    assert file.stat().st_size < 1 << 18  # of 128 MB


def many(file: Path) -> None:
    with zipfile.ZipFile(file, 'w') as archive:
        for i in range(10_001):
            archive.writestr(str(i), b'')


def one_changed(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[data.index(ARRAYS['points'].tobytes()) + 8] ^= 1
    file.write_bytes(data)


DAMAGES: dict[str, Callable[[Path], object]] = {
    'is compressed': bomb, '10001 arrays': many, 'checksum of points.npy': one_changed,
    'Object arrays': lambda file: write(file, 'a.npy', npy(np.array([{}], object))),
    'no array of version 1.0': lambda file: write(file, 'a.npy', b'\x93NUMPY\x09\x00' + b' ' * 90),
    'not a zip file': lambda file: file.write_bytes(b'text'),
    'is damaged': lambda file: file.write_bytes(file.read_bytes()[:-40]),
    'arrays.npz: no such file': Path.unlink}


@pytest.mark.parametrize('why', DAMAGES)
def test_a_damaged_file_is_one_line_that_says_why(file: Path, why: str) -> None:
    DAMAGES[why](file)
    for read in (map_arrays, read_arrays):
        with pytest.raises(InputError, match=why) as caught:
            read(file)
        assert '\n' not in str(caught.value)
        assert str(file) in str(caught.value)


@pytest.mark.parametrize('header', HEADERS, ids=range(len(HEADERS)))
def test_a_header_that_is_a_lie_takes_no_memory(file: Path, header: str) -> None:
    write(file, 'a.npy', npy_of_header(header))
    with pytest.raises(InputError, match='is damaged: ') as caught:
        map_arrays(file)
    assert '\n' not in str(caught.value)
