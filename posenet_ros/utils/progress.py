"""
ProgressBar of long loops: a bar with the time left on a terminal, a line every 30 s in a log.

The only module that uses tqdm, and it imports it when the first bar is drawn: commands that show
their help have no need of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
import sys
import time
from types import TracebackType
from typing import Any, TextIO, TypeVar

T = TypeVar('T')
LOG_PERIOD_S = 30.0
BAR_FORMAT = '{desc}: {percentage:3.0f} %|{bar}| {status}'
LAST_FORMAT = '{desc}: {status}'
ROUNDING = 1e-6  # of steps that were counted in fractions


def describe_duration(seconds: float) -> str:
    """Describe a duration in its natural unit: `40 s`, `31 min`, `2.5 h`."""
    if seconds < 90:
        return f'{seconds:.0f} s'
    if seconds < 90 * 60:
        return f'{seconds / 60:.0f} min'
    return f'{seconds / 3600:.1f} h'


class LogTimer:
    """
    The time of the lines in a log: one every 30 s at most, of all loops together.

    :param clock: seconds, which never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._last_s = clock()

    def start_loop(self) -> None:
        """Count from now where there was no loop for so long that a line would be due."""
        self.is_due()

    def is_due(self) -> bool:
        """Tell whether it is time for a line; the next one is then due a period later."""
        now_s = self.clock()
        if now_s - self._last_s < LOG_PERIOD_S:
            return False
        self._last_s = now_s
        return True


TIMER = LogTimer()


@cache
def _bar_class() -> Any:  # noqa: ANN401 - tqdm has no types
    """Derive a bar from tqdm's that has our text beside it."""
    from tqdm import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        status = ''
        monitor_interval = 0  # no thread: each step looks at the clock itself

        @property
        def format_dict(self) -> dict[str, Any]:
            return {**super().format_dict, 'status': self.status}

    return Bar


class ProgressBar:
    """
    The progress of a loop, for the length of a `with` block.

    A terminal shows a bar with the time left, and in the end how long it took. Any other stream
    gets a line every 30 s, such as `network 1 of 2, epoch 12 of 100, median 1.4 m, 31 min left`.

    :param total: number of steps.
    :param unit: name of a step in the singular.
    :param description: of the loop.
    :param done: steps that were done by an earlier run.
    :param stream: where to write; None is stderr.
    """

    def __init__(self, total: int, unit: str, description: str, done: float = 0, *,
                 stream: TextIO | None = None, timer: LogTimer = TIMER) -> None:
        self._total, self._unit, self._description = total, unit, description
        self._done = done
        self._first: tuple[float, float] | None = None  # steps after the first update, and when
        self._figures = ''
        self._stream, self._timer = stream or sys.stderr, timer
        self._start_s = timer.clock()
        timer.start_loop()
        self._bar = _bar_class()(
            total=total, initial=done, desc=description, file=self._stream, dynamic_ncols=True,
            miniters=0, bar_format=BAR_FORMAT) if self._stream.isatty() else None
        _OPEN.append(self)

    def advance(self, steps: float = 1, figures: str = '') -> None:
        """
        Count steps that were done.

        :param steps: how many; a fraction where a step has parts.
        :param figures: numbers to show beside, as `median 1.4 m`; '' leaves the last ones.
        """
        self.update(self._done + steps, figures)

    def update(self, done: float, figures: str = '') -> None:
        """
        Set the number of steps done.

        :param figures: as of :meth:`advance`.
        """
        self._done, self._figures = done, figures or self._figures
        self._first = self._first or (done, self._timer.clock())
        if self._bar is not None:
            self._bar.status = self._status()
            self._bar.update(done - self._bar.n)
        elif self._timer.is_due():
            print(f'{self._description}, {self._status()}', file=self._stream, flush=True)

    def _status(self) -> str:
        """Describe what is done and how long the rest will take."""
        left_s = self._left_s()
        return ', '.join(filter(None, (
            f'{self._unit} {int(self._done + ROUNDING)} of {self._total}', self._figures,
            '' if left_s is None else f'{describe_duration(left_s)} left')))

    def _left_s(self) -> float | None:
        """Return the time left, at the mean speed since the first step: its start may be slow."""
        steps, since_s = self._first or (self._done, 0.0)
        if self._done <= steps:
            return None
        return max(self._total - self._done, 0) * (
            self._timer.clock() - since_s) / (self._done - steps)

    def _summary(self) -> str:
        count = int(self._done + ROUNDING)
        unit = self._unit if count == 1 else f'{self._unit}s'
        elapsed = describe_duration(self._timer.clock() - self._start_s)
        return ', '.join(filter(None, (f'{count} {unit}', self._figures, elapsed)))

    def close(self, *, finished: bool = False) -> None:
        """
        End the line of a bar; do nothing when it is closed already.

        :param finished: show the sum in place of the bar; else the bar stays as it is.
        """
        if self not in _OPEN:
            return
        _OPEN.remove(self)
        if self._bar is not None:
            if finished:
                self._bar.bar_format, self._bar.status = LAST_FORMAT, self._summary()
            self._bar.close()

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close(finished=kind is None)


_OPEN: list[ProgressBar] = []


def progress(items: Iterable[T], total: int, unit: str, description: str,
             done: int = 0) -> Iterator[T]:
    """
    Yield the items of a loop, and show how far it is.

    :param total: number of items, those of an earlier run among them.
    :param unit: name of an item in the singular.
    :param done: items that an earlier run has done.
    """
    with ProgressBar(total, unit, description, done) as shown:
        for item in items:
            yield item
            shown.advance()


@contextmanager
def close_bars() -> Iterator[None]:
    """
    Close the bars that are open when a block ends, so that the next text has a line of its own.

    An exception keeps the loop that it came from alive, and with it the loop's bar.
    """
    try:
        yield
    finally:
        for bar in tuple(_OPEN):
            bar.close()
