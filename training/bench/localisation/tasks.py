"""The benchmark of the localiser as tasks: a fold's maps, and then some images in one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
import tempfile

from posenet_ros.errors import PoseNetError
from posenet_ros.landmarks.options import FeatureOptions
from posenet_ros.training.bench.localisation.evaluation import evaluate_queries, EvaluatedQuery
from posenet_ros.training.bench.localisation.methods import (
    build_ours,
    build_peer,
    load_method,
    Method,
    open_ours,
    PEER,
    StoredMethod,
)
from posenet_ros.training.bench.localisation.queries import Query
from posenet_ros.training.bench.localisation.variants import Variant
from posenet_ros.training.data.datasets import Dataset

PLACE = 'place'
IMAGES = 20  # of a task


@dataclass(frozen=True, eq=False)
class MapsTask:
    """
    Images of which maps are made.

    :param folder: for the maps.
    :param model: folder of our map, in place of a new one.
    :param peer: make the peer's map, too.
    """

    train: Dataset
    folder: Path
    model: Path | None
    peer: bool


@dataclass(frozen=True)
class Maps:
    """
    The maps of a fold.

    :param place: folder of our map.
    :param missing: why there is no peer, or ''.
    """

    methods: tuple[StoredMethod, ...]
    place: Path
    missing: str = ''


def make_maps(task: MapsTask) -> Maps:
    """Make or open the maps of a fold, and say why there is no peer."""
    folder = Path(tempfile.mkdtemp(dir=task.folder))  # a task may be done twice
    place = task.model or folder / PLACE
    ours = open_ours(place, task.train) if task.model else build_ours(task.train, place)
    stored = [ours]
    if task.peer:
        try:
            stored.append(build_peer(task.train, folder / PEER))
        except PoseNetError as error:
            return Maps(tuple(stored), place, f'{PEER}: {error}')
    return Maps(tuple(stored), place)


@lru_cache(maxsize=2)
def _load(name: str, folder: Path, features: FeatureOptions) -> Method:
    """Load a method, once in each process as long as its images are localised."""
    return load_method(StoredMethod(name, folder, features, {}))


@dataclass(frozen=True, eq=False)
class QueriesTask:
    """
    Images to localise by a method.

    :param group: of the images, by its number.
    """

    method: StoredMethod
    group: int
    queries: Sequence[Query]
    variants: Sequence[Variant]
    seeds: int


def localise_queries(task: QueriesTask) -> dict[str, list[EvaluatedQuery]]:
    """Localise the images of a task: the results of all, by the names of the variants."""
    method = task.method
    return evaluate_queries(_load(method.name, method.folder, method.features), task.queries,
                            task.variants, range(task.seeds))


def in_chunks(tasks: Iterable[QueriesTask]) -> Iterator[QueriesTask]:
    """Divide tasks into such of few images, in the same order."""
    for task in tasks:
        for start in range(0, len(task.queries), IMAGES):
            yield QueriesTask(task.method, task.group, task.queries[start:start + IMAGES],
                              task.variants, task.seeds)
