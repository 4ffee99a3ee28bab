"""What a place is to the renderer: what stands there, how it is walked, what looks the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from posenet_ros.geometry.pose import Pose
from posenet_ros.training.scene.area import Area
from posenet_ros.training.scene.parts.structure import Court
from posenet_ros.training.scene.walks import Walk


def nothing_repeats(_: Area) -> tuple[Pose, ...]:
    """Return no motions, for a place that does not repeat."""
    return ()


@dataclass(frozen=True)
class Place:
    """
    A place in one of its arrangements.

    :param build: the sites by their names: what is drawn together.
    :param walks: the sequences, those to train on first.
    :param motions: those that may carry an area's views onto views that look the same,
        other_from_this in the map; which do is seen in pictures.
    :param areas: all that are walked.
    """

    build: Callable[[], Mapping[str, Court]]
    walks: tuple[Walk, ...]
    motions: Callable[[Area], Sequence[Pose]] = nothing_repeats
    areas: tuple[Area, ...] = ()
