"""The answer about one image: the pose of the camera, and the verdict on it."""

from __future__ import annotations

from dataclasses import dataclass

from posenet_ros.arrays import Floats
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.quality import Fault
from posenet_ros.localisation.gate import Decision, Verdict


@dataclass(frozen=True, eq=False)
class Relocalisation:
    """
    The pose of a camera at one image, and the verdict on it.

    :param estimate: what was estimated, also where the gate rejects it; its `matches` are those
        of the image with the landmarks.
    :param decision: of the gate.
    :param fault: of the image (covered, dark, ...), also where the gate lets it pass.
    """

    estimate: PoseEstimate
    decision: Decision
    fault: Fault | None = None

    @property
    def accepted(self) -> bool:
        """Whether the gate accepts the pose."""
        return self.decision.accepted

    @property
    def verdict(self) -> Verdict:
        """Return ACCEPTED, or the check that failed; its `value` is the diagnostics' word."""
        return self.decision.verdict

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return why the pose is rejected, a line for each failed check; empty when accepted."""
        return self.decision.reasons

    @property
    def pose(self) -> Pose | None:
        """
        Return the accepted pose, map_from_camera; None when it is rejected.

        Its `translation_m` (3,) is the camera's position in the map, metres; its `quat_xyzw` (4,)
        turns the camera's optical axes (x right, y down, z forward) into the map's.
        """
        return self.estimate.map_from_camera if self.accepted else None

    @property
    def covariance(self) -> Floats | None:
        """
        Return the (6, 6) covariance of the accepted pose; None when it is rejected.

        In the map frame: x y z in m^2, then the rotation about the fixed axes x y z in rad^2.
        """
        return self.estimate.covariance if self.accepted else None

    @property
    def ambiguous(self) -> tuple[Pose, ...]:
        """Return the poses that the image cannot tell apart; empty for an image of one place."""
        return self.estimate.ambiguous

    @property
    def landmarks(self) -> int:
        """Return the number of landmarks that agree with the pose; 0: none confirms it."""
        return self.estimate.landmarks

    @property
    def place_score(self) -> float | None:
        """Return the distance to the trained place, above 1 out of place; None without a limit."""
        return self.estimate.place_score
