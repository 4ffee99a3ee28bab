"""One tolerance for bad items: they are left out, counted and told, up to a tenth of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import sys
from typing import Any

from posenet_ros.errors import InputError

MAX_REJECTED = 0.1
REASONS = 'reasons_for_rejection'


def check_rejected(rejected: Sequence[str], total: int, maximum: float = MAX_REJECTED) -> None:
    """
    Refuse data with too many bad items.

    :param rejected: a message for each bad item: file, line, reason.
    :param total: number of items, the bad ones included.
    :param maximum: largest proportion of bad items to tolerate.
    :raises InputError: when there are more, with the first message.
    """
    if len(rejected) > maximum * total:
        raise InputError(f'{rejected[0]} ({len(rejected)} of {total} lines are bad, at most '
                         f'{maximum:.0%} may be: mend or remove them)')


def too_many_left_out(count: int, total: int) -> bool:
    """
    Return whether too many of whole bags or walks are left out.

    One may always be bad, but not the only one.
    """
    return count > max(MAX_REJECTED * total, 1) or count == total


def add_rejected(data: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add the bad items of another source to the description of one."""
    data.update(describe_rejected(
        [*data.get(REASONS, ()), *more.get(REASONS, ())]))


def describe_rejected(rejected: Sequence[str]) -> dict[str, Any]:
    """Describe the bad items for a report; nothing where there are none."""
    return {'rejected': len(rejected), REASONS: list(rejected)} if rejected else {}


def tell_rejected(rejected: Sequence[str]) -> None:
    """Tell the bad items on stderr, a line each."""
    for line in rejected:
        sys.stderr.write(f'left out: {line}\n')
