"""The camera of a bag's images: the option, camera_info, or none."""

from __future__ import annotations

from posenet_ros.errors import InputError
from posenet_ros.geometry.camera_text import camera_from_text
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.camera_info import CameraCalibration
from posenet_ros.ros_data.messages import frame_from_message

MAX_IMAGES = 100  # to find one that can be decoded


def image_size(bag: BagReader, image_topic: str) -> tuple[int, int]:
    """
    Return width and height of the first image that can be decoded, pixels.

    :raises InputError: when there is none among the first hundred.
    """
    first = ''
    for number, message in enumerate(bag.messages(image_topic, [])):
        try:
            height, width, _ = frame_from_message(message).image.shape
        except InputError as error:
            first = first or str(error)
        else:
            return width, height
        if number + 1 == MAX_IMAGES:
            break
    raise InputError(f'{bag.path}: {image_topic} has to have images that can be decoded. '
                     f'Received: {first or "none"}')


def find_camera(bag: BagReader, image_topic: str, text: str | None = None,
                topic: str | None = None) -> CameraCalibration:
    """
    Find the camera of the images of a bag.

    :param text: of the option `--camera`, which goes before camera_info; None where not given.
    :param topic: the camera_info topic; None finds it.
    :returns: no camera where the bag does not say it, with the reason in the notes.
    :raises InputError: when the text is malformed, or camera_info cannot be a camera's.
    """
    if text is None:
        return bag.calibration(topic, image_topic)
    return CameraCalibration(camera_from_text(text, image_size(bag, image_topic)),
                             (f'the camera is that of --camera {text}, not of camera_info',))
