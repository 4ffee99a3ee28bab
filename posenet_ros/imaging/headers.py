"""The headers of image files: their sizes and kinds, before anything is decoded."""

from __future__ import annotations

from io import BytesIO
import warnings
import zlib

import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError

MAX_PIXELS = 1 << 27  # 134 million, 400 MB as RGB: more than any camera of a robot has
PNG_START, PNG_END, PNG_TAIL_BYTES = b'\x89PNG\r\n\x1a\n', b'IEND', 1024
PNG_CHUNK_BYTES = 12  # of a chunk without data: length, kind and checksum
JPEG_START, JPEG_SCAN, JPEG_END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'
JPEG_SIZE = frozenset(range(0xc0, 0xd0)) - {0xc4, 0xc8, 0xcc}  # the markers before the size
# what Pillow may be asked about: formats that OpenCV decodes, and whose headers are short
PILLOW_FORMATS = 'BMP', 'GIF', 'TIFF', 'WEBP', 'PPM'
TIFF_TILE = 322, 323  # tags: width and height of a tile, which is decoded as a whole


class ImageError(InputError):
    """An image that cannot be used: what was expected and what was received."""


def check_size(width: int, height: int) -> None:
    """
    Check a size before memory is taken for its pixels.

    :raises ImageError: when it is zero, or over MAX_PIXELS.
    """
    if min(width, height) < 1 or width * height > MAX_PIXELS:
        raise ImageError(f'an image has to have 1 to {MAX_PIXELS} pixels. '
                         f'Received: {width}x{height}')


def file_size(data: NDArray[np.uint8]) -> tuple[int, int] | None:
    """
    Return width and height from the header of an image file, without decoding it.

    PNG and JPEG are read here, other formats by Pillow where it is installed.

    :returns: None when the header does not say.
    """
    return png_size(data) or jpeg_size(data) or _size_by_pillow(data)


def png_size(data: NDArray[np.uint8]) -> tuple[int, int] | None:
    """Return width and height from a PNG's header, its chunk IHDR; None where there is none."""
    head = data[:24].tobytes()
    if len(head) < 24 or not head.startswith(PNG_START) or head[12:16] != b'IHDR':
        return None
    return int.from_bytes(head[16:20], 'big'), int.from_bytes(head[20:24], 'big')


def png_is_whole(data: NDArray[np.uint8]) -> bool:
    """Return whether a PNG has all of its chunks, and their checksums are right."""
    at, kind = len(PNG_START), b''
    while kind != PNG_END and at + PNG_CHUNK_BYTES <= len(data):
        end = at + PNG_CHUNK_BYTES + int.from_bytes(data[at:at + 4].tobytes(), 'big')
        kind = data[at + 4:at + 8].tobytes()
        checksum = int.from_bytes(data[end - 4:end].tobytes(), 'big')
        # a decoder skips a damaged chunk that it can do without, of a name in small letters
        if end > len(data) or (kind[:1].isupper()
                               and zlib.crc32(data[at + 4:end - 4].data) != checksum):
            return False
        at = end
    return kind == PNG_END


def _size_by_pillow(data: NDArray[np.uint8]) -> tuple[int, int] | None:
    if data[:2].tobytes() == JPEG_START or data[:8].tobytes() == PNG_START:
        return None  # damaged
    try:
        from PIL import Image
    except ImportError:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # of large images
            with Image.open(BytesIO(data.tobytes()), formats=PILLOW_FORMATS) as image:
                tags = getattr(image, 'tag_v2', {})
                if all(tag in tags for tag in TIFF_TILE):
                    check_size(*(int(tags[tag]) for tag in TIFF_TILE))
                return int(image.width), int(image.height)
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f'an image has to have 1 to {MAX_PIXELS} pixels. Received: {error}'
                         ) from error
    except Exception:  # Pillow lets out whatever a damaged file causes
        return None


def jpeg_size(data: NDArray[np.uint8]) -> tuple[int, int] | None:
    """Return width and height from a JPEG's header; None where there is none."""
    at = len(JPEG_START)
    if data[:at].tobytes() != JPEG_START:
        return None
    while len(head := data[at:at + 9].tobytes()) == 9 and head[0] == 0xff:
        if head[1] in JPEG_SIZE:
            return int.from_bytes(head[7:9], 'big'), int.from_bytes(head[5:7], 'big')
        # two bytes of marker and its segment; 0xff may be repeated before a marker
        at += 1 if head[1] == 0xff else 2 + int.from_bytes(head[2:4], 'big')
    return None


def is_cut_off(flat: NDArray[np.uint8]) -> bool:
    """Return whether a JPEG or PNG is truncated: OpenCV would fill the rest with grey."""
    start = flat[:len(PNG_START)].tobytes()
    if start == PNG_START:
        tail = flat[-PNG_TAIL_BYTES:].tobytes()
        return PNG_END not in tail and PNG_END not in flat.tobytes()
    if not start.startswith(JPEG_START):
        return False
    content = flat.tobytes()
    return content.rfind(JPEG_END) < content.rfind(JPEG_SCAN)
