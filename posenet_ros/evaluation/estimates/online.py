"""Play a bag to a running relocaliser, and record the poses that it publishes."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.evaluation.estimates.published import (
    LAST_POSE_TIMEOUT_S,
    NODE_TIMEOUT_S,
    PublishedPose,
    with_verdicts,
)
from posenet_ros.utils.processes import start_module
from posenet_ros.utils.ros_environment import prepare_environment

STOP_TIMEOUT_S = 10.0


def read_publish_times(log: Path) -> dict[int, int]:
    """Read stamp -> time of publishing (both ns) from the log of posenet_ros.replay."""
    rows = np.loadtxt(log, delimiter=',', skiprows=1, dtype=np.int64, ndmin=2)
    return {int(stamp): int(sent) for stamp, sent in rows}


def play_bag(bag: Path, log: Path) -> dict[int, int]:
    """
    Play a bag at its recorded rate in a process of its own.

    :param log: file for the times of publishing.
    :returns: stamp -> when the image was published, on the monotonic clock, both ns.
    :raises PoseNetError: when the player fails; it has printed why.
    """
    with start_module(
            'posenet_ros.replay', bag, '--log', log, stop_timeout_s=STOP_TIMEOUT_S) as player:
        code = player.wait()
    if code:
        raise PoseNetError(f'the player ended with exit code {code}, see above')
    return read_publish_times(log)


def record_node(bag: Path, node: str) -> tuple[dict[int, PublishedPose], dict[int, int]]:
    """
    Play a bag to a running relocaliser, and record the poses that it publishes.

    :param node: its full name, as `/relocaliser`.
    :returns: stamp -> published pose, and stamp -> when each image was published (ns).
    :raises InputError: when no such node runs.
    """
    prepare_environment()
    from posenet_ros.ros_node.listener import Listener  # imports ROS, so only here
    with TemporaryDirectory() as folder, Listener(node) as listener:
        if not listener.wait(lambda _: bool(listener.publishers(f'{node}/pose')), NODE_TIMEOUT_S):
            raise InputError(f'expected a running relocaliser that publishes {node}/pose. '
                             'Received: none; start it first, or give its name by --node')
        sent = play_bag(bag, Path(folder, 'sent.csv'))
        listener.wait(lambda out: len(out.poses.keys() | out.verdicts.keys()) >= len(sent),
                      LAST_POSE_TIMEOUT_S)
        output = listener.output
    poses = {stamp: PublishedPose(pose, output.arrived_ns[stamp], output.covariances.get(stamp),
                                  output.transforms.get(stamp))
             for stamp, pose in output.poses.items()}
    return with_verdicts(poses, output.verdicts, output.ambiguous), sent
