"""What a model folder says of how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
import hashlib
import json
from pathlib import Path
from typing import Any

from posenet_ros.utils.settings.schema import from_mapping

Section = Mapping[str, Any]  # that commands show or hand on as it is


@dataclass(frozen=True)
class ValidationErrors:
    """Median errors of a network on held-out images."""

    position_m: float | None = None
    rotation_deg: float | None = None


@dataclass(frozen=True)
class MapHistory:
    """How a map was made: the updates since."""

    updates: tuple[Section, ...] = ()


@dataclass(frozen=True)
class Change:
    """
    A command that made a model folder, or changed it.

    :param date: when, UTC, ISO 8601.
    :param command: with its options; paths by their last names.
    :param parent: digest of the folder that was changed; empty for a new one.
    :param walks: that joined the map.
    """

    date: str = ''
    command: str = ''
    parent: str = ''
    walks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Provenance:
    """What commands read of the provenance; all of it may be missing, and there may be more."""

    preset: Section = field(default_factory=dict)
    validation: ValidationErrors = ValidationErrors()
    versions: Section = field(default_factory=dict)
    landmarks: Section = field(default_factory=dict)
    uncertainty: Section = field(default_factory=dict)
    int8: Section = field(default_factory=dict)
    map_history: MapHistory = field(default=MapHistory(), metadata={'key': 'map'})
    training_seconds: float | None = None
    changelog: tuple[Change, ...] = ()

    @property
    def parent(self) -> str:
        """Return the digest of the folder that was changed last; empty for a new one."""
        return self.changelog[-1].parent if self.changelog else ''


@dataclass(frozen=True)
class MapVerdict:
    """What is read of the report of a map, map.json."""

    summary: str = ''


def check_provenance(provenance: Mapping[str, Any], file: Path) -> Provenance:
    """
    Check the types of what commands read of the provenance.

    :raises InputError: naming the file and the key.
    """
    return from_mapping(Provenance, provenance, f'{file}: provenance', ignore_unknown=True)


def with_change(provenance: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """Return a provenance with one more change in its changelog."""
    entry = {name: value for name, value in asdict(change).items() if value}
    return {**provenance, 'changelog': [*provenance.get('changelog', ()), entry]}


def content_hash(content: Mapping[str, Any]) -> str:
    """
    Compute the SHA-256 of the content of artifact.json, but for the hash itself.

    :param content: with the section 'sha256', in which the hash stands under artifact.json.
    """
    hashes = {name: value for name, value in content['sha256'].items() if name != 'artifact.json'}
    text = json.dumps({**content, 'sha256': hashes}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def is_edited(content: Mapping[str, Any]) -> bool:
    """Return whether artifact.json was edited by hand: its content has another hash than once."""
    hashes = content['sha256']
    return 'artifact.json' in hashes and hashes['artifact.json'] != content_hash(content)
