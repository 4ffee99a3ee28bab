"""The place to look at: the landmarks as a point cloud, and the poses of the training images."""

from __future__ import annotations

from array import array
from contextlib import ExitStack

from geometry_msgs.msg import Pose as PoseMessage
from geometry_msgs.msg import PoseArray
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import quat_product
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.place_map import PlaceMap
from posenet_ros.ros_data.messages import fill_pose
from posenet_ros.ros_node.publishing.topics import LATCHED_QOS, make_publisher
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header, String

MAX_LANDMARKS = 200_000  # 2.4 MB
# REP-103: x forward, y left, z up, in the axes of a camera (x right, y down, z forward)
OPTICAL_FROM_BODY = Pose.from_rotation([[0, -1, 0], [0, 0, -1], [1, 0, 0]])


class PlacePublisher:
    """
    Publish landmarks, training poses and the model's hash, once; who comes later gets them, too.

    The x axis of a training pose is where the camera looked, its z axis is up in the image
    (REP-103), for RViz and Foxglove draw the arrows of a PoseArray along x. The poses of all
    other topics are those of the optical frame.

    :param stack: destroys the publishers when it is closed.
    """

    def __init__(self, node: LifecycleNode, stack: ExitStack, place: PlaceMap,
                 map_frame: str) -> None:
        header = Header(frame_id=map_frame)  # without a time: it is always true
        cloud, poses = point_cloud(place.points_m, header, place.colors), pose_array(place, header)
        if cloud.width < len(place.points_m):
            node.get_logger().info(f'~/landmarks has {cloud.width} of the '
                                   f'{len(place.points_m)} landmarks, evenly chosen')
        self._unsent = [
            (make_publisher(node, stack, PointCloud2, '~/landmarks', LATCHED_QOS), cloud),
            (make_publisher(node, stack, PoseArray, '~/training_poses', LATCHED_QOS), poses),
            (make_publisher(node, stack, String, '~/model_hash', LATCHED_QOS),
             String(data=place.model_hash))]

    def publish(self) -> None:
        """Publish them, if that was not done yet; the middleware keeps them from then on."""
        for publisher, message in self._unsent:
            publisher.publish(message)
        self._unsent.clear()


def point_cloud(points_m: Floats, header: Header, colors: NDArray[np.uint8] | None = None,
                limit: int = MAX_LANDMARKS) -> PointCloud2:
    """
    Make a point cloud with x y z as float32, and rgb where the colours are known.

    :param points_m: (N, 3) metres.
    :param colors: (N, 3) RGB; None or empty without.
    :param limit: of more points than this, so many are chosen, evenly.
    """
    rows = np.linspace(0, len(points_m) - 1, min(len(points_m), limit)).astype(np.intp)
    columns = [points_m[rows].astype('<f4')]
    if colors is not None and len(colors):  # 0x00RRGGBB, as RViz and Foxglove read it
        packed = colors[rows].astype('<u4') @ np.array([1 << 16, 1 << 8, 1], '<u4')
        columns.append(packed.astype('<u4').view('<f4')[:, np.newaxis])
    names = ('x', 'y', 'z', 'rgb')[:3 + len(columns[1:])]
    fields = [PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
              for i, name in enumerate(names)]
    step = 4 * len(names)
    return PointCloud2(
        header=header, height=1, width=len(rows), fields=fields, is_bigendian=False,
        is_dense=True, point_step=step, row_step=step * len(rows),
        data=array('B', np.hstack(columns).tobytes()))


def pose_array(place: PlaceMap, header: Header) -> PoseArray:
    """Make the poses of the training images, x forward and z up (REP-103)."""
    message = PoseArray(header=header)
    if place.views:
        poses = [view.map_from_camera for view in place.views]
        quats_xyzw = quat_product([pose.quat_xyzw for pose in poses],
                                  OPTICAL_FROM_BODY.quat_xyzw)
        for pose, quat_xyzw in zip(poses, quats_xyzw, strict=True):
            message.poses.append(filled := PoseMessage())
            fill_pose(filled, Pose(pose.translation_m, quat_xyzw))
    return message
