"""
Benchmark one node on the images of a folder: what became of each, and what it cost.

The node runs with its defaults. Each image that is sent is answered or counted by the node under
a name; a subscriber in another process, which does nothing else, tells what the transport alone
takes in the same run.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
import json
import os
from pathlib import Path
import subprocess
import tempfile
import time
from typing import Any, NamedTuple

import numpy as np
from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.imaging.decoding import Frame
from posenet_ros.inference.artifact import load
from posenet_ros.localisation.factory import has_landmarks, make_relocaliser, RelocaliserOptions
from posenet_ros.localisation.pipeline import localise
from posenet_ros.training.bench.parts.images import read_images
from posenet_ros.training.bench.parts.live import Cameras, START_TIMEOUT_S, STOP_TIMEOUT_S
from posenet_ros.training.bench.parts.node_watch import (
    ends_of,
    Lifecycle,
    localised_between,
    NodeWatch,
    settled_report,
)
from posenet_ros.training.bench.parts.start import node_startup
from posenet_ros.training.bench.timing import cpu_s, memory_mb
from posenet_ros.utils.processes import start_module
from posenet_ros.utils.ros_environment import prepare_environment

TOPIC = '/cam0/image'
STAGE_IMAGES = 40  # of which the stages are timed
SETTLE_S = 1.5  # of the node, after the last image


def stage_cpu_ms(model: Path, images: Sequence[RgbImage], refine: bool) -> dict[str, float]:
    """
    Time the stages of images in this process, CPU of all threads.

    :returns: stage -> mean, milliseconds.
    """
    artifact = load(model)
    relocaliser = make_relocaliser(artifact, RelocaliserOptions('litert', refine=refine)
                                   ).relocaliser
    height, width = images[0].shape[:2]
    camera = artifact.camera.scaled(width, height)
    chosen = [images[i] for i in np.linspace(0, len(images) - 1, STAGE_IMAGES).astype(int)]
    results = [localise(relocaliser, partial(_frame, image), camera, time.process_time)
               for image in chosen]
    return {stage: 1e3 * float(np.mean([result.stages_s[stage] for result in results[1:]]))
            for stage in results[0].stages_s}


def _frame(image: RgbImage, _: Callable[[int, int], int] | None) -> Frame:
    return Frame(image, 1, 'camera')


def percentiles_ms(ages_ns: Sequence[int]) -> dict[str, float]:
    """Return the percentiles of ages, milliseconds; NaN where there are none."""
    values = np.percentile(ages_ns, (50, 95, 99)) / 1e6 if len(ages_ns) else (np.nan,) * 3
    return dict(zip(('p50', 'p95', 'p99'), map(float, values), strict=True))


class Feed(NamedTuple):
    """The cameras and what the node publishes, while it is measured."""

    cameras: Cameras
    watch: NodeWatch
    pid: int


def warm_up(feed: Feed, rate_hz: float) -> None:
    """
    Send images until poses come, and a second more.

    :raises PoseNetError: when none comes.
    """
    feed.cameras.publish_for(START_TIMEOUT_S, rate_hz, lambda: len(feed.watch.published_ns) > 2)
    if not feed.watch.published_ns:
        raise PoseNetError('no pose came, see above')
    feed.cameras.publish_for(1.0, rate_hz)
    send_last(feed, rate_hz)


def send_last(feed: Feed, rate_hz: float) -> None:
    """Send one image slowly: by its number the node knows how many were lost before it."""
    feed.cameras.spin_for(SETTLE_S)
    feed.cameras.publish_for(1 / rate_hz, rate_hz)
    feed.cameras.spin_for(SETTLE_S)


def send(feed: Feed, seconds: float, rate_hz: float) -> list[dict[str, float]]:
    """Send images; return the memory of the node, a second each. The last image comes slowly."""
    memory = []
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0.5 / rate_hz:
        feed.cameras.publish_for(min(left_s, 1.0), rate_hz)
        memory.append(memory_mb(feed.pid))
    send_last(feed, rate_hz)
    return memory


def measure_run(feed: Feed, options: argparse.Namespace) -> tuple[dict[str, Any], set[int]]:
    """Feed the node; return the figures, and the stamps of the images."""
    warm_up(feed, options.rate)
    before = settled_report(feed.cameras, feed.watch)
    old, cpu_before_s = set(feed.cameras.sent_ns[0]), cpu_s(feed.pid)
    memory = send(feed, options.seconds, options.rate)
    used_s = cpu_s(feed.pid) - cpu_before_s
    after = settled_report(feed.cameras, feed.watch)
    ends = ends_of(before, after)
    stamps = set(feed.cameras.sent_ns[0]) - old
    received = sum(ends.values()) - ends['lost']
    published = feed.watch.published_ns
    return {'sent': len(stamps), 'ends': ends,
            'age_ms': percentiles_ms([published[s] - s for s in stamps & published.keys()]),
            'poses': len(stamps & published.keys()),
            'received': received, 'cpu_s': used_s,
            'localised': localised_between(before, after, ends),
            'memory_mb': {'own': max(m['own'] for m in memory), 'without DDS': max(
                m['now'] - m['shared'] for m in memory)}}, stamps


def start_node(options: argparse.Namespace) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Run the node for the time of a block; it waits to be configured."""
    return start_module(
        'posenet_ros.node', '--ros-args', '--log-level', 'error', '-r', '__ns:=/cam0',
        '-p', f'model:={options.model.resolve()}', '-p', f'engine:={options.engine}',
        '-p', f'refine:={"auto" if options.refine == "auto" else "false"}',
        '-p', 'autostart:=false', stop_timeout_s=STOP_TIMEOUT_S)


def measure(options: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Start the node and the subscriber, feed both, and return all figures."""
    width, height = map(int, options.size.split('x'))
    images = read_images(options.images, (width, height))
    artifact = load(options.model)
    refine = options.refine == 'auto' and has_landmarks(artifact)
    stages = stage_cpu_ms(options.model, images, refine)
    start_s = node_startup(options.model)['wall_s']
    cameras = Cameras(1, artifact.camera.scaled(width, height), images)
    watch, ages_file = NodeWatch(cameras.node), scratch / 'ages.json'
    with ExitStack() as stack:
        pid = stack.enter_context(start_node(options)).pid
        ready_s = {'process start to network loaded and warmed up': start_s,
                   'configure to active, as a lifecycle manager sees it':
                   Lifecycle(cameras).start()}
        with start_module('posenet_ros.training.bench.parts.transport', TOPIC, ages_file,
                          stop_timeout_s=STOP_TIMEOUT_S):
            found, stamps = measure_run(Feed(cameras, watch, pid), options)
    transport = [age for stamp, age in json.loads(ages_file.read_text()) if stamp in stamps]
    rest_ms = 1e3 * found['cpu_s'] - found['localised'] * sum(stages.values())
    return {'size': options.size, 'rate_hz': options.rate, 'refine': options.refine,
            'seconds': options.seconds, **found, 'ready_s': ready_s,
            'transport_ms': percentiles_ms(transport), 'transport_received': len(transport),
            'stages_cpu_ms': stages, 'rest_cpu_ms': rest_ms / max(found['received'], 1),
            'load': os.getloadavg()[0]}


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """
    Benchmark a node on the images of the options.

    :raises InputError: when there are no images.
    """
    if options.images is None:
        raise InputError('bench node needs --images FOLDER, with images of the place')
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    prepare_environment()
    with tempfile.TemporaryDirectory() as scratch:
        return measure(options, Path(scratch))
