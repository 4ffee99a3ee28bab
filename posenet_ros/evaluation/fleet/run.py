"""`posenet evaluate --bags`: evaluate a model on many bags, and make one report of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import hashlib
from pathlib import Path
import shutil

from posenet_ros.datasets.tolerance import MAX_REJECTED, tell_rejected, too_many_left_out
from posenet_ros.errors import InputError
from posenet_ros.evaluation.evaluator import false_pose_limits
from posenet_ros.evaluation.fleet.bags import find_bags, FleetBag
from posenet_ros.evaluation.fleet.frames import BagFrames, DAY, read_frames
from posenet_ros.evaluation.fleet.jobs import evaluate_bags
from posenet_ros.evaluation.fleet.report import (
    BAGS_FOLDER,
    FleetReport,
    tables,
    write_fleet_report,
)
from posenet_ros.evaluation.fleet.summary import summarise, summarise_by
from posenet_ros.evaluation.fleet.truth_frames import describe_frames
from posenet_ros.evaluation.report.build import describe_model
from posenet_ros.evaluation.report.tables import text_table
from posenet_ros.inference.artifact import load, LoadedArtifact
from posenet_ros.utils.arguments import input_paths
from posenet_ros.utils.atomic_folder import check_new, resumable_folder
from posenet_ros.utils.files.kinds import FLEET
from posenet_ros.utils.progress import progress

# of the options, those on which no bag's report depends
NOT_OF_A_BAG = 'bags', 'out', 'force', 'resume', 'jobs', 'scheduler', 'group_by'


def evaluate_fleet(options: argparse.Namespace) -> None:
    """
    Evaluate a model on many bags; a run that was stopped repeats no finished bag.

    :param options: of `posenet evaluate --bags`.
    :raises InputError: when more than a tenth of the bags cannot be evaluated.
    :raises KeyboardInterrupt: when interrupted, with the way to go on.
    """
    if options.model is None:
        raise InputError('--bags has to come with --model FOLDER. Received: none')
    artifact, bags = load(options.model), find_bags(options.bags, options.group_by)
    check_new(options.out, FLEET, force=options.force, inputs=input_paths(options))
    unfinished = unfinished_folder(options)
    with resumable_folder(options.out, unfinished, _fingerprint(artifact, options), FLEET,
                          force=options.force) as folder:
        left_out = _evaluate(bags, folder, options)
        report = make_fleet_report(artifact, bags, folder, left_out, options)
        views = artifact.train.positions_m
        write_fleet_report(report, folder, views)
    tell_rejected(report.rejected)
    _show(report, options.out)


def unfinished_folder(options: argparse.Namespace) -> Path:
    """
    Return the folder of a report until it is whole; without --resume it is an empty one.

    :raises InputError: when a run was stopped, and neither --resume nor --force says what to do.
    """
    out = options.out.resolve()
    unfinished = Path(out.with_name(f'{out.name}.evaluating'))
    if (unfinished / BAGS_FOLDER).is_dir() and not options.resume:
        if not options.force:
            raise InputError(f'{unfinished} has bags that a stopped run evaluated: --resume goes '
                             'on with it, --force starts anew')
        shutil.rmtree(unfinished / BAGS_FOLDER)
    return unfinished


def _fingerprint(artifact: LoadedArtifact, options: argparse.Namespace) -> str:
    chosen = sorted((name, str(value)) for name, value in vars(options).items()
                    if name not in NOT_OF_A_BAG)
    return hashlib.sha256(repr((artifact.digest, chosen)).encode()).hexdigest()


def _evaluate(bags: Sequence[FleetBag], folder: Path, options: argparse.Namespace,
              ) -> dict[str, str]:
    """Evaluate the bags; return why some were left out, by name."""
    jobs = [(bag, folder / BAGS_FOLDER / bag.name) for bag in bags]
    left_out: dict[str, str] = {}
    try:
        results = progress(evaluate_bags(options, jobs, folder), len(bags), 'bag', 'evaluate')
        for bag, reason in zip(bags, results, strict=True):
            if reason:
                left_out[bag.name] = f'{bag.name}: {reason}'
                _check_left_out(list(left_out.values()), len(bags))
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt('stopped; the same command with --resume goes on with the bags '
                                'that are not evaluated yet') from interrupt
    return left_out


def _check_left_out(left_out: Sequence[str], total: int) -> None:
    """Refuse more bad bags than a tenth; one may always be bad, but not the only one."""
    if too_many_left_out(len(left_out), total):
        raise InputError(f'{left_out[0]} ({len(left_out)} of {total} bags cannot be evaluated, at '
                         f'most {MAX_REJECTED:.0%}, or one, may be: mend or remove them, and go '
                         'on by --resume)')


def make_fleet_report(artifact: LoadedArtifact, bags: Sequence[FleetBag], folder: Path,
                      left_out: dict[str, str], options: argparse.Namespace) -> FleetReport:
    """
    Make the report of the bags whose own reports are in a folder.

    :param left_out: names of the bags that have none, with the reasons.
    """
    frames: list[BagFrames] = [read_frames(bag, folder / BAGS_FOLDER / bag.name)
                               for bag in bags if bag.name not in left_out]
    limits, labels = false_pose_limits(options), [*options.group_by, DAY]
    return FleetReport(
        describe_model(artifact), summarise(frames, limits),
        {label: summarise_by(label, frames, limits) for label in labels},
        {one.bag.name: summarise([one], limits) for one in frames}, frames,
        describe_frames(frames, options.group_by[-1]), tuple(left_out.values()))


def _show(report: FleetReport, out: Path) -> None:
    print(f'\n{report.summary}')
    for text in report.warnings:
        print(text)
    for rows in tables(report, ()):
        print(f'\n{text_table(rows)}')
    print(f'\nreport: {out / "fleet.html"}')
