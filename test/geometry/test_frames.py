"""Names of frames, with and without the slash of ROS 1."""

from __future__ import annotations

from posenet_ros.errors import InputError
from posenet_ros.geometry.frames import frame_name
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.tf_tree import TransformTree
import pytest


@pytest.mark.parametrize(('name', 'expected'), [
    ('map', 'map'), ('/map', 'map'), ('//map', '/map'), ('robot/base_link', 'robot/base_link'),
    ('', ''), ('/', '')])
def test_one_leading_slash_is_no_part_of_a_name(name: str, expected: str) -> None:
    assert frame_name(name) == expected


@pytest.mark.parametrize('name', ['', '/'])
def test_a_name_that_is_needed_is_not_empty(name: str) -> None:
    with pytest.raises(InputError, match=f"--tf has to be a frame's name. Received: '{name}'"):
        frame_name(name, '--tf')


def test_a_tree_is_asked_and_made_with_either_name() -> None:
    tree = TransformTree({'/camera': ('/base', lambda *_: Pose((1.0, 0, 0)))})
    assert tree.frames == ('base', 'camera')
    assert tree.lookup('/base', 'camera')(0, 0.0).translation_m[0] == 1.0
