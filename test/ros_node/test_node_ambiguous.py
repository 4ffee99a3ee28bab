"""The node in a place that stands twice, over real DDS: it names both, or is told where it is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseArray, PoseStamped, PoseWithCovarianceStamped
from map_helpers import write_twin_model
import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.ros_data.messages import fill_pose, pose_from_message, stamp_ns
from posenet_ros.ros_data.verdicts import judged_poses
import pytest
from ros_helpers import (
    connected,
    node_command,
    patience_s,
    Peer,
    picture_message,
    values_of,
)
from std_srvs.srv import Trigger
from training_helpers import LARGE_CAMERA, wall_view

DOMAIN = 220
SHIFT_M = 30.0
S = 10**9
Twins = tuple[Path, dict[str, Pose]]
SECONDS = count(1)


@pytest.fixture(scope='module')
def twins(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    folder = tmp_path_factory.mktemp('twins')
    return write_twin_model(folder / 'model', folder / 'wall', SHIFT_M)


@pytest.fixture(scope='module')
def peer(twins: Twins, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """Return the peer of a node whose base is its camera."""
    command = node_command(model=twins[0], base_frame='camera', camera_frame='camera',
                           tf_mode='map_to_camera', max_identical_images=0)
    with connected(command, DOMAIN, tmp_path_factory.mktemp('node') / 'log.txt') as (_, peer):
        yield peer


def copy_of(pose: Pose) -> Pose:
    return Pose(pose.translation_m + np.array([SHIFT_M, 0, 0]), pose.quat_xyzw)


def error_m(message: PoseStamped, truth: Pose) -> float:
    return float(np.linalg.norm(
        pose_from_message(message.pose).translation_m - truth.translation_m))


def forget(peer: Peer) -> None:
    assert peer.call(Trigger, 'reset', Trigger.Request()).success


def say(peer: Peer, pose: Pose) -> None:
    """Publish an initial pose of half a metre, and wait until it has come."""
    publisher = peer.node.create_publisher(PoseWithCovarianceStamped, '/initialpose', 1)
    message = PoseWithCovarianceStamped()
    message.header.frame_id = 'map'
    fill_pose(message.pose.pose, pose)
    for axis in range(6):
        message.pose.covariance[7 * axis] = 0.25 if axis < 3 else 0.07
    assert peer.wait_until(lambda: publisher.get_subscription_count() > 0)
    peer.spin_for(0.3 * patience_s())
    publisher.publish(message)
    peer.spin_for(0.5 * patience_s())
    peer.node.destroy_publisher(publisher)


def test_an_ambiguous_image_has_its_poses_named_and_none_published(
        peer: Peer, twins: Twins) -> None:
    truth = next(iter(twins[1].values()))
    named, verdicts = peer.keep(PoseArray, 'ambiguous_poses'), peer.keep(
        DiagnosticArray, 'verdict')
    peer.spin_for(0.5)
    second, poses = next(SECONDS), len(peer.poses)
    peer.images.publish(picture_message(wall_view(truth, LARGE_CAMERA), second * S))
    assert peer.wait_until(lambda: named and verdicts)
    assert named[0].header.frame_id == 'map'
    assert stamp_ns(named[0].header.stamp) == second * S
    assert len(named[0].poses) == 2
    for expected in (truth, copy_of(truth)):
        errors = [np.linalg.norm(pose_from_message(pose).translation_m - expected.translation_m)
                  for pose in named[0].poses]
        assert min(errors) < 0.1
    [judged] = judged_poses(verdicts[0])
    assert judged.decision.verdict.value == 'ambiguous'
    assert 'the image fits 2 places' in judged.decision.reasons[0]
    assert len(peer.poses) == poses
    values = values_of(peer.status())
    assert values['verdict ambiguous'] == '1'
    assert (values['hypotheses'], values['rivals'], values['prior']) == ('2', '2', 'none')
    assert float(values['evidence']) > 30
    assert 0.5 < float(values['inlier ratio']) <= 1


@pytest.mark.parametrize('second_place', [False, True])
def test_an_initial_pose_tells_until_the_first_pose_and_that_the_next(
        peer: Peer, twins: Twins, second_place: bool) -> None:
    forget(peer)
    truths = list(twins[1].values())[:4]
    answers = [copy_of(truth) if second_place else truth for truth in truths]
    say(peer, answers[0])
    sources = []
    for truth, answer in zip(truths, answers, strict=True):
        [pose] = peer.send(picture_message(wall_view(truth, LARGE_CAMERA), next(SECONDS) * S))
        assert error_m(pose, answer) < 0.1
        sources.append(peer.reported('prior', 'pose, sigma').partition(',')[0])
        peer.diagnostics.clear()
    assert set(sources[1:]) <= {'initial pose', 'last pose'}
    assert sources[-1] == 'last pose'
    values = values_of(peer.status())
    assert values['rivals'] == '0'


def test_a_robot_that_was_carried_away_is_asked_for_nothing(peer: Peer, twins: Twins) -> None:
    """After the timeout without an accepted pose, its image is ambiguous again: nothing sticks."""
    forget(peer)
    truth = next(iter(twins[1].values()))
    say(peer, copy_of(truth))
    [pose] = peer.send(picture_message(wall_view(truth, LARGE_CAMERA), next(SECONDS) * S))
    assert error_m(pose, copy_of(truth)) < 0.1
    for _ in range(11):
        later = next(SECONDS)
    named = peer.keep(PoseArray, 'ambiguous_poses')
    peer.spin_for(0.5)
    peer.images.publish(picture_message(wall_view(truth, LARGE_CAMERA), later * S))
    assert peer.wait_until(lambda: named)
    assert values_of(peer.status())['prior'] == 'none'


def test_without_priors_an_initial_pose_tells_nothing(
        twins: Twins, tmp_path: Path) -> None:
    truth = next(iter(twins[1].values()))
    command = node_command(model=twins[0], base_frame='camera', camera_frame='camera',
                           tf_mode='map_to_camera', use_prior='false')
    with connected(command, DOMAIN + 1, tmp_path / 'log.txt') as (_, peer):
        named = peer.keep(PoseArray, 'ambiguous_poses')
        say(peer, truth)
        peer.images.publish(picture_message(wall_view(truth, LARGE_CAMERA), S))
        assert peer.wait_until(lambda: named)
        assert not peer.poses
