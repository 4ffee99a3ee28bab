"""The changelog of a model folder: which command changed it, when, and by which walks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, UTC
from pathlib import Path
import shlex
from typing import Any

from posenet_ros.inference.provenance import Change, with_change


def record_change(provenance: Mapping[str, Any], command: str, parent: str = '',
                  walks: Iterable[str] = ()) -> dict[str, Any]:
    """
    Return a provenance whose changelog has one more change, dated now.

    :param command: with its options.
    :param parent: digest of the model folder that was changed; empty for a new one.
    :param walks: that joined the map; those that have a name are kept.
    """
    date = f'{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}'
    return with_change(provenance, Change(date, command, parent, tuple(sorted({*walks} - {''}))))


def describe_command(words: Sequence[str], paths: Collection[Path]) -> str:
    """
    Return a command line for the changelog.

    :param words: the verb and its options.
    :param paths: among them; only their last names are kept, for folders are passed on.
    """
    short = (Path(word).name or word if Path(word) in paths else word for word in words)
    return f'posenet {shlex.join(short)}'
