"""Faults of images, each told from the others and from what a good camera sees."""

from __future__ import annotations

from functools import partial
import time

import cv2
from helpers import scene, tiny_artifact
import numpy as np
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.imaging.quality import (
    FaultLimits,
    find_fault,
    FrozenImageDetector,
    image_statistics,
    ImageFault,
)
from posenet_ros.localisation.gate import Gate, Verdict
from posenet_ros.localisation.gate_config import GateConfig
from posenet_ros.localisation.pipeline import localise
from posenet_ros.localisation.relocaliser import Prediction, Relocaliser
from posenet_ros.ros_data.bag_writer import image_message
from posenet_ros.ros_data.messages import frame_from_message
import pytest

LIMITS = FaultLimits(max_identical=3, min_sharpness=0.25)
SIZE = (224, 128)
RNG = np.random.default_rng(0)
ESTIMATE = PoseEstimate(Pose(), np.eye(6))


def noisy(image: np.ndarray, sigma: float = 3.0) -> np.ndarray:
    return np.clip(image + RNG.normal(0, sigma, image.shape), 0, 255).astype(np.uint8)


def finger() -> np.ndarray:
    """Return what is left of the light behind a hand: a warm glow, brighter at one side."""
    glow = np.linspace(40, 140, SIZE[0])[None, :, None] * (1.0, 0.5, 0.3)
    return noisy(np.broadcast_to(glow, (SIZE[1], SIZE[0], 3)))


def night() -> np.ndarray:
    """Return a dark scene with two lamps."""
    image = noisy(scene() * 0.06, 2)
    for x in (40, 150):
        cv2.circle(image, (x, 30), 4, (255, 240, 200), -1)
    return image


IMAGES = {
    'black': (np.zeros((128, 224, 3), np.uint8), ImageFault.DARK),
    'night': (night(), ImageFault.DARK),
    'white': (np.full((128, 224, 3), 255, np.uint8), ImageFault.OVEREXPOSED),
    'glare': (np.clip(scene().astype(int) * 6, 0, 255).astype(np.uint8), ImageFault.OVEREXPOSED),
    'finger': (finger(), ImageFault.COVERED),
    'grey card': (noisy(np.full((128, 224, 3), 120, np.uint8)), ImageFault.COVERED),
    'out of focus': (noisy(cv2.GaussianBlur(scene(), (0, 0), 3), 1), ImageFault.BLURRED),
    'shaken': (cv2.blur(scene(), (15, 9)), ImageFault.BLURRED),
    'good': (scene(), None), 'dusk': ((scene() * 0.4).astype(np.uint8), None),
    'bright': (np.clip(scene().astype(int) + 70, 0, 255).astype(np.uint8), None),
    'half sky': (np.vstack([np.full((64, 224, 3), 255, np.uint8), scene()[64:]]), None),
    'half covered': (np.hstack([scene()[:, :112], finger()[:, 112:]]), None)}


@pytest.mark.parametrize('name', IMAGES)
def test_each_fault_has_its_name(name: str) -> None:
    image, expected = IMAGES[name]
    look = image_statistics(image)
    fault = find_fault(look, LIMITS)
    assert (fault.kind if fault else None) is expected, look
    assert fault is None or len(fault.reason) > 20


def test_sharpness_hardly_depends_on_the_light() -> None:
    full, dim = (image_statistics((scene() * gain).astype(np.uint8)).sharpness
                 for gain in (1.0, 0.4))
    assert dim == pytest.approx(full, rel=0.1)


def test_equal_images_in_a_row_are_a_frozen_camera() -> None:
    frozen = FrozenImageDetector()
    images = [scene(), scene(), scene(), scene(), noisy(scene(), 1), scene(), scene()]
    statistics = [image_statistics(image)._replace(repeats=frozen.count_repeats(image))
                  for image in images]
    assert [one.repeats for one in statistics] == [1, 2, 3, 4, 1, 1, 2]
    kinds = [fault and fault.kind for fault in (find_fault(one, LIMITS) for one in statistics)]
    assert kinds == [None, None, ImageFault.FROZEN, ImageFault.FROZEN, None, None, None]
    assert find_fault(statistics[3], FaultLimits(0, 0.2)) is None


@pytest.mark.parametrize(('rejects', 'kind', 'verdict'), [
    ({}, 'black', Verdict.ACCEPTED), ({}, 'shaken', Verdict.ACCEPTED),
    ({'reject_faulty_images': True}, 'black', Verdict.DARK),
    ({'reject_faulty_images': True}, 'shaken', Verdict.ACCEPTED),
    ({'reject_blurred_images': True}, 'shaken', Verdict.BLURRED),
    ({'reject_blurred_images': True}, 'white', Verdict.ACCEPTED)])
def test_the_gate_rejects_what_it_is_told_to(
        rejects: dict[str, bool], kind: str, verdict: Verdict) -> None:
    gate = Gate(GateConfig(**rejects), tiny_artifact().scene)
    fault = gate.fault(image_statistics(IMAGES[kind][0]))
    assert fault is not None
    assert gate.decide(ESTIMATE, 1, fault=fault).verdict is verdict
    assert gate.decide(ESTIMATE, 2).accepted


def test_every_fault_is_a_verdict() -> None:
    assert {fault.value for fault in ImageFault} <= {verdict.value for verdict in Verdict}


def test_a_query_result_holds_the_image_statistics() -> None:
    def predict(batch: np.ndarray) -> Prediction:
        return Prediction(np.zeros((len(batch), 3)), np.tile([0.0, 0, 0, 1], (len(batch), 1)))

    message = image_message(Frame(np.zeros((48, 64, 3), np.uint8), 1, 'camera'))
    relocaliser = Relocaliser(predict, tiny_artifact())
    result = localise(relocaliser, partial(frame_from_message, message), None, time.monotonic)
    assert result.statistics.dark == 1.0
