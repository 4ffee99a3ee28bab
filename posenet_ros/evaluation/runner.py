"""Run a model over images: decoding and inference in threads, memory bounded."""

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
from posenet_ros.evaluation.sources import Shot
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.imaging.decoding import ImageError
from posenet_ros.imaging.quality import Inspector
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.landmarks.features import Features
from posenet_ros.localisation.gate import Gate
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.utils.parallel import ordered_map, WORKERS

Describe = Callable[[RgbImage], NDArray[np.floating]]  # (B, H, W, 3) RGB to (B, D) features
BATCH = 16


@dataclass(frozen=True, eq=False)
class Prepared:
    """An image on its way: what the network sees and says, or why it does not."""

    shot: Shot
    network_input: RgbImage | None = None
    features: Features | None = None
    estimate: PoseEstimate | None = None
    reason: str = ''
    latency_ms: dict[str, float] = field(default_factory=dict)


class Album:
    """
    The pictures of the worst answers, and of no others, for memory has an end.

    :param size: how many.
    """

    def __init__(self, size: int = 12) -> None:
        self._size = size
        self._heap: list[tuple[float, int, str, RgbImage]] = []
        self._looked = 0

    def look(self, result: FrameResult, picture: RgbImage | None) -> None:
        """Keep the picture if the answer is among the worst so far."""
        if result.estimate is None or picture is None:
            return
        error_m = float(np.linalg.norm(
            result.estimate.translation_m - result.truth.translation_m))
        self._looked += 1  # decides between equals, as pictures cannot be compared
        heappush(self._heap, (error_m, self._looked, result.name, picture))
        if len(self._heap) > self._size:
            heappop(self._heap)

    def mount(self, frames: Iterable[FrameResult]) -> list[FrameResult]:
        """Return the frames, the worst with their pictures."""
        pictures = {name: picture for _, _, name, picture in self._heap}
        return [replace(frame, picture=pictures[frame.name]) if frame.name in pictures else frame
                for frame in frames]


def _ms_since(start: float) -> float:
    return 1000 * (perf_counter() - start)


def prepare(shot: Shot, relocaliser: Relocaliser, camera: Camera | None) -> Prepared:
    """
    Decode and preprocess one image; a bad one is a result too.

    :raises InputError: when the image's file is missing or damaged.
    """
    start = perf_counter()
    try:
        image = shot.load(relocaliser.reduction)
    except ImageError as error:
        return Prepared(shot, reason=str(error))
    decoded = perf_counter()
    try:
        network_input = relocaliser.prepare(image, camera)
        features = relocaliser.features(image, camera)
    except InputError as error:
        return Prepared(shot, reason=str(error))
    latency = {'decode': 1000 * (decoded - start), 'prepare': _ms_since(decoded)}
    return Prepared(shot, network_input, features, latency_ms=latency)


def unanswered(shot: Shot) -> FrameResult:
    """Return an image as a frame without an answer."""
    return FrameResult(shot.name, shot.stamp_ns, shot.truth, sequence=shot.sequence,
                       recorded_ns=shot.recorded_ns)


def infer(prepared: Prepared, relocaliser: Relocaliser) -> Prepared:
    """Return it with the network's estimate."""
    if prepared.network_input is None:
        return prepared
    start = perf_counter()
    try:
        estimate = relocaliser.estimate(prepared.network_input, prepared.features)
    except InputError as error:  # not finite: the network's failure, not the user's
        return replace(prepared, reason=str(error))
    latency = {**prepared.latency_ms, 'infer': _ms_since(start)}
    return replace(prepared, estimate=estimate, latency_ms=latency)


def judge(answered: Prepared, gate: Gate, inspect: Inspector) -> FrameResult:
    """Ask the gate about an estimate; to be called in the order of the images."""
    result = unanswered(answered.shot)
    start = perf_counter()
    fault = None if answered.network_input is None else gate.fault(inspect(answered.network_input))
    if answered.estimate is None:
        return replace(result, reasons=(answered.reason,))
    latency = {**answered.latency_ms}
    latency['prepare'] = latency.get('prepare', 0.0) + _ms_since(start)
    estimate = answered.estimate
    decision = gate.decide(estimate, answered.shot.stamp_ns, fault=fault)
    return replace(
        result, estimate=estimate.map_from_camera, covariance=estimate.covariance,
        place_score=estimate.place_score, verdict=decision.verdict, reasons=decision.reasons,
        fault=fault.kind if fault else None, landmarks=estimate.landmarks,
        latency_ms={**latency, 'total': sum(latency.values())})


def _answers(
        answered: Iterable[Prepared], gate: Gate,
        album: Album) -> Iterator[tuple[FrameResult, RgbImage | None]]:
    sequence, inspect = None, Inspector()
    for item in answered:
        if item.shot.sequence != sequence:
            gate.reset()
            sequence = item.shot.sequence
        result = judge(item, gate, inspect)
        album.look(result, item.network_input)
        yield result, item.network_input


def _with_nearest(
        answers: Iterator[tuple[FrameResult, RgbImage | None]], train: TrainIndex,
        describe: Describe) -> Iterator[FrameResult]:
    """Find the most similar training image of each, a batch at a time."""
    while batch := list(islice(answers, BATCH)):
        inputs = [image for _, image in batch if image is not None]
        found: Iterator[Any] = iter(())
        if inputs:  # always a full batch: another size would compile the network again
            full = np.stack([*inputs, *inputs[:1] * (BATCH - len(inputs))])
            found = iter(nearest_images(train, describe(full)))
        for result, image in batch:
            yield result if image is None else replace(result, nearest_image=int(next(found)))


def run(
        shots: Iterable[Shot], camera: Camera | None, relocaliser: Relocaliser, gate: Gate,
        train: TrainIndex, album: Album, describe: Describe | None = None,
        workers: int = WORKERS) -> Iterator[FrameResult]:
    """
    Yield the result of each image, in order.

    :param camera: of the images; None means the model's.
    :param album: keeps the pictures of the worst.
    :param describe: makes the descriptors of `train`; None leaves the nearest image out.
    :param workers: threads; the relocaliser is used by all of them at once.
    """
    answered = ordered_map(
        lambda shot: infer(prepare(shot, relocaliser, camera), relocaliser), shots, workers)
    answers = _answers(answered, gate, album)
    if describe is None:
        return (result for result, _ in answers)
    return _with_nearest(answers, train, describe)
