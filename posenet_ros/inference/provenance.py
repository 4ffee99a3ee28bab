"""What a model folder says of how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
class Provenance:
    """What commands read of the provenance; all of it may be missing, and there may be more."""

    preset: Section = field(default_factory=dict)
    validation: ValidationErrors = ValidationErrors()
    versions: Section = field(default_factory=dict)
    landmarks: Section = field(default_factory=dict)
    uncertainty: Section = field(default_factory=dict)
    int8: Section = field(default_factory=dict)
    map: MapHistory = MapHistory()
    training_seconds: float | None = None


@dataclass(frozen=True)
class MapVerdict:
    """What is read of the report of a map, map.json."""

    summary: str = ''


def check_provenance(provenance: Mapping[str, Any], file: Path) -> None:
    """
    Check the types of what commands read of the provenance.

    :raises InputError: naming the file and the key.
    """
    from_mapping(Provenance, provenance, f'{file}: provenance', ignore_unknown=True)
