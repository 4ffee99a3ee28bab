"""Run a model over images, decoding and inference in threads, with bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
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
from posenet_ros.imaging.decoding import Frame
from posenet_ros.imaging.quality import FrozenImageDetector
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.localisation.gate import Gate
from posenet_ros.localisation.pipeline import Decode, judge, localise, prepare, QueryResult
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.utils.parallel import ordered_map, WORKERS

Describe = Callable[[RgbImage], NDArray[np.floating]]  # (B, H, W, 3) RGB to (B, D) descriptors
Localised = tuple[QueryImage, QueryResult]
BATCH = 16


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


def decoder(query: QueryImage) -> Decode:
    """Make the decoder of a query image."""
    return lambda reduction: Frame(query.load(reduction), query.stamp_ns, '')


def prepare_query(
        relocaliser: Relocaliser, query: QueryImage, camera: Camera | None) -> Localised:
    """Decode an image and make the network's input; the full image is not kept."""
    prepared = prepare(relocaliser, decoder(query), camera, perf_counter)
    return query, replace(prepared, frame=None)


def localise_query(
        relocaliser: Relocaliser, query: QueryImage, camera: Camera | None,
        warp_into: Camera | None = None) -> Localised:
    """Localise an image; the full image is not kept, as many results may wait."""
    result = localise(relocaliser, decoder(query), camera, perf_counter, warp_into)
    return query, replace(result, frame=None)


def without_estimate(query: QueryImage) -> FrameResult:
    """Make a frame without an estimate."""
    return FrameResult(query.name, query.stamp_ns, query.truth, sequence=query.sequence,
                       recorded_ns=query.recorded_ns)


def _why_none(result: QueryResult) -> str:
    """
    Return why there is no estimate.

    :raises Exception: what the network raised, unless it is an output that is not finite.
    """
    if result.failure and not isinstance(result.failure, InputError):
        raise result.failure
    return str(result.failure or result.image_error)


def judge_frame(query: QueryImage, result: QueryResult, gate: Gate,
                frozen: FrozenImageDetector) -> FrameResult:
    """Judge a result; call it in the order of the images."""
    frame, judgement = without_estimate(query), judge(
        result, gate, frozen, query.stamp_ns)
    if result.estimate is None or judgement is None:
        return replace(frame, reasons=(_why_none(result),))
    estimate, (decision, fault) = result.estimate, judgement
    latency_ms = {stage: 1000 * seconds for stage, seconds in result.stages_s.items()}
    return replace(
        frame, estimate=estimate.map_from_camera, covariance=estimate.covariance,
        place_score=estimate.place_score, verdict=decision.verdict, reasons=decision.reasons,
        fault=fault.kind if fault else None, landmarks=estimate.landmarks,
        latency_ms={**latency_ms, 'total': sum(latency_ms.values())})


def judge_in_order(
        results: Iterable[Localised],
        gate: Gate) -> Iterator[tuple[FrameResult, RgbImage | None]]:
    """
    Judge results one after another; the gate is reset at the start of each sequence.

    :returns: the frames, each with the network's input.
    """
    sequence, frozen = None, FrozenImageDetector()
    for query, result in results:
        if query.sequence != sequence:
            gate.reset()
            sequence = query.sequence
        yield judge_frame(query, result, gate, frozen), result.network_input


def _collect_worst(judged: Iterator[tuple[FrameResult, RgbImage | None]],
                   worst_frames: WorstFrames) -> Iterator[tuple[FrameResult, RgbImage | None]]:
    for frame, image in judged:
        worst_frames.add(frame, image)
        yield frame, image


def _with_nearest(
        judged: Iterator[tuple[FrameResult, RgbImage | None]], train: TrainIndex,
        describe: Describe) -> Iterator[FrameResult]:
    """Retrieve the most similar training image of each, batch by batch."""
    while batch := list(islice(judged, BATCH)):
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
        workers: int = WORKERS, warp_into: Camera | None = None) -> Iterator[FrameResult]:
    """
    Yield the result of each image, in order.

    :param camera: of the images; None means the model's.
    :param worst_frames: keeps the images of the worst frames.
    :param describe: computes the descriptors of `train`; None leaves the nearest image out.
    :param workers: threads; the relocaliser is used by all of them at once.
    :param warp_into: as of :func:`posenet_ros.localisation.pipeline.localise`.
    """
    localised = ordered_map(
        lambda query: localise_query(relocaliser, query, camera, warp_into), queries, workers)
    judged = _collect_worst(judge_in_order(localised, gate), worst_frames)
    if describe is None:
        return (frame for frame, _ in judged)
    return _with_nearest(judged, train, describe)
