"""From a reconstruction up to a similarity to a map in metres, upright, in a frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.similarity import Similarity
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.data.walk import Walk
from posenet_ros.training.metric.frame import align_with_frame, move_dataset, natural_frame
from posenet_ros.training.metric.keyframes import keyframes_of
from posenet_ros.training.metric.options import ScaleRequest, ScaleSource
from posenet_ros.training.metric.results import FrameAlignment, ScaleEstimate, UpEstimate
from posenet_ros.training.metric.scale import choose_scale
from posenet_ros.training.metric.up import estimate_up

NO_SCALE = ('no scale: lengths of this map are no metres; give --scale-from, such as '
            '--scale-from distance IMG IMG M')


@dataclass(frozen=True, eq=False)
class MetricFrame:
    """
    How a reconstruction becomes a map.

    :param map_from_reconstruction: a similarity; of scale 1 where the scale is not known.
    :param scale: None where it is not known.
    :param up: None where an existing frame gives it.
    :param alignment: with an existing frame.
    :param notes: what people should know, a line each.
    """

    map_from_reconstruction: Similarity
    scale: ScaleEstimate | None
    up: UpEstimate | None
    alignment: FrameAlignment | None = None
    notes: tuple[str, ...] = ()

    @property
    def metric(self) -> bool:
        """Whether lengths of the map are metres."""
        return self.scale is not None

    def describe(self) -> list[str]:
        """Return lines about scale, up and frame, each with its error."""
        parts = (self.scale, self.up, self.alignment)
        lines = [part.describe() for part in parts if part]
        return [*lines, *self.notes, *([] if self.metric else [NO_SCALE])]


def find_metric_frame(
        dataset: Dataset, walks: Sequence[Walk], request: ScaleRequest | None = None,
        frame: Path | None = None) -> MetricFrame:
    """
    Find metres, up and a frame of a reconstruction.

    An existing frame is aligned rigidly where a scale is asked for, else by a similarity that
    gives the scale too. Without one, z is up, the origin is at the first image, x where it looks.

    :param dataset: the reconstruction; the names of its samples are those of the walks' images.
    :param request: of `--scale-from`; None takes what the walks hold.
    :param frame: file of poses in an existing frame, `--frame`.
    :raises InputError: when what is asked for cannot be had.
    """
    choice = choose_scale(dataset, walks, request)
    scale = choice.chosen
    if frame is not None:
        return _in_frame(dataset, walks, frame, scale if request else None, choice.notes)
    keyframes = keyframes_of(dataset, walks)
    up = estimate_up(keyframes)
    first = next((k.poses[0] for k in keyframes if len(k)), Pose())
    return MetricFrame(natural_frame(first, up, scale.factor if scale else 1.0), scale, up,
                       notes=choice.notes)


def _in_frame(dataset: Dataset, walks: Sequence[Walk], frame: Path, scale: ScaleEstimate | None,
              notes: tuple[str, ...]) -> MetricFrame:
    """Align with an existing frame; without a scale by a similarity, which gives it."""
    if scale is None:
        found = align_with_frame(dataset, walks, frame)
        return MetricFrame(
            found.frame_from_reconstruction,
            ScaleEstimate(found.frame_from_reconstruction.scale, found.relative_sigma,
                          ScaleSource.FRAME, f'{found.common} common cameras'),
            None, found, notes)
    factor = Similarity(scale.factor)
    found = align_with_frame(move_dataset(dataset, factor), walks, frame, rigid=True)
    return MetricFrame(found.frame_from_reconstruction @ factor, scale, None, found, notes)
