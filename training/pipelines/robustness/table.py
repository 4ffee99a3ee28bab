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

import numpy as np
from posenet_ros.evaluation.metrics.ranks import auroc
from posenet_ros.evaluation.metrics.sparsification import KEPT_FRACTIONS, sparsification
from posenet_ros.evaluation.reliability import separation
from posenet_ros.evaluation.report.build import table_coverage
from posenet_ros.evaluation.report.tables import markdown_table, number, percent, Row
from posenet_ros.evaluation.results import FrameResult, FrameTable
from posenet_ros.training.pipelines.robustness.bench import RobustnessBench
from posenet_ros.training.pipelines.robustness.sets import (
    CORRUPTED_FRACTION,
    localise_sets,
    open_bench,
    Setting,
)
from posenet_ros.utils.choices import SEVERITIES

MIN_FALSE_POSES = 5  # with fewer an AUROC would mean nothing
KEPT_FRACTION = 0.8  # of the poses, the most certain
HEAD: Row = ('images', 'severity', 'median (m)', 'within 1 sigma', '2 sigma', 'p95 (m)',
             f'of the most certain {percent(KEPT_FRACTION, 0)}', 'by an oracle', 'accepted',
             'their median (m)', 'over {limit:g} m', 'of these accepted', 'AUROC by place score',
             'by sigma', 'mostly rejected as')
BLANK = [''] * (HEAD.index('accepted') - 1)  # columns that need a true pose


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


def _corrupted_rows(bench: RobustnessBench, options: argparse.Namespace) -> Iterator[Row]:
    found = localise_sets(options)
    plan = [(name, severity) for name in options.corruptions for severity in SEVERITIES]
    for (name, severity), frames in zip(plan, found, strict=False):
        yield row(bench, name, str(severity), frames)
    if plan:
        yield row(bench, 'all of severity 5', '5', [
            frame for (_, severity), frames in zip(plan, found, strict=False)
            if severity == max(SEVERITIES) for frame in frames])
        yield row(bench, f'{percent(CORRUPTED_FRACTION, 0)} of them corrupted', '1 to 5', [
            frame for frames in found[len(plan):] for frame in frames])


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """Yield the table's head and rows, summaries last."""
    bench, images = open_bench(Setting.from_options(options))
    yield [cell.format(limit=bench.limit_m) for cell in HEAD]
    frames = bench.localise(images)
    table = FrameTable.from_frames(frames)
    bench.good = table.select(table.estimated)
    yield row(bench, 'as they are', '', frames)
    yield from _corrupted_rows(bench, options)
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
    :raises InputError: as :func:`localise_sets`.
    """
    return markdown_table(list(rows(options)))
