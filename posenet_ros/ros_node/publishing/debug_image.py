"""The debug image: each image with landmarks, pose and verdict, while someone listens."""

from __future__ import annotations

from array import array
from contextlib import ExitStack, redirect_stderr
from functools import cache
import io
from typing import Any

import numpy as np
from posenet_ros.arrays import Floats, RgbImage
from posenet_ros.localisation.gate import Decision
from posenet_ros.localisation.pipeline import QueryResult
from posenet_ros.ros_node.publishing.topics import LATEST_QOS, make_publisher
from posenet_ros.visualization.annotate import annotate, annotate_no_pose
from posenet_ros.visualization.match_pair import fit_height
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import Image as ImageMessage
from std_msgs.msg import Header

MIN_WIDTH, MAX_WIDTH = 320, 640  # of the debug image: readable, and light on the network


class DebugImagePublisher:
    """
    Publish annotated images; nothing is drawn without a subscriber.

    :param stack: destroys the publisher when it is closed.
    :param training_m: (N, 3) positions of the training images in the map, metres.
    """

    def __init__(self, node: LifecycleNode, stack: ExitStack, training_m: Floats) -> None:
        self._publisher = make_publisher(node, stack, ImageMessage, '~/debug_image', LATEST_QOS)
        self._training_m = training_m

    def publish(self, header: Header, result: QueryResult, decision: Decision) -> None:
        """Publish the image of a judged result."""
        if result.frame is None or result.estimate is None or not self._wanted():
            return
        picture = annotate(fit_width(result.frame.image), result.estimate, decision,
                           result.camera, self._training_m)
        self._publisher.publish(image_message(picture, header))

    def publish_no_pose(self, header: Header, image: RgbImage, reason: str) -> None:
        """Publish an image (H, W, 3) with the reason why it has no pose."""
        if self._wanted():
            picture = annotate_no_pose(fit_width(image), reason, self._training_m)
            self._publisher.publish(image_message(picture, header))

    def _wanted(self) -> bool:
        return bool(self._publisher.get_subscription_count())


def fit_width(image: RgbImage) -> RgbImage:
    """Resize an image (H, W, 3) so that it is 320 to 640 pixels wide, keeping its aspect."""
    height, width = image.shape[:2]
    target = min(max(width, MIN_WIDTH), MAX_WIDTH)
    return image if target == width else fit_height(
        image, max(1, round(height * target / width)))


def image_message(image: RgbImage, header: Header) -> ImageMessage:
    """
    Make a sensor_msgs/Image of an RGB image: by cv_bridge where ROS provides one that works.

    :param image: (H, W, 3) RGB of 8 bits.
    """
    if bridge := working_cv_bridge():
        message = bridge.cv2_to_imgmsg(image, 'rgb8')
        message.header = header
        return message
    return _image_message(image, header)


def _image_message(image: RgbImage, header: Header) -> ImageMessage:
    height, width = image.shape[:2]
    return ImageMessage(header=header, height=height, width=width, encoding='rgb8',
                        step=3 * width, data=array('B', image.tobytes()))


@cache
def working_cv_bridge() -> Any:  # noqa: ANN401 - a CvBridge or None
    """
    Return a CvBridge, or None where there is none, or none that works.

    One that was built for another NumPy can be imported, and fails when it is used.
    """
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    try:
        with redirect_stderr(io.StringIO()):  # NumPy's long words about such a build
            from cv_bridge import CvBridge
            bridge = CvBridge()
            made = bridge.cv2_to_imgmsg(image, 'rgb8')
    except Exception:
        return None
    return bridge if made == _image_message(image, made.header) else None
