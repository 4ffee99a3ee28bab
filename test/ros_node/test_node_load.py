"""The node under load: large images on a slow engine, any order of states."""

from __future__ import annotations

from array import array
from bisect import bisect_right
import json
from pathlib import Path
import subprocess
import time

from geometry_msgs.msg import PoseStamped
import numpy as np
from posenet_ros.geometry.camera import Camera
from posenet_ros.ros_data.messages import set_stamp, stamp_ns
import psutil
import pytest
from rclpy.qos import qos_profile_sensor_data
from ros_helpers import (
    environment,
    node_command,
    Peer,
    peer_of,
    running,
    values_of,
    write_mean_colour_model,
)
from sensor_msgs.msg import Image

DOMAIN = 140
RATE_HZ = 30
ENGINE_S = 0.15
SLOW = f"""
import sys, time
from posenet_ros import node
from posenet_ros.localisation import factory as loading

real = loading.load_engine

def slow(*arguments):
    engine = real(*arguments)
    predict = engine.predict
    engine.predict = lambda batch: (time.sleep({ENGINE_S}), predict(batch))[1]
    return engine

loading.load_engine = slow
sys.exit(node.main(['relocaliser', *sys.argv[1:]]))
"""


@pytest.fixture(scope='module')
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mean_colour_model(tmp_path_factory.mktemp('model') / 'tiny')


def feed(peer: Peer, seconds: float) -> dict[int, float]:
    """Send 1080p at 30 Hz, taking what comes back. Returns stamp -> when it was sent."""
    publisher = peer.node.create_publisher(Image, 'image', qos_profile_sensor_data)
    message = Image(height=1080, width=1920, step=3 * 1920, encoding='rgb8',
                    data=array('B', bytes([90, 60, 30]) * (1080 * 1920)))
    assert peer.wait_until(publisher.get_subscription_count)
    peer.spin_for(0.3)  # the node has to find the publisher, too
    sent = {}
    start = time.monotonic()
    for i in range(round(seconds * RATE_HZ)):
        peer.wait_until(lambda: False, max(start + i / RATE_HZ - time.monotonic(), 0.001))
        stamp = time.time_ns()
        set_stamp(message.header.stamp, stamp)
        sent[stamp] = time.monotonic()
        publisher.publish(message)
    peer.spin_for(0.3)  # with the publisher would go what it has not sent yet
    peer.node.destroy_publisher(publisher)
    return sent


def own_memory(process: psutil.Process) -> int:
    """Return the bytes of a process without files and the segments that DDS shares."""
    found = process.memory_info()
    return int(found.rss - found.shared)


def test_large_images_on_a_slow_engine_stay_fresh_and_memory_flat(tmp_path: Path) -> None:
    camera = Camera(1920, 1080, 1500.0, 1500.0, 959.5, 539.5)
    model = write_mean_colour_model(tmp_path / 'model', camera)
    arrived: dict[int, float] = {}
    with running(node_command(SLOW, model=model), DOMAIN, tmp_path / 'log.txt') as process, \
            peer_of(DOMAIN) as peer:
        peer.node.create_subscription(
            PoseStamped, '/relocaliser/pose',
            lambda pose: arrived.setdefault(stamp_ns(pose.header.stamp), time.monotonic()), 100)
        peer.wait_active()
        measured = psutil.Process(process.popen.pid)
        feed(peer, 2.0)
        assert len(arrived) > 3, 'the memory that images take is taken before it is measured'
        memory = own_memory(measured)
        sent = feed(peer, 4.0)
        peer.spin_for(1.0)
        assert own_memory(measured) - memory < 6_500_000  # at most one image more
        values = values_of(peer.status())
    stamps, times = list(sent), list(sent.values())
    # how many newer images had been sent when the engine began with the one that it answered
    behind = [bisect_right(times, arrived[stamp] - ENGINE_S) - 1 - i
              for i, stamp in enumerate(stamps) if stamp in arrived]
    assert len(behind) >= 10, 'of 26 that the engine can answer'
    assert np.median(behind) <= 2  # the one that waits, and one on its way: a queue would grow
    assert float(values['latency wait p50 (ms)']) <= 1000 / RATE_HZ
    assert stamp_ns(peer.poses[-1].header.stamp) in stamps[-3:]  # best effort may lose the last


ANY_ORDER = """
import gc, json, random, sys
import psutil, rclpy
from posenet_ros.utils.processes import keep_memory
from posenet_ros.node import KEPT_BYTES
from posenet_ros.ros_node.lifecycle_node import RelocaliserNode

MOVES = {'unconfigured': ['configure', 'shutdown'], 'active': ['deactivate', 'shutdown'],
         'inactive': ['activate', 'cleanup', 'shutdown']}
keep_memory(KEPT_BYTES)
rclpy.init(args=sys.argv)
chance, ended, measured, own = random.Random(0), set(), [], psutil.Process()
for life in range(50):
    node = RelocaliserNode()
    while (state := node._state_machine.current_state[1]) != 'finalized':
        move = chance.choice(MOVES[state])
        getattr(node, f'trigger_{move}')()
        if move == 'shutdown':
            ended.add(state)
    assert node._runtime is None
    node.destroy_node()
    del node
    gc.collect()  # nodes refer to themselves
    measured.append((own.num_threads(), own.memory_info().rss))
rclpy.try_shutdown()
print(json.dumps({'ended': sorted(ended), 'measured': measured}))
"""


def test_shutdown_from_any_state_50_times_leaks_nothing(model: Path) -> None:
    command = node_command(ANY_ORDER, model=model, tf_mode='map_to_odom')
    done = subprocess.run(command, env=environment(DOMAIN + 2), capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found['ended'] == ['active', 'inactive', 'unconfigured']
    threads, memory = zip(*found['measured'], strict=True)
    assert threads[-1] <= threads[10]
    assert memory[-1] - memory[10] < 2_000_000  # bytes


CLEANED_UP = """
import sys, time
import rclpy
from lifecycle_msgs.srv import ChangeState
from posenet_ros.ros_node.control import shared_models
from posenet_ros.ros_node.lifecycle_node import RelocaliserNode

rclpy.init(args=sys.argv)
executor = rclpy.executors.SingleThreadedExecutor()
node, manager = RelocaliserNode(), rclpy.create_node('manager', use_global_arguments=False)
node.autostart()
executor.add_node(node)
executor.add_node(manager)
client = manager.create_client(ChangeState, '/relocaliser/change_state')
client.wait_for_service()
print(len(shared_models._models))
for transition in (4, 2):  # deactivate, clean up
    request = ChangeState.Request()
    request.transition.id = transition
    future = client.call_async(request)
    executor.spin_until_future_complete(future, 10.0)
    assert future.result().success
end = time.monotonic() + 10
while shared_models._models and time.monotonic() < end:
    executor.spin_once(0.1)
print(len(shared_models._models))
rclpy.try_shutdown()
"""


def test_cleanup_by_a_lifecycle_manager_frees_the_network(model: Path) -> None:
    done = subprocess.run(node_command(CLEANED_UP, model=model), env=environment(DOMAIN + 1),
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ['1', '0']
