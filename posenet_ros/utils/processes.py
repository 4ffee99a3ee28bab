"""Child processes that end with the block that started them; memory of processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import ctypes
import gc
import os
from pathlib import Path
import subprocess
import sys

from posenet_ros.utils.arguments import QUIET_INTERRUPT

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
LARGEST_FROM_HEAP_BYTES = 1 << 25  # more is not allowed
MADV_DONTNEED = 4  # of Linux's mman.h


def keep_memory(kept_bytes: int) -> None:
    """
    Keep freed memory in the process instead of returning it to the system.

    By default glibc does that with everything over 128 KiB, so the system has to clear each page
    of each image again.

    :param kept_bytes: free memory to keep, at most.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, 'mallopt'):
        libc.mallopt(M_TRIM_THRESHOLD, kept_bytes)
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST_FROM_HEAP_BYTES)


def free_memory() -> None:
    """Free what nothing outside refers to, and return to the system what is kept."""
    gc.collect()
    libc = ctypes.CDLL(None)
    if hasattr(libc, 'malloc_trim'):
        libc.malloc_trim(0)


def forget_mapped(file: Path) -> None:
    """
    Release the pages of a file that was mapped for reading.

    A page that is needed again is read again. Does nothing where there is no Linux.
    """
    maps, libc = Path('/proc/self/maps'), ctypes.CDLL(None)
    if not maps.exists() or not hasattr(libc, 'madvise'):
        return
    name = f' {file.resolve()}'
    for line in maps.read_text().splitlines():
        addresses, rights, *_ = line.split(maxsplit=5)
        if line.endswith(name) and 'w' not in rights:
            start, end = (int(address, 16) for address in addresses.split('-'))
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_DONTNEED)


@contextmanager
def start_module(*command: object, stop_timeout_s: float) -> Iterator[subprocess.Popen[bytes]]:
    """
    Run `python -m` with these words for the time of a block; however that ends, so does the child.

    Ctrl-C in a terminal interrupts this process alone, which passes it on, once: a child that is
    interrupted again while it cleans up would leave a traceback. It is silent about it.

    :param command: module and arguments.
    :param stop_timeout_s: seconds from SIGTERM to SIGKILL.
    """
    process = subprocess.Popen(
        [sys.executable, '-m', *map(str, command)], start_new_session=True,
        env={**os.environ, QUIET_INTERRUPT: '1'})
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(stop_timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
