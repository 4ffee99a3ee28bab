"""Signals, and child processes that end with the block that started them; memory of processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import ctypes
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
from types import FrameType

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
LARGEST_FROM_HEAP_BYTES = 1 << 25  # more is not allowed
MADV_DONTNEED = 4  # of Linux's mman.h
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, kill, a closed terminal
Handler = Callable[[int, FrameType | None], object]


@contextmanager
def handle_signals(handler: Handler) -> Iterator[None]:
    """
    Let a function handle the signals that end a program, for the length of a block.

    Those that the caller ignores, as nohup does with SIGHUP, stay ignored. Outside the main
    thread, which alone gets signals, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    ours = [number for number in SIGNALS if before[number] is not signal.SIG_IGN]
    try:
        for number in ours:
            signal.signal(number, handler)
        yield
    finally:
        for number in ours:
            if signal.getsignal(number) is handler:  # else the block has set another one
                signal.signal(number, before[number])


def raise_interrupt(number: int, _: FrameType | None = None) -> None:
    """
    Raise KeyboardInterrupt at a signal; the kill and the hang-up that may follow change nothing.

    :raises KeyboardInterrupt: always.
    """
    for other in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt


def exit_at_once(*_: object) -> None:
    """End the process with the exit code 0, as long as there is nothing to clean up."""
    os._exit(0)


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Hold back signals for the length of a short block that has to be done whole."""
    waiting: list[int] = []
    with handle_signals(lambda number, _: waiting.append(number)):
        yield
    for number in waiting[:1]:
        signal.raise_signal(number)


@contextmanager
def ignored_by_children() -> Iterator[None]:
    """Start child processes that leave Ctrl-C and a closed terminal to this one."""
    numbers = signal.SIGINT, signal.SIGHUP
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


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

    :param command: module and arguments.
    :param stop_timeout_s: seconds from SIGTERM to SIGKILL.
    """
    process = subprocess.Popen([sys.executable, '-m', *map(str, command)])
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
