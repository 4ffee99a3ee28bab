"""Tracking in the evaluator and the Python API: in order, by stamps, each replay as the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import perf_counter

from map_helpers import write_map_model
import numpy as np
import posenet_ros
from posenet_ros.errors import InputError
from posenet_ros.evaluate import main
from posenet_ros.evaluation.metrics.largest_errors import WorstFrames
from posenet_ros.evaluation.results import FrameResult
from posenet_ros.evaluation.runner import run
from posenet_ros.evaluation.sources import QueryImage
from posenet_ros.geometry.lie import interpolate
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.inference.artifact import load, LoadedArtifact
from posenet_ros.localisation.factory import make_relocaliser, RelocaliserOptions
from posenet_ros.localisation.gate import Gate
from posenet_ros.localisation.gate_config import NODE_DEFAULTS
from posenet_ros.localisation.tracking.camera_tracker import CameraTracker
from posenet_ros.localisation.tracking.sequential import grey_of, SequentialTracking
import pytest
from training_helpers import LARGE_CAMERA, wall_view

MS = 1_000_000
Walked = tuple[Path, list[Pose]]


@pytest.fixture(scope='module')
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """Return a model folder, and poses between two test images, some pixels apart."""
    folder = tmp_path_factory.mktemp('map')
    model, poses = write_map_model(folder / 'model', folder / 'wall')
    first, second = list(poses.values())[4:6]
    return model, [interpolate(first, second, index / 60) for index in range(16)]


def queries(poses: list[Pose], sequence: str = 'walk', start_ms: int = 0) -> list[QueryImage]:
    return [QueryImage(f'{sequence}{index}', (start_ms + 33 * index) * MS, pose,
                       lambda _, pose=pose: wall_view(pose, LARGE_CAMERA), sequence)
            for index, pose in enumerate(poses)]


def tracked(artifact: LoadedArtifact, images: list[QueryImage]) -> list[FrameResult]:
    relocaliser = make_relocaliser(artifact, RelocaliserOptions(refine=True)).relocaliser
    return list(run(images, None, relocaliser, Gate(NODE_DEFAULTS, artifact.scene), artifact.train,
                    WorstFrames(), tracking=True))


def test_a_walk_is_tracked_from_its_first_image_and_each_sequence_begins_anew(
        walked: Walked) -> None:
    artifact = load(walked[0])
    images = queries(walked[1][:6]) + queries(walked[1][6:12], 'other', 200)
    frames = tracked(artifact, images)
    assert all(frame.accepted and frame.error_m < 0.06 for frame in frames)
    assert ['infer' in frame.latency_ms for frame in frames] == [True, *[False] * 5] * 2
    again = tracked(artifact, images)
    for one, other in zip(frames, again, strict=True):
        assert np.array_equal(one.estimate.matrix, other.estimate.matrix)
        assert np.array_equal(one.covariance, other.covariance)


def test_an_image_that_is_due_is_localised_and_is_the_next_keyframe(walked: Walked) -> None:
    relocaliser = make_relocaliser(
        load(walked[0]), RelocaliserOptions(refine=True)).relocaliser
    tracker = relocaliser.make_tracker()
    tracking = SequentialTracking(relocaliser, CameraTracker(tracker), perf_counter)
    images = [wall_view(pose, LARGE_CAMERA) for pose in walked[1][:6]]
    for index, image in enumerate(images):
        frame = Frame(image, (1 + index) * 250 * MS, '')
        tracking.localise(lambda _, frame=frame: frame, LARGE_CAMERA)
        tracking.judged(accepted=True)
        keyframe_of = images[4 if index >= 4 else 0]  # a second after the first
        assert np.array_equal(tracker._tracker.keyframe.grey, grey_of(keyframe_of))
    assert tracking.localisations == 2


def test_a_pose_that_the_gate_rejects_is_not_tracked_from(walked: Walked) -> None:
    artifact = load(walked[0])
    relocaliser = make_relocaliser(artifact, RelocaliserOptions(refine=True)).relocaliser
    strict = Gate(replace(NODE_DEFAULTS, max_sigma_m=1e-9), artifact.scene)
    frames = list(run(queries(walked[1][:3]), None, relocaliser, strict, artifact.train,
                      WorstFrames(), tracking=True))
    assert all('infer' in frame.latency_ms for frame in frames)


def test_tracking_needs_landmarks_and_stamps(walked: Walked, tmp_path: Path) -> None:
    artifact = load(walked[0])
    relocaliser = make_relocaliser(artifact, RelocaliserOptions(refine=True)).relocaliser
    relocaliser._landmark_localiser = None
    with pytest.raises(InputError, match='--tracking has to come with a model'):
        list(run(queries(walked[1][:1]), None, relocaliser, Gate(NODE_DEFAULTS, artifact.scene),
                 artifact.train, WorstFrames(), tracking=True))
    with pytest.raises(InputError, match='--tracking has to come with --bag'):
        main(['--model', str(walked[0]), '--data', str(walked[0]), '--tracking', '--out',
              str(tmp_path / 'report')])


def test_the_library_tracks_as_the_evaluator_does(walked: Walked) -> None:
    frames = tracked(load(walked[0]), queries(walked[1][:6]))
    relocaliser = posenet_ros.load(walked[0], tracking=True)
    for _ in range(2):
        for index, (pose, frame) in enumerate(zip(walked[1][:6], frames, strict=True)):
            found = relocaliser(wall_view(pose, LARGE_CAMERA), stamp_s=0.033 * index)
            assert np.array_equal(found.pose.matrix, frame.estimate.matrix)
        relocaliser.reset()
    with pytest.raises(InputError, match='stamp_s has to be given with tracking'):
        relocaliser(wall_view(walked[1][0], LARGE_CAMERA))


def test_the_library_tracks_only_where_there_are_landmarks(walked: Walked) -> None:
    plain = posenet_ros.load(walked[0])
    assert plain._tracking is None
