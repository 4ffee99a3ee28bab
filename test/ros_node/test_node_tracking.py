"""The node tracks the camera between localisations, over real DDS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from map_helpers import write_map_model
import numpy as np
from posenet_ros.geometry.lie import interpolate
from posenet_ros.geometry.pose import Pose
from posenet_ros.ros_data.messages import pose_from_message
import pytest
from ros_helpers import connected, node_command, Peer, picture_message, values_of
from std_srvs.srv import Trigger
from training_helpers import LARGE_CAMERA, wall_view

DOMAIN = 214
PERIOD_NS = 33_333_333
NOISE = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
Walked = tuple[Path, dict[str, Pose]]


@pytest.fixture(scope='module')
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    folder = tmp_path_factory.mktemp('map')
    return write_map_model(folder / 'model', folder / 'wall')


@pytest.fixture(scope='module')
def peer(walked: Walked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with connected(node_command(model=walked[0]), DOMAIN,
                   tmp_path_factory.mktemp('node') / 'log.txt') as (_, peer):
        yield peer


def slow_walk(walked: Walked, count: int) -> list[Pose]:
    """Return poses from one test image towards the next, some pixels apart."""
    first, second = list(walked[1].values())[4:6]
    return [interpolate(first, second, index / 60) for index in range(count)]


def counts(peer: Peer) -> dict[str, int]:
    values = values_of(peer.status())
    return {name: int(values.get(name, 0)) for name in (
        'tracked', 'localised', 'images answered', 'images dropped', 'verdict accepted')}


def walk(peer: Peer, poses: list[Pose], start_ns: int) -> list[float]:
    """Send images of poses one after another; return the errors of the answers, metres."""
    errors = []
    for index, truth in enumerate(poses):
        [answer] = peer.send(picture_message(
            wall_view(truth, LARGE_CAMERA), start_ns + index * PERIOD_NS))
        pose = pose_from_message(answer.pose)
        errors.append(float(np.linalg.norm(pose.translation_m - truth.translation_m)))
    return errors


def test_a_walk_is_tracked_and_localised_once_a_second(peer: Peer, walked: Walked) -> None:
    errors = walk(peer, slow_walk(walked, 45), 10**12)
    assert max(errors) < 0.06
    found = counts(peer)
    assert found['images answered'] == 45
    assert 40 <= found['tracked'] <= 44  # all but the first and those while that was localised
    assert 2 <= found['localised'] <= 5
    assert values_of(peer.status())['tracking'] == 'on'


def test_who_asks_to_be_relocalised_is_localised(peer: Peer, walked: Walked) -> None:
    before = counts(peer)
    peer.call(Trigger, 'relocalise', Trigger.Request())
    walk(peer, slow_walk(walked, 1), 2 * 10**12)
    after = counts(peer)
    assert after['tracked'] == before['tracked']
    assert after['localised'] == before['localised'] + 1


def test_lost_tracking_is_noticed_and_found_again(peer: Peer, walked: Walked) -> None:
    walk(peer, slow_walk(walked, 4), 3 * 10**12)
    before = counts(peer)
    for index in range(4, 8):
        peer.images.publish(picture_message(NOISE, 3 * 10**12 + index * PERIOD_NS))
        peer.spin_for(0.3)
    assert counts(peer)['tracked'] == before['tracked']
    assert counts(peer)['images answered'] == before['images answered']
    errors = walk(peer, slow_walk(walked, 12)[8:], 3 * 10**12 + 8 * PERIOD_NS)
    assert max(errors) < 0.06
    assert counts(peer)['tracked'] > before['tracked']


def test_switched_off_every_image_is_localised(walked: Walked, tmp_path: Path) -> None:
    command = node_command(model=walked[0], tracking='false')
    with connected(command, DOMAIN + 1, tmp_path / 'log.txt') as (_, peer):
        walk(peer, slow_walk(walked, 3), 10**12)
        assert counts(peer)['tracked'] == 0
        assert values_of(peer.status())['tracking'] == 'off'
