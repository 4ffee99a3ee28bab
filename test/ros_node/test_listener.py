"""The listener of a running relocaliser: what is no pose is left out, and a failure is told."""

from __future__ import annotations

from collections.abc import Iterator

from geometry_msgs.msg import PoseStamped, TransformStamped
from posenet_ros.errors import PoseNetError
from posenet_ros.ros_data.bag_writer import TRUTH_FRAME
from posenet_ros.ros_node.listener import Listener
import pytest
from tf2_msgs.msg import TFMessage

DOMAIN = 187


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """Return a listener in a DDS domain of its own, which nobody talks to."""
    monkeypatch.setenv('ROS_DOMAIN_ID', str(DOMAIN))
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    with Listener() as listening:
        yield listening


def transform(second: int, w: float, child: str = 'camera') -> TransformStamped:
    """Return a transform with that scalar of its quaternion, else zeros."""
    message = TransformStamped(child_frame_id=child)
    message.header.stamp.sec = second
    message.transform.rotation.w = w
    return message


def test_a_transform_with_a_zero_quaternion_is_left_out_alone(listener: Listener) -> None:
    listener._on_transforms(TFMessage(transforms=[
        transform(1, 0.0), transform(2, float('nan')), transform(3, 1.0),
        transform(4, 1.0, f'/{TRUTH_FRAME}')]))
    assert list(listener.output.transforms) == [3_000_000_000]


def test_a_pose_that_is_none_has_not_arrived(listener: Listener) -> None:
    message = PoseStamped()
    message.pose.orientation.w = 0.0
    listener._on_pose(message)
    assert not listener.output.poses
    assert not listener.output.arrived_ns


def test_a_listener_whose_thread_fails_says_so(
        listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ValueError('no memory')

    monkeypatch.setattr(listener._executor, 'spin', broken)
    listener._spin()
    with pytest.raises(PoseNetError, match='the listener failed: ValueError'):
        listener.wait(lambda _: False, 1.0)
    listener._failure = None
