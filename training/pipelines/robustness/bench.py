"""A model with its gate, as its robustness is measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from posenet_ros.datasets.tolerance import REASONS, tell_rejected
from posenet_ros.errors import InputError
from posenet_ros.evaluation.options import gate_config
from posenet_ros.evaluation.out_of_place import open_out_of_place
from posenet_ros.evaluation.results import FrameResult, FrameTable
from posenet_ros.evaluation.runner import judge_in_order, Localised, prepare_query
from posenet_ros.evaluation.sources import open_dataset
from posenet_ros.inference.artifact import LoadedArtifact
from posenet_ros.localisation.factory import make_relocaliser, RelocaliserOptions
from posenet_ros.localisation.gate import Gate
from posenet_ros.localisation.gate_config import NODE_DEFAULTS
from posenet_ros.localisation.pipeline import infer
from posenet_ros.utils.progress import progress


class RobustnessBench:
    """
    A model with its gate, and its results on the uncorrupted images.

    :param settings: the gate's limits, KEY=VALUE, beside the node's defaults.
    :param limit_m: a pose with a larger error is a false one, metres.
    """

    def __init__(self, artifact: LoadedArtifact, engine: str, settings: Sequence[str],
                 limit_m: float) -> None:
        artifact.require_network('posenet robustness')
        self._relocaliser = make_relocaliser(artifact, RelocaliserOptions(engine)).relocaliser
        self._gate = Gate(gate_config(settings, NODE_DEFAULTS), artifact.scene)
        self.artifact, self.limit_m = artifact, limit_m
        self.good = FrameTable.from_frames([])

    def load_images(self, data: Path, split: str) -> list[Localised]:
        """Return the images of a split at the network's input size."""
        source = open_dataset(data, split)
        tell_rejected(source.data.get(REASONS, ()))
        if source.camera is not None:
            self._relocaliser.check_camera(source.camera)
        images = [prepare_query(self._relocaliser, query, source.camera) for query in progress(
            source.queries, source.total, 'image', 'read')]
        if not images or images[0][1].network_input is None:
            raise InputError(f'{data}: expected images that the model can be given. Received: '
                             f'{images[0][1].image_error if images else "none"}')
        return images

    def load_out_of_place(self, folder: Path) -> list[Localised]:
        """Return images of another place at the network's input size."""
        with open_out_of_place(folder, self.artifact.camera) as source:
            tell_rejected(source.data.get(REASONS, ()))
            return [prepare_query(self._relocaliser, query, None) for query in source.queries]

    def localise(self, images: Sequence[Localised]) -> list[FrameResult]:
        """Localise images and judge the poses, one sequence after another."""
        results = ((query, infer(self._relocaliser, prepared, perf_counter))
                   for query, prepared in images)
        return [frame for frame, _ in judge_in_order(results, self._gate)]
