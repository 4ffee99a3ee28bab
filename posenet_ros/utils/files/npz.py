"""
Read npz files of arrays, whoever wrote them: never a pickle, and never more than the file holds.

The arrays lie in the file as they are in memory, so that they are mapped instead of read.
Compressed ones are refused: posenet writes none, and a few kilobytes of them can unpack to any
size. Sizes are those of the zip's directory and of what is there, not of an array's header.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import io
import mmap
from pathlib import Path
import struct
import zipfile
import zlib

import numpy as np
from posenet_ros.arrays import AnyArray
from posenet_ros.errors import InputError

LOCAL_HEADER = struct.Struct('<26xHH')  # of a file in a zip: the lengths of its name and extra
MAX_HEADER = 1 << 14  # bytes that hold the header of an array
ENCRYPTED = 0x1  # a flag of a file in a zip
MAX_ARRAYS = 10_000  # in a file
KINDS = 'biufcUS'  # of the numbers and texts, as NumPy calls them


class Arrays(dict[str, AnyArray]):
    """Arrays by their names; one that is missing is named as such."""

    def __missing__(self, name: str) -> AnyArray:
        raise InputError(f'the array {name!r} is missing')


def map_arrays(file: Path) -> Arrays:
    """
    Map the arrays of an uncompressed npz file into memory, read-only.

    :raises InputError: on compressed, damaged or pickled content, naming file and array.
    """
    with damaged(file), zipfile.ZipFile(file) as archive, file.open('rb') as stream:
        entries = archive.infolist()
        if len(entries) > MAX_ARRAYS:
            raise ValueError(f'{len(entries)} arrays')
        data = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
        return Arrays({entry.filename.removesuffix('.npy'): _array_of(data, entry)
                       for entry in entries})


def read_arrays(file: Path) -> Arrays:
    """
    Read the arrays of an uncompressed npz file, to be written to as well.

    :raises InputError: as :func:`map_arrays`.
    """
    return Arrays({name: array.copy() for name, array in map_arrays(file).items()})


@contextmanager
def damaged(file: Path) -> Iterator[None]:
    """
    Turn whatever a damaged file of arrays causes in a block into one line.

    :raises InputError: naming the file.
    """
    if not file.is_file():
        raise InputError(f'{file}: no such file. Expected arrays of NumPy (npz)')
    try:
        yield
    except Exception as error:  # NumPy and zipfile let out whatever a damaged file causes
        text = ' '.join(str(error).split()) or type(error).__name__
        raise InputError(f'{file} is damaged: {text}') from error


def _array_of(data: memoryview, entry: zipfile.ZipInfo) -> AnyArray:
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & ENCRYPTED:
        raise ValueError(f'{entry.filename} is compressed')
    start = entry.header_offset + LOCAL_HEADER.size + sum(
        LOCAL_HEADER.unpack_from(data, entry.header_offset))
    content = data[start:start + entry.file_size]
    if zlib.crc32(content) != entry.CRC:
        raise ValueError(f'the checksum of {entry.filename} is wrong')
    try:
        return _parse_npy(content)
    except Exception as error:  # of a header that is no Python literal, or a size that is none
        raise ValueError(f'{entry.filename}: {error}') from error


def _parse_npy(content: memoryview) -> AnyArray:
    """Return the array of an npy file in memory, without copying it."""
    header = io.BytesIO(content[:MAX_HEADER])
    if np.lib.format.read_magic(header) != (1, 0):
        raise ValueError('no array of version 1.0')
    shape, fortran, kind = np.lib.format.read_array_header_1_0(header)
    if kind.hasobject:
        raise ValueError('Object arrays cannot be loaded')
    if kind.kind not in KINDS or min(shape, default=0) < 0:
        raise ValueError(f'neither numbers nor texts, but {kind} of the shape {shape}')
    if fortran and len(shape) > 1:
        shape, order = shape[::-1], 'F'
    else:
        order = 'C'
    array = np.frombuffer(content[header.tell():], kind).reshape(shape)
    array = np.require(array, requirements='A')  # copies the small arrays, uint8 are aligned
    return array.T if order == 'F' else array
