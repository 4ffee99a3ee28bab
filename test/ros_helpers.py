"""A tiny model, and the node in a process of its own with a peer that talks to it over DDS."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, ExitStack
from dataclasses import replace
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from helpers import CAMERA, python_path, ROOT, tiny_artifact
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from map_helpers import make_wall_map_by_view, read_wall
import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference import artifact as artifacts
from posenet_ros.landmarks import landmark_file
from posenet_ros.ros_data.messages import set_stamp
import pytest
from rcl_interfaces.srv import SetParameters
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image
from tf2_msgs.msg import TFMessage
from training_helpers import LARGE_CAMERA, write_wall_dataset

SCALE_M = 10.0
ATTEMPTS = 3
TRANSITIONS = {
    'configure': Transition.TRANSITION_CONFIGURE, 'activate': Transition.TRANSITION_ACTIVATE,
    'deactivate': Transition.TRANSITION_DEACTIVATE, 'cleanup': Transition.TRANSITION_CLEANUP}


def write_mean_colour_model(folder: Path, camera: Camera = CAMERA) -> Path:
    """
    Write a model folder whose network answers with the image's mean colour.

    The position is the mean R G B as shares of 1, times 10 m; the rotation is none. So a test
    knows which pose belongs to which image, and the network is a real LiteRT file.

    :param camera: of its images.
    """
    pytest.importorskip('tensorflow')
    import keras
    from posenet_ros.training.export.litert import convert

    settings = replace(tiny_artifact(), camera=camera)
    size = settings.preprocess.height, settings.preprocess.width
    image = keras.Input((*size, 3), dtype='uint8', name='image')
    mean = keras.layers.GlobalAveragePooling2D()(keras.ops.cast(image, 'float32'))
    quat = keras.ops.concatenate([mean * 0.0, mean[:, :1] * 0.0 + 1.0], axis=-1)
    model = keras.Model(image, {'position': mean * (SCALE_M / 255), 'quat_xyzw': quat})

    def write(target: Path) -> None:
        (target / artifacts.WEIGHTS_FILE).write_bytes(b'not used')
        (target / artifacts.LITERT_FILE).write_bytes(convert(model))

    folder.mkdir(parents=True)
    artifacts.save(settings, folder, write)
    return folder


def write_wall_model(model: Path, data: Path) -> tuple[Path, dict[str, Pose]]:
    """
    Write a model folder whose network knows little, with the landmarks of a wall.

    :param data: is written, too: the dataset of the wall.
    :returns: the model folder, and the true poses of the test images by their names.
    """
    poses = write_wall_dataset(data, camera=LARGE_CAMERA)
    loaded = artifacts.load(write_mean_colour_model(model, LARGE_CAMERA))
    train = {name: pose for name, pose in poses.items() if not name.startswith('seq4')}
    landmark_file.save(make_wall_map_by_view(read_wall(data, train)),
                       model / artifacts.LANDMARKS_FILE)
    calibration = replace(loaded.calibration, refined_scale=(1.0,) * 6)
    artifacts.save(replace(loaded, calibration=calibration), model)
    return model, {name: pose for name, pose in poses.items() if name.startswith('seq4')}


def environment(domain: int, python: str = sys.executable) -> dict[str, str]:
    """
    Return the environment of a process that sees this machine and its domain only.

    :param python: that of another environment must not find the libraries of this one's ROS.
    """
    inherited = {**os.environ, 'PYTHONPATH': python_path()}
    if python != sys.executable:
        for name in ('LD_LIBRARY_PATH', '_ROS_WHEELS_BOOTSTRAP_COMPLETE', 'AMENT_PREFIX_PATH',
                     'FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE'):
            inherited.pop(name, None)
        inherited['PYTHONPATH'] = str(ROOT)
    return {**inherited, 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
            'ROS_DOMAIN_ID': str(domain), 'PYTHONUNBUFFERED': '1'}


class Process:
    """A process whose output is kept in a file, ended when the test ends."""

    def __init__(self, command: Sequence[str | Path], domain: int, log: Path) -> None:
        self.log = log
        with log.open('wb') as file:
            words = [str(part) for part in command]
            self.popen = subprocess.Popen(
                words, env=environment(domain, words[0]), stdout=file,
                stderr=subprocess.STDOUT, cwd=log.parent)

    def output(self) -> str:
        """Return what it has printed until now."""
        return self.log.read_text()

    def end(self, number: int = signal.SIGINT, timeout_s: float = 10.0) -> tuple[int, float]:
        """Send a signal. Returns the exit code and the seconds that it took."""
        start = time.monotonic()
        self.popen.send_signal(number)
        return self.popen.wait(timeout_s), time.monotonic() - start


def patience_s() -> float:
    """Return how long a second may last on a machine that does other things, too."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


@contextmanager
def running(command: Sequence[str | Path], domain: int, log: Path) -> Iterator[Process]:
    """Run a process; it is killed at the end where the test has not ended it."""
    process = Process(command, domain, log)
    try:
        yield process
    finally:
        process.popen.kill()
        process.popen.wait()


def node_command(script: str = '', remaps: Sequence[str] = (), **values: object) -> list[str]:
    """
    Return the command line of the node with these parameters.

    The tests' images are of one colour, as no camera's are: the node takes them all the same,
    unless `reject_faulty_images` is given.

    :param script: Python that runs in place of `python -m posenet_ros.node`.
    """
    start = ['-c', script] if script else ['-m', 'posenet_ros.node']
    values = {'reject_faulty_images': 'false', **values}
    arguments = [part for name, value in values.items() for part in ('-p', f'{name}:={value}')]
    remapped = [part for remap in remaps for part in ('-r', remap)]
    return [sys.executable, *start, '--ros-args', *arguments, *remapped]


def image_message(stamp_ns: int, colour: Sequence[int] = (51, 102, 153),
                  frame_id: str = 'camera_optical') -> Image:
    """Return an rgb8 image of the tiny model's camera in one colour."""
    pixels = np.empty((CAMERA.height, CAMERA.width, 3), np.uint8)
    pixels[:] = colour
    return picture_message(pixels, stamp_ns, frame_id)


def picture_message(pixels: np.ndarray, stamp_ns: int, frame_id: str = 'camera_optical') -> Image:
    """Return the message of an RGB picture (height, width, 3)."""
    height, width = pixels.shape[:2]
    message = Image(height=height, width=width, encoding='rgb8', step=3 * width,
                    data=array('B', pixels.tobytes()))
    message.header.frame_id = frame_id
    set_stamp(message.header.stamp, stamp_ns)
    return message


class UnreachableError(AssertionError):
    """A service is there, but nothing comes back."""


class Peer:
    """
    The test's side: publishes images, keeps what the node sends, calls its services.

    :param node_name: the fully qualified name of the node under test.
    """

    def __init__(self, domain: int, node_name: str = '/relocaliser') -> None:
        self._context = Context()
        rclpy.init(context=self._context, domain_id=domain, args=[])
        self.node = rclpy.create_node(
            'peer', context=self._context, start_parameter_services=False)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._name = node_name
        self._clients: dict[str, Any] = {}
        self._client(ChangeState, 'change_state')  # found by the time that it is asked
        self.images = self.node.create_publisher(Image, 'image', 5)
        self.camera_infos = self.node.create_publisher(CameraInfo, 'camera_info', 5)
        self.poses = self._keep(PoseStamped, f'{node_name}/pose')
        self.with_covariance = self._keep(
            PoseWithCovarianceStamped, f'{node_name}/pose_with_covariance')
        self.transforms = self._keep(TFMessage, '/tf')
        self.diagnostics = self._keep(DiagnosticArray, '/diagnostics')

    def _keep(self, kind: type, topic: str, qos: QoSProfile | int = 100) -> list[Any]:
        kept: list[Any] = []
        self.node.create_subscription(kind, topic, kept.append, qos)
        return kept

    def keep(self, kind: type, name: str, qos: QoSProfile | int = 100) -> list[Any]:
        """Keep what the node publishes under its own name from now on."""
        return self._keep(kind, f'{self._name}/{name}', qos)

    def close(self) -> None:
        """Leave the graph."""
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def wait_until(self, done: Callable[[], object], timeout_s: float = 30.0) -> bool:
        """Spin until `done` is true. Returns whether it became so in time."""
        end = time.monotonic() + timeout_s
        while not done():
            left_s = end - time.monotonic()
            if left_s <= 0:
                return False
            self._executor.spin_once(timeout_sec=min(left_s, 0.05))
        return True

    def spin_for(self, seconds: float) -> None:
        """Take messages for a while."""
        self.wait_until(lambda: False, seconds)

    def call(self, kind: Any, name: str, request: Any, tries: int = 4) -> Any:  # noqa: ANN401
        """
        Call a service of the node and return its response.

        Fast DDS drops a response whose client the server has not found within 0.1 s, as may
        happen on a busy machine: so clients are kept, and a request is sent again by a new one.

        :param tries: 1 for a request that must not be carried out twice.
        """
        for _ in range(tries):
            client = self._client(kind, name)
            assert client.wait_for_service(10.0), f'{name} is not there'
            future = client.call_async(request)
            if self.wait_until(future.done, 20.0 / tries):
                return future.result()
            self.node.destroy_client(self._clients.pop(name))
        raise UnreachableError(f'{name} does not answer')

    def _client(self, kind: type, name: str) -> Any:  # noqa: ANN401
        if name not in self._clients:
            self._clients[name] = self.node.create_client(kind, f'{self._name}/{name}')
        return self._clients[name]

    def state(self) -> str:
        """Return the lifecycle state's name."""
        return str(self.call(GetState, 'get_state', GetState.Request()).current_state.label)

    def change(self, transition: str) -> bool:
        """Ask for a transition. Returns whether it succeeded."""
        request = ChangeState.Request()
        request.transition.id = TRANSITIONS[transition]
        return bool(self.call(ChangeState, 'change_state', request, tries=1).success)

    def set_parameter(self, name: str, value: object) -> tuple[bool, str]:
        """Set a parameter of the node. Returns whether it was taken, and the reason if not."""
        parameter = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        result = self.call(SetParameters, 'set_parameters', request).results[0]
        return bool(result.successful), str(result.reason)

    def send(self, message: Image, answers: int = 1, timeout_s: float = 20.0) -> list[PoseStamped]:
        """Publish an image and return the poses that came within the time."""
        before = len(self.poses)
        self.images.publish(message)
        self.wait_until(lambda: len(self.poses) >= before + answers, timeout_s)
        return list(self.poses[before:])

    def wait_active(self) -> None:
        """Wait until the node is active and connected, both ways."""
        assert self.wait_until(lambda: self.state() == 'active', 30.0), 'the node is not active'
        assert self.wait_until(lambda: self.images.get_subscription_count() > 0), 'no subscriber'
        pose = f'{self._name}/pose'
        assert self.wait_until(lambda: self.node.count_publishers(pose) > 0), 'no publisher'
        # nothing says when the other side has found our subscriptions
        self.spin_for(0.3 * patience_s())

    def status(self, timeout_s: float = 20.0) -> DiagnosticStatus:
        """Return the next diagnostic status."""
        before = len(self.diagnostics)
        assert self.wait_until(lambda: len(self.diagnostics) > before, timeout_s)
        return self.diagnostics[-1].status[0]

    def reported(self, key: str, text: str, timeout_s: float = 20.0) -> str:
        """Return the diagnostic value that holds the text, of all that were kept."""
        found: list[str] = []

        def search() -> bool:
            values = [values_of(message.status[0]).get(key, '') for message in self.diagnostics]
            found.extend(value for value in values if text in value)
            return bool(found)

        assert self.wait_until(search, timeout_s), f'{key}: {text!r} is not in the diagnostics'
        return found[0]


def values_of(status: DiagnosticStatus) -> dict[str, str]:
    """Return the status's values."""
    return {item.key: item.value for item in status.values}


@contextmanager
def idle_node(domain: int) -> Iterator[Node]:
    """Make a node that nobody spins, for the time of a block; nobody talks in its domain."""
    context = Context()
    rclpy.init(context=context, args=[], domain_id=domain)
    node = Node('test', context=context, start_parameter_services=False)
    yield node
    node.destroy_node()
    rclpy.shutdown(context=context)


@contextmanager
def peer_of(domain: int, node_name: str = '/relocaliser') -> Iterator[Peer]:
    """Join the graph for the time of a block."""
    peer = Peer(domain, node_name)
    try:
        yield peer
    finally:
        peer.close()


@contextmanager
def connected(command: Sequence[str], domain: int, log: Path) -> Iterator[tuple[Process, Peer]]:
    """
    Run the node, join the graph and wait until it is active.

    Where a file of Fast DDS's shared memory goes missing while it starts, messages between two
    processes are lost for good, although they see each other; new processes then do better.
    """
    for attempt in range(1, ATTEMPTS + 1):
        with ExitStack() as stack:
            process = stack.enter_context(running(command, domain, log))
            peer = stack.enter_context(peer_of(domain))
            try:
                peer.wait_active()
            except UnreachableError:
                if attempt == ATTEMPTS:
                    raise AssertionError(f'the node does not answer: {process.output()}') from None
                continue
            yield process, peer
            return
