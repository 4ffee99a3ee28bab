"""Encodings that our decoder lacks: by cv_bridge where there is one that works."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from posenet_ros.imaging.decoding import SUPPORTED
from posenet_ros.imaging.headers import ImageError
from posenet_ros.ros_node.control import decoding
import pytest
from sensor_msgs.msg import CompressedImage, Image

PIXELS = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)


class Bridge:
    """A cv_bridge that knows rgb12, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def imgmsg_to_cv2(self, message: Image, encoding: str) -> np.ndarray:
        """Return the pixels."""
        self.asked += 1
        assert encoding == 'rgb8'
        if message.encoding != 'rgb12':
            raise RuntimeError(f'[{message.encoding}] is not a color format')
        wide = np.frombuffer(bytes(message.data), '<u2').reshape(message.height, message.width, 3)
        return (wide >> 8).astype(np.uint8)

    def cv2_to_imgmsg(self, image: np.ndarray, encoding: str) -> Image:
        """Make a message."""
        return Image(height=image.shape[0], width=image.shape[1], encoding=encoding,
                     step=3 * image.shape[1], data=image.tobytes())


def message(encoding: str, pixels: np.ndarray) -> Image:
    """Return an image message with a stamp."""
    result = Image(height=2, width=4, encoding=encoding, step=pixels[0].nbytes,
                   data=pixels.tobytes())
    result.header.stamp.sec, result.header.frame_id = 5, 'lens'
    return result


@pytest.fixture
def bridge(monkeypatch: pytest.MonkeyPatch) -> Bridge:
    made = Bridge()
    for module in (decoding, __import__(
            'posenet_ros.ros_node.publishing.debug_image', fromlist=['x'])):
        monkeypatch.setattr(module, 'working_cv_bridge', lambda: made)
    return made


def test_an_encoding_that_we_lack_is_converted_by_cv_bridge(bridge: Bridge) -> None:
    assert 'rgb12' not in SUPPORTED
    frame = decoding.decode(message('rgb12', PIXELS.astype('<u2') << 8))
    assert (frame.image == PIXELS).all()
    assert (frame.stamp_ns, frame.frame_id, bridge.asked) == (5_000_000_000, 'lens', 1)


def test_what_we_decode_is_not_given_to_cv_bridge(bridge: Bridge) -> None:
    assert (decoding.decode(message('rgb8', PIXELS)).image == PIXELS).all()
    damaged = message('rgb8', PIXELS)
    damaged.height = 9
    for bad in (damaged, CompressedImage(header=damaged.header, data=b'x')):
        with pytest.raises(ImageError):
            decoding.decode(bad)
    assert bridge.asked == 0


def test_depth_is_refused_by_name(bridge: Bridge) -> None:
    with pytest.raises(ImageError, match='32FC1'):
        decoding.decode(message('32FC1', PIXELS[..., 0].astype(np.float32)))
    assert bridge.asked == 1


def test_without_cv_bridge_the_encodings_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, 'working_cv_bridge', lambda: None)
    with pytest.raises(ImageError, match=r'one of rgb8, .* Received: .rgb12'):
        decoding.decode(message('rgb12', PIXELS.astype('<u2') << 8))


def test_a_message_without_a_stamp_is_refused_all_the_same(bridge: Bridge) -> None:
    bad = message('rgb12', PIXELS.astype('<u2') << 8)
    bad.header.stamp.sec = 0
    with pytest.raises(ImageError, match='stamp'):
        decoding.decode(bad)
    assert not decoding.is_foreign(SimpleNamespace(format='jpeg'))
