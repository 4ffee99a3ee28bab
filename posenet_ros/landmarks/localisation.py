"""What localising an image by landmarks results in, and what may be known before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique
from typing import NamedTuple

from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.options import DecisionOptions
from posenet_ros.landmarks.pnp.absolute_pose import AbsolutePose


@unique
class Outcome(Enum):
    """What the landmarks say of an image's pose; the value is the word in diagnostics."""

    LOCALISED = 'localised'
    AMBIGUOUS = 'ambiguous'
    NOT_LOCALISED = 'not_localised'


@unique
class Refusal(Enum):
    """Why an image is not localised."""

    NO_HYPOTHESIS = 'no views of the map match it'
    EVIDENCE = 'too few landmarks agree'
    INLIER_RATIO = 'too small a part of the landmarks agrees'
    ONE_SPOT = 'all that agrees lies in one spot of the image'
    RIVALS = 'several places match it'
    PRIOR = 'what matches is too far from where the camera is known to be'


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
    :param inlier_cells: number of image cells with a landmark that agrees with the pose, of those
        that are recognised by appearance alone.
    :param voting_cells: number of image cells with a landmark that is recognised at all.
    """

    map_from_camera: Pose
    source: str
    evidence: float = 0.0
    inlier_cells: int = 0
    voting_cells: int = 0

    @property
    def inlier_ratio(self) -> float:
        """Return the part of the voting cells that agrees."""
        return self.inlier_cells / max(self.voting_cells, 1)


@dataclass(frozen=True, eq=False)
class Localisation:
    """
    The result of localising an image.

    :param outcome: whether it is localised.
    :param pose: of LOCALISED, else None.
    :param landmarks: that agree with the pose, or most that agree with any rejected one.
    :param matched: of which they are.
    :param hypotheses: all that were verified, by falling evidence.
    :param rivals: of AMBIGUOUS, the hypotheses that cannot be told apart, the likeliest first;
        one alone cannot be told from a place like it that the map does not show.
    :param refusal: why it is not localised; None where it is, and in a map by views.
    """

    outcome: Outcome
    pose: AbsolutePose | None = None
    landmarks: int = 0
    matched: int = 0
    hypotheses: tuple[Hypothesis, ...] = ()
    rivals: tuple[Hypothesis, ...] = ()
    refusal: Refusal | None = None


def explain(found: Localisation, options: DecisionOptions) -> str:
    """Say why an image is not localised in a map of joined landmarks."""
    best = found.hypotheses[0] if found.hypotheses else None
    if best is None or found.refusal is Refusal.NO_HYPOTHESIS:
        return 'the image matches no place of the map: no place has enough landmarks in common'
    if found.refusal is Refusal.EVIDENCE:
        return ('the image matches no place of the map: '
                f'{found.landmarks} of {found.matched} landmarks agree, evidence '
                f'{best.evidence:.0f}, {options.min_evidence:.0f} is needed')
    if found.refusal is Refusal.ONE_SPOT:
        return (f'the image matches no place of the map: the {found.landmarks} landmarks that '
                'agree lie in one spot of it, as on a poster that may hang elsewhere')
    return 'the image matches places of the map, but none near where the camera is known to be'


class StageTimer:
    """
    Measure the stages of localising images.

    :param clock: seconds, such as time.process_time.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._last = clock, clock()
        self.stages_s: dict[str, float] = {}

    def start(self) -> None:
        """Forget what was before."""
        self._last, self.stages_s = self._clock(), {}

    def lap(self, name: str) -> None:
        """Add the time since the last lap to a stage."""
        now = self._clock()
        self.stages_s[name] = self.stages_s.get(name, 0.0) + now - self._last
        self._last = now
