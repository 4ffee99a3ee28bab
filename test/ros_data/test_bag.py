"""Bags written and read back, in both storages; and all that can be wrong with one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.lie import interpolate
from posenet_ros.geometry.pose import Pose
from posenet_ros.geometry.trajectory import Trajectory
from posenet_ros.imaging.decoding import Frame
from posenet_ros.imaging.headers import ImageError
from posenet_ros.ros_data.bag_reader import BagReader
from posenet_ros.ros_data.bag_writer import (
    BagWriter,
    camera_message,
    compressed_message,
    header,
    image_message,
    make,
    new_bag,
    pose_message,
    transform_message,
)
import pytest
from rosbags.rosbag1 import Writer as Writer1
from rosbags.typesys import get_typestore, Stores

CAMERA = Camera(32, 24, 30.0, 31.0, 15.5, 11.5, (0.1, -0.05, 0.0, 0.0, 0.01))
START_NS = 1_700_000_000_000_000_000
COUNT = 5


def turned(angle_rad: float, x: float = 0.0) -> Pose:
    """Return a pose turned about y and moved along x."""
    return Pose(np.array([x, 0, 0]), np.array([0, np.sin(angle_rad / 2), 0,
                                               np.cos(angle_rad / 2)]))


def picture(index: int) -> Frame:
    """Return a random image, each index another."""
    image = np.random.default_rng(index).integers(0, 256, (24, 32, 3), np.uint8)
    return Frame(image, START_NS + index * 100_000_000, 'camera')


def fill(bag: BagWriter, count: int = COUNT) -> None:
    """Write a walk along x that turns by 0.1 rad per image."""
    static = transform_message(turned(0.5, 0.2), START_NS, 'base_link', 'camera')
    bag.write_transforms('/tf_static', [static], START_NS)
    for index in range(count):
        frame = picture(index)
        pose, time_ns = turned(0.1 * index, index), frame.stamp_ns
        bag.write('/camera/image_raw', image_message(frame), time_ns)
        bag.write('/camera/camera_info', camera_message(CAMERA, time_ns, 'camera'), time_ns)
        bag.write('/ground_truth/pose', pose_message(pose, time_ns, 'map'), time_ns)
        moving = transform_message(pose, time_ns, 'map', 'base_link')
        bag.write_transforms('/tf', [moving], time_ns)


@pytest.fixture(params=['mcap', 'sqlite3'])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a small bag in either storage."""
    folder = tmp_path / 'walk'
    with new_bag(folder, request.param) as bag:
        fill(bag)
    return folder


@pytest.fixture
def bag(path: Path) -> Iterator[BagReader]:
    """Return it opened."""
    with BagReader(path) as reader:
        yield reader


def test_topics_and_times(bag: BagReader) -> None:
    """The bag knows what it holds."""
    assert bag.topics == {
        '/camera/image_raw': 'sensor_msgs/msg/Image',
        '/camera/camera_info': 'sensor_msgs/msg/CameraInfo',
        '/ground_truth/pose': 'geometry_msgs/msg/PoseStamped',
        '/tf': 'tf2_msgs/msg/TFMessage', '/tf_static': 'tf2_msgs/msg/TFMessage'}
    assert bag.count('/camera/image_raw', '/tf_static') == COUNT + 1
    assert (bag.start_ns, bag.duration_s) == (START_NS, 0.1 * (COUNT - 1))


def test_frames_and_camera(bag: BagReader) -> None:
    """Images, stamps, frames and the camera come back as they were."""
    frames = list(bag.frames())
    assert len(frames) == COUNT
    for index, frame in enumerate(frames):
        np.testing.assert_array_equal(frame.image, picture(index).image)
        assert (frame.stamp_ns, frame.frame_id) == (picture(index).stamp_ns, 'camera')
    assert bag.calibration().camera == CAMERA


def test_truth(bag: BagReader) -> None:
    """The truth comes back exactly at the stamps, interpolated between, and not beyond."""
    track = bag.truth()
    assert (len(track), track.frame_id, track.rejected) == (COUNT, 'map', 0)
    assert_close(track.at(START_NS + 200_000_000), turned(0.2, 2))
    assert_close(track.at(START_NS + 250_000_000), turned(0.25, 2.5))
    assert track.at(START_NS + 250_000_000, max_gap_s=0.09) is None
    assert track.at(START_NS - 1) is None
    assert track.at(START_NS + 400_000_001) is None


def test_transforms(bag: BagReader) -> None:
    """TF is composed along the chain, static and moving, in both directions."""
    tree = bag.transforms()
    map_from_camera = turned(0.25, 2.5) @ turned(0.5, 0.2)
    time_ns = START_NS + 250_000_000
    assert tree.frames == ('base_link', 'camera', 'map')
    assert_close(tree.lookup('map', 'camera')(time_ns, 0.2), map_from_camera)
    assert_close(tree.lookup('camera', 'map')(time_ns, 0.2), map_from_camera.inverse())
    assert_close(tree.lookup('base_link', 'camera')(0, 0.2), turned(0.5, 0.2))
    assert tree.lookup('map', 'camera')(START_NS - 1, 0.2) is None
    with pytest.raises(InputError, match=r"join 'map' and 'gripper'.*base_link, camera, map"):
        tree.lookup('map', 'gripper')


def assert_close(one: Pose | None, other: Pose) -> None:
    """Compare to 1e-9."""
    assert one is not None
    np.testing.assert_allclose(one.matrix, other.matrix, atol=1e-9)


def test_raw_messages_come_in_order(bag: BagReader) -> None:
    """All topics merged by time, or those asked for."""
    times = [message.time_ns for message in bag.raw_messages()]
    assert len(times) == 4 * COUNT + 1
    assert times == sorted(times)
    assert [m.topic for m in bag.raw_messages(['/tf_static'])] == ['/tf_static']
    assert list(bag.raw_messages([])) == []


def test_a_single_file_will_do(path: Path) -> None:
    """The file inside the folder can be given as well."""
    file = next(file for file in path.iterdir() if file.suffix != '.yaml')
    assert file.stem == path.name
    with BagReader(file) as bag:
        assert bag.count('/camera/image_raw') == COUNT


@pytest.mark.parametrize(('topic', 'expected'), [
    ('/nothing', r'Received: /nothing; the bag has /camera/camera_info \(sensor_msgs/msg/Cam'),
    ('/tf', r'Received: /tf \(tf2_msgs/msg/TFMessage\)')])
def test_wrong_topic_lists_those_there(bag: BagReader, topic: str, expected: str) -> None:
    """A topic that is absent or of another type is an error with all there are."""
    for method in (bag.image_topic, bag.truth_topic, bag.camera_topic):
        with pytest.raises(InputError, match=expected):
            method(topic)


def test_a_mistyped_topic_gets_a_suggestion(bag: BagReader) -> None:
    with pytest.raises(InputError, match=r'did you mean /camera/camera_info\?$'):
        bag.camera_topic('/camera/camera_inof')


def test_several_image_topics_want_a_choice(tmp_path: Path) -> None:
    """With two cameras the camera_info beside the images is taken."""
    with new_bag(tmp_path / 'two') as writer:
        for side, camera in (('left', CAMERA), ('right', CAMERA.undistorted())):
            writer.write(f'/{side}/image_raw', image_message(picture(0)), START_NS)
            writer.write(f'/{side}/camera_info', camera_message(camera, START_NS, side), START_NS)
    with BagReader(tmp_path / 'two') as bag:
        with pytest.raises(InputError, match='choose one of /left/image_raw, /right/image_raw'):
            bag.image_topic()
        assert bag.calibration(image_topic='/right/image_raw').camera == CAMERA.undistorted()
        with pytest.raises(InputError, match='several'):
            bag.calibration()
        with pytest.raises(InputError, match=r'a pose topic.*Received: none'):
            bag.truth()


def test_other_kinds_of_truth_and_images(tmp_path: Path) -> None:
    """Odometry, PoseWithCovariance, TransformStamped, and JPEG images."""
    cv2 = pytest.importorskip('cv2')
    stamped = pose_message(turned(0.3, 1), START_NS, 'map')
    zero = make('geometry_msgs/msg/Vector3', 0, 0, 0)
    spread = make('geometry_msgs/msg/PoseWithCovariance', stamped.pose, np.zeros(36))
    twist = make('geometry_msgs/msg/TwistWithCovariance',
                 make('geometry_msgs/msg/Twist', zero, zero), np.zeros(36))
    with new_bag(tmp_path / 'kinds') as writer:
        writer.write('/cov', make('geometry_msgs/msg/PoseWithCovarianceStamped',
                                  stamped.header, spread), START_NS)
        writer.write('/odom', make('nav_msgs/msg/Odometry', stamped.header, 'base_link',
                                   spread, twist), START_NS)
        writer.write('/vicon', transform_message(turned(0.3, 1), START_NS, 'map', 'rig'), START_NS)
        data = cv2.imencode('.jpg', np.full((24, 32, 3), (0, 0, 255), np.uint8))[1].ravel()
        writer.write('/image/compressed', compressed_message(data, 'jpeg', START_NS, 'c'),
                     START_NS)
    with BagReader(tmp_path / 'kinds') as bag:
        for topic, child in (('/cov', ''), ('/odom', 'base_link'), ('/vicon', 'rig')):
            track = bag.truth(topic)
            assert_close(track.pose(0), turned(0.3, 1))
            assert (track.frame_id, track.child_frame_id) == ('map', child)
        red = next(bag.frames()).image[5, 5].tolist()
        np.testing.assert_allclose(red, (255, 0, 0), atol=3)


def test_poses_that_are_none_are_counted(tmp_path: Path) -> None:
    """A tracker that lost the robot sends zeros or NaN."""
    lost = pose_message(Pose(), START_NS, 'map')
    lost.pose.orientation.w = 0.0
    path = tmp_path / 'lost'
    with new_bag(path) as writer:
        writer.write('/truth', lost, START_NS)
    with BagReader(path) as bag, pytest.raises(InputError, match=r'/truth.*Received: none, and 1'):
        bag.truth()
    with new_bag(path, force=True) as writer:
        writer.write('/truth', lost, START_NS)
        writer.write('/truth', pose_message(Pose(), START_NS + 1, 'map'), START_NS)
    with BagReader(path) as bag:
        assert (len(bag.truth()), bag.truth().rejected) == (1, 1)


def test_a_bad_image_stops_frames(tmp_path: Path) -> None:
    """Frames raise at an image that cannot be used; messages go on."""
    broken = image_message(picture(0))
    broken.encoding = '32FC1'
    with new_bag(tmp_path / 'bad') as writer:
        writer.write('/image', broken, START_NS)
        writer.write('/image', image_message(picture(1)), START_NS)
    with BagReader(tmp_path / 'bad') as bag:
        with pytest.raises(ImageError, match='32FC1'):
            list(bag.frames())
        assert len(list(bag.messages('/image'))) == 2


def test_ros_1_bags(tmp_path: Path) -> None:
    """Bags of ROS 1 give the same frames, camera and truth."""
    types = get_typestore(Stores.ROS1_NOETIC)
    frame, pose = picture(1), turned(0.3, 1)
    messages = {
        '/image': image_message(frame), '/camera_info': camera_message(CAMERA, START_NS, 'c'),
        '/pose': pose_message(pose, frame.stamp_ns, 'map')}
    with Writer1(tmp_path / 'old.bag') as writer:
        for topic, message in messages.items():
            kind = message.__msgtype__
            connection = writer.add_connection(topic, kind, typestore=types)
            message.header = types.types['std_msgs/msg/Header'](
                0, message.header.stamp, message.header.frame_id)
            if kind.endswith('CameraInfo'):  # its matrices have upper-case names there
                message.D, message.K, message.R, message.P = (
                    message.d, message.k, message.r, message.p)
            writer.write(connection, START_NS, types.serialize_ros1(message, kind))
    with BagReader(tmp_path / 'old.bag') as bag:
        np.testing.assert_array_equal(next(bag.frames()).image, frame.image)
        assert bag.calibration().camera == CAMERA
        assert_close(bag.truth().at(frame.stamp_ns), pose)


def test_missing_bags(tmp_path: Path) -> None:
    """No bag, no metadata, no bag at all: each says so."""
    text = tmp_path / 'notes.txt'
    text.write_text('hello')
    damaged, bare = tmp_path / 'damaged', tmp_path / 'bare'
    damaged.mkdir()
    bare.mkdir()
    (damaged / 'metadata.yaml').write_text('rosbag2_bagfile_information: {}')
    for path, expected in ((tmp_path / 'none', 'no such bag'),
                           (tmp_path, 'several, damaged; give one'),
                           (bare, 'metadata.yaml, or .mcap'),
                           (text, 'unknown kind'), (damaged, 'damaged')):
        with pytest.raises(InputError, match=expected) as caught:
            BagReader(path)
        assert str(path) in str(caught.value)
        assert '\n' not in str(caught.value)


@pytest.mark.parametrize('share', [0.0, 0.01, 0.3, 0.6, 0.95, 0.999])
def test_a_cut_off_bag_is_an_error(path: Path, share: float) -> None:
    """Wherever the file ends, reading says that the bag is damaged; it never hangs or lies."""
    file = next(file for file in path.iterdir() if file.suffix != '.yaml')
    file.write_bytes(file.read_bytes()[:int(share * file.stat().st_size)])
    if share > 0.99 and file.suffix == '.db3':
        with BagReader(path) as bag:  # an index at the end was lost, no message
            assert len(list(bag.raw_messages())) == 4 * COUNT + 1
        return
    with pytest.raises(InputError, match=f'{path}.*damaged'), BagReader(path) as bag:
        list(bag.raw_messages())


def interrupted(path: Path) -> None:
    """Start a bag, then press Ctrl-C."""
    with new_bag(path) as writer:
        fill(writer, 1)
        raise KeyboardInterrupt


def test_a_bag_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """An interrupt leaves no half-written bag; an existing one is kept without force."""
    path = tmp_path / 'walk'
    with pytest.raises(KeyboardInterrupt):
        interrupted(path)
    assert list(tmp_path.iterdir()) == []
    with new_bag(path) as writer:
        fill(writer, 1)
    with pytest.raises(InputError, match='--force'), new_bag(path):
        pass
    with new_bag(path, force=True) as writer:
        fill(writer, 2)
    with BagReader(path) as bag:
        assert bag.count('/camera/image_raw') == 2


def test_empty_bag(tmp_path: Path) -> None:
    """A bag without topics is whole, but has no images."""
    with new_bag(tmp_path / 'empty'):
        pass
    with BagReader(tmp_path / 'empty') as bag, pytest.raises(
            InputError, match='the bag has no topics'):
        bag.frames()


def test_header() -> None:
    """Nanoseconds are split."""
    assert header(3_000_000_004, 'map').stamp.nanosec == 4


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(0, 1))
def test_interpolation_turns_evenly(start: float, end: float, fraction: float) -> None:
    """Between two headings less than half a turn apart the angle grows evenly."""
    if abs(end - start) > np.pi - 1e-3:
        return
    middle = interpolate(turned(start, start), turned(end, end), fraction)
    angle = (1 - fraction) * start + fraction * end
    assert_close(middle, turned(angle, angle))


@given(st.permutations(list(range(6))))
def test_track_sorts_its_poses(order: list[int]) -> None:
    """Poses in any order make the same track; of doubled stamps the first is kept."""
    track = Trajectory.from_poses([(i, turned(0.1 * i, i)) for i in order] + [(3, Pose())])
    assert track.stamps_ns.tolist() == list(range(6))
    np.testing.assert_array_equal(track.positions_m[:, 0], np.arange(6.0))


@pytest.mark.parametrize('storage', ['sqlite3', 'mcap'])
def test_a_bag_may_have_any_name(tmp_path: Path, storage: str) -> None:
    for name in ('walk#1', 'walk?mode=rw', '50%25', 'a b', 'a$^(b'):
        path = tmp_path / f'{name}s' / name
        with new_bag(path, storage) as bag:
            bag.write('/image', image_message(Frame(np.zeros((4, 4, 3), np.uint8), 5, 'c')), 5)
        for part in (path, next(file for file in path.iterdir() if file.suffix != '.yaml')):
            with BagReader(part) as reader:
                assert len(list(reader.frames())) == 1
        # as ros2 bag record names its files: by the folder
        for file in path.iterdir():
            if file.suffix == '.db3':
                file.rename(path / f'{name}_0.db3')
                metadata = (path / 'metadata.yaml').read_text().replace(file.name, f'{name}_0.db3')
                (path / 'metadata.yaml').write_text(metadata)
        with BagReader(path) as reader:
            assert len(list(reader.frames())) == 1
