"""The bags of a fleet evaluated one after another, or by several processes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from io import StringIO
import json
from pathlib import Path
import shutil

from posenet_ros.errors import PoseNetError
from posenet_ros.evaluation.fleet.bags import FleetBag, list_files
from posenet_ros.evaluation.report.content import REPORT_FILE
from posenet_ros.evaluation.report.make import make_report
from posenet_ros.utils.tasks.run import run_tasks

SOURCE_FILE = 'bag.json'  # in the report of a bag: the files that it was made of
Task = tuple[FleetBag, Path]  # a bag, and the folder of its report


def evaluate_bag(options: argparse.Namespace, job: Task) -> str:
    """
    Evaluate one bag, in silence, unless its report is there already and the bag is the same.

    :param options: of `posenet evaluate --bags`.
    :returns: why it could not be evaluated, or ''.
    """
    bag, out = job
    source, files = out / SOURCE_FILE, json.dumps(list_files(bag.path))
    if source.is_file() and source.read_text() == files:
        return ''
    shutil.rmtree(out, ignore_errors=True)
    reason = _report_bag(options, bag, out)
    if not reason:
        source.write_text(files)
    return reason


def _report_bag(options: argparse.Namespace, bag: FleetBag, out: Path) -> str:
    own = argparse.Namespace(**{**vars(options), 'bag': bag.path, 'bags': None, 'out': out})
    try:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
            make_report(own)
    except PoseNetError as error:  # where no frame is answered, the report says it
        return '' if (out / REPORT_FILE).is_file() else str(error)
    return ''


def evaluate_bags(options: argparse.Namespace, jobs: Sequence[Task]) -> Iterator[str]:
    """
    Evaluate bags by `options.jobs` processes; the results are in the order of the bags.

    :returns: for each bag why it could not be evaluated, or ''.
    :raises PoseNetError: when a process dies, as one that is killed for its memory.
    """
    return run_tasks(partial(evaluate_bag, options), jobs, options.jobs)
