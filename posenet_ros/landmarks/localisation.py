"""What localising an image by landmarks results in, and what may be known before."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique
from typing import NamedTuple

from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.pnp.absolute_pose import AbsolutePose


@unique
class Outcome(Enum):
    """What the landmarks say of an image's pose; the value is the word in diagnostics."""

    LOCALISED = 'localised'
    AMBIGUOUS = 'ambiguous'
    NOT_LOCALISED = 'not_localised'


class PosePrior(NamedTuple):
    """
    A pose that a camera has, as far as is known before its image is looked at.

    :param map_from_camera: in the map of the landmarks.
    :param sigma_m: standard deviation of the position along any direction, metres.
    :param sigma_rad: standard deviation of the rotation about any axis, radians.
    :param source: 'last pose', 'odometry', 'initial pose', or 'tracking'.
    """

    map_from_camera: Pose
    sigma_m: float
    sigma_rad: float
    source: str = 'initial pose'


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """
    A pose that an image may have, with what the image's features say for it.

    :param map_from_camera: refined by the landmarks near it.
    :param source: what proposed it: 'place' (retrieved views), 'network', or that of a prior.
    :param evidence: base-10 logarithm of how unlikely as many votes are by chance (a contrario).
    :param agreeing: number of image cells whose voters agree with the pose.
    :param voters: number of image cells that vote at all.
    """

    map_from_camera: Pose
    source: str
    evidence: float = 0.0
    agreeing: int = 0
    voters: int = 0

    @property
    def agreeing_share(self) -> float:
        """Return the share of the voters that agree."""
        return self.agreeing / max(self.voters, 1)


@dataclass(frozen=True, eq=False)
class Localisation:
    """
    The result of localising an image.

    :param outcome: whether it is localised.
    :param pose: of LOCALISED, else None.
    :param landmarks: that agree with the pose, or most that agree with any rejected one.
    :param matched: of which they are.
    :param hypotheses: all that were verified, by falling evidence.
    :param rivals: of AMBIGUOUS, the hypotheses that cannot be told apart, the likeliest first.
    """

    outcome: Outcome
    pose: AbsolutePose | None = None
    landmarks: int = 0
    matched: int = 0
    hypotheses: tuple[Hypothesis, ...] = ()
    rivals: tuple[Hypothesis, ...] = ()
