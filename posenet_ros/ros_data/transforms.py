"""The tree of TF frames of recorded messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from posenet_ros.errors import InputError
from posenet_ros.geometry.frames import frame_name
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.tf_tree import TransformTree
from posenet_ros.geometry.trajectory import Lookup, Trajectory
from posenet_ros.ros_data.messages import Message, pose_from_transform, stamp_ns


def transform_tree(static: Iterable[Message], moving: Iterable[Message]) -> TransformTree:
    """
    Build the tree of frames; transforms that tf2 drops are left out.

    :param static: tf2_msgs/TFMessage of /tf_static; the last of a frame counts.
    :param moving: those of /tf.
    """
    edges: dict[str, tuple[str, Lookup]] = {
        child: (parent, _always(pose)) for _, parent, child, pose in _transforms(static)}
    poses: dict[tuple[str, str], list[tuple[int, Pose]]] = {}
    for time_ns, parent, child, pose in _transforms(moving):
        poses.setdefault((parent, child), []).append((time_ns, pose))
    for (parent, child), found in poses.items():
        edges[child] = (parent, Trajectory.from_poses(found, parent, child).at)
    return TransformTree(edges)


def _transforms(messages: Iterable[Message]) -> Iterator[tuple[int, str, str, Pose]]:
    """Yield (stamp in ns, parent, child, parent_from_child)."""
    for item in (item for message in messages for item in message.transforms):
        try:
            pose = pose_from_transform(item.transform)
        except InputError:
            continue  # as tf2 does with NaN and zero quaternions
        yield (stamp_ns(item.header.stamp), frame_name(item.header.frame_id),
               frame_name(item.child_frame_id), pose)


def _always(pose: Pose) -> Lookup:
    return lambda _stamp_ns, _max_gap_s: pose
