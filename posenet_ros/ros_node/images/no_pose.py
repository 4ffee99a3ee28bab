"""Why images come and no pose does, for longer than a moment, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from posenet_ros.localisation.gate import Verdict

WITHHELD_S = 5.0  # without one accepted pose, until it is a problem
ADVICE = {
    Verdict.OUT_OF_PLACE: (
        'the images are unlike the place', 'is this the map of this place? Is the camera covered, '
        'turned or set differently? A walk in this light may be missing from the map'),
    Verdict.NOT_LOCALISED: (
        'the images match no place of the map', 'is this the map of this place? Is the camera '
        'covered, turned or far from where the walk went? A walk in this light may be missing '
        'from the map'),
    Verdict.CAMERA_DIFFERS: (
        "the camera is unlike the map's", 'landmarks have to confirm its poses, and they do not: '
        'add landmarks (posenet landmarks), set refine to auto, or train with images of this '
        'camera'),
}


def why_no_pose(verdicts: Mapping[str, int], seconds: float) -> str:
    """
    Say why no pose was accepted for some time; empty where there is nothing special to say.

    :param verdicts: of the images since the last accepted pose.
    :param seconds: since then.
    """
    count = sum(verdicts.values())
    for verdict, (what, advice) in ADVICE.items():
        if count and verdicts.get(verdict.value, 0) == count:
            return (f'{what}, {count} of {count} poses in {seconds:.0f} s are rejected as '
                    f'{verdict.value}: {advice}')
    return ''


class WithheldPoses:
    """
    Notice when no pose is accepted for longer than a moment.

    :param verdicts: counts all verdicts of the gate.
    """

    def __init__(self, verdicts: Counter[str]) -> None:
        self._verdicts = verdicts
        self.reset(0.0)

    def reset(self, now_s: float) -> None:
        """Begin anew, as when the node is activated."""
        self._before, self._since_s = Counter(self._verdicts), now_s

    def examine(self, now_s: float) -> str:
        """Say why no pose is accepted; empty while some are, or for a moment."""
        verdicts = Counter(self._verdicts)  # at once: another thread counts
        since = verdicts - self._before
        if since[Verdict.ACCEPTED.value] or verdicts.total() < self._before.total():
            self.reset(now_s)
            return ''
        seconds = now_s - self._since_s
        return why_no_pose(since, seconds) if seconds >= WITHHELD_S else ''
