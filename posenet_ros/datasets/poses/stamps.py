"""Stamps of text files: their unit is known by their size, where that is certain, or asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, unique

import numpy as np
from posenet_ros.errors import InputError

MAX_STEP_S = 10_000  # between two whole numbers that may be seconds
MIN_STAMPS = 3  # to know the step
MAX_DIGITS = 30  # of a number that may be a time


@unique
class Unit(Enum):
    """The units of stamps."""

    S = 's'
    MS = 'ms'
    US = 'us'
    NS = 'ns'

    @property
    def plural(self) -> str:
        """Return the unit as a word."""
        return {'s': 'seconds', 'ms': 'milliseconds', 'us': 'microseconds',
                'ns': 'nanoseconds'}[self.value]

    @property
    def nanoseconds(self) -> int:
        """Return the length of the unit."""
        return {'s': 10**9, 'ms': 10**6, 'us': 10**3, 'ns': 1}[self.value]


# from, to: of the years 1973 to 2286, so that none is in two of them; seconds from any time on
RANGES = {Unit.S: (Decimal(0), Decimal(10**10)), Unit.MS: (Decimal(10**11), Decimal(10**13)),
          Unit.US: (Decimal(10**14), Decimal(10**16)), Unit.NS: (Decimal(10**16), Decimal(2**63))}


def _no_stamp(word: str) -> InputError:
    return InputError('expected a stamp in seconds, or since 1970 in ms, us or ns. '
                      f'Received: {word!r}')


def _value(word: str) -> Decimal:
    try:
        value = Decimal(word)
        if value.is_finite() and value.adjusted() < MAX_DIGITS:
            return value
    except ArithmeticError as error:  # all of decimal's
        raise _no_stamp(word) from error
    raise _no_stamp(word)


def _unit_of(value: Decimal) -> Unit | None:
    """Return the unit by the size; None where it is of none, or of several."""
    return next((unit for unit, (low, high) in RANGES.items() if low <= abs(value) < high), None)


def _to_nanoseconds(value: Decimal, unit: Unit, word: str) -> int:
    stamp_ns = value * unit.nanoseconds
    if abs(stamp_ns) < 2**63:  # before int(), which would write out 1e999999
        return int(stamp_ns)
    raise _no_stamp(word)


def parse_stamp(word: str) -> int:
    """
    Parse a stamp in seconds, or in the smaller unit that its size tells.

    :returns: nanoseconds.
    :raises InputError: when it is no number, or of no time.
    """
    value = _value(word)
    unit = _unit_of(value)
    if unit is None:
        raise _no_stamp(word)
    return _to_nanoseconds(value, unit, word)


@dataclass(frozen=True)
class StampReader:
    """
    Reads the stamps of one file.

    :param unit: of all of them.
    :param by_size: whether it was found by their size: one of another size is an error then.
    """

    unit: Unit
    by_size: bool = True

    def parse(self, word: str) -> int:
        """
        Return nanoseconds.

        :raises InputError: when it is no number, of no time, or of another unit.
        """
        value = _value(word)
        if self.by_size and _unit_of(value) is not self.unit:
            raise InputError(f'expected a stamp in {self.unit.plural}, as most of the file. '
                             f'Received: {word!r}')
        return _to_nanoseconds(value, self.unit, word)


def find_unit(words: Sequence[str], given: Unit | None, default: Unit) -> StampReader:
    """
    Find the unit of the stamps of a file.

    :param words: its stamps, in order.
    :param given: what the header or the user says; None where neither does.
    :param default: of the form: what stamps that begin at 0 are in.
    :raises InputError: when whole numbers are too far apart to be seconds.
    """
    if given:
        return StampReader(given, by_size=False)
    values = []
    for word in words:
        try:
            values.append(_value(word))
        except InputError:
            continue  # an error of its row
    units = Counter(unit for value in values if (unit := _unit_of(value)))
    unit = units.most_common(1)[0][0] if units else Unit.S
    if unit is not Unit.S or any('.' in word for word in words):
        return StampReader(unit)
    return _of_small_whole_numbers([float(value) for value in values], default)


def _of_small_whole_numbers(values: Sequence[float], default: Unit) -> StampReader:
    """Tell seconds from smaller units that begin at 0, by the time from one to the next."""
    step = float(np.median(np.abs(np.diff(values)))) if len(values) >= MIN_STAMPS else 0.0
    if default is Unit.S and step <= MAX_STEP_S:
        return StampReader(Unit.S)
    if default is not Unit.S and step > MAX_STEP_S:
        return StampReader(default, by_size=False)
    raise InputError('the stamps have to be seconds, or of a unit that is said. Received: whole '
                     f'numbers from {values[0]:g} to {values[-1]:g}, {step:.3g} apart; write them '
                     'in seconds: "posenet dataset --from FILE --stamp-unit ns --to NEW '
                     '--to-format tum"')
