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
import json
from pathlib import Path
import tempfile
from typing import Any

import cv2
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.landmarks.options import DEFAULT_LOCALISER
from posenet_ros.training.bench.localisation.cameras import camera_queries, read_settings
from posenet_ros.training.bench.localisation.evaluation import (
    by_copies,
    evaluate_queries,
    EvaluatedQuery,
    summary,
    summary_elsewhere,
)
from posenet_ros.training.bench.localisation.folds import Fold, read_folds, read_other_place
from posenet_ros.training.bench.localisation.methods import (
    build_ours,
    build_peer,
    Method,
    open_ours,
    PEER,
)
from posenet_ros.training.bench.localisation.queries import (
    choose_evenly,
    corrupted_query,
    dataset_queries,
    Query,
    read_copies,
)
from posenet_ros.training.bench.localisation.tracking import track_walk
from posenet_ros.training.bench.localisation.variants import make_variants, parse_prior, Variant
from posenet_ros.training.bench.mapping.benchmark import court_folder
from posenet_ros.training.bench.suite import describe_machine
from posenet_ros.training.data.corruptions import CORRUPTIONS
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.utils.choices import SEVERITIES

SHOWN = ('data', 'camera', 'model', 'every', 'max_queries', 'leave_walks_out', 'unmapped', 'prior',
         'seeds', 'other_places', 'corruptions', 'cameras', 'tracked')
CORRUPTED_IMAGES = 40  # of each corruption at each severity, evenly
PLACE = 'place'
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
    """Benchmark the localiser by the options of the command line."""
    variants = make_variants(options.unmapped, [parse_prior(text) for text in options.prior])
    corruptions = parse_corruptions(options.corruptions)
    cv2.setNumThreads(1)
    results: dict[Key, list[EvaluatedQuery]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as scratch:
        data = options.data or court_folder(Path(scratch, 'court'), quick=options.quick)
        folds = read_folds(data, options.camera, options.leave_walks_out, options.every)
        if options.model and len(folds) > 1:
            raise InputError('--model has to be given without --leave-walks-out each, which '
                             'makes a map for each walk')
        about: dict[str, Any] = {
            'machine': describe_machine(), 'options': _given(options), 'data': data.name,
            'settings': settings()}
        for number, fold in enumerate(folds):
            methods = list(_methods(options, fold, Path(scratch, str(number)), about))
            for group in _groups(options, data, fold, variants, corruptions):
                for method in methods:
                    _evaluate(group, method, options.seeds, results)
        if options.tracked:
            about['tracked'] = asdict(track_walk(
                options.model or Path(scratch, '0', PLACE), read_settings(data), options.tracked))
    return {**about, 'rows': [
        row for key, found in results.items() for row in _rows(key, found)]}


def settings() -> dict[str, Any]:
    """Return all settings of map and localiser, as JSON types: one default for every row."""
    return dict(json.loads(json.dumps(
        {'map': asdict(MappingOptions()), 'localiser': asdict(DEFAULT_LOCALISER)})))


def _given(options: argparse.Namespace) -> dict[str, str]:
    given = {name: getattr(options, name) for name in SHOWN}
    return {name: ' '.join(map(str, value)) if isinstance(value, list) else str(value)
            for name, value in given.items() if value not in (None, False, [])
            or (name == 'corruptions' and value == [])}


def _methods(options: argparse.Namespace, fold: Fold, folder: Path,
             about: dict[str, Any]) -> Iterator[Method]:
    """Make or open the maps of a fold; say why there is no peer."""
    folder.mkdir()
    train = fold[0]
    ours = open_ours(options.model, train) if options.model else build_ours(
        train, folder / PLACE)
    about.setdefault('maps', {}).setdefault(ours.name, []).append(ours.figures)
    yield ours
    if options.peer:
        try:
            peer = build_peer(train, folder / PEER)
        except PoseNetError as error:
            about['missing'] = f'{PEER}: {error}'
            return
        about['maps'].setdefault(PEER, []).append(peer.figures)
        yield peer


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


def _evaluate(group: Group, method: Method, seeds: int,
              results: dict[Key, list[EvaluatedQuery]]) -> None:
    """Localise a group's images; the peer takes no priors, and has one seed."""
    variants = [one for one in group.variants if one.noise is None or method.name != PEER]
    found = evaluate_queries(
        method, group.queries, variants,
        range(seeds if group.kind == 'place' and method.name != PEER else 1),
        ' '.join(filter(None, (group.name, str(group.severity or '')))) or 'queries')
    for variant, evaluated in found.items():
        name = group.name or variant or 'all images'
        results[group.kind, name, method.name, group.severity] += evaluated


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
