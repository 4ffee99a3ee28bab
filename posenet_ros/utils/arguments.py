"""Numbers on command lines."""

from __future__ import annotations

import argparse
import math


def _number(text: str, *, zero: bool) -> float:
    value = float(text)
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise argparse.ArgumentTypeError(
            f'expected a number {"of at least" if zero else "above"} 0. Received: {text}')
    return value


def positive(text: str) -> float:
    """Parse a number above 0."""
    return _number(text, zero=False)


def not_negative(text: str) -> float:
    """Parse a number of at least 0."""
    return _number(text, zero=True)
