"""Evaluate a model on a bag or a dataset, or score the poses of any method: makes a report."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
import sys
from typing import Any

from posenet_ros import compare
from posenet_ros.errors import PoseNetError, run_cli
from posenet_ros.evaluation.evaluator import Evaluation, run_model, score_files, score_published
from posenet_ros.evaluation.options import parser
from posenet_ros.evaluation.report.folder import write_report
from posenet_ros.evaluation.report.tables import summary_line, tables, text_table
from posenet_ros.utils.arguments import program_name
from posenet_ros.utils.atomic_folder import check_new


def show(report: dict[str, Any], folder: Path) -> None:
    """Print the report's summary line, warnings and tables."""
    data = report['data']
    print(f'\n{summary_line(report)}')
    for key, text in (('without_truth', 'images without a truth were left out'),
                      ('truth_rejected', 'truths were not valid poses')):
        if data.get(key):
            print(f'{data[key]} {text}')
    if 'damage' in data:
        print(f'the bag is damaged, only what is whole was evaluated: {data["damage"]}')
    for rows in tables(report):
        print(f'\n{text_table(rows)}')
    print(f'\nreport: {folder / "report.html"}')


def _evaluation_of(options: argparse.Namespace) -> Callable[[argparse.Namespace], Evaluation]:
    if options.poses is not None:
        return score_files
    return score_published if options.live or options.estimate_topic else run_model


def main(argv: Sequence[str] | None = None) -> int:
    """
    Evaluate and write the report.

    :raises PoseNetError: when no frame has an accepted estimate.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ['compare']:
        return compare.main(arguments[1:], f'{program_name()} compare')
    options = parser().parse_args(arguments)
    check_new(options.out, force=options.force)
    if not find_spec('matplotlib'):
        raise PoseNetError('the report needs matplotlib. Install it: pip install matplotlib')
    report, frames, train, out_of_place = _evaluation_of(options)(options)
    write_report(options.out, report, frames, train, out_of_place, force=options.force)
    show(report, options.out)
    if not report['frames']['accepted']:
        raise PoseNetError(f'no frame has an accepted estimate; the first: {frames[0].reasons}')
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
