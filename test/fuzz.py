"""
Send a node what no sound program sends: `python -m test.fuzz --messages 2000`.

Two cameras in one process, one with raw and one with compressed images, get images, camera_info,
transforms, odometry and initial poses whose fields are nonsense, and bytes that are no message.
After each block both get a good image, which has to be answered. Exit code 1 when the node ended,
was not active, called nonsense a failure of its own, did not answer, or took memory.
"""

from __future__ import annotations

import argparse
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
import sys
import tempfile
import time
from typing import Any, TYPE_CHECKING

import numpy as np
from posenet_ros.utils.arguments import run_cli
from posenet_ros.utils.ros_environment import prepare_environment
import psutil

if TYPE_CHECKING:
    from ros_helpers import Peer

DOMAIN = 131
CAMERAS = 'raw', 'jpeg'
BLOCK = 25  # messages
PAUSE_S = 0.01
ANSWER_S = 10.0
RETRY_S = 0.25
DAMAGED = 0.15  # of the messages, that are bytes and no message
WARM_UP = 4  # blocks, after which memory is compared
MAX_GROWTH_MB = 8.0  # of memory that is the node alone: 2 MB were seen with 2000 messages


class Fuzz:
    """A process with two cameras' nodes, and a peer that sends nonsense and good images."""

    def __init__(self, stack: ExitStack, folder: Path, model: Path, seed: int) -> None:
        from ros_helpers import node_command, peer_of, running

        command = node_command(model=model, publish_base_pose='true')
        command[3:3] = ['--cameras', ','.join(CAMERAS)]
        self.node = stack.enter_context(running(command, DOMAIN, folder / 'node.txt'))
        self.process = psutil.Process(self.node.popen.pid)
        self.peers = {name: stack.enter_context(peer_of(DOMAIN, f'/{name}/relocaliser'))
                      for name in CAMERAS}
        self.random = np.random.default_rng(seed)
        self.sent: Counter[str] = Counter()
        self.unanswered: list[str] = []
        self.memory_mb: list[float] = []  # after each block
        self._publishers = self._make_publishers()

    def _make_publishers(self) -> dict[str, tuple[Any, Callable[[np.random.Generator], Any]]]:
        from geometry_msgs.msg import PoseWithCovarianceStamped
        from nav_msgs.msg import Odometry
        import nonsense
        from sensor_msgs.msg import CameraInfo, CompressedImage, Image
        from tf2_msgs.msg import TFMessage

        node = self.peers['raw'].node
        topics = {
            '/raw/image_raw': (Image, nonsense.nonsense_image),
            '/jpeg/image_raw/compressed': (CompressedImage, nonsense.nonsense_compressed),
            '/raw/camera_info': (CameraInfo, nonsense.nonsense_camera),
            '/jpeg/camera_info': (CameraInfo, nonsense.nonsense_camera),
            '/tf': (TFMessage, nonsense.nonsense_transforms),
            '/odom': (Odometry, nonsense.nonsense_odometry),
            '/initialpose': (PoseWithCovarianceStamped, nonsense.nonsense_initial_pose)}
        return {topic: (node.create_publisher(kind, topic, 10), make)
                for topic, (kind, make) in topics.items()}

    def wait_active(self) -> None:
        """Wait until both nodes are active, and answer."""
        for peer in self.peers.values():
            assert peer.wait_until(lambda peer=peer: peer.state() == 'active', 30.0)
        self.send_good()

    def send_block(self) -> None:
        """Send nonsense, then good images."""
        from nonsense import damaged

        for _ in range(BLOCK):
            topic = str(self.random.choice(list(self._publishers)))
            publisher, make = self._publishers[topic]
            message = make(self.random)
            is_damaged = self.random.random() < DAMAGED
            publisher.publish(damaged(message, self.random) if is_damaged else message)
            self.sent[topic] += 1
            self.peers['raw'].spin_for(PAUSE_S)
        self.send_good()
        if self.node.popen.poll() is not None:
            return
        found = self.process.memory_info()
        self.memory_mb.append((found.rss - found.shared) / 1e6)

    def send_good(self) -> None:
        """Send a good image of each camera until it is answered, for a while."""
        from posenet_ros.ros_data.messages import stamp_ns
        from ros_helpers import values_of

        for name, peer in self.peers.items():
            for kept in (peer.poses, peer.with_covariance, peer.transforms, peer.diagnostics):
                kept.clear()
            stamps: set[int] = set()

            def is_answered(peer: Peer = peer, stamps: set[int] = stamps) -> bool:
                return any(stamp_ns(pose.header.stamp) in stamps for pose in peer.poses)

            end_s = time.monotonic() + ANSWER_S
            while not is_answered():
                if self.node.popen.poll() is not None or time.monotonic() > end_s:
                    said = values_of(peer.diagnostics[-1].status[0]) if peer.diagnostics else {}
                    self.unanswered.append(f'{name} after {self.sent.total()} messages: {said}')
                    return
                stamps.add(self._publish_good(name))
                peer.wait_until(is_answered, RETRY_S)

    def _publish_good(self, name: str) -> int:
        """Publish a good image of a camera with its camera_info; return its stamp."""
        import cv2
        from helpers import CAMERA
        from ros_helpers import image_message
        from ros_node.fake_robot import BASE_FROM_CAMERA, ODOM_FROM_BASE, transform_message
        from sensor_msgs.msg import CameraInfo, CompressedImage
        from tf2_msgs.msg import TFMessage

        stamp = time.time_ns()
        message = image_message(stamp)
        self._publishers['/tf'][0].publish(TFMessage(transforms=[
            transform_message('odom', 'base_link', ODOM_FROM_BASE, stamp),
            transform_message('base_link', 'camera_optical', BASE_FROM_CAMERA, stamp)]))
        self._publishers[f'/{name}/camera_info'][0].publish(CameraInfo(
            width=CAMERA.width, height=CAMERA.height, k=CAMERA.matrix.ravel()))
        self.peers['raw'].spin_for(PAUSE_S)
        if name == 'raw':
            self._publishers['/raw/image_raw'][0].publish(message)
        else:
            pixels = np.frombuffer(message.data, np.uint8).reshape(CAMERA.height, -1, 3)
            file = cv2.imencode('.png', pixels[..., ::-1])[1].tobytes()
            self._publishers['/jpeg/image_raw/compressed'][0].publish(CompressedImage(
                header=message.header, format='png', data=array('B', file)))
        return stamp

    def growth_mb(self) -> float:
        """Return how much memory the node took after the warm-up, MB."""
        later = self.memory_mb[min(WARM_UP, len(self.memory_mb) - 1):]
        return later[-1] - later[0]

    def problems(self) -> list[str]:
        """Say what is wrong, a line each."""
        if (code := self.node.popen.poll()) is not None:
            return [f'the node ended with {code}: {self.node.output()[-2000:]}']
        found = [f'no answer to a good image of {name}' for name in self.unanswered]
        found += [f'{name} is {state}' for name, peer in self.peers.items()
                  if (state := peer.state()) != 'active']
        failed = [line for line in self.node.output().splitlines() if 'image failed' in line]
        found += [f'called a failure of its own: {line}' for line in failed[:5]]
        if 'Traceback' in self.node.output():
            found.append(f'a traceback: {self.node.output()[-2000:]}')
        if self.growth_mb() > MAX_GROWTH_MB:
            found.append(f'memory grew by {self.growth_mb():.1f} MB')
        return found


def report(fuzz: Fuzz) -> bool:
    """Print the figures. Returns whether all is well."""
    problems = fuzz.problems()
    print(f'{"messages":32} {fuzz.sent.total()}: ' + ', '.join(
        f'{topic} {count}' for topic, count in sorted(fuzz.sent.items())))
    print(f'{"memory of the node alone":32} {fuzz.memory_mb[-1]:.0f} MB, '
          f'{fuzz.growth_mb():+.1f} MB since block {WARM_UP}')
    print(f'{"problems":32} {"; ".join(problems) or "none"}')
    return not problems


def run(messages: int, seed: int, folder: Path, model: Path) -> bool:
    """Send nonsense to nodes of a model, and print the figures. Returns whether all is well."""
    with ExitStack() as stack:
        fuzz = Fuzz(stack, folder, model, seed)
        fuzz.wait_active()
        for _ in range(messages // BLOCK):
            fuzz.send_block()
            if fuzz.unanswered or fuzz.node.popen.poll() is not None:
                break
        return report(fuzz)


def main(argv: Sequence[str] | None = None) -> int:
    """Send nonsense to the node."""
    parser = argparse.ArgumentParser(prog='python -m test.fuzz', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--messages', type=int, default=2000, help='(default: 2000)')
    parser.add_argument('--seed', type=int, default=0, help='of the nonsense (default: 0)')
    options = parser.parse_args(argv)
    sys.path.insert(0, str(Path(__file__).parent))
    prepare_environment()
    from ros_helpers import write_mean_colour_model
    with tempfile.TemporaryDirectory() as folder:
        model = write_mean_colour_model(Path(folder, 'model'))
        return 0 if run(options.messages, options.seed, Path(folder), model) else 1


if __name__ == '__main__':
    sys.exit(run_cli(main))
