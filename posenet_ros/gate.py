"""Decide whether an estimate may be published. Knows no clock and logs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique

import numpy as np
from posenet_ros.artifact import Scene
from posenet_ros.errors import InputError
from posenet_ros.pose import Pose, PoseEstimate


@unique
class Verdict(Enum):
    """What the gate says of an estimate; the value is the word in diagnostics and reports."""

    ACCEPTED = 'accepted'
    OUT_OF_BOUNDS = 'out_of_bounds'
    STALE = 'stale'


@dataclass(frozen=True)
class Decision:
    """
    The gate's answer.

    :param verdict: ACCEPTED or the first thing that was wrong.
    :param reasons: one line for each thing that was wrong.
    """

    verdict: Verdict
    reasons: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the estimate may be published."""
        return self.verdict is Verdict.ACCEPTED


@dataclass(frozen=True)
class GateConfig:
    """
    Limits of the gate.

    :param max_distance_m: how far outside the box of the training positions a pose may be,
        metres; 0 switches this check off.
    :raises InputError: on a negative limit.
    """

    max_distance_m: float = 0.0

    def __post_init__(self) -> None:
        if not self.max_distance_m >= 0:
            raise InputError('max_distance_m has to be 0 (off) or more. '
                             f'Received: {self.max_distance_m}')


class Gate:
    """
    Judge estimates one after the other.

    :param config: the limits.
    :param scene: where the network was trained, in the dataset's frame.
    :param map_from_dataset: the same transform that the estimates were moved with.
    """

    def __init__(self, config: GateConfig, scene: Scene,
                 map_from_dataset: Pose | None = None) -> None:
        self._config = config
        self._scene = scene
        self._dataset_from_map = (map_from_dataset or Pose()).inverse()
        self._last_stamp_ns: int | None = None

    def reset(self) -> None:
        """Forget the past, as after a bag that starts again."""
        self._last_stamp_ns = None

    def decide(self, estimate: PoseEstimate, stamp_ns: int) -> Decision:
        """
        Return the verdict on an estimate and remember an accepted one.

        :param stamp_ns: time of the image, nanoseconds.
        """
        reason = self._stale(stamp_ns)
        if reason:
            return Decision(Verdict.STALE, (reason,))
        reason = self._out_of_bounds(estimate)
        if reason:
            return Decision(Verdict.OUT_OF_BOUNDS, (reason,))
        self._last_stamp_ns = stamp_ns
        return Decision(Verdict.ACCEPTED)

    def _stale(self, stamp_ns: int) -> str:
        if self._last_stamp_ns is None or stamp_ns > self._last_stamp_ns:
            return ''
        return f'the image is {(self._last_stamp_ns - stamp_ns) / 1e9:.3f} s older than the last'

    def _out_of_bounds(self, estimate: PoseEstimate) -> str:
        limit = self._config.max_distance_m
        position = self._dataset_from_map.apply(estimate.map_from_camera.translation_m)
        nearest = np.clip(position, self._scene.bounds_min_m, self._scene.bounds_max_m)
        distance = float(np.linalg.norm(position - nearest))
        if not limit or distance <= limit:
            return ''
        return f'{distance:.1f} m outside the trained area, the limit is {limit:g} m'
