"""Run a model over images, decoding and inference in threads, with bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
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
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.imaging.decoding import Frame
from posenet_ros.imaging.quality import FrozenImageDetector
from posenet_ros.inference.train_index import TrainIndex
from posenet_ros.localisation.gate import Gate
from posenet_ros.localisation.pipeline import (
    Decode,
    infer,
    judge,
    localise,
    prepare,
    QueryResult,
)
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.localisation.tracking.camera_tracker import CameraTracker
from posenet_ros.localisation.tracking.sequential import SequentialTracking
from posenet_ros.utils.parallel import ordered_map, WORKERS

Describe = Callable[[RgbImage], NDArray[np.floating]]  # (B, H, W, 3) RGB to (B, D) descriptors
Final = Callable[[FrameResult], FrameResult | None]
Localised = tuple[QueryImage, QueryResult]
JudgedResult = tuple[FrameResult, Localised]
BATCH = 16


@dataclass(frozen=True, eq=False)
class KeptFrame:
    """
    A frame, and what it takes to show it.

    :param load: decodes its image, (H, W, 3) RGB; None when no image is at hand. Raises
        InputError when it cannot be decoded.
    :param matches: of its image with landmarks; None when the pose is not refined.
    """

    frame: FrameResult
    load: Callable[[], RgbImage] | None = None
    matches: LandmarkMatches | None = None


class WorstFrames:
    """
    Keep the frames with the largest errors as results stream through.

    Only these keep their matches and the source of their image, so that memory stays bounded.

    :param accepted: the number of frames to keep of those with an accepted estimate.
    :param failed: the number to keep of the others, rejected estimates before missing ones.
    :param final: gives the frame as it is reported, where the estimate is another's than the
        relocaliser's; None leaves the frame out.
    """

    def __init__(self, accepted: int = 4, failed: int = 2, final: Final | None = None) -> None:
        self._sizes = {True: accepted, False: failed}
        self._heaps: dict[bool, list[tuple[float, int, KeptFrame]]] = {True: [], False: []}
        self._final = final
        self._count = 0

    def add(self, frame: FrameResult, load: Callable[[], RgbImage] | None = None,
            matches: LandmarkMatches | None = None) -> None:
        """Keep the frame if its error is among the largest so far."""
        if self._final is not None:  # the matches are not those of the other's estimate
            reported, matches = self._final(frame), None
            if reported is None:
                return
            frame = reported
        self._count -= 1  # breaks ties, the first frame stays: frames cannot be compared
        heap = self._heaps[frame.accepted]
        heappush(heap, (frame.error_m, self._count, KeptFrame(frame, load, matches)))
        if len(heap) > self._sizes[frame.accepted]:
            heappop(heap)

    @property
    def frames(self) -> list[KeptFrame]:
        """Return the frames, accepted ones first, each kind by falling error."""
        return [frame for kind in (True, False)
                for _, _, frame in sorted(self._heaps[kind], reverse=True)]


def decoder(query: QueryImage) -> Decode:
    """Make the decoder of a query image."""
    return lambda reduction: Frame(query.load(reduction), query.stamp_ns, '')


def prepare_query(
        relocaliser: Relocaliser, query: QueryImage, camera: Camera | None,
        warp_into: Camera | None = None) -> Localised:
    """Decode an image and make the network's input; the full image is not kept."""
    prepared = prepare(relocaliser, decoder(query), camera, perf_counter, warp_into)
    return query, replace(prepared, frame=None)


def localise_query(
        relocaliser: Relocaliser, query: QueryImage, camera: Camera | None,
        warp_into: Camera | None = None) -> Localised:
    """Localise an image; the full image is not kept, as many results may wait."""
    result = localise(relocaliser, decoder(query), camera, perf_counter, warp_into)
    return query, replace(result, frame=None)


def localise_tracking(
        relocaliser: Relocaliser, queries: Iterable[QueryImage], camera: Camera | None,
        gate: Gate, warp_into: Camera | None = None) -> Iterator[JudgedResult]:
    """
    Localise the images of a source in their order, and track between localisations.

    It is what the node does with `tracking`, but that localisations take no time.

    :param camera: and `warp_into`: as of :func:`run`.
    :raises InputError: when the model has no landmarks.
    """
    tracker = relocaliser.make_tracker()
    if tracker is None:
        raise InputError('--tracking has to come with a model that has landmarks, and with '
                         '--refine. Received: no landmarks')
    tracking = SequentialTracking(relocaliser, CameraTracker(tracker), perf_counter)
    sequence, frozen = None, FrozenImageDetector()
    for query in queries:
        if query.sequence != sequence:
            gate.reset()
            tracking.reset()
            sequence = query.sequence
        result = replace(tracking.localise(
            decoder(query), camera, warp_into,
            expect=partial(gate.history.expect, query.stamp_ns)), frame=None)
        frame = judge_frame(query, result, gate, frozen)
        tracking.judged(accepted=frame.accepted)
        yield frame, (query, result)
def replay(prepared: Iterable[Localised], relocaliser: Relocaliser,
           gate: Gate) -> Iterator[Localised]:
    """
    Localise prepared images one after another, each by what the gate knows by then.

    :param gate: has to judge each before the next is asked for.
    """
    sequence = None
    for query, result in prepared:
        if query.sequence != sequence:
            gate.reset()
            sequence = query.sequence
        expected = gate.history.expect(query.stamp_ns)
        yield query, infer(relocaliser, result, perf_counter, expected.prior,
                           check=expected.check)


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
        ambiguous=estimate.ambiguous,
        latency_ms={**latency_ms, 'total': sum(latency_ms.values())})


def judge_in_order(results: Iterable[Localised], gate: Gate) -> Iterator[JudgedResult]:
    """
    Judge results one after another; the gate is reset at the start of each sequence.

    :returns: the frames, each with its image and result.
    """
    sequence, frozen = None, FrozenImageDetector()
    for localised in results:
        query, result = localised
        if query.sequence != sequence:
            gate.reset()
            sequence = query.sequence
        yield judge_frame(query, result, gate, frozen), localised


def _collect_worst(
        judged: Iterable[JudgedResult],
        worst_frames: WorstFrames) -> Iterator[tuple[FrameResult, RgbImage | None]]:
    """Yield the frames, each with the network's input; all else of a result is dropped."""
    for frame, (query, result) in judged:
        worst_frames.add(frame, partial(query.load, None),
                         result.estimate.matches if result.estimate else None)
        yield frame, result.network_input


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
        workers: int = WORKERS, warp_into: Camera | None = None, *,
        in_order: bool = False, tracking: bool = False) -> Iterator[FrameResult]:
    """
    Yield the result of each image, in order.

    :param camera: of the images; None means the model's.
    :param worst_frames: keeps what it takes to show the worst frames.
    :param describe: computes the descriptors of `train`; None leaves the nearest image out.
    :param workers: threads; the relocaliser is used by all of them at once.
    :param warp_into: as of :func:`posenet_ros.localisation.pipeline.localise`.
    :param in_order: localise one image after another, each by what the gate knows of it.
    :param tracking: the same, and track the camera between localisations.
    """
    if tracking:
        tracked = localise_tracking(relocaliser, queries, camera, gate, warp_into)
        return _described(_collect_worst(tracked, worst_frames), train, describe)
    step = prepare_query if in_order else localise_query
    localised: Iterable[Localised] = ordered_map(
        lambda query: step(relocaliser, query, camera, warp_into), queries, workers)
    if in_order:
        localised = replay(localised, relocaliser, gate)
    judged = _collect_worst(judge_in_order(localised, gate), worst_frames)
    return _described(judged, train, describe)


def _described(judged: Iterator[tuple[FrameResult, RgbImage | None]], train: TrainIndex,
               describe: Describe | None) -> Iterator[FrameResult]:
    """Return the frames, with the most similar training image where that can be told."""
    if describe is None:
        return (frame for frame, _ in judged)
    return _with_nearest(judged, train, describe)
