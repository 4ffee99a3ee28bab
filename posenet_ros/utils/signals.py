"""Signals that end a program: one way to be interrupted, and blocks that are done whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import os
import signal
import sys
import threading
from types import CodeType, FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, kill, a closed terminal
AGAIN_S = 0.01  # until an interrupt that was dropped is raised again
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


class Interruption:
    """Whether a block was interrupted, whatever became of that."""

    def __init__(self) -> None:
        self.came = False


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """
    Raise KeyboardInterrupt at a signal, for the length of a block.

    Python drops what is raised while it runs a callback, as of a weak reference: it is raised
    again then. A library may turn it into an error of its own: `came` tells.
    """
    interruption, shown = Interruption(), sys.unraisablehook

    def interrupt(number: int, _: FrameType | None) -> None:
        interruption.came = True
        raise_interrupt(number)

    def raise_again(dropped: Any) -> None:  # noqa: ANN401 - sys.UnraisableHookArgs
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            shown(dropped)
            return
        signal.signal(signal.SIGALRM, retry)
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S, AGAIN_S)

    def retry(number: int, frame: FrameType | None) -> None:
        if not _is_within(frame, raise_again.__code__):  # there it would be dropped as well
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise_interrupt(number)

    sys.unraisablehook = raise_again
    try:
        with handle_signals(interrupt):
            yield interruption
    finally:
        sys.unraisablehook = shown


def _is_within(frame: FrameType | None, code: CodeType) -> bool:
    """Return whether a frame is of this code, or below it."""
    while frame and frame.f_code is not code:
        frame = frame.f_back
    return frame is not None


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
