"""The evaluator's loop over the images: what is kept, what is a frame without an estimate."""

from __future__ import annotations

from collections.abc import Callable

from helpers import CAMERA, random_image, tiny_artifact
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.evaluation.runner import judge_in_order, localise_query, prepare_query
from posenet_ros.evaluation.sources import QueryImage
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import ImageError
from posenet_ros.imaging.files import ImageFileError
from posenet_ros.localisation.gate import Gate, GateConfig, Verdict
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
