"""What the node says of a camera that sees nothing, over real DDS."""

from __future__ import annotations

from array import array
from pathlib import Path
import time

from helpers import CAMERA
import numpy as np
from ros_helpers import (
    connected,
    image_message,
    node_command,
    Peer,
    values_of,
    write_mean_colour_model,
)
from sensor_msgs.msg import Image

DOMAIN = 124
RNG = np.random.default_rng(1)


def message(pixels: np.ndarray) -> Image:
    """Return an image of these pixels, taken now."""
    result = image_message(time.time_ns())
    result.data = array('B', pixels.astype(np.uint8).tobytes())
    return result


def good() -> np.ndarray:
    """Return a picture of coarse blocks, another each time."""
    blocks = RNG.integers(60, 200, (CAMERA.height // 4, CAMERA.width // 4, 3))
    return blocks.repeat(4, axis=0).repeat(4, axis=1)


def plain(level: int) -> np.ndarray:
    """Return a picture of one grey with a sensor's noise."""
    grey = RNG.normal(level, 2, (CAMERA.height, CAMERA.width, 3))
    return np.clip(grey, 0, 255)


def assert_named(peer: Peer, pixels: np.ndarray, name: str, times: int = 1) -> None:
    """Send an image; expect its fault's name in the diagnostics, and no pose."""
    peer.diagnostics.clear()
    for _ in range(times):
        assert peer.send(message(pixels), timeout_s=0.4) == []
    assert peer.reported(f'image {name}', ' ')
    values = values_of(peer.status())
    assert values[f'images {name}'] == values[f'verdict {name}'] == str(times)


def test_a_camera_that_sees_nothing_is_named_and_gives_no_pose(tmp_path: Path) -> None:
    model = write_mean_colour_model(tmp_path / 'tiny')
    command = node_command(model=model, reject_faulty_images='true', max_identical_images=3)
    with connected(command, DOMAIN, tmp_path / 'log.txt') as (process, peer):
        assert len(peer.send(message(good()))) == 1
        for name, level in (('dark', 4), ('overexposed', 254), ('covered', 110)):
            assert_named(peer, plain(level), name)
            assert len(peer.send(message(good()))) == 1
        still = good()
        for _ in range(2):
            assert len(peer.send(message(still))) == 1
        assert_named(peer, still, 'frozen', times=2)
        assert len(peer.send(message(good()))) == 1
        assert peer.set_parameter('reject_faulty_images', False) == (True, '')
        assert len(peer.send(message(plain(110)))) == 1
        assert values_of(peer.status())['images covered'] == '2'  # told, though not rejected
        assert process.end()[0] == 0
