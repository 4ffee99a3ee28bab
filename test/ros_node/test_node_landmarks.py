"""The node makes poses exact by landmarks, over real DDS."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference import artifact
from posenet_ros.inference.artifact import LANDMARKS_FILE
from posenet_ros.landmarks import landmark_map
from posenet_ros.ros_data.messages import pose_from_message
from posenet_ros.training.data.datasets import read_dataset
from posenet_ros.training.landmarks.mapping import detect_all, triangulate_all, view_set
import pytest
from ros_helpers import (
    connected,
    node_command,
    peer_of,
    picture_message,
    running,
    values_of,
    write_mean_colour_model,
)
from training_helpers import LARGE_CAMERA as CAMERA
from training_helpers import wall_view, write_wall_dataset

DOMAIN = 150
SCALE = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0)


@pytest.fixture(scope='module')
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Pose]]:
    """Return a model folder whose network knows little, with landmarks; and all true poses."""
    folder = tmp_path_factory.mktemp('walk')
    poses = write_wall_dataset(folder / 'wall', camera=CAMERA)
    model = write_mean_colour_model(folder / 'model', CAMERA)
    loaded = artifact.load(model)
    seen = read_dataset(folder / 'wall', 'train', None)
    found = triangulate_all(seen, detect_all(seen), view_set(seen))
    landmark_map.save(found, model / LANDMARKS_FILE)
    calibration = replace(loaded.calibration, refined_scale=SCALE)
    artifact.save(replace(loaded, calibration=calibration), model)
    return model, {name: pose for name, pose in poses.items() if name.startswith('seq4')}


def test_poses_are_those_of_the_wall_and_an_image_of_nothing_has_the_networks(
        walked: tuple[Path, dict[str, Pose]], tmp_path: Path) -> None:
    model, truths = walked
    command = node_command(model=model, refine='true')
    with connected(command, DOMAIN, tmp_path / 'log.txt') as (_, peer):
        errors = []
        for i, truth in enumerate(truths.values(), 1):
            [answer] = peer.send(picture_message(wall_view(truth, CAMERA), i * 10**8))
            pose = pose_from_message(answer.pose)
            errors.append(np.linalg.norm(pose.translation_m - truth.translation_m))
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
