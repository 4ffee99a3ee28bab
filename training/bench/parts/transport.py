"""
Receive images and do nothing else: what a subscriber in a process of its own costs.

`python -m posenet_ros.training.bench.parts.transport TOPIC FILE` writes, at SIGTERM, the ages of
the images when they arrived to a file: a JSON list of pairs (stamp, age), nanoseconds.
"""

from __future__ import annotations

from contextlib import suppress
import json
from pathlib import Path
import sys
import time
from typing import Any

from posenet_ros.ros_data.messages import stamp_ns


def main(topic: str, file: Path) -> None:
    """Receive images until SIGTERM."""
    from posenet_ros.ros_node.images.subscriptions import image_qos
    from posenet_ros.ros_node.parameters import Parameters
    import rclpy
    from rclpy.executors import ExternalShutdownException
    from sensor_msgs.msg import Image
    ages: list[tuple[int, int]] = []

    def on_image(message: Any) -> None:  # noqa: ANN401
        stamp = stamp_ns(message.header.stamp)
        ages.append((stamp, time.time_ns() - stamp))

    rclpy.init()
    node = rclpy.create_node('transport_alone', start_parameter_services=False)
    node.create_subscription(Image, topic, on_image, image_qos(Parameters()))
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)
    file.write_text(json.dumps(ages))


if __name__ == '__main__':
    main(sys.argv[1], Path(sys.argv[2]))
