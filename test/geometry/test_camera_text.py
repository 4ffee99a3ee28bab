"""The option --camera."""

from __future__ import annotations

from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.camera_text import camera_from_text
from posenet_ros.geometry.distortion import EQUIDISTANT
import pytest


@pytest.mark.parametrize(('text', 'expected'), [
    ('300', Camera(640, 480, 300.0, 300.0, 319.5, 239.5)),
    ('300,310,320,240', Camera(640, 480, 300.0, 310.0, 320.0, 240.0)),
    ('300, 310, 320, 240, -0.2, 0.1, 0, 0',
     Camera(640, 480, 300.0, 310.0, 320.0, 240.0, (-0.2, 0.1, 0.0, 0.0))),
    ('300,310,320,240,plumb_bob,-0.2,0.1,0,0,0.01',
     Camera(640, 480, 300.0, 310.0, 320.0, 240.0, (-0.2, 0.1, 0.0, 0.0, 0.01))),
    ('300,310,320,240,equidistant,0.1,0,0,0',
     Camera(640, 480, 300.0, 310.0, 320.0, 240.0, (0.1, 0.0, 0.0, 0.0), EQUIDISTANT))])
def test_a_camera_of_a_few_numbers(text: str, expected: Camera) -> None:
    assert camera_from_text(text, (640, 480)) == expected


@pytest.mark.parametrize(('text', 'expected'), [
    ('wide', 'has to be FX'), ('300,310', 'has to be FX'), ('1,2,3,4,omni,1', 'has to be FX'),
    ('300,310,320,240,0.1', '4 or 5 or 8'), ('0', 'positive'),
    ('300,310,320,240,fisheye', r'4 coefficients \(equidistant\)')])
def test_what_is_no_camera_is_refused(text: str, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        camera_from_text(text, (640, 480))
