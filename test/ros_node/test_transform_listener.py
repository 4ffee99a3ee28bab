"""Transforms are taken as they come, also by a node that is slower than they are."""

from __future__ import annotations

from contextlib import ExitStack
import time

import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.ros_node.transforms.listener import ForeignTransforms, MissingTransformError
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from tf2_msgs.msg import TFMessage

from .fake_robot import transform_message

DOMAIN = 131
SENT, PERIOD_NS = 60, 50_000_000  # three seconds of odometry
TIMEOUT_S = 20.0


def test_one_turn_of_the_executor_takes_all_transforms_that_wait() -> None:
    turns: list[None] = []
    context = Context()
    rclpy.init(context=context, domain_id=DOMAIN, args=[])
    with ExitStack() as stack:
        stack.callback(rclpy.shutdown, context=context)
        node = rclpy.create_node('slow', context=context, start_parameter_services=False)
        stack.callback(node.destroy_node)
        heard = ForeignTransforms(node, stack, lambda _: False, lambda: turns.append(None))
        publisher = node.create_publisher(TFMessage, '/tf', SENT)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        end_s = time.monotonic() + TIMEOUT_S
        while not publisher.get_subscription_count() and time.monotonic() < end_s:
            time.sleep(0.01)
        for number in range(SENT):
            publisher.publish(TFMessage(transforms=[transform_message(
                'odom', 'base_link', Pose(np.array([number, 0, 0])), (number + 1) * PERIOD_NS)]))
        time.sleep(0.5)  # they wait; what comes later costs a turn more
        while not _knows(heard, SENT * PERIOD_NS) and time.monotonic() < end_s:
            executor.spin_once(timeout_sec=0.1)
        assert heard.lookup('odom', 'base_link', SENT * PERIOD_NS).translation_m[0] == SENT - 1
        assert heard.lookup('odom', 'base_link', SENT // 2 * PERIOD_NS).translation_m[0] == (
            SENT // 2 - 1)  # none is left out
    assert len(turns) < SENT // 4


def _knows(heard: ForeignTransforms, stamp_ns: int) -> bool:
    try:
        heard.lookup('odom', 'base_link', stamp_ns)
    except MissingTransformError:
        return False
    return True
