"""Options of settings: `--set KEY=VALUE KEY=VALUE`, as often as one likes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from posenet_ros.errors import InputError


def add_assignments(
        group: argparse._ActionsContainer, option: str, name: str, description: str) -> None:
    """
    Add an option that takes one or more `KEY=VALUE`, and may be given several times.

    :param option: as `--set`.
    :param name: of the list of words, in the parsed options.
    """
    group.add_argument(option, action='extend', nargs='+', default=[], metavar='KEY=VALUE',
                       dest=name, help=description)


def read_assignments(words: Sequence[str], option: str) -> list[tuple[str, str]]:
    """
    Return key and value of each word of such an option, in their order.

    :param option: as `--set`, for the message.
    :raises InputError: on a word that is no `KEY=VALUE`.
    """
    pairs = [word.partition('=') for word in words]
    for word, (key, equals, _) in zip(words, pairs, strict=True):
        if not key or not equals:
            raise InputError(f'{option} has to be KEY=VALUE. Received: {word!r}')
    return [(key, value) for key, _, value in pairs]
