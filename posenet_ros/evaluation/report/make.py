"""Evaluate as the options say, write the report, and print its tables."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from posenet_ros.errors import PoseNetError
from posenet_ros.evaluation.evaluator import run_model, score_files, score_published
from posenet_ros.evaluation.report.build import build_report, Evaluation
from posenet_ros.evaluation.report.content import Report
from posenet_ros.evaluation.report.folder import write_report
from posenet_ros.evaluation.report.sections import summary_line, tables
from posenet_ros.evaluation.report.tables import text_table


def show(report: Report, evaluation: Evaluation, folder: Path) -> None:
    """Print the report's summary line, warnings and tables."""
    data = report.data
    print(f'\n{summary_line(report)}')
    for key, text in (('without_truth', 'images without a truth were left out'),
                      ('truth_rejected', 'truths were not valid poses'),
                      ('rejected', 'bad rows or images were left out: report.json has the '
                                   'reasons')):
        if data.get(key):
            print(f'{data[key]} {text}')
    for key in ('camera_info', 'camera_differs', 'scale'):
        if data.get(key):
            print(data[key])
    if 'damage' in data:
        print(f'the bag is damaged, only what is whole was evaluated: {data["damage"]}')
    for rows in tables(report, evaluation):
        print(f'\n{text_table(rows)}')
    print(f'\nreport: {folder / "report.html"}')


def _evaluation_of(options: argparse.Namespace) -> Callable[[argparse.Namespace], Evaluation]:
    if options.poses is not None:
        return score_files
    return score_published if options.live or options.estimate_topic else run_model


def make_report(options: argparse.Namespace) -> None:
    """
    Evaluate and write the report.

    :param options: of `posenet evaluate`.
    :raises PoseNetError: when no frame has an accepted estimate.
    """
    evaluation = _evaluation_of(options)(options)
    report = build_report(evaluation)
    write_report(options.out, report, evaluation, force=options.force)
    show(report, evaluation, options.out)
    if not report.frames.accepted:
        raise PoseNetError('no frame has an accepted estimate; the first: '
                           f'{evaluation.frames[0].reasons}')
