"""One tolerance for bad items: they are left out, counted and told, up to a tenth of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from posenet_ros.errors import InputError

MAX_REJECTED = 0.1


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


def describe_rejected(rejected: Sequence[str]) -> dict[str, Any]:
    """Describe the bad items for a report; nothing where there are none."""
    return {'rejected': len(rejected), 'reasons_for_rejection': list(rejected)} if rejected else {}
