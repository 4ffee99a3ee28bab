"""The one assembly of a relocaliser, and the one chain that everything goes through."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

from helpers import ROOT, tiny_artifact
import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.evaluation.options import gate_config
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import Artifact
from posenet_ros.localisation import factory
from posenet_ros.localisation.dense import DenseRelocaliser
from posenet_ros.localisation.factory import make_relocaliser, RelocaliserOptions
from posenet_ros.localisation.gate_config import GateConfig, NODE_DEFAULTS
from posenet_ros.localisation.relocaliser import Prediction
import pytest

SOURCES = sorted((*(ROOT / 'posenet_ros').rglob('*.py'), *(ROOT / 'training').rglob('*.py')))
FACTORY, PIPELINE = 'localisation/factory.py', 'localisation/pipeline.py'


class FakeEngine:
    """An engine that counts its calls and knows how it was loaded."""

    name, device, size = 'fake', 'CPU', 3

    def __init__(self, *loaded_with: object) -> None:
        self.loaded_with, self.calls = loaded_with, 0

    def predict(self, batch: np.ndarray) -> Prediction:
        """Return the origin for each image."""
        self.calls += 1
        return Prediction(np.zeros((len(batch), 3)), np.tile([0.0, 0, 0, 1], (len(batch), 1)))


@pytest.fixture
def artifact(monkeypatch: pytest.MonkeyPatch) -> Artifact:
    monkeypatch.setattr(factory, 'load_engine', lambda _, *options: FakeEngine('alone', *options))
    monkeypatch.setattr(factory, 'load_pool', lambda _, *options: FakeEngine('pool', *options))
    return tiny_artifact()


@pytest.mark.parametrize(('options', 'loaded_with'), [
    (RelocaliserOptions(), ('alone', 'auto', 'float32', 0)),
    (RelocaliserOptions('litert', 'int8', threads=1), ('alone', 'litert', 'int8', 1)),
    (RelocaliserOptions('tensorflow', 'float16', pooled=True), ('pool', 'tensorflow', 'float16'))])
def test_the_network_is_loaded_as_the_options_say_and_warmed_up(
        artifact: Artifact, options: RelocaliserOptions, loaded_with: tuple[object, ...]) -> None:
    loaded = make_relocaliser(artifact, options)
    assert loaded.engine.loaded_with == loaded_with
    assert loaded.engine.calls == 1
    assert loaded.parallel == 3


def test_poses_are_moved_into_the_map(artifact: Artifact) -> None:
    options = RelocaliserOptions(map_from_dataset=Pose(np.array([1.0, 2.0, 3.0])))
    estimate = make_relocaliser(artifact, options).relocaliser.estimate(
        np.zeros((32, 32, 3), np.uint8))
    np.testing.assert_allclose(estimate.map_from_camera.translation_m, (1, 2, 3))


def test_dense_evaluation_sees_crops(artifact: Artifact) -> None:
    crop = replace(artifact, preprocess=replace(artifact.preprocess, short_side=40))
    relocaliser = make_relocaliser(crop, RelocaliserOptions(dense=True)).relocaliser
    assert isinstance(relocaliser, DenseRelocaliser)


@pytest.mark.parametrize('other', [{'refine': True}, {'mc_samples': 20}])
def test_dense_evaluation_excludes_landmarks_and_dropout(other: dict[str, object]) -> None:
    with pytest.raises(InputError, match='without --dense'):
        RelocaliserOptions(dense=True, **other)


@pytest.mark.parametrize('options', [
    RelocaliserOptions(refine=True), RelocaliserOptions(mc_samples=20)])
def test_what_the_model_folder_lacks_is_refused(
        artifact: Artifact, options: RelocaliserOptions) -> None:
    with pytest.raises((InputError, AttributeError)):
        make_relocaliser(artifact, options)


def test_the_node_and_robustness_have_the_same_gate_and_the_evaluator_none() -> None:
    assert gate_config([], NODE_DEFAULTS) == NODE_DEFAULTS
    assert gate_config([]) == GateConfig()
    changed = gate_config(['max_place_score=0'], NODE_DEFAULTS)
    assert changed == replace(NODE_DEFAULTS, max_place_score=0.0)
    assert {item.name for item in fields(GateConfig)
            if getattr(NODE_DEFAULTS, item.name) != item.default} == {
                'max_place_score', 'reject_faulty_images'}


def calls(file: Path) -> Iterator[str]:
    """Yield the names of what a file calls, of methods the last part."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            yield getattr(node.func, 'id', getattr(node.func, 'attr', ''))


@pytest.mark.parametrize(('name', 'places'), [
    ('Relocaliser', {FACTORY}), ('DenseRelocaliser', {FACTORY}), ('load_pool', {FACTORY}),
    ('decide', {PIPELINE}), ('count_repeats', {PIPELINE}),
    ('image_statistics', {PIPELINE, 'images/keyframes.py'}),  # of a query, and of a walk
    ('make_mc_dropout', {FACTORY}),
    ('make_landmark_localiser', {FACTORY})])
def test_one_assembly_and_one_chain(name: str, places: set[str]) -> None:
    callers = {'/'.join(file.parts[-2:]) for file in SOURCES if name in calls(file)}
    assert callers == places
