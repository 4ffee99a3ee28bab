"""Counts, rates, latencies and warnings of the node, as a diagnostic status."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, unique
from threading import Lock
from typing import Protocol

import numpy as np

WINDOW = 300  # latencies in a percentile: 10 s at 30 Hz


@unique
class Level(IntEnum):
    """The levels of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2


@dataclass(frozen=True)
class Status:
    """
    The node's health at one moment.

    :param message: one line, the worst thing first.
    :param values: key -> value as diagnostic_msgs/KeyValue has them.
    """

    level: Level
    message: str
    values: Mapping[str, str]


@dataclass
class Diagnostics:
    """
    Counters of a node since it was configured.

    :param facts: values that stay: model, device, camera...; reported unchanged.
    """

    facts: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    error: str = ''
    _latencies_s: dict[str, deque[float]] = field(default_factory=dict)
    _latest: dict[str, str] = field(default_factory=dict)
    _warnings: dict[str, str] = field(default_factory=dict)
    _last: tuple[float, Counter[str]] | None = None
    _measure: Callable[[], Mapping[str, str]] = dict
    _lock: Lock = field(default_factory=Lock)  # two threads count

    def clear(self) -> None:
        """Count from zero."""
        with self._lock:
            self.counts.clear()
            self.verdicts.clear()
            self._latencies_s.clear()
            self._latest.clear()
            self._last = None

    def count(self, what: str, times: int = 1) -> None:
        """Count an event: received, answered, dropped, bad..."""
        with self._lock:
            self.counts[what] += times

    def count_verdict(self, verdict: str) -> None:
        """Count a verdict of the gate."""
        with self._lock:
            self.verdicts[verdict] += 1

    def note(self, values: Mapping[str, str]) -> None:
        """Show values of the last image until there are newer ones."""
        with self._lock:
            self._latest.update(values)

    def measure_by(self, measure: Callable[[], Mapping[str, str]]) -> None:
        """Show what a function returns at the moment of each report, in place of another's."""
        self._measure = measure

    def add_latency(self, stage: str, seconds: float) -> None:
        """Record the latency of a stage, seconds."""
        with self._lock:
            self._latencies_s.setdefault(stage, deque(maxlen=WINDOW)).append(seconds)

    def warn(self, what: str, reason: str) -> None:
        """Record a warning for the next report, under the key `what`."""
        with self._lock:
            self._warnings[what] = reason

    def report(self, state: str, now_s: float) -> Status:
        """
        Report the status, with the warnings since the last report.

        :param state: the lifecycle state's name.
        :param now_s: monotonic time, for the rates.
        """
        with self._lock:
            warnings, self._warnings = self._warnings, {}
            values = {'state': state, **self.facts, **self._measure(), **self._count_values(now_s),
                      **self._latest, **self._latency_values(), **warnings}
        if self.error:
            return Status(Level.ERROR, self.error, values)
        if warnings:
            return Status(Level.WARN, next(iter(warnings.values())), values)
        return Status(Level.OK, state, values)

    def _count_values(self, now_s: float) -> dict[str, str]:
        values = {f'images {name}': str(self.counts[name])
                  for name in (
                      'received', 'answered', 'dropped', 'bad', 'rejected', 'failed', 'lost')}
        values |= {name: str(n) for name, n in self.counts.items()
                   if f'images {name}' not in values}
        values |= {f'verdict {name}': str(n) for name, n in self.verdicts.items()}
        if self._last is not None and now_s > self._last[0]:
            for name in ('received', 'answered'):
                rate = (self.counts[name] - self._last[1][name]) / (now_s - self._last[0])
                values[f'rate {name} (Hz)'] = f'{rate:.1f}'
        self._last = now_s, self.counts.copy()
        return values

    def _latency_values(self) -> dict[str, str]:
        return {f'latency {stage} {name} (ms)': f'{value * 1e3:.1f}'
                for stage, seconds in self._latencies_s.items()
                for name, value in zip(('p50', 'p95'), np.percentile(seconds, (50, 95)),
                                       strict=True)}


class Report(Protocol):
    """How the runtime reports problems to the node."""

    def warn(self, what: str, reason: str) -> None:
        """Show a problem."""
        ...

    def fail(self, reason: str) -> None:
        """Stop: the network cannot be used."""
        ...
