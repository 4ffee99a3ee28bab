"""Image messages to frames: by our decoder, by cv_bridge where only that knows the encoding."""

from __future__ import annotations

from typing import Any

import numpy as np
from posenet_ros.imaging.decoding import Frame, Reduction, SUPPORTED
from posenet_ros.imaging.headers import ImageError
from posenet_ros.ros_data.messages import frame_from_message
from posenet_ros.ros_node.publishing.debug_image import image_message, working_cv_bridge


def decode(message: Any, reduction: Reduction | None = None) -> Frame:  # noqa: ANN401
    """
    Decode a sensor_msgs/Image or sensor_msgs/CompressedImage.

    An encoding of a newer ROS is converted by cv_bridge, where ROS provides one that
    works; without it such images are refused.

    :param reduction: as of :func:`posenet_ros.ros_data.messages.frame_from_message`.
    :raises ImageError: when the message is no image that can be used.
    """
    try:
        return frame_from_message(message, reduction)
    except ImageError:
        bridge = working_cv_bridge() if is_foreign(message) else None
        if bridge is None:
            raise
        return frame_from_message(_as_rgb(bridge, message))


def is_foreign(message: Any) -> bool:  # noqa: ANN401
    """Return whether a message is an Image whose encoding our decoder lacks."""
    return getattr(message, 'encoding', None) not in {None, *SUPPORTED}


def _as_rgb(bridge: Any, message: Any) -> Any:  # noqa: ANN401
    """
    Convert an Image to rgb8.

    :raises ImageError: when cv_bridge cannot, either, as of depth.
    """
    try:
        image = bridge.imgmsg_to_cv2(message, 'rgb8')
    except Exception as error:  # cv_bridge lets out its own errors, OpenCV's and KeyError
        raise ImageError('the encoding of an image has to be of colour or grey pixels that '
                         f'cv_bridge can convert. Received: {message.encoding!r} ({error})'
                         ) from error
    return image_message(np.ascontiguousarray(image, np.uint8), message.header)
