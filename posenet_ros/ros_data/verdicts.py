"""
What the gate said of one image, as key and value of a diagnostic message.

A pose that was not accepted is published nowhere else, so it is in here, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.gate import Decision, Verdict
from posenet_ros.ros_data.messages import Message

NUMBERS = ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw')


@dataclass(frozen=True, eq=False)
class Judged:
    """
    A decision and the pose it is about.

    :param map_from_camera: None where the message held none.
    """

    decision: Decision
    map_from_camera: Pose | None = None


def to_words(decision: Decision, map_from_camera: Pose) -> dict[str, str]:
    """Return verdict, reasons and pose in words, without loss of digits."""
    numbers = (*map_from_camera.translation_m, *map_from_camera.quat_xyzw)
    return {'verdict': decision.verdict.value, 'reasons': '; '.join(decision.reasons),
            **{name: f'{value:.17g}' for name, value in zip(NUMBERS, numbers, strict=True)}}


def judgements(message: Message) -> Iterator[Judged]:
    """Yield what a diagnostic_msgs/DiagnosticArray of verdicts holds, of rclpy or of rosbags."""
    for status in message.status:
        with suppress(InputError):  # from a node that knows verdicts which we do not
            yield from_words({item.key: item.value for item in status.values})


def from_words(words: Mapping[str, str]) -> Judged:
    """
    Read what :func:`to_words` wrote.

    :raises InputError: when the verdict is not known.
    """
    known = ', '.join(verdict.value for verdict in Verdict)
    try:
        verdict = Verdict(words.get('verdict', ''))
    except ValueError as error:
        raise InputError(f'a verdict has to be one of {known}. '
                         f'Received: {words.get("verdict")!r}') from error
    reasons = words.get('reasons', '')
    return Judged(Decision(verdict, (reasons,) if reasons else ()), _pose(words))


def _pose(words: Mapping[str, str]) -> Pose | None:
    try:
        numbers = np.array([float(words[name]) for name in NUMBERS])
        return Pose(numbers[:3], numbers[3:])
    except (KeyError, ValueError):  # InputError is one
        return None
