"""Images of every encoding, cameras, poses and stamps survive the way through messages."""

from __future__ import annotations

from array import array
from collections.abc import Callable
import importlib.util
from types import SimpleNamespace
from typing import Any

import cv2
from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import decode_compressed, ENCODINGS
from posenet_ros.imaging.headers import ImageError
from posenet_ros.ros_data.messages import (
    covariance_from_message,
    fill_covariance,
    fill_pose,
    fill_transform,
    frame_from_message,
    pose_from_message,
    pose_from_transform,
    set_stamp,
    stamp_ns,
)
import pytest
from rosbags.typesys import get_typestore, Stores

STORE = get_typestore(Stores.ROS2_JAZZY)
MOSAIC = {'rggb': (0, 1, 1, 2), 'bggr': (2, 1, 1, 0), 'gbrg': (1, 2, 0, 1), 'grbg': (1, 0, 2, 1)}
CONTAINERS: dict[str, Callable[[bytes], Any]] = {
    'bytes': bytes,
    'array': lambda data: array('B', data),
    'numpy': lambda data: np.frombuffer(data, np.uint8),
}


def message(**changes: object) -> SimpleNamespace:
    """Return a good 4x3 rgb8 message with some fields changed."""
    fields = {'width': 4, 'height': 3, 'step': 12, 'encoding': 'rgb8', 'is_bigendian': 0,
              'data': bytes(36), 'header': header()}
    return SimpleNamespace(**{**fields, **changes})


def header(sec: int = 5, nanosec: int = 7) -> SimpleNamespace:
    """Return a std_msgs/Header."""
    return SimpleNamespace(stamp=SimpleNamespace(sec=sec, nanosec=nanosec), frame_id='camera')


def plane(grey: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return a grey RGB image."""
    return np.full((height, width, 3), grey, np.uint8)


def encode(rgb: NDArray[np.uint8], encoding: str, bigendian: bool) -> NDArray[np.uint8]:
    """Return the rows of a message, (H, bytes): the inverse of the decoder, written plainly."""
    height, width, _ = rgb.shape
    grey = rgb[..., 1]
    if encoding in ('yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv'):
        luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV)[..., 0] * (219 / 255) + 16  # grey: U = V
        pair = [np.full_like(luma, 128), luma]
        order = pair if encoding in ('yuv422', 'uyvy') else pair[::-1]
        pixels = np.stack(order, axis=-1).round().astype(np.uint8)
    elif encoding.startswith('bayer'):
        a, b, c, d = MOSAIC[encoding[6:10]]
        pixels = np.empty((height, width), np.uint8)
        for row, column, channel in ((0, 0, a), (0, 1, b), (1, 0, c), (1, 1, d)):
            pixels[row::2, column::2] = rgb[row::2, column::2, channel]
    else:
        opaque = np.full_like(grey, 200)
        planes = {'rgb': (0, 1, 2), 'bgr': (2, 1, 0), 'mono': (1,), 'rgba': (0, 1, 2, 3),
                  'bgra': (2, 1, 0, 3)}[encoding.rstrip('168')]
        pixels = np.stack([np.dstack([rgb, opaque])[..., i] for i in planes], axis=-1)
    if encoding.endswith('16'):
        wide = (pixels.astype(np.uint16) * 257).astype('>u2' if bigendian else '<u2')
        return wide.reshape(height, -1).view(np.uint8)
    return pixels.reshape(height, -1)


@st.composite
def encoded_images(draw: st.DrawFn) -> tuple[NDArray[np.uint8], SimpleNamespace]:
    """Draw an image and its message with random padding, byte order and kind of buffer."""
    encoding = draw(st.sampled_from(sorted(ENCODINGS)))
    width, height = 2 * draw(st.integers(2, 12)), draw(st.integers(3, 15))
    random = np.random.default_rng(draw(st.integers(0, 2**16)))
    rgb = random.integers(0, 256, (height, width, 3), np.uint8)
    if not encoding.startswith(('rgb', 'bgr')):
        rgb[..., 0] = rgb[..., 2] = rgb[..., 1]
    if encoding.startswith('bayer'):  # the mosaic loses detail: one colour for the whole image
        rgb[...] = random.integers(0, 256, 3, np.uint8)
    bigendian = draw(st.booleans())
    rows = encode(rgb, encoding, bigendian)
    padding = random.integers(0, 256, (height, draw(st.integers(0, 9))), np.uint8)
    data = np.hstack([rows, padding])
    pack = CONTAINERS[draw(st.sampled_from(sorted(CONTAINERS)))]
    return rgb, message(
        width=width, height=height, step=data.shape[1], encoding=encoding,
        is_bigendian=int(bigendian), data=pack(data.tobytes()))


@given(encoded_images())
@settings(max_examples=300, deadline=None)
def test_every_encoding_decodes_to_the_image(
        case: tuple[NDArray[np.uint8], SimpleNamespace]) -> None:
    """Any encoding, padding, byte order and container gives the image back."""
    rgb, msg = case
    frame = frame_from_message(msg)
    assert frame.image.dtype == np.uint8
    assert frame.image.flags.c_contiguous
    tolerance = 2 if ENCODINGS[msg.encoding].channels == 2 else 0
    np.testing.assert_allclose(
        frame.image.astype(int), rgb.astype(int), atol=tolerance, err_msg=msg.encoding)
    assert (frame.stamp_ns, frame.frame_id) == (5_000_000_007, 'camera')


@pytest.mark.parametrize('encoding', ['yuv422', 'yuv422_yuy2'])
def test_colour_of_yuv(encoding: str) -> None:
    """Red in YUV is red in RGB."""
    y, u, v = 81, 90, 240  # BT.601
    pixel = [u, y, v, y] if encoding == 'yuv422' else [y, u, y, v]
    image = frame_from_message(message(
        width=2, height=1, step=4, encoding=encoding, data=bytes(pixel))).image
    np.testing.assert_allclose(image.astype(int), [[[255, 0, 0]] * 2], atol=3)


def test_mono16_is_scaled_by_its_whole_range() -> None:
    """Black is 0, white is 255, the byte order is honoured."""
    data = np.array([0, 65535, 32896, 256], '>u2').tobytes()
    image = frame_from_message(message(
        height=1, step=8, encoding='mono16', is_bigendian=1, data=data)).image
    assert image[0, :, 0].tolist() == [0, 255, 128, 1]


def test_rgb8_is_not_copied() -> None:
    """An image that needs no conversion shares the message's memory."""
    data = np.zeros(36, np.uint8)
    assert np.shares_memory(frame_from_message(message(data=data)).image, data)


BAD_IMAGES = {
    'unknown encoding': ({'encoding': 'nonsense'}, "one of rgb8.*Received: 'nonsense'"),
    'depth': ({'encoding': '16UC1', 'step': 8}, "Received: '16UC1'.*not supported"),
    'float': ({'encoding': '32FC1', 'step': 16}, "Received: '32FC1'"),
    'whole numbers': ({'encoding': '32SC3', 'step': 96}, "Received: '32SC3'"),
    'no width': ({'width': 0}, 'Received: 0x3'),
    'no height': ({'height': 0}, 'Received: 4x0'),
    'step too small': ({'step': 11}, 'at least 12 bytes. Received: 11'),
    'step zero': ({'step': 0}, 'Received: 0'),
    'too little data': ({'data': bytes(35)}, '3 \\* 12 = 36 bytes. Received: 35'),
    'no data': ({'data': b''}, 'Received: 0 bytes'),
    'wrong endianness flag': ({'is_bigendian': 7}, '0 or 1. Received: 7'),
    'odd width': ({'encoding': 'yuv422', 'width': 3}, 'even width. Received: 3'),
    'tiny mosaic': ({'encoding': 'bayer_rggb8', 'width': 2}, '3x3 pixels. Received: 2x3'),
    'no stamp': ({'header': header(0, 0)}, 'stamp.*Received: 0 s 0 ns'),
    'negative stamp': ({'header': header(-3, 5)}, 'Received: -3 s'),
    'malformed stamp': ({'header': header(3, 2_000_000_000)}, '2000000000 ns'),
}


@pytest.mark.parametrize('name', BAD_IMAGES)
def test_bad_image_is_refused(name: str) -> None:
    """Each bad image says in one line what was expected and what came."""
    changes, expected = BAD_IMAGES[name]
    with pytest.raises(ImageError, match=expected) as caught:
        frame_from_message(message(**changes))
    assert '\n' not in str(caught.value)
    assert len(str(caught.value)) < 400


def compressed(data: bytes, image_format: str = 'jpeg') -> SimpleNamespace:
    """Return a sensor_msgs/CompressedImage."""
    return SimpleNamespace(header=header(), format=image_format, data=data)


def encoded_file(image: NDArray[Any], kind: str) -> bytes:
    """Return the bytes of an image file; `image` in OpenCV's BGR order."""
    return bytes(cv2.imencode(kind, image)[1])


def test_compressed_images() -> None:
    """PNG is exact, JPEG close, both come out as RGB."""
    random = np.random.default_rng(0)
    rgb = cv2.resize(random.integers(0, 256, (4, 6, 3), np.uint8), (96, 64))
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    png = frame_from_message(compressed(encoded_file(bgr, '.png'), 'png')).image
    np.testing.assert_array_equal(png, rgb)
    jpeg = frame_from_message(compressed(encoded_file(bgr, '.jpg'))).image
    assert np.abs(jpeg.astype(int) - rgb).mean() < 4
    grey = frame_from_message(compressed(encoded_file(bgr[..., 1], '.png'), 'mono8; png')).image
    np.testing.assert_array_equal(grey, np.dstack([rgb[..., 1]] * 3))


@pytest.mark.parametrize(('data', 'image_format', 'expected'), [
    (b'', 'jpeg', 'Received: 0 bytes'),
    (b'not an image', 'jpeg', 'Received: 12 bytes'),
    (encoded_file(plane(90, 64, 48), '.jpg')[:-40], 'jpeg', 'whole JPEG'),
    (encoded_file(plane(90, 64, 48), '.png')[:60], 'png', 'whole JPEG or PNG'),
    (encoded_file(np.ones((8, 8), np.uint16), '.png'), '16UC1; png', 'uint16 pixels'),
    (encoded_file(np.ones((8, 8), np.uint16), '.png'), '16UC1; compressedDepth', 'Depth'),
])
def test_bad_compressed_image_is_refused(data: bytes, image_format: str, expected: str) -> None:
    """Cut-off files and depth images are errors, not grey pictures."""
    with pytest.raises(ImageError, match=expected):
        frame_from_message(compressed(data, image_format))


def test_compressed_mono16_is_scaled() -> None:
    """A 16-bit grey PNG decodes as the raw mono16 does."""
    data = encoded_file(np.full((4, 4), 32896, np.uint16), '.png')
    assert (decode_compressed(data, 'mono16; png compressed ') == 128).all()


@pytest.mark.skipif(
    importlib.util.find_spec('cv_bridge') is None, reason='cv_bridge comes with ROS only')
@given(encoded_images())
@settings(max_examples=50, deadline=None)
def test_equals_cv_bridge(case: tuple[NDArray[np.uint8], SimpleNamespace]) -> None:
    """Where ROS gives a working cv_bridge, both decode to the same image."""
    cv_bridge = pytest.importorskip('cv_bridge')
    _, msg = case
    if msg.encoding in ('uyvy', 'yuyv') or msg.step % 2:
        return  # cv_bridge does not know them
    expected = cv_bridge.CvBridge().imgmsg_to_cv2(msg, 'rgb8')
    np.testing.assert_allclose(frame_from_message(msg).image, expected, atol=1)


POSES = st.builds(
    lambda t, q: Pose(np.array(t), np.array(q) / np.linalg.norm(q)),
    st.tuples(*[st.floats(-1e6, 1e6)] * 3),
    st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1))


@given(POSES)
def test_pose_round_trip(pose: Pose) -> None:
    """A pose written into real messages is read back exactly."""
    types = STORE.types
    zero = {'x': 0.0, 'y': 0.0, 'z': 0.0}
    quat = types['geometry_msgs/msg/Quaternion'](w=1.0, **zero)
    message_pose = types['geometry_msgs/msg/Pose'](
        types['geometry_msgs/msg/Point'](**zero), quat)
    transform = types['geometry_msgs/msg/Transform'](
        types['geometry_msgs/msg/Vector3'](**zero), quat)
    fill_pose(message_pose, pose)
    assert_same_pose(pose_from_message(message_pose), pose)
    fill_transform(transform, pose)
    assert_same_pose(pose_from_transform(transform), pose)


def assert_same_pose(one: Pose, other: Pose) -> None:
    """Compare to rounding."""
    np.testing.assert_array_equal(one.translation_m, other.translation_m)
    np.testing.assert_allclose(one.quat_xyzw, other.quat_xyzw, atol=1e-15)


def message_of(*quat_xyzw: float) -> SimpleNamespace:
    """Return a geometry_msgs/Pose of that quaternion."""
    x, y, z, w = quat_xyzw
    return SimpleNamespace(position=SimpleNamespace(x=0.0, y=0.0, z=0.0),
                           orientation=SimpleNamespace(x=x, y=y, z=z, w=w))


@pytest.mark.parametrize('quat', [
    (0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, float('nan')), (0.0, 0.0, 0.0, 1.1),
    (0.0, 0.0, 0.0, 1.0051), (0.0, 0.0, 0.0, 0.9949)])
def test_a_quaternion_that_tf2_refuses_is_refused(quat: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match='length 1'):
        pose_from_message(message_of(*quat))


@pytest.mark.parametrize('quat', [
    (0.0, 0.0, 0.71, 0.71), (0.0, 0.0, 0.0, 1.0049), (0.0, 0.0, 0.0, 0.9951)])
def test_a_quaternion_that_tf2_takes_is_normalised(quat: tuple[float, ...]) -> None:
    pose = pose_from_message(message_of(*quat))
    np.testing.assert_allclose(pose.quat_xyzw, np.array(quat) / np.linalg.norm(quat), atol=1e-12)


@pytest.mark.parametrize('x', [1.001e8, -1e308, float('inf'), float('nan')])
def test_a_position_with_which_nothing_can_be_computed_is_refused(x: float) -> None:
    message = message_of(0.0, 0.0, 0.0, 1.0)
    message.position.y = 1e8
    pose_from_message(message)
    message.position.y = x
    with pytest.raises(InputError, match='within 1e\\+08 m'):
        pose_from_message(message)


@pytest.mark.parametrize('number', [1.001e16, -1e308, float('inf'), float('nan')])
def test_a_covariance_with_which_nothing_can_be_computed_is_refused(number: float) -> None:
    numbers = np.arange(36.0)
    np.testing.assert_array_equal(covariance_from_message(SimpleNamespace(covariance=numbers)),
                                  numbers.reshape(6, 6))
    numbers[7] = number
    with pytest.raises(InputError, match='within 1e\\+16'):
        covariance_from_message(SimpleNamespace(covariance=numbers))


@given(st.integers(0, 2**31 * 10**9 - 1))
def test_stamp_round_trip(time_ns: int) -> None:
    """Nanoseconds survive exactly."""
    stamp = STORE.types['builtin_interfaces/msg/Time'](0, 0)
    set_stamp(stamp, time_ns)
    assert stamp_ns(stamp) == time_ns
    assert 0 <= stamp.nanosec < 10**9


def test_fillers_satisfy_rclpy() -> None:
    """The real messages check the types of what is assigned."""
    geometry_msgs = pytest.importorskip('geometry_msgs.msg')
    msg = geometry_msgs.PoseWithCovarianceStamped()
    pose = Pose(np.array([1.0, 2.0, 3.0]), np.array([0.0, 0.6, 0.0, 0.8]))
    covariance = np.arange(36.0).reshape(6, 6)
    fill_pose(msg.pose.pose, pose)
    fill_covariance(msg.pose, covariance)
    set_stamp(msg.header.stamp, 1_234_567_890_123)
    assert_same_pose(pose_from_message(msg.pose.pose), pose)
    np.testing.assert_array_equal(msg.pose.covariance.reshape(6, 6), covariance)
    assert stamp_ns(msg.header.stamp) == 1_234_567_890_123
