"""Bags as people bring them: read right at every door, or refused by name."""

from __future__ import annotations

import argparse
from collections.abc import Callable
import json
from pathlib import Path
import shutil
import sqlite3

from bag_helpers import (
    CAMERA,
    camera_info,
    COUNT,
    DISTORTED,
    HEIGHT,
    image,
    messages,
    MOUNTED_M,
    OPTICAL,
    picture,
    position,
    robot,
    serialised,
    START_NS,
    STEP_NS,
    uncalibrated,
    WIDTH,
    write_bag,
    write_mcap,
)
import cv2
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.evaluation.sources import open_bag, Topics
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.headers import ImageError
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.bag_writer import make, transform_message
from posenet_ros.ros_data.messages import frame_from_message
from posenet_ros.training.pipelines.bag_import import write_dataset
from posenet_ros.training.sources.bags.options import BagOptions
from posenet_ros.training.sources.bags.walk import read_bag
import pytest
from rosbags.rosbag1 import Writer as Writer1
from rosbags.typesys import get_typestore, Stores
import yaml

JSON_CHANNEL = ('/log', 'json', 'jsonschema', b'{"type":"object"}', b'{"a":1}')
PROTOBUF_CHANNEL = ('/points', 'protobuf', 'protobuf', b'\x0a\xff\xfe\x80', b'\x08\x96\x01')
SCHEMALESS = ('/bytes', 'json', '', b'', b'[]')
AT_CAMERA = [Pose(position(i)) for i in range(COUNT)]
MOUNTED = Pose(MOUNTED_M, OPTICAL)


def metadata_of(bag: Path, change: Callable[[dict], None]) -> Path:
    """Change the metadata.yaml of a bag."""
    file = bag / 'metadata.yaml'
    content = yaml.safe_load(file.read_text())
    change(content['rosbag2_bagfile_information'])
    file.write_text(yaml.safe_dump(content))
    return bag


def without_metadata(bag: Path) -> Path:
    (bag / 'metadata.yaml').unlink()
    return bag


def renamed(bag: Path, name: str) -> Path:
    """Give the file of a bag another name than metadata.yaml has."""
    file = next(file for file in bag.iterdir() if file.suffix != '.yaml')
    file.rename(bag / name)
    return bag


def split(folder: Path, storage: str) -> Path:
    """Make a recording of two files, the second with a number that sorts wrongly as text."""
    folder.mkdir()
    timed = messages()
    half = len(timed) // 2
    for number, part in ((9, timed[:half]), (10, timed[half:])):
        bag = write_bag(folder / f'part{number}', part, storage)
        file = next(file for file in bag.iterdir() if file.suffix != '.yaml')
        file.rename(folder / f'walk_{number}{file.suffix}')
        shutil.rmtree(bag)
    return folder


def other_topic_broken(path: Path) -> Path:
    """Write a bag with one topic more, whose message definition nobody can parse."""
    text = make('std_msgs/msg/String', 'hello')
    return write_mcap(path, [('/note', START_NS, text), *messages()],
                      definitions={'std_msgs/msg/String': 'strin g ((data\n=== what'})


def ros_1(path: Path) -> Path:
    """Write the images, poses and camera_info of a bag of ROS 1."""
    types = get_typestore(Stores.ROS1_NOETIC)
    with Writer1(path) as writer:
        known = {}
        for topic, ns, message in messages():
            kind = message.__msgtype__
            known.setdefault(topic, None)
            if known[topic] is None:
                known[topic] = writer.add_connection(topic, kind, typestore=types)
            message.header = types.types['std_msgs/msg/Header'](
                0, message.header.stamp, message.header.frame_id)
            if kind.endswith('CameraInfo'):
                message.D, message.K, message.R, message.P = (
                    message.d, message.k, message.r, message.p)
            writer.write(known[topic], ns, types.serialize_ros1(message, kind))
    return path


def in_folder(folder: Path, make_file: Callable[[Path], Path], name: str) -> Path:
    folder.mkdir()
    make_file(folder / name)
    return folder


def written_in(folder: Path, write: Callable[[Path], Path]) -> Path:
    """Write a bag, and move it into a folder whose name the library that writes cannot take."""
    folder.parent.mkdir()
    return write(folder.parent.with_name('plain')).rename(folder)


def with_bad_message(bag: Path) -> Path:
    """Damage the fourth image of an sqlite3 bag."""
    file = next(bag.glob('*.db3'))
    with sqlite3.connect(file) as database:
        rows = database.execute(
            'SELECT messages.id FROM messages JOIN topics ON topic_id = topics.id '
            "WHERE name = '/camera/image_raw' ORDER BY timestamp").fetchall()
        database.execute('UPDATE messages SET data = ? WHERE id = ?', (b'\0\1\2', rows[3][0]))
    database.close()
    return bag


BAGS: dict[str, Callable[[Path], Path]] = {
    'usual': lambda p: write_bag(p, messages()),
    'sqlite3': lambda p: write_bag(p, messages(), 'sqlite3'),
    'no metadata, mcap': lambda p: without_metadata(write_bag(p, messages())),
    'no metadata, sqlite3': lambda p: without_metadata(write_bag(p, messages(), 'sqlite3')),
    'two files without metadata': lambda p: split(p, 'mcap'),
    'two files without metadata, sqlite3': lambda p: split(p, 'sqlite3'),
    'metadata names other files': lambda p: renamed(write_bag(p, messages()), 'kitchen.mcap'),
    'metadata names other files, sqlite3': lambda p: renamed(
        write_bag(p, messages(), 'sqlite3'), 'kitchen.db3'),
    'metadata is no YAML': lambda p: _written(write_bag(p, messages()), '{[: what'),
    'metadata is empty': lambda p: _written(write_bag(p, messages()), ''),
    'metadata of a newer version': lambda p: metadata_of(
        write_bag(p, messages()), lambda m: m.update(version=99)),
    'metadata lacks a topic': lambda p: metadata_of(
        write_bag(p, messages()), lambda m: m['topics_with_message_count'].pop()),
    'metadata counts nothing': lambda p: metadata_of(write_bag(p, messages()), lambda m: m.update(
        message_count=0, duration={'nanoseconds': 0})),
    'metadata has another storage': lambda p: metadata_of(
        write_bag(p, messages()), lambda m: m.update(storage_identifier='sqlite3')),
    'metadata names a topic in JSON': lambda p: metadata_of(
        write_bag(p, messages()),
        lambda m: m['topics_with_message_count'].append({
            'message_count': 0, 'topic_metadata': {
                'name': '/log', 'type': 'my.Log', 'serialization_format': 'json',
                'offered_qos_profiles': []}})),
    'JSON channel': lambda p: write_mcap(p, messages(), others=[JSON_CHANNEL]),
    'protobuf channel': lambda p: write_mcap(p, messages(), others=[PROTOBUF_CHANNEL]),
    'channel without a schema': lambda p: write_mcap(p, messages(), others=[SCHEMALESS]),
    'no profile': lambda p: write_mcap(p, messages(), profile=''),
    'chunk in lz4': lambda p: write_mcap(p, messages(), compression='lz4'),
    'broken type of another topic': other_topic_broken,
    'messages in zstd': lambda p: write_bag(p, messages(), 'sqlite3', 'message'),
    'messages in zstd, no metadata': lambda p: without_metadata(
        write_bag(p, messages(), 'sqlite3', 'message')),
    'files in zstd': lambda p: write_bag(p, messages(), 'sqlite3', 'file'),
    'files in zstd, no metadata': lambda p: without_metadata(
        write_bag(p, messages(), 'sqlite3', 'file')),
    'mcap files in zstd, no metadata': lambda p: without_metadata(
        write_bag(p, messages(), 'mcap', 'file')),
    'chunks in zstd': lambda p: write_bag(p, messages(), 'mcap', 'storage'),
    'ROS 1': lambda p: ros_1(p.with_suffix('.bag')),
    'ROS 1 in a folder': lambda p: in_folder(p, ros_1, 'old.bag'),
    'ROS 1 without its suffix': ros_1,
    'mcap called .bag': lambda p: write_mcap(p.with_suffix('.bag'), messages()),
    'folder called .bag': lambda p: write_bag(p.with_suffix('.bag'), messages()),
    'folder with signs': lambda p: written_in(p / '#1 50% ?x=\'"', lambda inner: write_bag(
        inner, messages(), 'sqlite3')),
    'folder with signs, no metadata': lambda p: without_metadata(written_in(
        p / 'é#ü%41 ?', lambda inner: write_bag(inner, messages(), 'sqlite3'))),
    'late calibration': lambda p: write_bag(p, messages(
        info=lambda i: uncalibrated(i) if i < 5 else camera_info(i))),
    'frames with a slash': lambda p: write_bag(p, messages(
        lambda i: image(i, frame_id='/camera_optical_frame')))}


def _written(bag: Path, text: str) -> Path:
    (bag / 'metadata.yaml').write_text(text)
    return bag


def placed(tmp_path: Path, write: Callable[[Path], Path]) -> Path:
    """Write a bag in a folder of its own."""
    (tmp_path / 'made').mkdir()
    return write(tmp_path / 'made' / 'walk')


def evaluated(bag: Path, topics: Topics = Topics()) -> tuple[list, dict, object]:  # noqa: B008
    """Return what the evaluator reads of a bag: queries, description, camera."""
    with open_bag(bag, topics) as source:
        queries = list(source.queries)
        for query in queries[:2]:
            query.load(None)
        return queries, source.data, source.camera


def assert_truths(queries: list, expected: list[Pose]) -> None:
    assert len(queries) == len(expected)
    for query, pose in zip(queries, expected, strict=True):
        np.testing.assert_allclose(query.truth.matrix, pose.matrix, atol=1e-9)


def import_options(bag: Path, **more: object) -> argparse.Namespace:
    return argparse.Namespace(**{
        'bag': [bag], 'test_bag': [], 'test_share': 0.0, 'block': None, 'every': 1, 'image': None,
        'camera': None, 'camera_info': None, 'pose': '/truth', 'tf': None, 'pose_of': None,
        'max_gap': 0.2, **more})


@pytest.mark.parametrize('name', BAGS)
def test_every_door_reads_the_same(name: str, tmp_path: Path) -> None:
    bag = placed(tmp_path, BAGS[name])
    queries, data, camera = evaluated(bag)
    assert_truths(queries, AT_CAMERA)
    assert camera == CAMERA
    assert 'damage' not in data
    assert ('bag' in data) == ('metadata' in name)
    np.testing.assert_array_equal(queries[3].load(None), picture(3))

    (tmp_path / 'data').mkdir()
    result = write_dataset(tmp_path / 'data', import_options(bag))
    assert len(result.rows['train']) == COUNT
    np.testing.assert_allclose(result.rows['train'][5][1].translation_m, position(5))
    assert json.loads((tmp_path / 'data' / 'camera.json').read_text())['fx'] == 50

    walk = read_bag(bag, 'walk', tmp_path / 'map', BagOptions())
    assert len(walk.images) == COUNT
    assert walk.camera == CAMERA
    with BagReader(bag) as reader:  # as replay does
        assert sum(message.topic == '/truth' for message in reader.raw_messages()) == COUNT


@pytest.mark.parametrize(('files', 'text'), [
    (('monday.mcap', 'tuesday.mcap'), 'a folder of several, monday.mcap, tuesday.mcap; give one'),
    (('walk.mcap', 'walk.db3'), 'a folder of several'),
    (('a/walk.mcap', 'b/walk.mcap'), 'a folder of several, a, b; give one'),
    (('a/walk.mcap',), 'a folder of several, a; give one'),
    (('notes.txt',), 'has to hold metadata.yaml, or .mcap')])
def test_a_folder_that_is_no_bag_is_refused_by_name(
        files: tuple[str, ...], text: str, tmp_path: Path) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'x')
    for door in (lambda: evaluated(tmp_path), lambda: BagReader(tmp_path)):
        with pytest.raises(InputError) as caught:
            door()
        assert text in str(caught.value)
        assert '\n' not in str(caught.value)


@pytest.mark.parametrize(('channel', 'topic', 'text'), [
    (JSON_CHANNEL, '/log', '/log (my.Type in json)'),
    (PROTOBUF_CHANNEL, '/points', '/points (my.Type in protobuf)'),
    (SCHEMALESS, '/bytes', '/bytes (__schemaless__ in json)')])
def test_a_channel_that_is_not_of_ros_counts_when_it_is_asked_for(
        channel: tuple, topic: str, text: str, tmp_path: Path) -> None:
    bag = write_mcap(tmp_path / 'a.mcap', messages(), others=[channel])
    with BagReader(bag) as reader, pytest.raises(InputError, match='expected an image') as caught:
        reader.image_topic(topic)
    assert f'Received: {text}' in str(caught.value)


def test_a_broken_type_counts_when_it_is_asked_for(tmp_path: Path) -> None:
    bag = other_topic_broken(tmp_path / 'a.mcap')
    with BagReader(bag) as reader, pytest.raises(InputError, match=r'definition of std_msgs'):
        list(reader.messages('/note'))


def test_ros_messages_in_json_are_no_images(tmp_path: Path) -> None:
    timed = [message for message in messages() if message[0] != '/camera/image_raw']
    bag = write_mcap(tmp_path / 'a.mcap', timed, others=[
        ('/camera/image_raw', 'json', 'jsonschema', b'{}', b'{}')])
    with pytest.raises(InputError, match=r'/camera/image_raw \(my.Type in json\)'):
        evaluated(bag)


def test_messages_that_a_killed_recorder_left_are_said(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / 'walk', messages(), 'sqlite3')
    (bag / 'walk.db3-wal').write_bytes(b'x' * 100)
    _, data, _ = evaluated(bag)
    assert 'messages in walk.db3-wal are not read' in data['damage']


def test_one_message_that_cannot_be_decoded_ends_nothing(tmp_path: Path) -> None:
    bag = with_bad_message(write_bag(tmp_path / 'walk', messages(), 'sqlite3'))
    queries, data, _ = evaluated(bag)
    assert len(queries) == COUNT - 1
    assert data['rejected'] == 1
    assert 'in message 3 of /camera/image_raw' in data['reasons_for_rejection'][0]
    (tmp_path / 'data').mkdir()
    result = write_dataset(tmp_path / 'data', import_options(bag))
    assert (result.counts['bad'], len(result.rows['train'])) == (1, COUNT - 1)
    walk = read_bag(bag, 'walk', tmp_path / 'map', BagOptions())
    assert len(walk.images) == COUNT - 1
    assert '1 not usable' in walk.notes[-1]


def test_more_than_a_tenth_of_bad_messages_ends_it(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / 'walk', messages(), 'sqlite3')
    file = next(bag.glob('*.db3'))
    with sqlite3.connect(file) as database:
        database.execute('UPDATE messages SET data = ? WHERE id % 5 = 0', (b'\0\1\2',))
    database.close()
    with pytest.raises(InputError, match=r'in message \d+ of .camera.image_raw.*lines are bad'):
        evaluated(bag)


# --- frames, cameras, stamps


@pytest.mark.parametrize('names', [
    {'child': '/base_link'}, {'parent': '/base_link'}, {'camera': '/camera_optical_frame'},
    {'frame_id': '/map'}, {'child': '/base_link', 'parent': '/base_link', 'frame_id': '/map'}, {}])
def test_a_slash_before_a_frame_means_nothing(names: dict[str, str], tmp_path: Path) -> None:
    bag = write_bag(tmp_path / 'walk', messages(poses=robot(**names)))
    expected = [Pose(position(i)) @ MOUNTED for i in range(COUNT)]
    for topics in (Topics(), Topics(map_frame='map'), Topics(map_frame='/map')):
        assert_truths(evaluated(bag, topics)[0], expected)
    (tmp_path / 'data').mkdir()
    result = write_dataset(tmp_path / 'data', import_options(
        bag, pose='/odom', pose_of=names.get('child', '/base_link')))
    np.testing.assert_allclose(result.rows['train'][4][1].matrix, expected[4].matrix, atol=1e-9)


@pytest.mark.parametrize('quat', [(0, 0, 0.71, 0.71), (0, 0, 0.705, 0.705), (0, 0, -0.71, -0.71)])
def test_a_quaternion_that_tf2_takes_is_normalised(quat: tuple, tmp_path: Path) -> None:
    bag = write_bag(tmp_path / 'walk', messages(poses=robot(quat=quat)))
    half = np.sqrt(0.5)
    assert_truths(evaluated(bag)[0], [
        Pose(position(i)) @ Pose(MOUNTED_M, np.array([0, 0, half, half])) for i in range(COUNT)])


@pytest.mark.parametrize('quat', [(0, 0, 0, 0), (0, 0, 0.6, 0.6), (np.nan, 0, 0, 1)])
def test_a_quaternion_that_tf2_drops_gives_no_transform(quat: tuple, tmp_path: Path) -> None:
    bag = write_bag(tmp_path / 'walk', messages(poses=robot(quat=quat)))
    with pytest.raises(InputError, match="'base_link', the images of 'camera_optical_frame'"):
        evaluated(bag)


def test_one_bad_transform_of_many_is_left_out(tmp_path: Path) -> None:
    def poses(i: int) -> list:
        moving = transform_message(Pose(position(i)), START_NS + i * STEP_NS, '/map', '/lens')
        if i == 4:
            moving.transform.rotation.w = 0.0
        return [('/tf', make('tf2_msgs/msg/TFMessage', [moving]))]
    bag = write_bag(tmp_path / 'walk', messages(poses=poses))
    queries, data, _ = evaluated(bag, Topics(truth_tf=('/map', 'lens'), max_gap_s=0.3))
    assert_truths(queries, AT_CAMERA)
    assert data['without_truth'] == 0


RECT_D = DISTORTED.distortion


@pytest.mark.parametrize('topic', ['/camera/image_rect', '/camera/image_rect_color',
                                   '/camera/image_rect/compressed'])
def test_a_rectified_topic_has_the_camera_p_and_no_distortion(topic: str, tmp_path: Path) -> None:
    def compressed(i: int) -> object:
        data = cv2.imencode('.png', picture(i)[..., ::-1])[1].ravel()
        return make('sensor_msgs/msg/CompressedImage', image(i).header, 'png', data)
    p = (40, 0, 30, 0, 0, 41, 20, 0, 0, 0, 1, 0)
    bag = write_bag(tmp_path / 'walk', messages(
        compressed if topic.endswith('compressed') else image,
        lambda i: camera_info(i, d=RECT_D, p=p), topic=topic))
    queries, data, camera = evaluated(bag)
    assert (camera.fx, camera.fy, camera.cx, camera.cy) == (40, 41, 30, 20)
    assert camera.distortion == ()
    assert f'{topic} is rectified: its camera is P' in data['camera_info']
    np.testing.assert_array_equal(queries[2].load(None), picture(2))
    walk = read_bag(bag, 'walk', tmp_path / 'map', BagOptions())
    assert walk.camera == camera
    assert any('is rectified' in note for note in walk.notes)


@pytest.mark.parametrize(('info', 'note'), [
    (uncalibrated, 'the camera is not calibrated'), (lambda _: None, 'no camera_info in the bag')])
def test_a_camera_that_nobody_says_is_no_camera(
        info: Callable, note: str, tmp_path: Path) -> None:
    bag = write_bag(tmp_path / 'walk', messages(info=info))
    queries, data, camera = evaluated(bag)
    assert (len(queries), camera) == (COUNT, None)
    assert note in data['camera_info']
    _, data, camera = evaluated(bag, Topics(camera='50,50,31.5,23.5'))
    assert camera == CAMERA
    (tmp_path / 'data').mkdir()
    result = write_dataset(tmp_path / 'data', import_options(bag))
    assert any(note in text for text in result.notes)


def test_a_calibration_that_changes_is_noticed(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / 'walk', messages(
        info=lambda i: camera_info(i, (50 + (i > 6), 0, 31.5, 0, 50, 23.5, 0, 0, 1))))
    _, data, camera = evaluated(bag)
    assert camera == CAMERA
    assert 'the calibration changes 1 times in the recording, first after 0.7 s' in (
        data['camera_info'])


def test_images_without_stamps_are_named(tmp_path: Path) -> None:
    from posenet_ros.evaluation.evaluator import check_not_empty
    bag = write_bag(tmp_path / 'walk', messages(lambda i: image(i, stamp_ns=0)))
    with open_bag(bag, Topics()) as source:
        assert list(source.queries) == []
        with pytest.raises(InputError, match='12 of 12 with the stamp 0'):
            check_not_empty([], source)


# --- encodings


def yuv_planes(i: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return luma, and both chroma planes of half the size."""
    flat = cv2.cvtColor(picture(i), cv2.COLOR_RGB2YUV_I420).reshape(-1)
    count = WIDTH * HEIGHT
    return flat[:count], flat[count:count + count // 4], flat[count + count // 4:]


def semi_planar(i: int, encoding: str, padding: int = 0) -> np.ndarray:
    """Return the bytes of an image, written plainly."""
    y, u, v = yuv_planes(i)
    if encoding == 'nv24':
        u, v = (np.repeat(np.repeat(plane.reshape(HEIGHT // 2, -1), 2, 0), 2, 1).ravel()
                for plane in (u, v))
    pair = np.stack((v, u) if encoding == 'nv21' else (u, v), axis=1)
    rows = [y.reshape(HEIGHT, WIDTH), pair.reshape(-1, 2 * WIDTH if encoding == 'nv24' else WIDTH)]
    padded = [np.pad(part, ((0, 0), (0, padding * part.shape[1] // WIDTH))) for part in rows]
    return np.concatenate([part.ravel() for part in padded])


@pytest.mark.parametrize('encoding', ['nv12', 'nv21', 'nv24'])
@pytest.mark.parametrize(('step', 'padding'), [
    (WIDTH, 0), (WIDTH * 3 // 2, 0), (2 * WIDTH, 0), (WIDTH + 16, 16)])
def test_semi_planar_images_have_their_colours(encoding: str, step: int, padding: int) -> None:
    found = frame_from_message(image(
        3, encoding, semi_planar(3, encoding, padding), step)).image
    flat = np.concatenate(yuv_planes(3)).reshape(-1, WIDTH)
    np.testing.assert_array_equal(found, cv2.cvtColor(flat, cv2.COLOR_YUV2RGB_I420))
    assert np.abs(found.astype(int) - picture(3)).mean() < 12  # chroma of four pixels is one


@pytest.mark.parametrize(('encoding', 'size', 'count', 'text'), [
    ('nv21', (63, 48), 63 * 72, 'even width'), ('nv12', (64, 47), 64 * 70, 'even width'),
    ('nv12', (64, 48), 64 * 71, '4608 bytes'), ('nv24', (64, 48), 64 * 100, '9216 bytes'),
    ('nv12', (0, 0), 0, '1 to'), ('nv21', (60000, 60000), 10, '1 to')])
def test_semi_planar_images_that_contradict_themselves_are_refused(
        encoding: str, size: tuple[int, int], count: int, text: str) -> None:
    with pytest.raises(ImageError, match=text):
        frame_from_message(image(0, encoding, np.zeros(count, np.uint8), size[0], size=size))


@pytest.mark.parametrize('encoding', ['rgb16', 'bgr16', 'rgba16', 'bgra16'])
def test_colours_of_16_bits(encoding: str) -> None:
    wide = picture(1).astype('<u2') * 257
    wide = wide[..., ::-1] if encoding.startswith('bgr') else wide
    if 'a' in encoding:
        wide = np.dstack([wide, np.full((HEIGHT, WIDTH), 65535, '<u2')])
    np.testing.assert_array_equal(
        frame_from_message(image(1, encoding, wide)).image, picture(1))


@pytest.mark.parametrize('encoding', ['32FC1', '16UC1', '8UC3', '64FC4', 'NV21', ''])
def test_other_encodings_are_refused_by_name(encoding: str) -> None:
    with pytest.raises(ImageError, match=f"nv24. Received: '{encoding}'"):
        frame_from_message(image(0, encoding))


def test_bags_of_these_encodings_are_evaluated(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / 'walk', messages(
        lambda i: image(i, 'nv21', semi_planar(i, 'nv21'), WIDTH)))
    queries, _, _ = evaluated(bag)
    assert np.abs(queries[5].load(None).astype(int) - picture(5)).mean() < 12
    assert serialised(image(0))[:2] == b'\0\1'
