"""
Measure a model's robustness: corrupted test images (ImageNet-C) and images out of place.

For each corruption at five severities, and for each other place: the errors, how many poses are
accepted, and how well the covariance predicts the errors. The gate has the node's defaults: images
out of place or with a fault have no pose. The covariance is judged over all poses, accepted or
not. Images are corrupted at the network's input size.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
from posenet_ros.datasets.tolerance import REASONS, tell_rejected
from posenet_ros.errors import InputError
from posenet_ros.evaluation.metrics.ranks import auroc
from posenet_ros.evaluation.metrics.sparsification import KEPT_FRACTIONS, sparsification
from posenet_ros.evaluation.options import gate_config
from posenet_ros.evaluation.out_of_place import open_out_of_place
from posenet_ros.evaluation.reliability import separation
from posenet_ros.evaluation.report.build import table_coverage
from posenet_ros.evaluation.report.tables import markdown_table, number, percent, Row
from posenet_ros.evaluation.results import FrameResult, FrameTable
from posenet_ros.evaluation.runner import judge_in_order, Localised, prepare_query
from posenet_ros.evaluation.sources import open_dataset
from posenet_ros.inference.artifact import load, LoadedArtifact
from posenet_ros.localisation.factory import make_relocaliser, RelocaliserOptions
from posenet_ros.localisation.gate import Gate
from posenet_ros.localisation.gate_config import NODE_DEFAULTS
from posenet_ros.localisation.pipeline import infer
from posenet_ros.training.data.corruptions import corrupted
from posenet_ros.utils.choices import SEVERITIES
from posenet_ros.utils.progress import progress

MIN_FALSE_POSES = 5  # with fewer an AUROC would mean nothing
CORRUPTED_FRACTION = 0.2  # of the images of a walk, chosen at random
CORRUPTED_RUNS = 5  # such walks
KEPT_FRACTION = 0.8  # of the poses, the most certain
HEAD: Row = ('images', 'severity', 'median (m)', 'within 1 sigma', '2 sigma', 'p95 (m)',
             f'of the most certain {percent(KEPT_FRACTION, 0)}', 'by an oracle', 'accepted',
             'their median (m)', 'over {limit:g} m', 'of these accepted', 'AUROC by place score',
             'by sigma', 'mostly rejected as')
BLANK = [''] * (HEAD.index('accepted') - 1)  # columns that need a true pose


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


def _corrupt(image: Localised, name: str, severity: int, seed: tuple[int, ...]) -> Localised:
    query, prepared = image
    return image if prepared.network_input is None else (query, replace(
        prepared, network_input=corrupted(prepared.network_input, name, severity, seed)))


def corrupt_images(
        images: Sequence[Localised], name: str, severity: int, seed: int) -> list[Localised]:
    """Corrupt all images in one way."""
    return [_corrupt(image, name, severity, (seed, i)) for i, image in enumerate(images)]


def corrupt_some(images: Sequence[Localised], names: Sequence[str], seed: int) -> list[Localised]:
    """Corrupt some images; which, how and how severely is drawn at random."""
    rng = np.random.default_rng(seed)
    count = len(images)
    chosen, corruptions = rng.random(count) < CORRUPTED_FRACTION, rng.choice(names, count)
    severities = rng.choice(SEVERITIES, count)
    return [_corrupt(image, corruptions[i], severities[i], (seed, i)) if chosen[i] else image
            for i, image in enumerate(images)]


def _aurocs(good: FrameTable, wrong: FrameTable) -> tuple[str, str]:
    """Return the AUROC of place score and sigma: false poses against uncorrupted ones."""
    if len(wrong) < MIN_FALSE_POSES:
        return '', ''
    pairs = ((good.place_scores, wrong.place_scores),
             (good.sigmas.translation_m, wrong.sigmas.translation_m))
    by_score, by_sigma = (
        f'{auroc(low, high):.3f}' if low.size and high.size and np.ptp(low) > 1e-9 else '-'
        for low, high in pairs)
    return by_score, by_sigma


def _main_rejection(table: FrameTable) -> str:
    """Return the most frequent reason of rejection."""
    outcomes = Counter(frame.outcome for frame in table.frames if not frame.accepted)
    return outcomes.most_common(1)[0][0].replace('_', ' ') if outcomes else ''


def _uncertainty_cells(table: FrameTable) -> tuple[str, ...]:
    """Return coverage, and the p95: of all, of the most certain, of the best (oracle)."""
    coverage = table_coverage(table)
    cells = ['-', '-'] if coverage is None else [
        percent(coverage.pose.coverage[f'{k}_sigma']) for k in (1, 2)]
    estimated = table.select(table.estimated)
    curves = sparsification(estimated.errors.translation_m, estimated.sigmas.translation_m)
    i = KEPT_FRACTIONS.index(KEPT_FRACTION)
    p95s = (None,) * 3 if curves is None else (
        curves.p95[-1], curves.p95[i], curves.oracle_p95[i])
    return (*cells, *map(number, p95s))


def row(bench: RobustnessBench, name: str, severity: str, frames: Sequence[FrameResult]) -> Row:
    """Return the table's row of images of the trained place."""
    table = FrameTable.from_frames(frames)
    metres = table.errors.translation_m
    wrong = table.select(table.estimated & (metres > bench.limit_m))
    return (name.replace('_', ' '), severity, number(float(np.median(metres))),
            *_uncertainty_cells(table), percent(table.accepted.mean()),
            number(float(np.median(metres[table.accepted])) if table.accepted.any() else None),
            str(len(wrong)), str(int(wrong.accepted.sum())), *_aurocs(bench.good, wrong),
            _main_rejection(table))


def out_of_place_row(bench: RobustnessBench, name: str, frames: Sequence[FrameResult]) -> Row:
    """Return the table's row of another place, where every accepted pose is a false one."""
    table = FrameTable.from_frames(frames)
    return (name, *BLANK, percent(table.accepted.mean()), '', str(len(table)),
            str(int(table.accepted.sum())), *_aurocs(bench.good, table), _main_rejection(table))


def rows(bench: RobustnessBench, options: argparse.Namespace) -> Iterator[Row]:
    """Yield the table's head and rows, summaries last."""
    yield [cell.format(limit=bench.limit_m) for cell in HEAD]
    images = bench.load_images(options.data, options.split)
    frames = bench.localise(images)
    table = FrameTable.from_frames(frames)
    bench.good = table.select(table.estimated)
    yield row(bench, 'as they are', '', frames)
    strongest: list[FrameResult] = []
    plan = [(name, severity) for name in options.corruptions for severity in SEVERITIES]
    for name, severity in progress(plan, len(plan), 'set', 'corrupted'):
        found = bench.localise(corrupt_images(images, name, severity, options.seed))
        strongest += found if severity == max(SEVERITIES) else []
        yield row(bench, name, str(severity), found)
    if strongest:
        yield row(bench, 'all of severity 5', '5', strongest)
        yield row(bench, f'{percent(CORRUPTED_FRACTION, 0)} of them corrupted', '1 to 5', [
            frame for walk in range(CORRUPTED_RUNS) for frame in bench.localise(
                corrupt_some(images, options.corruptions, options.seed + walk))])
    out_of_place: list[FrameResult] = []
    for folder in options.others:
        found = bench.localise(bench.load_out_of_place(folder))
        out_of_place += found
        yield out_of_place_row(bench, folder.resolve().name, found)
    if len(options.others) > 1:
        yield out_of_place_row(bench, 'all other places', out_of_place)
    inside = bench.good.place_scores
    outside = FrameTable.from_frames(out_of_place).place_scores
    if inside.size and outside.size:
        fraction = separation(inside, outside).out_of_place_at_95
        yield ('other places that pass a score that lets 95 % of the images as they are pass',
               *BLANK, percent(fraction), *[''] * (len(HEAD) - len(BLANK) - 2))


def robustness_table(options: argparse.Namespace) -> str:
    """
    Measure a model, and return the table in Markdown.

    :param options: of `posenet robustness`.
    """
    bench = RobustnessBench(load(options.model), options.engine, options.gate, options.false_pose)
    return markdown_table(list(rows(bench, options)))
