"""Sources: bags of ROS 1 and 2, JPEGs decoded as by the node, every dataset layout."""

from __future__ import annotations

from functools import partial
from pathlib import Path
import time
from typing import Any

import cv2
from helpers import tiny_artifact
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.evaluation.runner import prepare_query
from posenet_ros.evaluation.sources import open_bag, open_dataset, SequenceSplitter, Topics
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.pipeline import localise
from posenet_ros.localisation.relocaliser import Prediction, Relocaliser
from posenet_ros.ros_data.bag_writer import compressed_message, new_bag, pose_message
from posenet_ros.ros_data.messages import frame_from_message
import pytest
from rosbags.rosbag1 import Writer
from rosbags.typesys import get_types_from_msg, get_typestore, Stores

from ..training.data.test_datasets import write_seven_scenes, write_tum

ROS1 = get_typestore(Stores.ROS1_NOETIC)
ROS1.register(get_types_from_msg(
    'geometry_msgs/TransformStamped[] transforms', 'tf2_msgs/msg/TFMessage'))
CAMERA = Camera(640, 480, 500.0, 500.0, 319.5, 239.5)
COUNT, STEP_NS = 4, 10**8


def truth(i: int) -> Pose:
    return Pose(np.array([i, 2.0, 0.5]), np.array([0, 0, np.sin(i / 9), np.cos(i / 9)]))


def picture(i: int) -> np.ndarray:
    noise = np.random.default_rng(i).integers(0, 256, (12, 16, 3), np.uint8)
    return np.asarray(cv2.resize(noise, CAMERA.size), np.uint8)


def jpeg(i: int) -> np.ndarray:
    return cv2.imencode('.jpg', picture(i)[..., ::-1])[1]


def ros1(kind: str, *values: object) -> Any:  # noqa: ANN401
    return ROS1.types[kind](*values)


def ros1_header(time_ns: int, frame_id: str) -> Any:  # noqa: ANN401
    stamp = ros1('builtin_interfaces/msg/Time', *divmod(time_ns, 10**9))
    return ros1('std_msgs/msg/Header', 0, stamp, frame_id)


def ros1_pose(pose: Pose, point: str) -> tuple[Any, Any]:
    return (ros1(f'geometry_msgs/msg/{point}', *pose.translation_m.tolist()),
            ros1('geometry_msgs/msg/Quaternion', *pose.quat_xyzw.tolist()))


def ros1_messages(i: int, compressed: bool) -> dict[str, Any]:
    """Return topic -> message: an image, its camera, its truth as a pose and as TF."""
    header = ros1_header((i + 1) * STEP_NS, 'camera')
    matrix = CAMERA.matrix
    roi = ros1('sensor_msgs/msg/RegionOfInterest', 0, 0, 0, 0, False)
    image = ('/camera/image_raw/compressed', ros1(
        'sensor_msgs/msg/CompressedImage', header, 'jpeg', jpeg(i).ravel())) if compressed else (
        '/camera/image_raw', ros1('sensor_msgs/msg/Image', header, 480, 640, 'rgb8', 0, 3 * 640,
                                  picture(i).ravel()))
    moved = ros1('geometry_msgs/msg/Transform', *ros1_pose(truth(i), 'Vector3'))
    in_map = ros1_header((i + 1) * STEP_NS, '/map')
    return {
        '/camera/camera_info': ros1(
            'sensor_msgs/msg/CameraInfo', header, 480, 640, 'plumb_bob', np.zeros(5),
            matrix.ravel(), np.eye(3).ravel(), np.hstack([matrix, np.zeros((3, 1))]).ravel(),
            0, 0, roi),
        '/truth': ros1('geometry_msgs/msg/PoseStamped', in_map, ros1(
            'geometry_msgs/msg/Pose', *ros1_pose(truth(i), 'Point'))),
        '/tf': ros1('tf2_msgs/msg/TFMessage', [ros1(
            'geometry_msgs/msg/TransformStamped', in_map, 'camera', moved)]),
        image[0]: image[1]}


def write_ros1_bag(path: Path, *, compressed: bool) -> Path:
    with Writer(path) as bag:
        connections: dict[str, Any] = {}
        for i in range(COUNT):
            for topic, message in ros1_messages(i, compressed).items():
                kind = message.__msgtype__
                if topic not in connections:
                    connections[topic] = bag.add_connection(topic, kind, typestore=ROS1)
                data = ROS1.serialize_ros1(message, kind)
                bag.write(connections[topic], (i + 1) * STEP_NS, data)
    return path


@pytest.mark.parametrize('truth_tf', [None, ('map', 'camera')])
@pytest.mark.parametrize('compressed', [False, True])
def test_a_ros_1_bag(tmp_path: Path, compressed: bool, truth_tf: tuple[str, str] | None) -> None:
    bag = write_ros1_bag(tmp_path / 'walk.bag', compressed=compressed)
    with open_bag(bag, Topics(truth_tf=truth_tf)) as source:
        queries = list(source.queries)
    assert source.camera == CAMERA
    assert [query.stamp_ns for query in queries] == [(i + 1) * STEP_NS for i in range(COUNT)]
    for i, query in enumerate(queries):
        np.testing.assert_allclose(query.truth.matrix, truth(i).matrix, atol=1e-12)
        expected = cv2.imdecode(jpeg(i), cv2.IMREAD_COLOR)[..., ::-1] if compressed else picture(i)
        np.testing.assert_array_equal(query.load(None), expected)


def test_a_ros_1_bag_that_is_cut_off_is_an_error(tmp_path: Path) -> None:
    bag = write_ros1_bag(tmp_path / 'walk.bag', compressed=True)
    bag.write_bytes(bag.read_bytes()[:-2000])
    with pytest.raises(InputError, match='expected a whole ROS bag'), open_bag(bag, Topics()):
        pass


def test_a_jpeg_is_decoded_as_the_node_decodes_it(tmp_path: Path) -> None:
    """It is twelve times larger than the network needs, so both decode it at half size."""
    seen: list[np.ndarray] = []

    def predict(batch: np.ndarray) -> Prediction:
        seen.append(batch[0].copy())
        return Prediction(np.zeros((1, 3)), np.array([[0.0, 0, 0, 1]]))

    relocaliser = Relocaliser(predict, tiny_artifact())
    message = compressed_message(jpeg(0).ravel(), 'jpeg', STEP_NS, 'camera')
    decode = partial(frame_from_message, message)
    assert localise(relocaliser, decode, CAMERA, time.monotonic).estimate
    with new_bag(tmp_path / 'bag') as bag:
        bag.write('/image', message, STEP_NS)
        bag.write('/truth', pose_message(truth(0), STEP_NS, 'map'), STEP_NS)
    with open_bag(tmp_path / 'bag', Topics()) as source:
        (query,) = source.queries
    assert query.load(relocaliser.reduction).shape == (240, 320, 3)
    _, prepared = prepare_query(relocaliser, query, CAMERA)
    np.testing.assert_array_equal(prepared.network_input, seen[0])
    in_full = relocaliser.prepare(query.load(None), CAMERA)
    assert not np.array_equal(in_full, seen[0])


def test_seven_scenes_and_tum_are_read_as_for_training(tmp_path: Path) -> None:
    poses = write_seven_scenes(tmp_path / 'heads')
    source = open_dataset(tmp_path / 'heads', 'test')
    queries = list(source.queries)
    assert [query.sequence for query in queries] == ['seq-02'] * len(poses)
    np.testing.assert_allclose(queries[1].truth.matrix, poses[1].matrix, atol=1e-6)
    source = open_dataset(write_tum(tmp_path), 'train')
    assert (source.total, source.data['without_truth']) == (361, 1)
    assert len(list(source.queries)) == 360


def test_a_sequence_begins_after_a_pause_and_where_time_begins_anew_but_not_with_a_late_image(
        ) -> None:
    splitter = SequenceSplitter()
    stamps_s = [10.0, 10.1, 10.05, 10.2, 13.0, 13.1, 5.0, 5.1]
    assert [splitter.sequence_at(round(stamp * 1e9)) for stamp in stamps_s] == [
        'part1'] * 4 + ['part2'] * 2 + ['part3'] * 2


def test_the_image_size_of_a_dataset_is_that_of_the_option(tmp_path: Path) -> None:
    source = open_dataset(write_tum(tmp_path), 'train', '50')
    query = next(source.queries)
    assert source.camera.size == query.load(None).shape[1::-1]
    assert source.camera.fx == 50.0
