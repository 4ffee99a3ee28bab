"""Signals that end a program: one way to be interrupted, and blocks that are done whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import os
import signal
import threading
from types import FrameType

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
