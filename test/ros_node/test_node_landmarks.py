"""The node makes poses exact by landmarks, over real DDS."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import posenet_ros
from posenet_ros.geometry.pose import Pose
from posenet_ros.ros_data.messages import pose_from_message
import pytest
from ros_helpers import (
    connected,
    node_command,
    peer_of,
    picture_message,
    running,
    values_of,
    write_mean_colour_model,
    write_wall_model,
)
from training_helpers import LARGE_CAMERA as CAMERA
from training_helpers import wall_view

DOMAIN = 150


@pytest.fixture(scope='module')
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Pose]]:
    """Return a model folder whose network knows little, with landmarks; and all true poses."""
    folder = tmp_path_factory.mktemp('walk')
    return write_wall_model(folder / 'model', folder / 'wall')


def test_poses_are_those_of_the_wall_and_an_image_of_nothing_has_the_networks(
        walked: tuple[Path, dict[str, Pose]], tmp_path: Path) -> None:
    model, truths = walked
    command = node_command(model=model, refine='true')
    with connected(command, DOMAIN, tmp_path / 'log.txt') as (_, peer):
        errors, relocaliser = [], posenet_ros.load(model)
        for i, truth in enumerate(truths.values(), 1):
            [answer] = peer.send(picture_message(wall_view(truth, CAMERA), i * 10**8))
            pose = pose_from_message(answer.pose)
            errors.append(np.linalg.norm(pose.translation_m - truth.translation_m))
            same = relocaliser(wall_view(truth, CAMERA)).pose  # the library's is the node's
            np.testing.assert_allclose(pose.matrix, same.matrix, atol=1e-9)
        assert np.median(errors) < 0.02
        assert max(errors) < 0.2
        grey = np.full((CAMERA.height, CAMERA.width, 3), 102, np.uint8)
        [answer] = peer.send(picture_message(grey, 10**10))
        assert pose_from_message(answer.pose).translation_m == pytest.approx([4, 4, 4], abs=0.1)
        assert values_of(peer.status())['refined'] == str(len(truths))


def test_a_model_without_landmarks_is_refused_with_what_to_do(tmp_path: Path) -> None:
    model = write_mean_colour_model(tmp_path / 'model', CAMERA)
    command = node_command(model=model, refine='true')
    with running(command, DOMAIN + 1, tmp_path / 'log.txt') as process, \
            peer_of(DOMAIN + 1) as peer:
        assert peer.wait_until(
            lambda: 'posenet landmarks' in process.output(), 30.0)
        assert peer.state() == 'unconfigured'
