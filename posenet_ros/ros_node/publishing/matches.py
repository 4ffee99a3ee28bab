"""The matches of an accepted pose in 3D: landmarks that agree, and lines to them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from geometry_msgs.msg import Point
import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.ros_node.publishing.topics import LATEST_QOS, make_publisher
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import ColorRGBA, Header

LINES, LANDMARKS = 'lines', 'landmarks'  # the namespaces of the markers
LINE_WIDTH, POINT_WIDTH = 0.001, 0.008  # parts of the median distance of the landmarks
RGB = 0.3, 0.9, 0.4
LINE_ALPHA = 0.35


class MatchPublisher:
    """
    Publish the matches of accepted poses as markers, while someone listens.

    Without the package visualization_msgs there is no such topic; the log says so.

    :param stack: destroys the publisher when it is closed.
    """

    def __init__(self, node: LifecycleNode, stack: ExitStack) -> None:
        try:
            from visualization_msgs.msg import MarkerArray
        except ImportError:
            node.get_logger().info('no ~/matches: the ROS package visualization_msgs is missing')
            self._publisher = None
            return
        self._publisher = make_publisher(node, stack, MarkerArray, '~/matches', LATEST_QOS)

    def publish(self, header: Header, estimate: PoseEstimate | None) -> None:
        """
        Replace the markers by those of an estimate.

        :param estimate: None, or one without landmarks, deletes them.
        """
        if self._publisher is None or not self._publisher.get_subscription_count():
            return
        matches = estimate.matches if estimate else None
        if estimate is None or matches is None or not matches.inlier.any():
            self._publisher.publish(delete_all(header))
            return
        self._publisher.publish(match_markers(
            header, estimate.map_from_camera.translation_m, matches.points_m[matches.inlier]))


def delete_all(header: Header) -> Any:  # noqa: ANN401 - the package may be missing
    """Make the visualization_msgs/MarkerArray that deletes the markers."""
    from visualization_msgs.msg import Marker, MarkerArray
    return MarkerArray(markers=[Marker(header=header, action=Marker.DELETEALL)])


def match_markers(header: Header, position_m: Floats,
                  points_m: Floats) -> Any:  # noqa: ANN401 - the package may be missing
    """
    Make the visualization_msgs/MarkerArray of a camera and its landmarks.

    :param position_m: (3,) of the camera in the map.
    :param points_m: (N, 3) the landmarks that agree, N at least 1. Sizes follow their distance,
        so that they suit a desk and a street.
    """
    from visualization_msgs.msg import Marker, MarkerArray
    distance_m = float(np.median(np.linalg.norm(points_m - position_m, axis=1)))
    camera = Point(x=position_m[0], y=position_m[1], z=position_m[2])
    points = [Point(x=x, y=y, z=z) for x, y, z in points_m.tolist()]
    lines = Marker(header=header, ns=LINES, type=Marker.LINE_LIST, action=Marker.ADD,
                   color=_colour(LINE_ALPHA),
                   points=[end for point in points for end in (camera, point)])
    lines.scale.x = LINE_WIDTH * distance_m
    landmarks = Marker(header=header, ns=LANDMARKS, type=Marker.POINTS, action=Marker.ADD,
                       color=_colour(1.0), points=points)
    landmarks.scale.x = landmarks.scale.y = POINT_WIDTH * distance_m
    for marker in (lines, landmarks):
        marker.pose.orientation.w = 1.0
    return MarkerArray(markers=[lines, landmarks])


def _colour(alpha: float) -> ColorRGBA:
    red, green, blue = RGB
    return ColorRGBA(r=red, g=green, b=blue, a=alpha)
