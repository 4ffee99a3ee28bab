"""
Benchmark the offline evaluation of JPEGs, beside decoding alone and inference alone.

Alone, images are decoded one after another, and localised one after another by an engine with all
its threads, as in the node. Both share the cores, so the bound of their CPU time is given.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
import os
import time
from typing import Any

import cv2
from posenet_ros.evaluation.metrics.largest_errors import WorstFrames
from posenet_ros.evaluation.runner import prepare_query, run
from posenet_ros.evaluation.sources import QueryImage
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import decode_compressed
from posenet_ros.inference.artifact import load, LoadedArtifact
from posenet_ros.localisation.factory import make_relocaliser, RelocaliserOptions
from posenet_ros.localisation.gate import Gate
from posenet_ros.localisation.gate_config import GateConfig
from posenet_ros.localisation.pipeline import infer
from posenet_ros.training.bench.parts.images import textured_image
from posenet_ros.utils.parallel import WORKERS

IMAGE_SIZE = (1920, 1080)
FRAMES, RUNS = 343, 3  # as many images as King's College has for testing

Figures = dict[str, float]


def queries(count: int) -> list[QueryImage]:
    """Return query images as a bag holds them: 1080p JPEGs."""
    image = textured_image(*IMAGE_SIZE)[..., ::-1]
    jpeg = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    load_jpeg = partial(decode_compressed, jpeg, 'jpeg')
    return [QueryImage(str(i), i + 1, Pose(), load_jpeg) for i in range(count)]


def throughput(results: Callable[[], Iterator[object]]) -> Figures:
    """Return the throughput, images per second, and the CPU time per image, milliseconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    count = sum(1 for _ in results())
    return {'images_per_s': count / (time.perf_counter() - wall),
            'cpu_ms': 1e3 * (time.process_time() - cpu) / count}


def workloads(artifact: LoadedArtifact,
              images: Sequence[QueryImage]) -> dict[str, Callable[[], Any]]:
    """Return the workloads: decoding alone, inference alone and the evaluator."""
    pooled = make_relocaliser(artifact, RelocaliserOptions(pooled=True))
    alone = make_relocaliser(artifact).relocaliser

    _, ready = prepare_query(alone, images[0], artifact.camera)
    return {
        'decode alone': lambda: (prepare_query(alone, query, artifact.camera)
                                 for query in images),
        'inference alone': lambda: (infer(alone, ready, time.perf_counter) for _ in images),
        'evaluate': lambda: run(
            images, artifact.camera, pooled.relocaliser, Gate(GateConfig(), artifact.scene),
            artifact.train, WorstFrames(), workers=max(pooled.parallel, WORKERS))}


def measure(artifact: LoadedArtifact, quick: bool) -> dict[str, Any]:
    """Return the best of several interleaved runs, and the evaluator's ratio to each bound."""
    cv2.setNumThreads(1)
    to_run = workloads(artifact, queries(20 if quick else FRAMES))
    found: dict[str, list[Figures]] = {name: [] for name in to_run}
    for _ in range(1 if quick else RUNS):
        for name, way in to_run.items():
            found[name].append(throughput(way))
    best = {name: max(runs, key=lambda run: run['images_per_s']) for name, runs in found.items()}
    decode, inference, whole = (best[name] for name in to_run)
    cores = len(os.sched_getaffinity(0))
    limit = 1e3 * cores / whole['cpu_ms']
    slower = min(decode['images_per_s'], inference['images_per_s'])
    return {**best, 'cores': cores, 'limit_images_per_s': limit,
            'of_the_slower': whole['images_per_s'] / slower,
            'of_the_limit': whole['images_per_s'] / limit,
            'of_a_loop': whole['images_per_s'] * (
                1 / decode['images_per_s'] + 1 / inference['images_per_s'])}


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Benchmark the model of the options."""
    return measure(load(options.model), options.quick)
