"""`posenet map --diff A B`: what changed between two model folders with maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.inference.artifact import ARTIFACT_FILE, LoadedArtifact
from posenet_ros.landmarks.landmark_map import LandmarkMap
from posenet_ros.training.map_update.difference import (
    compare_contents,
    Correspondences,
    MapDifference,
)
from posenet_ros.training.pipelines.mapping.extend import load_map
from posenet_ros.training.pipelines.mapping.merge import describe_transform

SHORT = 12  # letters of a hash
SECTIONS = 'camera', 'scale', 'up', 'calibration'
ROUNDING_M = 1e-6  # of float32 and of frames that are the same


def show_difference(first: Path, second: Path) -> None:
    """
    Print what changed from one model folder to another.

    :raises InputError: when one has no map, or one of an older version.
    """
    (artifact, before), (other, after) = load_map(first), load_map(second)
    unit = 'm' if artifact.scale.metric else 'units'
    offset_m = tuple(np.subtract(other.scene.origin_m, artifact.scene.origin_m).tolist())
    for name, text in (*describe_relation(artifact, other), *describe_walks(before, after),
                       *describe_contents(compare_contents(before, after, offset_m), unit),
                       *describe_settings(artifact, other)):
        print(f'{name:12}{text}')


def ancestors(artifact: LoadedArtifact) -> list[str]:
    """Return the hash of a model folder, then those that it was made from, the latest first."""
    return [artifact.digest, *(
        change.parent for change in reversed(artifact.history.changelog) if change.parent)]


def describe_relation(first: LoadedArtifact, second: LoadedArtifact) -> Iterator[tuple[str, str]]:
    """Say which model folder was made from which, and whether one was edited by hand."""
    ours, theirs = ancestors(first), ancestors(second)
    common = next((one for one in theirs if one in ours), '')
    if ours[0] == theirs[0]:
        text = f'the same model folder, {ours[0][:SHORT]}'
    elif common == ours[0]:
        text = f'{second.folder} ({theirs[0][:SHORT]}) was made from {first.folder}'
    elif common == theirs[0]:
        text = f'{first.folder} ({ours[0][:SHORT]}) was made from {second.folder}'
    else:
        text = f'both were made from {common[:SHORT]}' if common else (
            'neither was made from the other, as far as their changelogs tell')
    yield 'relation', text
    for one in (first, second):
        if one.edited:
            yield 'edited', f'{one.folder / ARTIFACT_FILE} is not as it was written'


def describe_walks(before: LandmarkMap, after: LandmarkMap) -> Iterator[tuple[str, str]]:
    """Say which walks came and went."""
    ours, theirs = set(before.views.sequences), set(after.views.sequences)
    for what, walks in (('added', theirs - ours), ('removed', ours - theirs)):
        if walks:
            yield 'walks', f'{what}: {", ".join(sorted(walks))}'


def describe_contents(found: MapDifference, unit: str) -> Iterator[tuple[str, str]]:
    """Say which views and landmarks came, went and moved."""
    yield 'views', _describe_parts(found.views, unit) + _describe_turn(found.turned_deg)
    yield 'landmarks', _describe_parts(found.landmarks, unit)
    moved = found.views.moved
    if found.second_from_first and np.median(moved) > ROUNDING_M:
        yield 'frame', f'moved by {describe_transform(found.second_from_first)} ({unit})'


def _describe_parts(parts: Correspondences, unit: str) -> str:
    text = f'{len(parts.added)} added, {len(parts.removed)} removed, {len(parts.pairs)} common'
    if not (parts.moved > ROUNDING_M).any():
        return text + ', none moved' * bool(len(parts.moved))
    return (f'{text}, moved by {np.median(parts.moved):.3g} {unit} in the median, at most '
            f'{parts.moved.max():.3g} {unit}')


def _describe_turn(turned_deg: Floats) -> str:
    turned = float(turned_deg.max(initial=0.0))
    return f', turned by at most {turned:.3g} deg' if turned > 1e-4 else ''


def describe_settings(first: LoadedArtifact, second: LoadedArtifact,
                      ) -> Iterator[tuple[str, str]]:
    """Say which settings of camera, scale, vertical axis and calibration changed."""
    for section in SECTIONS:
        before, after = (asdict(getattr(one, section)) for one in (first, second))
        for key in before:
            if before[key] != after[key]:
                yield section, f'{key}: {_text(before, key)} -> {_text(after, key)}'


def _text(values: Mapping[str, Any], key: str) -> str:
    return np.array2string(np.array(values[key]), precision=4, separator=', ')
