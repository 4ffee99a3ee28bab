"""Published poses, live or from a bag, against the truth of topics and TF."""

from __future__ import annotations

import csv
import json
from pathlib import Path
import subprocess
import sys

from helpers import CAMERA
import numpy as np
from posenet_ros import evaluate
from posenet_ros.errors import InputError
from posenet_ros.evaluation.estimates import online
from posenet_ros.evaluation.estimates.published import read_published_poses
from posenet_ros.evaluation.report import folder as report_files
from posenet_ros.geometry.pose import Pose, xyzw_from_wxyz
from posenet_ros.imaging.decoding import Frame
from posenet_ros.localisation.gate import Decision, Verdict
from posenet_ros.ros_data.bag_writer import (
    BagWriter,
    camera_message,
    header,
    image_message,
    make,
    new_bag,
    pose_message,
    transform_message,
)
from posenet_ros.ros_data.verdicts import from_key_values, to_key_values
from posenet_ros.utils.arguments import run_cli
import pytest
from ros_helpers import environment, node_command, running, SCALE_M, write_mean_colour_model
from transforms3d.euler import euler2quat

COUNT, STEP_NS = 10, 10**8
DOMAIN = 76
BASE_FROM_CAMERA = Pose(np.array([0.2, 0, 1.1]), np.array([-0.5, 0.5, -0.5, 0.5]))
MAP_FROM_ODOM = Pose(np.array([3.0, -2, 0]), xyzw_from_wxyz(euler2quat(0, 0, 0.7)))


def truth(i: int) -> Pose:
    return Pose(np.array([i, 2.0, 0.5]), xyzw_from_wxyz(euler2quat(0.1, 0.2, i / 20)))


def write_image(bag: BagWriter, i: int, colour: int = 0) -> int:
    time_ns = (i + 1) * STEP_NS
    image = np.full((CAMERA.height, CAMERA.width, 3), colour, np.uint8)
    bag.write('/camera/image_raw', image_message(Frame(image, time_ns, 'camera')), time_ns)
    bag.write('/camera/camera_info', camera_message(CAMERA, time_ns, 'camera'), time_ns)
    return time_ns


def odometry(pose: Pose, time_ns: int, frame_id: str, child_frame_id: str) -> object:
    inner = make('geometry_msgs/msg/PoseWithCovariance', pose_message(pose, 0, '').pose,
                 np.zeros(36))
    zero = make('geometry_msgs/msg/Vector3', 0.0, 0.0, 0.0)
    twist = make('geometry_msgs/msg/TwistWithCovariance',
                 make('geometry_msgs/msg/Twist', zero, zero), np.zeros(36))
    return make('nav_msgs/msg/Odometry', header(time_ns, frame_id), child_frame_id, inner, twist)


def run(*arguments: str | Path) -> int:
    return run_cli(lambda: evaluate.main([str(a) for a in arguments]))


def read(folder: Path) -> dict:
    return json.loads((folder / 'report.json').read_text())


@pytest.fixture
def _no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_files, 'html_page', lambda *arguments: '<html>')


def write_recording(path: Path, truth_frame: str = 'map') -> Path:
    """Write truths and poses 0.3 m off, 20 ms late; image 4 has none, 6 has NaN."""
    off = Pose(np.array([0.3, 0, 0]))
    with new_bag(path) as bag:
        for i in range(COUNT):
            time_ns = write_image(bag, i)
            bag.write('/truth', pose_message(truth(i), time_ns, truth_frame), time_ns)
            if i == 4:
                continue
            answer = pose_message(off @ truth(i), time_ns, 'map')
            if i == 6:
                answer.pose.position.x = float('nan')
            bag.write('/relocaliser/pose', answer, time_ns + 20_000_000)
    return path


@pytest.mark.usefixtures('_no_page')
def test_recorded_poses(tmp_path: Path) -> None:
    bag = write_recording(tmp_path / 'bag')
    assert run('--bag', bag, '--truth-topic', '/truth', '--estimate-topic', '/relocaliser/pose',
               '--out', tmp_path / 'r') == 0
    report = read(tmp_path / 'r')
    assert report['frames'] == {'total': 10, 'estimated': 8, 'accepted': 8, 'dropped': 2}
    assert report['translation_m']['max'] == pytest.approx(0.3)
    assert report['latency_ms']['end_to_end']['p99'] == pytest.approx(20)
    assert report['data']['kind'] == 'recorded'


def test_the_first_of_several_answers_to_an_image_counts(tmp_path: Path) -> None:
    with new_bag(tmp_path / 'bag') as bag:
        for late, x in enumerate((1.0, 2.0, 3.0)):
            answer = pose_message(Pose(np.array([x, 0, 0])), STEP_NS, 'map')
            bag.write('/relocaliser/pose', answer, STEP_NS + 1000 * (1 + late))
    published, frame_id = read_published_poses(tmp_path / 'bag', '/relocaliser/pose')
    assert frame_id == 'map'
    assert list(published) == [STEP_NS]
    assert published[STEP_NS].pose.translation_m[0] == 1.0
    assert published[STEP_NS].arrived_ns == STEP_NS + 1000


def verdict(decision: Decision, pose: Pose, time_ns: int) -> object:
    words = [make('diagnostic_msgs/msg/KeyValue', *item)
             for item in to_key_values(decision, pose).items()]
    status = make('diagnostic_msgs/msg/DiagnosticStatus', 1, 'relocaliser', '', '', words)
    return make('diagnostic_msgs/msg/DiagnosticArray', header(time_ns, 'map'), [status])


@pytest.mark.usefixtures('_no_page')
def test_recorded_verdicts_tell_withheld_poses_from_none(tmp_path: Path) -> None:
    jump = Decision(Verdict.JUMP, ('jump of 7 m',))
    with new_bag(tmp_path / 'bag') as bag:
        for i in range(COUNT):
            time_ns = write_image(bag, i)
            bag.write('/truth', pose_message(truth(i), time_ns, 'map'), time_ns)
            if i < 6:
                bag.write('/relocaliser/pose', pose_message(truth(i), time_ns, 'map'), time_ns)
            if 4 <= i < 9:
                decision = jump if i >= 6 else Decision(Verdict.ACCEPTED)
                bag.write('/relocaliser/verdict', verdict(decision, truth(i), time_ns), time_ns)
    assert run('--bag', tmp_path / 'bag', '--truth-topic', '/truth', '--estimate-topic',
               '/relocaliser/pose', '--out', tmp_path / 'r') == 0
    report = read(tmp_path / 'r')
    assert report['frames'] == {'total': 10, 'estimated': 9, 'accepted': 6, 'dropped': 1}
    assert report['outcomes'] == {'accepted': 6, 'jump': 3, 'dropped': 1}
    assert report['data']['answers'] == 6
    withheld = rows(tmp_path / 'r')['image000007']
    assert 'jump of 7 m' in withheld.values()
    assert float(withheld['x']) == truth(7).translation_m[0]


def test_recorded_poses_of_an_ambiguous_image_are_those_of_its_stamp(tmp_path: Path) -> None:
    here, copy, other = truth(1), truth(7), truth(4)
    ambiguous = Decision(Verdict.AMBIGUOUS, ('two places',))
    with new_bag(tmp_path / 'bag') as bag:
        bag.write('/relocaliser/pose', pose_message(truth(0), 1, 'map'), STEP_NS)
        for stamp, named in ((2, (here, copy)), (3, (other, here))):
            bag.write('/relocaliser/verdict', verdict(ambiguous, named[0], stamp), STEP_NS)
            array = make('geometry_msgs/msg/PoseArray', header(stamp, 'map'),
                         [pose_message(pose, stamp, '').pose for pose in named])
            bag.write('/relocaliser/ambiguous_poses', array, STEP_NS)
    published, _ = read_published_poses(tmp_path / 'bag', '/relocaliser/pose')
    assert [len(published[stamp].ambiguous) for stamp in (1, 2, 3)] == [0, 2, 2]
    for stamp, named in ((2, (here, copy)), (3, (other, here))):
        for found, expected in zip(published[stamp].ambiguous, named, strict=True):
            np.testing.assert_allclose(found.matrix, expected.matrix, atol=1e-12)


def test_a_verdict_that_is_not_known_is_an_error() -> None:
    words = to_key_values(Decision(Verdict.STALE), truth(3))
    np.testing.assert_allclose(
        from_key_values(words).map_from_camera.matrix, truth(3).matrix, atol=1e-15)
    assert from_key_values({**words, 'x': 'nan'}).map_from_camera is None
    with pytest.raises(InputError, match='stale'):
        from_key_values({**words, 'verdict': 'tired'})


@pytest.mark.usefixtures('_no_page')
def test_truth_in_a_frame_that_tf_does_not_join_is_refused(
        tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    bag = write_recording(tmp_path / 'bag', 'world')
    assert run('--bag', bag, '--truth-topic', '/truth', '--estimate-topic', '/relocaliser/pose',
               '--out', tmp_path / 'r') == 2
    assert "TF has to join 'map' and 'world'" in capsys.readouterr().err
    assert not (tmp_path / 'r').exists()


def write_robot(path: Path) -> Path:
    """Write the truth as odometry of the base, which TF joins with the map and the camera."""
    with new_bag(path) as bag:
        bag.write_transforms('/tf_static', [
            transform_message(BASE_FROM_CAMERA, 1, 'base_link', 'camera')], 1)
        for i in range(COUNT):
            time_ns = write_image(bag, i)
            odom_from_base = MAP_FROM_ODOM.inverse() @ truth(i) @ BASE_FROM_CAMERA.inverse()
            bag.write('/odom', odometry(odom_from_base, time_ns, 'odom', 'base_link'), time_ns)
            bag.write('/relocaliser/pose', pose_message(truth(i), time_ns, 'map'), time_ns)
            bag.write_transforms('/tf', [
                transform_message(MAP_FROM_ODOM, time_ns, 'map', 'odom'),
                transform_message(odom_from_base, time_ns, 'odom', 'base_link')], time_ns)
    return path


@pytest.mark.parametrize('truth_options', [
    ('--truth-topic', '/odom'), ('--truth-tf', 'map', 'camera')])
@pytest.mark.usefixtures('_no_page')
def test_truth_of_the_base_in_odom_is_brought_to_the_camera_in_the_map(
        tmp_path: Path, truth_options: tuple[str, ...]) -> None:
    bag = write_robot(tmp_path / 'bag')
    assert run('--bag', bag, *truth_options, '--estimate-topic', '/relocaliser/pose',
               '--out', tmp_path / 'r') == 0
    report = read(tmp_path / 'r')
    assert report['frames']['accepted'] == COUNT
    assert report['translation_m']['max'] < 1e-9
    assert report['rotation_deg']['max'] < 1e-6


@pytest.mark.parametrize('arguments', [('--live',), ('--estimate-topic', '/pose')])
def test_published_poses_need_a_bag(
        tmp_path: Path, capsys: pytest.CaptureFixture, arguments: tuple[str, ...]) -> None:
    assert run('--data', tmp_path, *arguments, '--out', tmp_path / 'r') == 2
    assert '--bag BAG' in capsys.readouterr().err


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / 'frames.csv').open(newline='') as file:
        return {row['name']: row for row in csv.DictReader(file)}


def evaluate_process(domain: int, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, '-m', 'posenet_ros.evaluate', *map(str, arguments)]
    return subprocess.run(command, env=environment(domain), capture_output=True, text=True,
                          timeout=90, check=False)


def test_live_and_offline_give_the_same_poses(tmp_path: Path) -> None:
    model = write_mean_colour_model(tmp_path / 'model')
    with new_bag(tmp_path / 'bag') as bag:
        for i in range(COUNT):
            time_ns = write_image(bag, i, 20 * i)
            pose = Pose(np.full(3, 20 * i / 255 * SCALE_M))
            bag.write('/truth', pose_message(pose, time_ns, 'map'), time_ns)
    # the last image's pose is 3.6 m outside the trained area: withheld, which is not dropped
    # no image may wait for camera_info, which this bag lacks
    command = node_command(model=model, max_distance_m=3.0, camera_info_policy='ignore', remaps=(
        'image:=/camera/image_raw', 'camera_info:=/camera/camera_info'))
    common = ('--bag', tmp_path / 'bag', '--model', model)
    with running(command, DOMAIN, tmp_path / 'node.log'):
        live = evaluate_process(DOMAIN, '--live', *common, '--out', tmp_path / 'live')
    assert live.returncode == 0, live.stderr
    offline = evaluate_process(DOMAIN, *common, '--out', tmp_path / 'offline')
    assert offline.returncode == 0, offline.stderr
    online, computed = rows(tmp_path / 'live'), rows(tmp_path / 'offline')
    outcomes = [row['outcome'] for row in online.values()]
    assert outcomes.count('accepted') >= COUNT - 2
    assert outcomes[-1] == 'out_of_bounds'
    answered = [name for name, row in online.items() if row['outcome'] != 'dropped']
    for name in answered:
        for key in ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw'):
            assert float(online[name][key]) == pytest.approx(float(computed[name][key]), abs=1e-5)
    report = read(tmp_path / 'live')
    assert report['latency_ms']['end_to_end']['p50'] > 0
    assert report['data']['largest_difference_to_offline'] == {
        'frames': len(answered), 'translation_m': pytest.approx(0, abs=1e-5),
        'rotation_deg': pytest.approx(0, abs=1e-5)}


def test_no_node_is_an_error(tmp_path: Path) -> None:
    script = ('from pathlib import Path; from posenet_ros.evaluation.estimates import online; '
              'online.NODE_TIMEOUT_S = 0.5; online.record_node(Path("bag"), "/relocaliser")')
    done = subprocess.run(
        [sys.executable, '-c', script], env=environment(DOMAIN + 1), cwd=tmp_path,
        capture_output=True, text=True, timeout=60, check=False)
    assert 'expected a running relocaliser' in done.stderr.splitlines()[-1]


def test_the_log_of_the_player_is_read(tmp_path: Path) -> None:
    log = tmp_path / 'sent.csv'
    log.write_text('stamp_ns,sent_monotonic_ns\n1700000000000000000,5\n1700000000100000000,7\n')
    assert online.read_publish_times(log) == {1700000000000000000: 5, 1700000000100000000: 7}
