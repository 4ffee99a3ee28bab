"""
Benchmark live nodes, fed with images over DDS at a camera's rate.

With `--echo` no network runs: a node answers each image at once, which measures the transport.
"""

from __future__ import annotations

import argparse
from array import array
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
import itertools
import os
import sys
import time
from typing import Any

import numpy as np
from posenet_ros.arrays import RgbImage
from posenet_ros.errors import PoseNetError
from posenet_ros.geometry.camera import Camera
from posenet_ros.inference.artifact import load
from posenet_ros.ros_data.messages import set_stamp
from posenet_ros.training.bench.parts.images import read_images, textured_image
from posenet_ros.training.bench.timing import cpu_s, memory_mb
from posenet_ros.utils.processes import start_module
from posenet_ros.utils.ros_environment import prepare_environment

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
SETTLE_S = 1.0
INFO_EVERY = 10  # images
POLL_S = 0.02
NS = 1_000_000_000


def run_echo_node() -> None:
    """Publish a pose with each image's stamp at once, until SIGINT."""
    from geometry_msgs.msg import PoseStamped
    import rclpy
    from rclpy.executors import ExternalShutdownException
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import Image
    rclpy.init(args=sys.argv)
    node = rclpy.create_node('relocaliser')
    poses = node.create_publisher(PoseStamped, '~/pose', 10)

    def publish_pose(image: Image) -> None:
        pose = PoseStamped(header=image.header)
        pose.pose.orientation.w = 1.0
        poses.publish(pose)

    node.create_subscription(Image, 'image', publish_pose, qos_profile_sensor_data)
    with suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(node)


class Cameras:
    """
    One publisher of images and of camera_info for each node.

    `sent_ns` has for each the stamp -> monotonic time of publishing, nanoseconds.

    :param images: are sent forwards and back, over and over; none means a texture.
    """

    def __init__(self, count: int, camera: Camera, images: Sequence[RgbImage] = ()) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.qos import qos_profile_sensor_data
        from sensor_msgs.msg import CameraInfo, Image
        rclpy.init()
        self.node = rclpy.create_node('cameras', start_parameter_services=False)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._publishers = [self.node.create_publisher(
            Image, f'/cam{i}/image', qos_profile_sensor_data) for i in range(count)]
        self._info_publishers = [self.node.create_publisher(
            CameraInfo, f'/cam{i}/camera_info', qos_profile_sensor_data) for i in range(count)]
        width, height = camera.size
        self._info = CameraInfo(width=width, height=height, k=camera.matrix.ravel())
        messages = [Image(width=width, height=height, step=3 * width, encoding='rgb8',
                          data=array('B', image.tobytes()))
                    for image in images or (textured_image(width, height),)]
        for message in messages:
            message.header.frame_id = 'camera'
        self._messages = itertools.cycle(messages + messages[-2:0:-1])
        self.sent_ns: list[dict[int, int]] = [{} for _ in range(count)]

    def publish_for(self, seconds: float, rate_hz: float,
                    done: Callable[[], bool] | None = None) -> None:
        """Publish at a rate; stop early when `done()` is true."""
        start = time.monotonic()
        for i in range(round(seconds * rate_hz)):
            if done and done():
                return
            self.spin_until(start + i / rate_hz)
            message = next(self._messages)
            for publisher, sent in zip(self._publishers, self.sent_ns, strict=True):
                stamp = time.time_ns()
                set_stamp(message.header.stamp, stamp)
                sent[stamp] = time.monotonic_ns()
                publisher.publish(message)
            if i % INFO_EVERY == 0:
                for publisher in self._info_publishers:
                    publisher.publish(self._info)

    def spin_for(self, seconds: float, done: Callable[[], bool] | None = None) -> bool:
        """Take messages for a while, or until `done()` is true. Returns whether it is."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s and not (done and done()):
            self.spin_until(min(time.monotonic() + POLL_S, end_s))
        return bool(done and done())

    def spin_until(self, end_s: float) -> None:
        """Take messages until a time of the monotonic clock."""
        self._executor.spin_once(timeout_sec=0)
        while (left_s := end_s - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left_s)


def node_commands(options: argparse.Namespace) -> list[list[object]]:
    """Return the command lines of the cameras' nodes: of one process, or of one each."""
    namespaces = [['-r', f'__ns:=/cam{number}'] for number in range(options.nodes)]
    if options.echo:
        return [['posenet_ros.training.bench', 'live', '--as-echo', '--ros-args', *namespace,
                 '--log-level', 'error'] for namespace in namespaces]
    arguments = ['--log-level', 'error', '-p', f'model:={options.model}',
                 '-p', f'engine:={options.engine}', '-p', 'tf_mode:=none',
                 '-p', 'max_identical_images:=0']  # it may be fed with one image, again and again
    if options.together:
        names = ','.join(f'cam{number}' for number in range(options.nodes))
        remap = ['-r', 'image:=image']
        return [['posenet_ros.node', '--cameras', names, '--ros-args', *remap, *arguments]]
    return [['posenet_ros.node', '--ros-args', *namespace, *arguments]
            for namespace in namespaces]


def diagnostics(node: Any) -> dict[str, str]:  # noqa: ANN401
    """Collect the nodes' diagnostic values, the latest of each, while `node` is spun."""
    from diagnostic_msgs.msg import DiagnosticArray
    values: dict[str, str] = {}
    node.create_subscription(DiagnosticArray, '/diagnostics', lambda message: values.update(
        {item.key: item.value for item in message.status[0].values}), 10)
    return values


def measure_steady_state(cameras: Cameras, listeners: Sequence[Any], pids: Sequence[int],
                         options: argparse.Namespace) -> dict[str, Any]:
    """Feed the nodes for a while; return the counts of images and poses, and the latency."""
    cameras.publish_for(SETTLE_S, options.rate)
    before = [set(sent) for sent in cameras.sent_ns]
    cpu_before_s = sum(map(cpu_s, pids))
    cameras.publish_for(options.seconds, options.rate)
    time.sleep(SETTLE_S)
    ages, total = [], 0
    for listener, sent, old in zip(listeners, cameras.sent_ns, before, strict=True):
        arrived = listener.output.arrived_ns
        total += len(sent) - len(old)
        ages += [(arrived[stamp] - sent[stamp]) / 1e6 for stamp in sent.keys() - old
                 if stamp in arrived]
    p50, p95, p99 = np.percentile(ages, (50, 95, 99)) if ages else (np.nan,) * 3
    used_s = sum(map(cpu_s, pids)) - cpu_before_s
    return {'sent': total, 'answered': len(ages), 'age_p50_ms': float(p50),
            'age_p95_ms': float(p95), 'age_p99_ms': float(p99),
            'cores': used_s / options.seconds,
            'cpu_ms_per_answer': 1e3 * used_s / max(len(ages), 1)}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Start and feed the nodes; return latency, counts, memory and the nodes' own stages."""
    from posenet_ros.ros_node.listener import Listener
    from rclpy.logging import LoggingSeverity, set_logger_level
    set_logger_level('rcl.logging_rosout', LoggingSeverity.ERROR)  # several listeners, one name
    width, height = map(int, options.size.split('x'))
    images = read_images(options.images, (width, height)) if options.images else ()
    cameras = Cameras(options.nodes, load(options.model).camera.scaled(width, height), images)
    with ExitStack() as stack:
        listeners = [stack.enter_context(Listener(f'/cam{i}/relocaliser'))
                     for i in range(options.nodes)]
        values = diagnostics(cameras.node)
        begun_s = time.monotonic()
        pids = [stack.enter_context(start_module(
            *command, stop_timeout_s=STOP_TIMEOUT_S)).pid for command in node_commands(options)]
        cameras.publish_for(START_TIMEOUT_S, options.rate, lambda: all(
            listener.output.poses for listener in listeners))
        if not all(listener.output.poses for listener in listeners):
            raise PoseNetError('no pose came, see above')
        first_s = [min(listener.output.arrived_ns.values()) / NS - begun_s
                   for listener in listeners]
        result = {'first_pose_s': first_s, 'first_pose_cpu_s': [cpu_s(pid) for pid in pids],
                  **measure_steady_state(cameras, listeners, pids, options),
                  'memory_mb': [memory_mb(pid) for pid in pids]}
    return {'size': options.size, 'nodes': options.nodes, 'rate_hz': options.rate,
            'echo': options.echo, **result, 'load': os.getloadavg()[0],
            'stages_ms': {key.removeprefix('latency ').removesuffix(' p50 (ms)'): float(value)
                          for key, value in values.items()
                          if key.startswith('latency ') and 'p50' in key}}


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Benchmark live nodes, or be the node that answers without a network."""
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    prepare_environment()
    if options.as_echo:
        run_echo_node()
        return {}
    return measure(options)
