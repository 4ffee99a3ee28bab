"""What the report of a map says, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum, unique
from typing import Any

MAP_REPORT_FILE = 'map.json'


@unique
class Level(Enum):
    """What a map is good for; the value is the printed word."""

    GOOD = 'good to drive'
    GAPS = 'usable, with gaps'
    NOT_YET = 'not yet'
    UNKNOWN = 'not known'


@dataclass(frozen=True)
class Localised:
    """
    Images that were localised by a map without their walk, or without their part of it.

    Errors are of the images that have a pose; the recall counts all.

    :param median_m: position error, metres (units of a map without scale); None without a pose.
    :param recall: part of all images within the bounds of the options.
    :param offset_m: length of the median of the position errors: how far the walk lies from what
        the others say.
    """

    images: int
    localised: int
    median_m: float | None
    p95_m: float | None
    median_deg: float | None
    recall: float
    offset_m: float | None

    @property
    def answered(self) -> float:
        """Part of the images that have a pose."""
        return self.localised / max(self.images, 1)


@dataclass(frozen=True)
class WalkReport:
    """A walk: its images in the map, and how they are localised without it; None: not tried."""

    name: str
    images: int
    held_out: Localised | None


@dataclass(frozen=True)
class ApartWalks:
    """
    Walks that share no landmarks with the others, directly or by way of further ones.

    :param walks: names of the walks.
    :param nearest: images of one of these and of another walk that are nearest to each other.
    :param distance_m: between them.
    """

    walks: tuple[str, ...]
    nearest: tuple[str, str]
    distance_m: float


@dataclass(frozen=True)
class WeakCell:
    """
    A part of the floor plan in which more should be recorded.

    :param centre_m: on the plan's two axes; `size_m` its side.
    :param landmarks: that an image there sees, in the median.
    :param failed: part of the left-out images there that are not localised; None: none was tried.
    """

    centre_m: tuple[float, float]
    size_m: float
    images: int
    landmarks: float
    failed: float | None
    reason: str


@dataclass(frozen=True)
class SimilarPlaces:
    """Two images of different places that look as alike as neighbours do."""

    first: str
    second: str
    similarity: float
    usual_similarity: float
    distance_m: float


@dataclass(frozen=True)
class MapReport:
    """
    The report of a map.

    :param summary: the verdict in plain words.
    :param images: that were given, of which `views` are in the map.
    :param held_out_unit: what was left out of the map for the localised images: 'walk' or 'block'.
    :param residual_px: median reprojection error of a sample of tracks, pixels of the images.
    :param plan_axes: names of the axes of the floor plan.
    :param mistake: that the check of images, poses and camera found; '' for none.
    :param omitted: figures that could not be drawn, with the reason.
    """

    name: str
    created: str
    level: Level
    summary: str
    images: int
    views: int
    walks: tuple[WalkReport, ...]
    apart: tuple[ApartWalks, ...]
    held_out_unit: str
    localised: Localised | None
    residual_px: float
    poses: str
    landmarks: int
    landmarks_of_view: float
    plan_axes: tuple[str, str]
    weak_cells: tuple[WeakCell, ...]
    similar_places: tuple[SimilarPlaces, ...]
    metric: bool
    scale: str
    up: str
    size_bytes: int
    seconds: float
    mistake: str = ''
    notes: tuple[str, ...] = ()

    def to_mapping(self) -> Mapping[str, Any]:
        """Return it as JSON types."""
        return {**asdict(self), 'level': self.level.value}

    @property
    def unit(self) -> str:
        """Name of the unit of lengths."""
        return 'm' if self.metric else 'units'
