"""What is said at the start."""

from __future__ import annotations

from posenet_ros.ros_node.start_lines import camera_line, map_line
import pytest

FACTS = {'model': '/m/court', 'model hash': '0123456789abcdef', 'engine': 'litert',
         'device': 'CPU, 2 threads'}


@pytest.mark.parametrize(('landmarks', 'refine', 'said'), [
    ('12345', True, '12,345 landmarks of 700 views'),
    ('12345', False, '12,345 landmarks of 700 views, not used as refine is false'),
    ('none', False, "landmarks: none, poses are the network's alone")])
def test_the_map_is_said_with_its_landmarks(landmarks: str, refine: bool, said: str) -> None:
    assert map_line({**FACTS, 'landmarks': landmarks}, 700, refine) == (
        f'map: /m/court (0123456789ab), {said}; litert on CPU, 2 threads')


def test_the_camera_is_said_with_its_images() -> None:
    assert camera_line('640x480 from /c/camera_info (plumb_bob)', '/c/image_raw (raw, reliable)') \
        == ('camera: 640x480 from /c/camera_info (plumb_bob); images: /c/image_raw (raw, '
            'reliable)')
