"""How much freed memory the C library keeps, where it is glibc."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
LARGEST_FROM_HEAP_BYTES = 1 << 25  # more is not allowed


def keep_memory(kept_bytes: int) -> None:
    """
    Keep freed memory instead of giving it back and asking for it again each time.

    By default glibc does that with everything over 128 KiB, so the system has to clear each page
    of each image again.

    :param kept_bytes: free memory to keep, at most.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, 'mallopt'):
        libc.mallopt(M_TRIM_THRESHOLD, kept_bytes)
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST_FROM_HEAP_BYTES)
