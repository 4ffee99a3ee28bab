"""The input of images waits for their camera once, and never again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from helpers import CAMERA, tiny_artifact
import numpy as np
from posenet_ros.localisation.query_camera import QueryCamera
from posenet_ros.localisation.relocaliser import Prediction, Relocaliser
from posenet_ros.ros_data.bag_writer import camera_message
from posenet_ros.ros_node.diagnostics import Diagnostics
from posenet_ros.ros_node.images import input as image_input
from posenet_ros.ros_node.images.input import CAMERA_WAIT_S, ImageInput
from posenet_ros.ros_node.parameters import Parameters
import pytest
from ros_helpers import idle_node

DOMAIN = 93  # where nobody talks


@dataclass
class Input:
    """An input whose clock stands still, and what it handed over: (image, camera)."""

    subject: ImageInput
    now_s: float = 100.0
    handed: list[tuple[object, QueryCamera]] = field(default_factory=list)

    def image_comes(self, image: object, after_s: float) -> None:
        """Let an image come some time after what was last."""
        self.now_s += after_s
        self.subject._on_message(image, None)


@pytest.fixture
def images(monkeypatch: pytest.MonkeyPatch) -> Iterator[Input]:
    relocaliser = Relocaliser(
        lambda batch: Prediction(np.zeros((1, 3)), np.array([[0.0, 0, 0, 1]])), tiny_artifact())
    with idle_node(DOMAIN) as node, ExitStack() as stack:
        handed: list[tuple[object, QueryCamera]] = []
        found = Input(ImageInput(
            node, stack, Parameters(), Diagnostics(), relocaliser,
            lambda image, camera: handed.append((image, camera)), lambda what, why: None),
            handed=handed)
        monkeypatch.setattr(image_input.time, 'monotonic', lambda: found.now_s)
        found.subject.expect(True)
        yield found


def test_without_camera_info_only_the_first_image_waits(images: Input) -> None:
    images.image_comes('first', 0)
    images.now_s += CAMERA_WAIT_S - 0.01
    images.subject._watch()
    assert images.handed == []
    images.now_s += 0.02
    images.subject._watch()
    for image, after_s in (('second', 0.01), ('third', 0.1), ('after a pause', 60.0)):
        images.image_comes(image, after_s)
        assert images.handed[-1] == (image, QueryCamera()), 'at once, by the camera of the model'
    assert len(images.handed) == 4


def test_images_of_the_first_moment_are_handed_over_the_last_alone(images: Input) -> None:
    for image in ('first', 'second', 'third'):
        images.image_comes(image, CAMERA_WAIT_S / 2)
    assert [image for image, _ in images.handed] == ['third']


def test_camera_info_ends_the_waiting(images: Input) -> None:
    images.image_comes('first', 0)
    images.subject._on_camera_info(camera_message(CAMERA, 1, 'camera'))
    images.image_comes('second', 0.01)
    assert images.handed == [('first', QueryCamera(CAMERA)), ('second', QueryCamera(CAMERA))]
