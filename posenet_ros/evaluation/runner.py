"""Run a model over images, decoding and inference in threads, with bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import islice
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.evaluation.baselines import nearest_images
from posenet_ros.evaluation.results import FrameResult
from posenet_ros.evaluation.sources import QueryImage
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.imaging.decoding import ImageError
from posenet_ros.imaging.quality import FrozenImageDetector
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.landmarks.features import Features
from posenet_ros.localisation.gate import Gate
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.utils.parallel import ordered_map, WORKERS

Describe = Callable[[RgbImage], NDArray[np.floating]]  # (B, H, W, 3) RGB to (B, D) descriptors
BATCH = 16


@dataclass(frozen=True, eq=False)
class Prepared:
    """An image between the stages: the network's input and its estimate, or why it has none."""

    query: QueryImage
    network_input: RgbImage | None = None
    features: Features | None = None
    estimate: PoseEstimate | None = None
    reason: str = ''
    latency_ms: dict[str, float] = field(default_factory=dict)


class WorstFrames:
    """
    Keep the images of the frames with the largest errors, so that memory stays bounded.

    :param size: the number of images to keep.
    """

    def __init__(self, size: int = 12) -> None:
        self._size = size
        self._heap: list[tuple[float, int, str, RgbImage]] = []
        self._count = 0

    def add(self, result: FrameResult, image: RgbImage | None) -> None:
        """Keep the image if the error is among the largest so far."""
        if result.estimate is None or image is None:
            return
        error_m = float(np.linalg.norm(
            result.estimate.translation_m - result.truth.translation_m))
        self._count += 1  # breaks ties, as images cannot be compared
        heappush(self._heap, (error_m, self._count, result.name, image))
        if len(self._heap) > self._size:
            heappop(self._heap)

    def attach_images(self, frames: Iterable[FrameResult]) -> list[FrameResult]:
        """Return the frames, the worst with their images."""
        images = {name: image for _, _, name, image in self._heap}
        return [replace(frame, image=images[frame.name]) if frame.name in images else frame
                for frame in frames]


def _ms_since(start: float) -> float:
    return 1000 * (perf_counter() - start)


def prepare(query: QueryImage, relocaliser: Relocaliser, camera: Camera | None) -> Prepared:
    """
    Decode and preprocess one image; one that cannot be decoded gets a reason.

    :raises InputError: when the image's file is missing or damaged.
    """
    start = perf_counter()
    try:
        image = query.load(relocaliser.reduction)
    except ImageError as error:
        return Prepared(query, reason=str(error))
    decoded = perf_counter()
    try:
        network_input = relocaliser.prepare(image, camera)
        features = relocaliser.features(image, camera)
    except InputError as error:
        return Prepared(query, reason=str(error))
    latency = {'decode': 1000 * (decoded - start), 'prepare': _ms_since(decoded)}
    return Prepared(query, network_input, features, latency_ms=latency)


def without_estimate(query: QueryImage) -> FrameResult:
    """Make a frame without an estimate."""
    return FrameResult(query.name, query.stamp_ns, query.truth, sequence=query.sequence,
                       recorded_ns=query.recorded_ns)


def infer(prepared: Prepared, relocaliser: Relocaliser) -> Prepared:
    """Add the network's estimate."""
    if prepared.network_input is None:
        return prepared
    start = perf_counter()
    try:
        estimate = relocaliser.estimate(prepared.network_input, prepared.features)
    except InputError as error:  # not finite: the network's failure, not the user's
        return replace(prepared, reason=str(error))
    latency = {**prepared.latency_ms, 'infer': _ms_since(start)}
    return replace(prepared, estimate=estimate, latency_ms=latency)


def judge(answered: Prepared, gate: Gate, inspect: FrozenImageDetector) -> FrameResult:
    """Apply the gate to an estimate; to be called in the order of the images."""
    result = without_estimate(answered.query)
    start = perf_counter()
    fault = None if answered.network_input is None else gate.fault(inspect(answered.network_input))
    if answered.estimate is None:
        return replace(result, reasons=(answered.reason,))
    latency = {**answered.latency_ms}
    latency['prepare'] = latency.get('prepare', 0.0) + _ms_since(start)
    estimate = answered.estimate
    decision = gate.decide(estimate, answered.query.stamp_ns, fault=fault)
    return replace(
        result, estimate=estimate.map_from_camera, covariance=estimate.covariance,
        place_score=estimate.place_score, verdict=decision.verdict, reasons=decision.reasons,
        fault=fault.kind if fault else None, landmarks=estimate.landmarks,
        latency_ms={**latency, 'total': sum(latency.values())})


def _answers(
        answered: Iterable[Prepared], gate: Gate,
        worst_frames: WorstFrames) -> Iterator[tuple[FrameResult, RgbImage | None]]:
    sequence, inspect = None, FrozenImageDetector()
    for item in answered:
        if item.query.sequence != sequence:
            gate.reset()
            sequence = item.query.sequence
        result = judge(item, gate, inspect)
        worst_frames.add(result, item.network_input)
        yield result, item.network_input


def _with_nearest(
        answers: Iterator[tuple[FrameResult, RgbImage | None]], train: TrainIndex,
        describe: Describe) -> Iterator[FrameResult]:
    """Retrieve the most similar training image of each, batch by batch."""
    while batch := list(islice(answers, BATCH)):
        inputs = [image for _, image in batch if image is not None]
        nearest: Iterator[Any] = iter(())
        if inputs:  # always a full batch: another size would compile the network again
            full = np.stack([*inputs, *inputs[:1] * (BATCH - len(inputs))])
            nearest = iter(nearest_images(train, describe(full)))
        for result, image in batch:
            yield result if image is None else replace(result, nearest_image=int(next(nearest)))


def run(
        queries: Iterable[QueryImage], camera: Camera | None, relocaliser: Relocaliser, gate: Gate,
        train: TrainIndex, worst_frames: WorstFrames, describe: Describe | None = None,
        workers: int = WORKERS) -> Iterator[FrameResult]:
    """
    Yield the result of each image, in order.

    :param camera: of the images; None means the model's.
    :param worst_frames: keeps the images of the worst frames.
    :param describe: computes the descriptors of `train`; None leaves the nearest image out.
    :param workers: threads; the relocaliser is used by all of them at once.
    """
    answered = ordered_map(
        lambda query: infer(prepare(query, relocaliser, camera), relocaliser), queries, workers)
    answers = _answers(answered, gate, worst_frames)
    if describe is None:
        return (result for result, _ in answers)
    return _with_nearest(answers, train, describe)
