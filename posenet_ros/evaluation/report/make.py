"""Evaluate as the options say, write the report, and print its tables."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from posenet_ros.errors import PoseNetError
from posenet_ros.evaluation.estimates.evaluation import score_files, score_published
from posenet_ros.evaluation.evaluator import run_model
from posenet_ros.evaluation.metrics.trajectory_errors import (
    Alignment,
    DistanceUnit,
    RelativeOptions,
)
from posenet_ros.evaluation.privacy import without_private_data
from posenet_ros.evaluation.report.build import build_report, Evaluation
from posenet_ros.evaluation.report.content import Report
from posenet_ros.evaluation.report.drawing import NOT_DRAWN
from posenet_ros.evaluation.report.folder import write_report
from posenet_ros.evaluation.report.sections import summary_line, tables
from posenet_ros.evaluation.report.tables import text_table
from posenet_ros.evaluation.training_overlap import describe_overlap
from posenet_ros.evaluation.trajectory import TrajectoryOptions
from posenet_ros.utils.arguments import input_paths


def show(report: Report, evaluation: Evaluation, folder: Path,
         not_drawn: Sequence[str] = ()) -> None:
    """
    Print the report's summary line, warnings and tables.

    :param not_drawn: what is missing in the page, each with the reason.
    """
    data = report.data
    print(f'\n{summary_line(report)}')
    for key, text in (('without_truth', 'images without a truth were left out'),
                      ('truth_rejected', 'truths were not valid poses'),
                      ('rejected', 'bad rows or images were left out: report.json has the '
                                   'reasons')):
        if data.get(key):
            print(f'{data[key]} {text}')
    for key in ('read_as', 'trained_on', 'bag', 'camera_info', 'camera_differs', 'scale',
                'not_aligned'):
        if data.get(key):
            print(data[key])
    if 'damage' in data:
        print(f'the bag is damaged, only what is whole was evaluated: {data["damage"]}')
    for rows in tables(report, evaluation):
        print(f'\n{text_table(rows)}')
    for text in not_drawn:
        print(f'\n{NOT_DRAWN}: {text}')
    print(f'\nreport: {folder / "report.html"}')


def _evaluation_of(options: argparse.Namespace) -> Callable[[argparse.Namespace], Evaluation]:
    if options.poses is not None:
        return score_files
    return score_published if options.live or options.estimate_topic else run_model


def trajectory_options(options: argparse.Namespace) -> TrajectoryOptions:
    """
    Read how APE and RPE are computed from the command line's options.

    :raises InputError: when the distance of RPE's pairs cannot be one.
    """
    return TrajectoryOptions(Alignment(options.align), RelativeOptions(
        options.delta, DistanceUnit(options.delta_unit), options.all_pairs))


def _with_overlap(evaluation: Evaluation, options: argparse.Namespace) -> Evaluation:
    """Add to the description of the data that the model was trained on them, where it was."""
    text = describe_overlap(evaluation.frames, evaluation.train, named=options.bag is None,
                            split=options.split if options.data else '')
    if not text:
        return evaluation
    return replace(evaluation, data={**evaluation.data, 'trained_on': text})


def make_report(options: argparse.Namespace) -> None:
    """
    Evaluate and write the report.

    :param options: of `posenet evaluate`.
    :raises PoseNetError: when no frame has an accepted estimate.
    """
    trajectory = trajectory_options(options)
    evaluation = replace(_evaluation_of(options)(options), trajectory=trajectory)
    evaluation = _with_overlap(evaluation, options)
    if options.no_images:
        evaluation = without_private_data(evaluation, input_paths(options))
    report = build_report(evaluation)
    not_drawn = write_report(options.out, report, evaluation, force=options.force)
    show(report, evaluation, options.out, not_drawn)
    if not report.frames.accepted:
        raise PoseNetError('no frame has an accepted estimate; the first: '
                           f'{evaluation.frames[0].reasons}')
