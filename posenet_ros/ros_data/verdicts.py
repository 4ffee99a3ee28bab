"""
The gate's decision about one image, as key and value of a diagnostic message.

It includes the pose, since a rejected pose is published nowhere else.
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
class JudgedPose:
    """
    A pose and the decision of the gate about it.

    :param map_from_camera: None where the message held none.
    """

    decision: Decision
    map_from_camera: Pose | None = None


def to_key_values(decision: Decision, map_from_camera: Pose) -> dict[str, str]:
    """Write verdict, reasons and pose as text; the numbers keep all digits."""
    numbers = (*map_from_camera.translation_m, *map_from_camera.quat_xyzw)
    return {'verdict': decision.verdict.value, 'reasons': '; '.join(decision.reasons),
            **{name: f'{value:.17g}' for name, value in zip(NUMBERS, numbers, strict=True)}}


def judged_poses(message: Message) -> Iterator[JudgedPose]:
    """Read a diagnostic_msgs/DiagnosticArray of verdicts, of rclpy or of rosbags."""
    for status in message.status:
        with suppress(InputError):  # a verdict of a newer node
            yield from_key_values({item.key: item.value for item in status.values})


def from_key_values(key_values: Mapping[str, str]) -> JudgedPose:
    """
    Read what :func:`to_key_values` wrote.

    :raises InputError: when the verdict is not known.
    """
    known = ', '.join(verdict.value for verdict in Verdict)
    try:
        verdict = Verdict(key_values.get('verdict', ''))
    except ValueError as error:
        raise InputError(f'a verdict has to be one of {known}. '
                         f'Received: {key_values.get("verdict")!r}') from error
    reasons = key_values.get('reasons', '')
    return JudgedPose(Decision(verdict, (reasons,) if reasons else ()), _pose(key_values))


def _pose(key_values: Mapping[str, str]) -> Pose | None:
    try:
        numbers = np.array([float(key_values[name]) for name in NUMBERS])
        return Pose(numbers[:3], numbers[3:])
    except (KeyError, ValueError):  # InputError is one
        return None
