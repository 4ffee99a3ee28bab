"""
Fuse odometry with poses, as a robot's filter does, to see what a covariance for each is worth.

A Kalman filter on SE(3) goes on by odometry and is corrected by poses: with the covariance that
came with each, and with one for all, the mean square of the errors that were really made (the
best that one for all can be). Odometry is the truth's steps with simulated noise and a bias.

    python -m training.fuse --frames REPORT/frames.csv
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
import csv
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
import sys
from typing import NamedTuple

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError, run_cli
from posenet_ros.evaluation.report.tables import number, Row, text_table
from posenet_ros.geometry.estimate import diagonal_covariance, PoseEstimate, turned
from posenet_ros.geometry.lie import pose_error, pose_moved, rotation_from_vector
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.kalman import kalman_update

TRUTH = ('true_x', 'true_y', 'true_z', 'true_qx', 'true_qy', 'true_qz', 'true_qw')
ESTIMATE = ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw')
SIGMAS = ('sigma_x_m', 'sigma_y_m', 'sigma_z_m', 'sigma_roll_deg', 'sigma_pitch_deg',
          'sigma_yaw_deg')


class Step(NamedTuple):
    """A moment of a walk: where the camera was, and what was said of it (None: nothing)."""

    truth: Pose
    estimate: PoseEstimate | None


class Errors(NamedTuple):
    """The (N, 6) errors of some estimates, and e' C^-1 e of each: 6 on average if C is right."""

    values: Floats
    nees: Floats


@dataclass(frozen=True)
class Odometry:
    """
    Simulated odometry.

    :param noise: standard deviation of a step's translation, share of its length; the same in
        radians for each metre.
    :param bias: what it measures too much of each step, share; radians for each metre.
    :param floor: standard deviation of a step at rest, metres and radians.
    """

    noise: float = 0.05
    bias: float = 0.02
    floor: float = 0.002

    def step(self, before: Pose, after: Pose, random: np.random.Generator) -> PoseEstimate:
        """Return the measured `before_from_after`, with the covariance that a filter assumes."""
        true = before.inverse() @ after
        length = float(np.linalg.norm(true.translation_m))
        sigma = self.noise * length + self.floor
        turn = rotation_from_vector(random.normal(0, 0.3 * sigma, 3)
                                    + self.bias * length * np.array([0.0, 1.0, 0.0]))
        measured = Pose.from_rotation(
            true.rotation @ turn,
            true.translation_m * (1 + self.bias) + random.normal(0, sigma, 3))
        allowed = 2 * sigma  # for the bias, which the filter does not know
        return PoseEstimate(measured, diagonal_covariance([allowed] * 3, [0.6 * sigma] * 3))


def errors_of(estimates: Sequence[PoseEstimate], truths: Sequence[Pose]) -> Errors:
    """Return the errors of estimates, and how they compare with the covariances."""
    values = np.array([pose_error(e.map_from_camera, truth)
                       for e, truth in zip(estimates, truths, strict=True)])
    nees = [error @ np.linalg.solve(e.covariance, error)
            for error, e in zip(values, estimates, strict=True)]
    return Errors(values, np.array(nees))


def moved(estimate: PoseEstimate, step: PoseEstimate) -> PoseEstimate:
    """Return the estimate after a step; its covariance is about the axes of the pose before."""
    after = estimate.moved_to(step.map_from_camera)
    return PoseEstimate(after.map_from_camera, after.covariance + turned(
        step.covariance, estimate.map_from_camera.rotation))


def corrected(estimate: PoseEstimate, measured: PoseEstimate) -> PoseEstimate:
    """Return the estimate after a pose was measured."""
    pose = estimate.map_from_camera
    error, covariance = kalman_update(
        estimate.covariance, pose_error(measured.map_from_camera, pose), measured.covariance)
    return PoseEstimate(
        pose_moved(pose, rotation_from_vector(error[3:]), error[:3]), covariance)


def fused(walk: Sequence[Step], odometry: Sequence[PoseEstimate],
          covariance_of: Callable[[PoseEstimate], Floats] | None) -> list[PoseEstimate]:
    """
    Return the filter's estimates along a walk, from the first pose on, where the truth is known.

    :param odometry: steps, one less than the walk has.
    :param covariance_of: what the filter takes for a pose's covariance; None uses no pose.
    """
    state = PoseEstimate(walk[0].truth, diagonal_covariance([0.1] * 3, [0.01] * 3))
    states = [state]
    for moment, step in zip(walk[1:], odometry, strict=True):
        state = moved(state, step)
        if moment.estimate is not None and covariance_of is not None:
            state = corrected(state, PoseEstimate(
                moment.estimate.map_from_camera, covariance_of(moment.estimate)))
        states.append(state)
    return states


def fixed_covariance(walk: Sequence[Step]) -> Floats:
    """Return the mean square of the errors that were made, on the diagonal."""
    return np.diag(np.mean(poses_alone(walk).values ** 2, axis=0))


def poses_alone(walk: Sequence[Step]) -> Errors:
    """Return the errors of the poses as they came."""
    known = [(step.estimate, step.truth) for step in walk if step.estimate is not None]
    estimates, truths = zip(*known, strict=True)
    return errors_of(estimates, truths)


def compared(walk: Sequence[Step], seed: int = 0, settings: Odometry | None = None,
             inflate: float = 1.0) -> dict[str, Errors]:
    """
    Return the errors along a walk of odometry, and fused with covariances of both kinds.

    :param inflate: the filter takes every covariance for so much larger.
    :raises InputError: when hardly any pose is known.
    """
    known = sum(step.estimate is not None for step in walk)
    if known < 2:
        raise InputError(f'expected a walk with accepted poses. Received: {known}')
    random, settings = np.random.default_rng(seed), settings or Odometry()
    odometry = [settings.step(a.truth, b.truth, random)
                for a, b in pairwise(walk)]
    fixed = inflate * fixed_covariance(walk)
    ways: dict[str, Callable[[PoseEstimate], Floats] | None] = {
        'odometry alone': None, 'one covariance for all': lambda _: fixed,
        'the covariance of each': lambda estimate: inflate * estimate.covariance}
    truths = [step.truth for step in walk]
    return {name: errors_of(fused(walk, odometry, way), truths) for name, way in ways.items()}


def read_walks(file: Path) -> Iterator[list[Step]]:
    """
    Yield the sequences of a report's frames.csv; poses that were not accepted are left out.

    :raises InputError: when it has no standard deviations.
    """
    with file.open(encoding='utf-8', newline='') as lines:
        rows = list(csv.DictReader(lines))
    if not rows or SIGMAS[0] not in rows[0]:
        raise InputError(f'{file}: expected a frames.csv of posenet_ros.evaluate with '
                         f'{SIGMAS[0]}... Received: {len(rows)} rows without')
    for name in dict.fromkeys(row['sequence'] for row in rows):
        yield [_step(row) for row in rows if row['sequence'] == name]


def _step(row: dict[str, str]) -> Step:
    def pose(columns: Sequence[str]) -> Pose:
        numbers = np.array([float(row[column]) for column in columns])
        return Pose(numbers[:3], numbers[3:])

    if row['outcome'] != 'accepted' or not row[SIGMAS[0]]:
        return Step(pose(TRUTH), None)
    sigmas = np.array([float(row[column]) for column in SIGMAS])
    covariance = diagonal_covariance(sigmas[:3].tolist(), np.radians(sigmas[3:]).tolist())
    return Step(pose(TRUTH), PoseEstimate(pose(ESTIMATE), covariance))


def summary(errors: dict[str, list[Errors]]) -> list[Row]:
    """Return a table of the errors of each way, over all walks."""
    table: list[Row] = [('error', 'median (m)', 'rms (m)', 'p95 (m)', 'median (deg)',
                         'mean NEES (6)')]
    for name, parts in errors.items():
        values, nees = (np.concatenate(column) for column in zip(*parts, strict=True))
        metres, degrees = (np.linalg.norm(part, axis=1)
                           for part in (values[:, :3], np.degrees(values[:, 3:])))
        table.append((name, *map(number, (
            float(np.median(metres)), float(np.sqrt(np.mean(metres ** 2))),
            float(np.percentile(metres, 95)), float(np.median(degrees)),
            float(nees.mean())))))
    return table


def main(argv: Sequence[str] | None = None) -> int:
    """Print how far off each way is."""
    parser = argparse.ArgumentParser(
        prog='python -m training.fuse', description='Fuse the poses of a report with simulated '
        'odometry, with the covariance of each pose and with one for all.')
    parser.add_argument('--frames', type=Path, required=True, metavar='CSV',
                        help='frames.csv of posenet_ros.evaluate')
    parser.add_argument('--seed', type=int, default=0, help='of the odometry (default 0)')
    parser.add_argument('--every', type=int, default=1, metavar='N',
                        help='give the filter one of so many poses (default %(default)s): '
                        'neighbours err alike, and it takes them for independent')
    parser.add_argument('--inflate', type=float, default=1.0, metavar='F', help='the filter takes '
                        'every covariance for so much larger (default %(default)s)')
    options = parser.parse_args(argv)
    if options.every < 1 or not options.inflate > 0:
        raise InputError('--every has to be 1 or more, --inflate above 0. '
                         f'Received: {options.every}, {options.inflate:g}')
    walks = [[step if i % options.every == 0 else Step(step.truth, None)
              for i, step in enumerate(walk)] for walk in read_walks(options.frames)]
    walks = [walk for walk in walks if len(walk) > 1]
    found = [compared(walk, options.seed, inflate=options.inflate) for walk in walks]
    print(text_table(summary({'the poses alone': [poses_alone(walk) for walk in walks], **{
        name: [errors[name] for errors in found] for name in found[0]}})))
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
