"""Plot the results of `make demo`: images, trajectory, errors."""

from __future__ import annotations

from collections.abc import Sequence
import csv
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
import numpy as np
from numpy.typing import NDArray
from posenet_ros.datasets.pose_files import Format, read_poses
from posenet_ros.evaluation.report.drawing import Colour
from posenet_ros.imaging.files import read_image
from posenet_ros.inference.artifact import load

FRAME_FRACTIONS = (0.12, 0.45, 0.7, 0.95)  # of the test walk, from its start
SIZE_IN = (13.0, 4.4)


def read_columns(file: Path, names: Sequence[str]) -> NDArray[np.float64]:
    """Return columns of frames.csv, (N, columns); NaN where a cell is empty."""
    with file.open(encoding='utf-8', newline='') as lines:
        return np.array([[float(row[name] or 'nan') for name in names]
                         for row in csv.DictReader(lines)])


def draw_frames(axis: Axes, court: Path) -> None:
    """Show four images of the test walk."""
    rows = read_poses(court / 'dataset_test.txt', Format.CAMBRIDGE)
    picked = [rows[int(fraction * (len(rows) - 1))].name for fraction in FRAME_FRACTIONS]
    images = [read_image(court / name) for name in picked]
    axis.imshow(np.vstack([np.hstack(images[:2]), np.hstack(images[2:])]))
    axis.set_title('what the camera sees (the test walk, not trained on)')
    axis.axis('off')


def draw_path(axis: Axes, demo: Path) -> None:
    """Show training positions, truth and the live node's poses from above."""
    train = load(demo / 'model').train.positions_m
    found = read_columns(demo / 'report' / 'frames.csv', ('true_x', 'true_y', 'x', 'y'))
    axis.scatter(train[:, 0], train[:, 1], s=5, color=Colour.TRAINING, label='training walks')
    axis.plot(found[:, 0], found[:, 1], color=Colour.TRUTH, label='truth')
    axis.scatter(found[:, 2], found[:, 3], s=7, color=Colour.ESTIMATE,
                 label='pose from the live node')
    axis.set(aspect='equal', xlabel='x (m)', ylabel='y (m)', title='from above')
    axis.legend(frameon=False, loc='upper center', bbox_to_anchor=(0.5, -0.16), ncols=3)


def draw_errors(axis: Axes, demo: Path) -> None:
    """Plot the cumulative distribution of the errors."""
    columns = ('translation_error_m', 'rotation_error_deg')
    errors = read_columns(demo / 'report' / 'frames.csv', columns)
    percent = 100 * np.arange(1, len(errors) + 1) / len(errors)
    for values, unit, style in zip(errors.T, ('m', 'deg'), ('-', '--'), strict=True):
        axis.plot(np.sort(values), percent, style, color=Colour.ESTIMATE,
                  label=f'{unit} (median {np.nanmedian(values):.2f})')
    axis.set(xscale='log', ylim=(0, 100), xlabel='error', ylabel='frames (%)',
             title='cumulative distribution of the errors')
    axis.legend(frameon=False, loc='upper left')


def plot(demo: Path, out: Path) -> None:
    """
    Write the picture.

    :param demo: folder of `make demo`.
    :param out: the picture's file.
    """
    figure = Figure(figsize=SIZE_IN, layout='constrained')
    axes = figure.subplots(1, 3, width_ratios=(1.5, 1.15, 1))
    draw_frames(axes[0], demo / 'court')
    draw_path(axes[1], demo)
    draw_errors(axes[2], demo)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
