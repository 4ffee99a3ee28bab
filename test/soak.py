"""
Run the node for a long time and hurt it: `python -m test.soak --minutes 20`.

A player loops a bag (so time jumps back at each turn) while bad images, bursts, pauses, a stopped
and a killed player come in between. Prints what came of it; exit code 1 when a pose had a stamp
that no image had, an image was counted nowhere, the node died, memory grew, or it took more than
two frames to recover.
"""

from __future__ import annotations

import argparse
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
import itertools
import os
from pathlib import Path
import signal
import sys
import tempfile
import time

import numpy as np
from posenet_ros.imaging.decoding import Frame
from posenet_ros.ros_data.bag_writer import image_message, new_bag
from posenet_ros.ros_data.messages import stamp_ns
from posenet_ros.utils.arguments import run_cli
from posenet_ros.utils.ros_environment import prepare_environment
import psutil

DOMAIN = 130
SECOND = 1_000_000_000
START = 1_600_000_000 * SECOND
RATE_HZ = 30
BAG_SECONDS = 20
CALM_S, SHORT_CALM_S = 3.0, 1.0  # between two faults
SHORT_MINUTES = 2.0  # a run that is shorter has less calm, and no slope to speak of
RECOVERY_FRAMES = 2
SHORT_RECOVERY_FRAMES = RATE_HZ  # of a short run, beside other tests: a second
MAX_SLOPE_MB_PER_HOUR = 3.0  # a megabyte in twenty minutes, some 30 bytes an image
MAX_GROWTH_MB = 4.0  # of a short run, after its warm-up
WARM_UP_S = 60.0  # a third of a short run
ENDS = ('answered', 'dropped', 'bad', 'rejected', 'failed')  # of the images that are received


def write_bag(path: Path) -> list[int]:
    """Write a walk of tiny images. Returns their stamps."""
    from helpers import CAMERA

    stamps = [START + i * SECOND // RATE_HZ for i in range(BAG_SECONDS * RATE_HZ)]
    with new_bag(path) as writer:
        for i, stamp in enumerate(stamps):
            pixels = np.full((CAMERA.height, CAMERA.width, 3), i % 100, np.uint8)
            writer.write('/image', image_message(Frame(pixels, stamp, 'camera')), stamp)
    return stamps


class Soak:
    """A node, a player and a peer that watches both."""

    def __init__(self, stack: ExitStack, folder: Path, model: Path, calm_s: float) -> None:
        from ros_helpers import node_command, peer_of, running

        self.stamps = write_bag(folder / 'walk')
        self._calm_s = calm_s
        self._start = lambda command, name: stack.enter_context(
            running(command, DOMAIN, folder / name))
        self._replay = [sys.executable, '-m', 'posenet_ros.replay', str(folder / 'walk'),
                        '--loop', '--clock']
        self._names = (f'player{i}.txt' for i in itertools.count())
        self._stamps = itertools.count(START + 1, 7)  # such as no image of the bag has
        self._good = set(self.stamps)  # of all images that may be answered
        self.node = self._start(node_command(model=model, use_sim_time='true'), 'node.txt')
        self.peer = stack.enter_context(peer_of(DOMAIN))
        self.process = psutil.Process(self.node.popen.pid)
        self.images: list[tuple[float, int]] = []  # arrival, stamp
        self.memory: list[tuple[float, int]] = []  # time, bytes that are the node's own
        self.shared: list[tuple[float, int]] = []  # time, bytes of files and of DDS's segments
        self.latencies_s: list[float] = []
        self.poses = 0
        self.wrong_stamps = 0
        self._recovering_since_s: float | None = None
        self.recoveries: dict[str, int] = {}  # fault -> frames, the worst
        self.fault = 'start'
        self._watch()
        self.player = self._start(self._replay, next(self._names))
        self.peer.wait_active()
        self.peer.wait_until(lambda: self.poses, 30.0)

    def _watch(self) -> None:
        from geometry_msgs.msg import PoseStamped
        from rclpy.qos import qos_profile_sensor_data
        from sensor_msgs.msg import Image

        node = self.peer.node
        node.create_subscription(
            Image, 'image', lambda m: self.images.append(
                (time.monotonic(), stamp_ns(m.header.stamp))), qos_profile_sensor_data)
        node.create_subscription(PoseStamped, '/relocaliser/pose', self._on_pose, 100)
        node.create_timer(1.0, self._note_memory)

    def _note_memory(self) -> None:
        """
        Note the memory.

        DDS's segments have a fixed size, but count only as far as they were used already, and
        those of the players, which are started anew, count as well.
        """
        now_s, found = time.monotonic(), self.process.memory_info()
        self.memory.append((now_s, found.rss - found.shared))
        self.shared.append((now_s, found.shared))

    def _on_pose(self, message: object) -> None:
        now_s, stamp = time.monotonic(), stamp_ns(message.header.stamp)
        self.poses += 1
        self.wrong_stamps += stamp not in self._good
        arrived = next((s for s, t in reversed(self.images[-90:]) if t == stamp), None)
        if arrived is None:
            return
        self.latencies_s.append(now_s - arrived)
        if self._recovering_since_s is not None and arrived > self._recovering_since_s:
            since = [s for s, _ in self.images if s > self._recovering_since_s]
            frames = since.index(arrived) + 1
            self.recoveries[self.fault] = max(frames, self.recoveries.get(self.fault, 0))
            self._recovering_since_s = None

    def calm(self) -> None:
        """Let it run, and note after how many frames it answers again."""
        self._recovering_since_s = time.monotonic()
        self.peer.spin_for(self._calm_s)
        del self.images[:-3 * RATE_HZ]
        for kept in (self.peer.poses, self.peer.with_covariance, self.peer.transforms):
            kept.clear()
        del self.peer.diagnostics[:-2]

    # ---- faults

    def bad_images(self) -> None:
        """Send a second of images that contradict themselves."""
        from ros_helpers import image_message

        for i in range(RATE_HZ):
            message = image_message(next(self._stamps))
            message.data = array('B', os.urandom(i))
            message.encoding = ('rgb8', '', 'nonsense', '32FC1')[i % 4]
            self.peer.images.publish(message)
            self.peer.spin_for(1 / RATE_HZ)

    def _send_good(self, stamp: int) -> None:
        from ros_helpers import image_message

        self._good.add(stamp)
        self.peer.images.publish(image_message(stamp, (1, 1, 1)))

    def burst(self) -> None:
        """Send two hundred good images at once."""
        for _ in range(200):
            self._send_good(next(self._stamps))
        self.peer.spin_for(1.0)  # until it has arrived

    def time_jumps(self) -> None:
        """Send images from far back and from far ahead."""
        for ahead in (0, BAG_SECONDS * SECOND // 2, SECOND):
            self._send_good(next(self._stamps) + ahead)
            self.peer.spin_for(0.2)

    def stopped_player(self) -> None:
        """Stop the player for two seconds: it then sends what is late at once."""
        self.player.popen.send_signal(signal.SIGSTOP)
        self.peer.spin_for(2.0)
        self.player.popen.send_signal(signal.SIGCONT)
        self.peer.spin_for(1.0)

    def killed_player(self) -> None:
        """Kill the player and start another."""
        self.player.end(signal.SIGKILL)
        self.peer.spin_for(2.5)
        self.images.clear()  # the next one begins with the same stamps
        self.player = self._start(self._replay, next(self._names))
        before = self.poses  # we and the node do not discover the new one at the same time
        self.peer.wait_until(lambda: self.poses > before, 30.0)

    def faults(self) -> list[Callable[[], None]]:
        """Return everything that is done to it."""
        return [self.bad_images, self.burst, self.time_jumps, self.stopped_player,
                self.killed_player]


def after_warm_up(memory: Sequence[tuple[float, int]]) -> np.ndarray:
    """Return time and memory (2, N) after the warm-up."""
    begun_s, ended_s = memory[0][0], memory[-1][0]
    warm_up_s = min(WARM_UP_S, (ended_s - begun_s) / 3)
    return np.array([(s, size) for s, size in memory if s - begun_s >= warm_up_s], float).T


def growth_mb(memory: Sequence[tuple[float, int]]) -> float:
    """Return by how much memory has grown after the warm-up."""
    sizes = after_warm_up(memory)[1]
    return float(sizes[-1] - sizes[0]) / 1e6


def slope_mb_per_hour(memory: Sequence[tuple[float, int]]) -> float:
    """Return how fast memory grows after the warm-up."""
    seconds, sizes = after_warm_up(memory)
    return float(np.polyfit(seconds - seconds[0], sizes / 1e6, 1)[0] * 3600)


def uncounted(values: Mapping[str, str]) -> int:
    """Return how many of the images that came were neither answered nor counted by name."""
    return int(values['images received']) - sum(int(values[f'images {name}']) for name in ENDS)


def grows(memory: Sequence[tuple[float, int]], minutes: float) -> bool:
    """Return whether memory grows: by its slope, or in a short run by its growth."""
    if minutes < SHORT_MINUTES:
        return growth_mb(memory) > MAX_GROWTH_MB
    return slope_mb_per_hour(memory) > MAX_SLOPE_MB_PER_HOUR


def report(soak: Soak, faults: Counter[str], minutes: float) -> bool:
    """Print the figures. Returns whether all is well."""
    from ros_helpers import values_of

    lives = soak.node.popen.poll() is None
    values = values_of(soak.peer.diagnostics[-1].status[0])
    latencies_ms = 1e3 * np.array(soak.latencies_s or [np.nan])
    lines = {
        'frames': ', '.join(f'{key.split()[1]} {value}' for key, value in values.items()
                            if key.startswith('images ')),
        'verdicts': ', '.join(f'{key.split()[1]} {value}' for key, value in values.items()
                              if key.startswith('verdict ')),
        'images not counted by name': str(uncounted(values)),
        'time jumps back': values.get('time jumps back', '0'),
        'faults': ', '.join(f'{name} {count}' for name, count in faults.items()),
        'poses with a stamp of no image': str(soak.wrong_stamps),
        'frames to recover, worst': ', '.join(
            f'{name} {frames}' for name, frames in soak.recoveries.items()),
        'latency p50 / p99 / worst': ' / '.join(
            f'{value:.1f}' for value in (*np.percentile(latencies_ms, (50, 99)),
                                         latencies_ms.max())) + ' ms',
        'memory': f'{soak.memory[-1][1] / 1e6:.0f} MB, {growth_mb(soak.memory):+.1f} MB, '
                  f'slope {slope_mb_per_hour(soak.memory):+.2f} MB/h',
        'files and DDS segments': f'{soak.shared[-1][1] / 1e6:.0f} MB, slope '
                                  f'{slope_mb_per_hour(soak.shared):+.2f} MB/h',
        'node': 'alive' if lives else 'dead'}
    for name, line in lines.items():
        print(f'{name:32} {line}')
    wrong = what_is_wrong(soak, faults, minutes, values)
    print(f'{"verdict":32} {"; ".join(wrong) or "all is well"}')
    return not wrong


def what_is_wrong(soak: Soak, faults: Counter[str], minutes: float,
                  values: Mapping[str, str]) -> list[str]:
    """Return what is not as it has to be, a few words each."""
    most = SHORT_RECOVERY_FRAMES if minutes < SHORT_MINUTES else RECOVERY_FRAMES
    checks = {
        'the node died': soak.node.popen.poll() is not None,
        'poses have stamps of no image': bool(soak.wrong_stamps),
        'memory grows': grows(soak.memory, minutes),
        # one is in the network
        'images are not counted by name': not 0 <= uncounted(values) <= 1,
        'not every fault was made': set(faults) != {each.__name__ for each in soak.faults()},
        f'more than {most} frames to recover': max(soak.recoveries.values()) > most}
    return [words for words, wrong in checks.items() if wrong]


def run(minutes: float, folder: Path, model: Path) -> bool:
    """Run the soak with a model, and print its figures. Returns whether all is well."""
    faults: Counter[str] = Counter()
    with ExitStack() as stack:
        soak = Soak(stack, folder, model, SHORT_CALM_S if minutes < SHORT_MINUTES else CALM_S)
        end_s = time.monotonic() + 60 * minutes
        for fault in itertools.cycle(soak.faults()):
            if time.monotonic() > end_s or soak.node.popen.poll() is not None:
                break
            soak.calm()
            soak.fault = fault.__name__
            fault()
            faults[fault.__name__] += 1
        soak.calm()
        soak.peer.status()  # what has come until now is counted
        return report(soak, faults, minutes)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the soak."""
    parser = argparse.ArgumentParser(prog='python -m test.soak', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minutes', type=float, default=20.0, help='how long (default: 20)')
    minutes = parser.parse_args(argv).minutes
    sys.path.insert(0, str(Path(__file__).parent))
    prepare_environment()
    from ros_helpers import write_mean_colour_model
    with tempfile.TemporaryDirectory() as folder:
        model = write_mean_colour_model(Path(folder, 'model'))
        return 0 if run(minutes, Path(folder), model) else 1


if __name__ == '__main__':
    sys.exit(run_cli(main))
