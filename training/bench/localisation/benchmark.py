"""
Benchmark the landmark localiser: right, silent or false, how exact, and at what cost.

A map is made of the training images with their poses, by the default settings, and the test
images are localised in it by landmarks alone. Beside it stands hierarchical localisation by
pycolmap in the same run, on the same images: times are worth comparing as ratios.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
import json
from pathlib import Path
import tempfile
from typing import Any

import cv2
from posenet_ros.errors import InputError
from posenet_ros.landmarks.options import DEFAULT_LOCALISER
from posenet_ros.training.bench.localisation.cameras import camera_queries, read_settings
from posenet_ros.training.bench.localisation.evaluation import (
    by_copies,
    EvaluatedQuery,
    summary,
    summary_elsewhere,
)
from posenet_ros.training.bench.localisation.folds import Fold, read_folds, read_other_place
from posenet_ros.training.bench.localisation.methods import PEER
from posenet_ros.training.bench.localisation.queries import (
    choose_evenly,
    corrupted_query,
    dataset_queries,
    Query,
    read_copies,
)
from posenet_ros.training.bench.localisation.tasks import (
    in_chunks,
    localise_queries,
    make_maps,
    Maps,
    MapsTask,
    QueriesTask,
)
from posenet_ros.training.bench.localisation.tracking import track_walk
from posenet_ros.training.bench.localisation.variants import make_variants, parse_prior, Variant
from posenet_ros.training.bench.mapping.benchmark import court_folder
from posenet_ros.training.bench.suite import describe_machine
from posenet_ros.training.data.corruptions import CORRUPTIONS
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.utils.choices import SEVERITIES
from posenet_ros.utils.progress import progress, ProgressBar
from posenet_ros.utils.tasks.run import run_tasks
from posenet_ros.utils.tasks.worker import SharedPaths

SHOWN = ('data', 'camera', 'model', 'every', 'max_queries', 'leave_walks_out', 'unmapped', 'prior',
         'seeds', 'other_places', 'corruptions', 'cameras', 'tracked')
CORRUPTED_IMAGES = 40  # of each corruption at each severity, evenly
PLAIN = [Variant()]


@dataclass(frozen=True)
class Group:
    """
    Images that are localised in the same ways.

    :param kind: 'place', 'elsewhere', 'corruption' or 'camera'; `name` of the row.
    :param severity: of a corruption.
    """

    kind: str
    name: str
    queries: Sequence[Query]
    variants: Sequence[Variant]
    severity: int = 0


Key = tuple[str, str, str, int]  # kind, name, method, severity


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """
    Benchmark the localiser by the options of the command line.

    :raises InputError: on options that do not go together, or as :func:`run_tasks`.
    """
    variants = make_variants(options.unmapped, [parse_prior(text) for text in options.prior])
    corruptions = parse_corruptions(options.corruptions)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory(prefix='posenet-', dir=_scratch(options)) as scratch:
        data = (options.data or court_folder(
            Path(scratch, 'court'), quick=options.quick)).resolve()
        folds = read_folds(data, options.camera, options.leave_walks_out, options.every)
        if options.model and len(folds) > 1:
            raise InputError('--model has to be given without --leave-walks-out each, which '
                             'makes a map for each walk')
        about: dict[str, Any] = {
            'machine': describe_machine(), 'options': _given(options), 'data': data.name,
            'settings': settings()}
        images = [one.path for fold in folds for part in fold for one in part.samples]
        shared = SharedPaths([data, *images], Path(scratch))
        maps = _make_maps(options, [mapped for mapped, _ in folds], shared)
        _describe(maps, about)
        groups = [list(_groups(options, data, fold, variants, corruptions)) for fold in folds]
        results = _localise(options, maps, groups, shared)
        if options.tracked:
            about['tracked'] = asdict(track_walk(
                maps[0].place, read_settings(data), options.tracked))
    return {**about, 'rows': [
        row for key, found in results.items() for row in _rows(key, found)]}


def _scratch(options: argparse.Namespace) -> Path | None:
    """Return the folder for maps: on a cluster beside the output; None for any."""
    if not options.scheduler:
        return None
    if not options.out:
        raise InputError('--scheduler has to come with --out FILE, on storage that all computers '
                         'share: the maps are kept beside it meanwhile. Received: none')
    return Path(options.out.resolve().parent)


def _make_maps(options: argparse.Namespace, trains: Sequence[Dataset],
               shared: SharedPaths) -> list[Maps]:
    """Make or open the maps of all folds."""
    assert shared.output
    model = options.model and options.model.resolve()
    tasks = [MapsTask(train, shared.output, model, options.peer) for train in trains]
    return list(progress(run_tasks(make_maps, tasks, options.jobs, options.scheduler, shared),
                         len(tasks), 'fold', 'maps'))


def _describe(maps: Sequence[Maps], about: dict[str, Any]) -> None:
    """Add the figures of maps, and why there is no peer."""
    for one in maps:
        for method in one.methods:
            about.setdefault('maps', {}).setdefault(method.name, []).append(method.figures)
        if one.missing:
            about['missing'] = one.missing


def _localise(options: argparse.Namespace, maps: Sequence[Maps],
              groups: Sequence[Sequence[Group]], shared: SharedPaths,
              ) -> dict[Key, list[EvaluatedQuery]]:
    """
    Localise the images of all folds.

    :param groups: of images, of each fold.
    """
    every = [group for some in groups for group in some]
    tasks = list(in_chunks(_tasks(options, maps, groups)))
    found = run_tasks(localise_queries, tasks, options.jobs, options.scheduler, shared)
    results: dict[Key, list[EvaluatedQuery]] = defaultdict(list)
    with ProgressBar(sum(len(task.queries) for task in tasks), 'image', 'localise') as bar:
        for task, by_variant in zip(tasks, found, strict=True):
            group = every[task.group]
            for variant, evaluated in by_variant.items():
                name = group.name or variant or 'all images'
                results[group.kind, name, task.method.name, group.severity] += evaluated
            bar.advance(len(task.queries))
    return results


def _tasks(options: argparse.Namespace, maps: Sequence[Maps],
           groups: Sequence[Sequence[Group]]) -> Iterator[QueriesTask]:
    """Yield the tasks of all groups; the peer takes no priors, and has one seed."""
    numbers = count()
    for one, some in zip(maps, groups, strict=True):
        for group in some:
            number = next(numbers)
            for method in one.methods:
                peer = method.name == PEER
                yield QueriesTask(
                    method, number, group.queries,
                    [variant for variant in group.variants if variant.noise is None or not peer],
                    options.seeds if group.kind == 'place' and not peer else 1)


def settings() -> dict[str, Any]:
    """Return all settings of map and localiser, as JSON types: one default for every row."""
    return dict(json.loads(json.dumps(
        {'map': asdict(MappingOptions()), 'localiser': asdict(DEFAULT_LOCALISER)})))


def _given(options: argparse.Namespace) -> dict[str, str]:
    given = {name: getattr(options, name) for name in SHOWN}
    return {name: ' '.join(map(str, value)) if isinstance(value, list) else str(value)
            for name, value in given.items() if value not in (None, False, [])
            or (name == 'corruptions' and value == [])}


def _groups(options: argparse.Namespace, data: Path, fold: Fold, variants: Sequence[Variant],
            corruptions: Sequence[tuple[str, int]]) -> Iterator[Group]:
    """Yield all images to localise; those that are rendered one camera after another."""
    queries = choose_evenly(
        dataset_queries(fold[1], copies_m=read_copies(data)), options.max_queries)
    yield Group('place', '', queries, variants)
    for text in options.other_places:
        place = read_other_place(text, options.every)
        yield Group('elsewhere', place.name, choose_evenly(
            dataset_queries(place, known=False), options.max_queries), PLAIN)
    some = choose_evenly(queries, CORRUPTED_IMAGES) if options.corruptions == [] else queries
    for name, severity in corruptions:
        yield Group('corruption', name, [corrupted_query(query, name, severity)
                                         for query in some], PLAIN, severity)
    if options.cameras:
        for name, seen in camera_queries(data, queries):
            yield Group('camera', name, seen, PLAIN)


def _rows(key: Key, found: Sequence[EvaluatedQuery]) -> Iterator[dict[str, Any]]:
    """Yield the row of some images; of a place that repeats also those of their parts."""
    kind, name, method, severity = key
    yield _row(key, found)
    for part, some in (by_copies(found) if kind == 'place' else {}).items():
        yield _row((kind, f'{name}: {part}', method, severity), some)


def _row(key: Key, found: Sequence[EvaluatedQuery]) -> dict[str, Any]:
    kind, name, method, severity = key
    figures = summary_elsewhere(found) if kind == 'elsewhere' else summary(found)
    return {'kind': kind, 'name': name, 'method': method, 'severity': severity, **figures,
            'images': [one.to_mapping() for one in found]}


def parse_corruptions(given: Sequence[str] | None) -> list[tuple[str, int]]:
    """
    Parse names of corruptions, each with its severity or without.

    :param given: None for no corruptions, nothing for all of them.
    :raises InputError: on another name or severity.
    """
    found = []
    for text in [] if given is None else given or CORRUPTIONS:
        name, _, severity = text.partition('=')
        known = [str(one) for one in SEVERITIES]
        if name not in CORRUPTIONS or severity not in ('', *known):
            raise InputError(f'--corruptions has to be NAME or NAME=SEVERITY, of '
                             f'{", ".join(CORRUPTIONS)} and {known[0]} to {known[-1]}. Received: '
                             f'{text}')
        found += [(name, int(one)) for one in ([severity] if severity else known)]
    return found
