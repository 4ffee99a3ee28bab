"""The evaluator's loop over the images: what is kept, what is a frame without an estimate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from helpers import CAMERA, random_image, tiny_artifact
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.evaluation.results import FrameResult
from posenet_ros.evaluation.runner import (
    judge_in_order,
    localise_query,
    prepare_query,
    replay,
    run,
    WorstFrames,
)
from posenet_ros.evaluation.sources import QueryImage
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.files import ImageFileError
from posenet_ros.imaging.headers import ImageError
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.localisation import PosePrior
from posenet_ros.localisation.gate import Gate, GateConfig, Verdict
from posenet_ros.localisation.gating.prior import PriorOptions
from posenet_ros.localisation.relocaliser import Prediction, Relocaliser
import pytest


def relocaliser(x: float = 0.0, error: Exception | None = None) -> Relocaliser:
    def predict(batch: np.ndarray) -> Prediction:
        if error:
            raise error
        return Prediction(np.array([[x, 0.0, 0.0]]), np.array([[0.0, 0, 0, 1]]))
    return Relocaliser(predict, tiny_artifact())


def query(number: int, load: Callable[..., np.ndarray] | None = None,
          sequence: str = '') -> QueryImage:
    return QueryImage(str(number), number, Pose(), load or (
        lambda _: random_image(CAMERA, seed=number)), sequence)


def raising(error: Exception) -> Callable[[object], np.ndarray]:
    def load(_: object) -> np.ndarray:
        raise error
    return load


def gate(**limits: float) -> Gate:
    return Gate(GateConfig(**limits), tiny_artifact().scene)


@pytest.mark.parametrize('step', [prepare_query, localise_query])
def test_the_full_images_of_waiting_results_are_not_kept(step: Callable[..., object]) -> None:
    _, result = step(relocaliser(), query(1), None)
    assert result.frame is None
    assert result.network_input.shape == (32, 32, 3)


def test_a_frame_has_the_time_of_each_stage_and_their_sum() -> None:
    localised = localise_query(relocaliser(), query(1), None)
    ((frame, judged),) = judge_in_order([localised], gate())
    assert judged is localised
    latency = dict(frame.latency_ms)
    assert latency['infer'] == pytest.approx(1e3 * localised[1].stages_s['infer'])
    assert list(latency) == ['decode', 'prepare', 'infer', 'total']
    assert latency.pop('total') == pytest.approx(sum(latency.values()))


@pytest.mark.parametrize(('one', 'image', 'reason'), [
    (relocaliser(), query(1, raising(ImageError('no picture'))), 'no picture'),
    (relocaliser(), query(1, lambda _: np.zeros((9, 99, 3), np.uint8)), 'aspect'),
    (relocaliser(np.nan), query(1), 'finite')])
def test_an_image_that_cannot_be_localised_is_a_frame_with_a_reason(
        one: Relocaliser, image: QueryImage, reason: str) -> None:
    ((frame, _),) = judge_in_order([localise_query(one, image, None)], gate())
    assert (frame.estimate, frame.verdict) == (None, None)
    assert reason in frame.reasons[0]


def test_a_damaged_dataset_and_a_broken_network_end_the_evaluation() -> None:
    with pytest.raises(ImageFileError):
        localise_query(relocaliser(), query(1, raising(ImageFileError('row 7'))), None)
    broken = localise_query(relocaliser(error=MemoryError('none left')), query(1), None)
    with pytest.raises(MemoryError):
        list(judge_in_order([broken], gate()))
    wrong = localise_query(relocaliser(error=InputError('no head')), query(1), None)
    ((frame, _),) = judge_in_order([wrong], gate())
    assert frame.reasons == ('no head',)


def test_the_gate_forgets_the_past_at_each_sequence() -> None:
    def localised(x: float, number: int, sequence: str) -> object:
        return localise_query(relocaliser(x), query(number, sequence=sequence), None)

    frames = judge_in_order(
        [localised(0, 1, 'a'), localised(5, 2, 'a'), localised(5, 3, 'b')], gate(max_jump_m=1.0))
    assert [frame.verdict for frame, _ in frames] == [
        Verdict.ACCEPTED, Verdict.JUMP, Verdict.ACCEPTED]


def test_identical_images_are_a_frozen_camera() -> None:
    localised = [localise_query(relocaliser(), query(i, lambda _: random_image(CAMERA)), None)
                 for i in (1, 2, 3)]
    frames = judge_in_order(localised, gate(reject_faulty_images=True, max_identical_images=3))
    assert [frame.verdict for frame, _ in frames] == [
        Verdict.ACCEPTED, Verdict.ACCEPTED, Verdict.FROZEN]


class Walker(Relocaliser):
    """A relocaliser with landmarks that agree, which keeps the priors that it is given."""

    def __init__(self) -> None:
        super().__init__(relocaliser()._predict, tiny_artifact())
        self.priors: list[PosePrior | None] = []

    def estimate(self, network_input: np.ndarray, features: Features | None = None,
                 prior: PosePrior | None = None) -> PoseEstimate:
        """Estimate the pose as the network says, and call it confirmed."""
        self.priors.append(prior)
        return replace(super().estimate(network_input, features, prior),
                       landmarks=30)


def replayed(walker: Walker, queries: list[QueryImage]) -> list[FrameResult]:
    """Replay images as an evaluation does."""
    judge = Gate(GateConfig(), tiny_artifact().scene, priors=PriorOptions())
    prepared = [prepare_query(walker, one, None) for one in queries]
    return [frame for frame, _ in judge_in_order(replay(prepared, walker, judge), judge)]


def second(number: int, sequence: str = '') -> QueryImage:
    return replace(query(number, sequence=sequence), stamp_ns=number * 10**9)


def test_in_order_each_pose_is_the_prior_of_the_next_of_its_sequence() -> None:
    walker = Walker()
    frames = replayed(walker, [second(1, 'a'), second(2, 'a'), second(3, 'b'), second(4, 'b')])
    assert [frame.verdict for frame in frames] == [Verdict.ACCEPTED] * 4
    assert [prior and prior.source for prior in walker.priors] == [
        None, 'last pose', None, 'last pose']


def test_in_order_an_image_now_and_then_is_localised_alone_first() -> None:
    walker = Walker()
    replayed(walker, [second(number) for number in range(1, 8)])
    assert [prior is None for prior in walker.priors] == [True, *[False] * 4, True, False]
    assert len(walker.priors) == 7  # it told


def test_each_by_itself_has_no_prior() -> None:
    walker = Walker()
    frames = list(run([second(1), second(2)], None, walker, gate(), None, WorstFrames()))
    assert len(frames) == 2
    assert walker.priors == [None, None]
