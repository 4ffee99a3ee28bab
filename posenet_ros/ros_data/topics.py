"""Choose a topic of a bag: the one asked for, or the only one of its types."""

from __future__ import annotations

from collections.abc import Mapping

from posenet_ros.errors import InputError
from posenet_ros.utils.suggestions import did_you_mean

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
# packets of a video, a frame each
VIDEO_TYPES = ('foxglove_msgs/msg/CompressedVideo',
               'ffmpeg_image_transport_msgs/msg/FFMPEGPacket')
CAMERA_TYPES = ('sensor_msgs/msg/CameraInfo',)
TRANSFORM_TYPES = ('tf2_msgs/msg/TFMessage', 'tf/msg/tfMessage')
TRUTH_TYPES = (
    'geometry_msgs/msg/PoseStamped', 'geometry_msgs/msg/PoseWithCovarianceStamped',
    'nav_msgs/msg/Odometry', 'geometry_msgs/msg/TransformStamped')


def choose_topic(topics: Mapping[str, str], topic: str | None, types: tuple[str, ...],
                 what: str) -> str:
    """
    Choose a topic by its type.

    :param topics: topic -> type, all of the bag.
    :param topic: the one asked for; None takes the only one of these types.
    :param what: the kind of topic, with its article, for the message.
    :raises InputError: when it is absent or of another type, or the choice is not clear.
    """
    candidates = sorted(name for name, kind in topics.items() if kind in types)
    if topic is None and len(candidates) == 1:
        return candidates[0]
    if topic in candidates:
        return str(topic)
    if topic is None and candidates:
        raise InputError(f'expected the name of {what} topic, as there are several. '
                         f'Received: none; choose one of {", ".join(candidates)}')
    listed = ', '.join(f'{name} ({kind})' for name, kind in sorted(topics.items()))
    wrong = f'{topic} ({topics[topic]})' if topic and topic in topics else topic
    raise InputError(
        f'expected {what} topic ({" or ".join(types)}). Received: {wrong or "none"}; the bag has '
        f'{listed or "no topics"}{did_you_mean(topic, candidates) if topic else ""}')
