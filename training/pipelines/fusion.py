"""
Fuse odometry with poses in a Kalman filter on SE(3), to measure the worth of their covariances.

Odometry predicts, poses update: with the covariance of each pose, and with one constant
covariance, the mean square of the true errors (the best constant). Odometry is simulated: the
true steps with noise and a bias.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.evaluation.estimates.frame_rows import FrameRow, numbers, read_frame_rows
from posenet_ros.evaluation.report.tables import number, Row, text_table
from posenet_ros.geometry.estimate import diagonal_covariance, PoseEstimate, rotate_covariance
from posenet_ros.geometry.lie import pose_difference, retract, so3_exp
from posenet_ros.geometry.pose import Pose
from posenet_ros.localisation.kalman import kalman_update
from posenet_ros.training.scene.sensors.simulation import noisy_step

TRUTH = ('true_x', 'true_y', 'true_z', 'true_qx', 'true_qy', 'true_qz', 'true_qw')
ESTIMATE = ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw')
SIGMAS = ('sigma_x_m', 'sigma_y_m', 'sigma_z_m', 'sigma_about_x_deg', 'sigma_about_y_deg',
          'sigma_about_z_deg')


class WalkStep(NamedTuple):
    """A moment of a walk: the true pose and the estimate, None where there is none."""

    truth: Pose
    estimate: PoseEstimate | None


class Errors(NamedTuple):
    """The (N, 6) errors of estimates, and their NEES e' C^-1 e: 6 on average if C is right."""

    values: Floats
    nees: Floats


@dataclass(frozen=True)
class Odometry:
    """
    Simulated odometry.

    :param noise: standard deviation of a step's translation, fraction of its length; the same in
        radians for each metre.
    :param bias: scale error of each step, fraction; radians for each metre.
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
        turn = so3_exp(random.normal(0, 0.3 * sigma, 3)
                       + self.bias * length * np.array([0.0, 1.0, 0.0]))
        measured = noisy_step(true, sigma, turn, self.bias, random)
        allowed = 2 * sigma  # for the bias, which the filter does not know
        return PoseEstimate(measured, diagonal_covariance([allowed] * 3, [0.6 * sigma] * 3))


def pose_errors(estimates: Sequence[PoseEstimate], truths: Sequence[Pose]) -> Errors:
    """Return the errors of estimates and their NEES."""
    values = np.array([pose_difference(e.map_from_camera, truth)
                       for e, truth in zip(estimates, truths, strict=True)])
    nees = [error @ np.linalg.solve(e.covariance, error)
            for error, e in zip(values, estimates, strict=True)]
    return Errors(values, np.array(nees))


def predict(estimate: PoseEstimate, step: PoseEstimate) -> PoseEstimate:
    """Predict by a step, whose covariance is about the axes of the pose before."""
    after = estimate.moved_to(step.map_from_camera)
    return PoseEstimate(after.map_from_camera, after.covariance + rotate_covariance(
        step.covariance, estimate.map_from_camera.rotation))


def update(estimate: PoseEstimate, measured: PoseEstimate) -> PoseEstimate:
    """Update an estimate by a measured pose."""
    pose = estimate.map_from_camera
    error, covariance = kalman_update(
        estimate.covariance, pose_difference(measured.map_from_camera, pose), measured.covariance)
    return PoseEstimate(retract(pose, error), covariance)


def run_filter(walk: Sequence[WalkStep], odometry: Sequence[PoseEstimate],
               covariance_of: Callable[[PoseEstimate], Floats] | None) -> list[PoseEstimate]:
    """
    Run the filter along a walk; it starts at the true pose.

    :param odometry: steps, one less than the walk has.
    :param covariance_of: the covariance of a pose in the filter; None uses no pose.
    """
    state = PoseEstimate(walk[0].truth, diagonal_covariance([0.1] * 3, [0.01] * 3))
    states = [state]
    for moment, step in zip(walk[1:], odometry, strict=True):
        state = predict(state, step)
        if moment.estimate is not None and covariance_of is not None:
            state = update(state, PoseEstimate(
                moment.estimate.map_from_camera, covariance_of(moment.estimate)))
        states.append(state)
    return states


def mean_square_covariance(walk: Sequence[WalkStep]) -> Floats:
    """Return the diagonal covariance of the mean square of the true errors."""
    return np.diag(np.mean(unfused_errors(walk).values ** 2, axis=0))


def unfused_errors(walk: Sequence[WalkStep]) -> Errors:
    """Return the errors of the poses without a filter."""
    known = [(step.estimate, step.truth) for step in walk if step.estimate is not None]
    estimates, truths = zip(*known, strict=True)
    return pose_errors(estimates, truths)


def compare_fusions(walk: Sequence[WalkStep], seed: int = 0, settings: Odometry | None = None,
                    inflate: float = 1.0) -> dict[str, Errors]:
    """
    Return the errors along a walk of odometry, and fused with covariances of both kinds.

    :param inflate: factor on every covariance in the filter.
    :raises InputError: when hardly any pose is known.
    """
    known = sum(step.estimate is not None for step in walk)
    if known < 2:
        raise InputError(f'expected a walk with accepted poses. Received: {known}')
    random, settings = np.random.default_rng(seed), settings or Odometry()
    odometry = [settings.step(a.truth, b.truth, random)
                for a, b in pairwise(walk)]
    fixed = inflate * mean_square_covariance(walk)
    ways: dict[str, Callable[[PoseEstimate], Floats] | None] = {
        'odometry alone': None, 'one covariance for all': lambda _: fixed,
        'the covariance of each': lambda estimate: inflate * estimate.covariance}
    truths = [step.truth for step in walk]
    return {name: pose_errors(run_filter(walk, odometry, way), truths)
            for name, way in ways.items()}


def read_walks(file: Path) -> Iterator[list[WalkStep]]:
    """
    Yield the sequences of a report's frames.csv; poses that were not accepted are left out.

    :raises InputError: when it has no standard deviations.
    """
    rows = read_frame_rows(file)
    if not rows or SIGMAS[0] not in rows[0]:
        raise InputError(f'{file}: expected a frames.csv of posenet evaluate with '
                         f'{SIGMAS[0]}... Received: {len(rows)} rows without')
    for name in dict.fromkeys(row['sequence'] for row in rows):
        yield [_step(row) for row in rows if row['sequence'] == name]


def _step(row: FrameRow) -> WalkStep:
    def pose(columns: Sequence[str]) -> Pose:
        values = np.array(numbers(row, columns))
        return Pose(values[:3], values[3:])

    if row['outcome'] != 'accepted' or not row[SIGMAS[0]]:
        return WalkStep(pose(TRUTH), None)
    sigmas = np.array(numbers(row, SIGMAS))
    covariance = diagonal_covariance(sigmas[:3].tolist(), np.radians(sigmas[3:]).tolist())
    return WalkStep(pose(TRUTH), PoseEstimate(pose(ESTIMATE), covariance))


def summary_table(errors: dict[str, list[Errors]]) -> list[Row]:
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


def fuse(frames: Path, seed: int, every: int, inflate: float) -> str:
    """
    Fuse the walks of a report, and return the table of the errors.

    :param frames: frames.csv of the report.
    :param seed: of the odometry.
    :param every: the filter gets every Nth pose.
    :param inflate: factor on every covariance in the filter.
    """
    walks = [[step if i % every == 0 else WalkStep(step.truth, None)
              for i, step in enumerate(walk)] for walk in read_walks(frames)]
    walks = [walk for walk in walks if len(walk) > 1]
    found = [compare_fusions(walk, seed, inflate=inflate) for walk in walks]
    unfused = {'the poses alone': [unfused_errors(walk) for walk in walks]}
    return text_table(summary_table(unfused | {
        name: [errors[name] for errors in found] for name in found[0]}))
