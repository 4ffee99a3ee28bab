"""
Speed of the offline evaluation of JPEGs, beside decoding and inference alone; part of `bench`.

Alone, one image is decoded after another, and one is answered after another by an engine with all
its threads, as in the node. Both share the cores, so the limit of their time is given beside.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
import json
import os
from pathlib import Path
import sys
import time
from typing import Any

import cv2
from posenet_ros.errors import run_cli
from posenet_ros.evaluation.runner import Album, infer, prepare, run
from posenet_ros.evaluation.sources import Shot
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import decode_compressed
from posenet_ros.inference.artifact import load, LoadedArtifact
from posenet_ros.inference.engine import load_engine
from posenet_ros.inference.engine_pool import load_pool
from posenet_ros.localisation.factory import warm_up
from posenet_ros.localisation.gate import Gate, GateConfig
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.training.bench.images import picture
from posenet_ros.utils.parallel import WORKERS

SIZE = (1920, 1080)
FRAMES, RUNS = 343, 3  # as many images as King's College has for testing

Figures = dict[str, float]


def shots(count: int) -> list[Shot]:
    """Return images of 1080p as they lie in a bag: JPEGs."""
    jpeg = cv2.imencode('.jpg', picture(*SIZE)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    load_jpeg = partial(decode_compressed, jpeg, 'jpeg')
    return [Shot(str(i), i + 1, Pose(), load_jpeg) for i in range(count)]


def timed(results: Callable[[], Iterator[object]]) -> Figures:
    """Return images a second, and milliseconds of CPU time an image."""
    wall, cpu = time.perf_counter(), time.process_time()
    count = sum(1 for _ in results())
    return {'images_per_s': count / (time.perf_counter() - wall),
            'cpu_ms': 1e3 * (time.process_time() - cpu) / count}


def ways(artifact: LoadedArtifact, images: Sequence[Shot]) -> dict[str, Callable[[], Any]]:
    """Return decoding alone, inference alone and the evaluator."""
    engine = load_pool(artifact, 'auto', 'float32')
    relocaliser = Relocaliser(engine.predict, artifact)
    alone = Relocaliser(load_engine(artifact).predict, artifact)
    for one in (relocaliser, alone):
        warm_up(one, artifact)
    ready = prepare(images[0], alone, artifact.camera)
    return {
        'decode alone': lambda: (prepare(shot, alone, artifact.camera) for shot in images),
        'inference alone': lambda: (infer(ready, alone) for _ in images),
        'evaluate': lambda: run(
            images, artifact.camera, relocaliser, Gate(GateConfig(), artifact.scene),
            artifact.train, Album(), workers=max(engine.size, WORKERS))}


def measure(artifact: LoadedArtifact, quick: bool) -> dict[str, Any]:
    """Return the best of several runs by turns, and the shares."""
    cv2.setNumThreads(1)
    to_run = ways(artifact, shots(20 if quick else FRAMES))
    found: dict[str, list[Figures]] = {name: [] for name in to_run}
    for _ in range(1 if quick else RUNS):
        for name, way in to_run.items():
            found[name].append(timed(way))
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


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and write JSON; training.bench calls this."""
    parser = argparse.ArgumentParser(
        prog='python -m posenet_ros.training.bench.evaluation', description=__doc__)
    parser.add_argument('--model', type=Path, required=True, help='model folder')
    parser.add_argument('--out', type=Path, required=True, help='JSON file to write')
    parser.add_argument('--quick', action='store_true', help='few images, one run')
    options = parser.parse_args(argv)
    options.out.write_text(json.dumps(measure(load(options.model), options.quick)))
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
