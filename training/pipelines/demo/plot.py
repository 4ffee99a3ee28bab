"""Plot the results of `make demo`: images, both sets of poses, both errors."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.datasets.pose_files import Format, read_poses
from posenet_ros.evaluation.estimates.frame_rows import (
    ERRORS,
    FRAMES_FILE,
    number_columns,
    read_frame_rows,
)
from posenet_ros.evaluation.report.drawing import Colour
from posenet_ros.imaging.files import read_image
from posenet_ros.inference.artifact import load
from posenet_ros.training.pipelines.demo.results import (
    angle,
    NETWORK,
    REFINED,
    rounded_length,
)

FRAME_FRACTIONS = (0.12, 0.45, 0.7, 0.95)  # of the test walk, from its start
SIZE_IN = (13.0, 3.9)
REPORTS = {NETWORK: ('report_network', '#d97706'), REFINED: ('report', Colour.ESTIMATE)}
TICKS_M = (0.001, 0.01, 0.1, 1.0)


def draw_frames(axis: Axes, court: Path) -> None:
    """Show four images of the test walk."""
    rows = read_poses(court / 'dataset_test.txt', Format.CAMBRIDGE)
    picked = [rows[int(fraction * (len(rows) - 1))].name for fraction in FRAME_FRACTIONS]
    images = [read_image(court / name) for name in picked]
    axis.imshow(np.vstack([np.hstack(images[:2]), np.hstack(images[2:])]))
    axis.set_title('what the camera sees (not trained on)')
    axis.axis('off')


def draw_path(axis: Axes, demo: Path) -> None:
    """Show training positions, truth and both sets of estimates from above."""
    train = load(demo / 'model').train.positions_m
    axis.scatter(train[:, 0], train[:, 1], s=5, color=Colour.TRAINING, label='training walks')
    for name, (folder, colour) in REPORTS.items():
        rows = read_frame_rows(demo / folder / FRAMES_FILE)
        found = number_columns(rows, ('true_x', 'true_y', 'x', 'y'))
        size = 4 if name == REFINED else 7
        if name == REFINED:
            axis.plot(found[:, 0], found[:, 1], color=Colour.TRUTH, linewidth=3, label='truth')
        axis.scatter(found[:, 2], found[:, 3], s=size, color=colour, label=name, zorder=3)
    axis.set(aspect='equal', xlabel='x (m)', ylabel='y (m)', title='from above')
    axis.legend(frameon=False, loc='upper center', bbox_to_anchor=(0.5, -0.16), ncols=4,
                columnspacing=1.0, handletextpad=0.3)


def draw_errors(axis: Axes, demo: Path) -> None:
    """Plot the cumulative distribution of both errors of the position."""
    for name, (folder, colour) in REPORTS.items():
        metres, degrees = number_columns(read_frame_rows(demo / folder / FRAMES_FILE), ERRORS).T
        axis.plot(np.sort(metres), percent_of(metres), color=colour, linewidth=2)
        medians = rounded_length(float(np.nanmedian(metres))), angle(float(np.nanmedian(degrees)))
        after = name == REFINED  # its text stands right of its curve, the other one left
        axis.annotate('\n'.join((*name.rsplit(' ', 1), 'median', *medians)),
                      (float(np.nanmedian(metres)), 50), (14 if after else -14, 0),
                      textcoords='offset points', color=colour, va='bottom' if after else 'top',
                      ha='left' if after else 'right')
    axis.set(xscale='log', ylim=(0, 100), xlabel='error of the position', ylabel='frames (%)',
             title='errors, cumulative')
    axis.set_xticks(TICKS_M, ['1 mm', '1 cm', '10 cm', '1 m'])
    axis.grid(alpha=0.3)


def percent_of(values: Floats) -> Floats:
    """Return the percentage of all values that the sorted ones have reached, (N,)."""
    return np.asarray(100 * np.arange(1, len(values) + 1) / len(values))


def plot(demo: Path, out: Path) -> None:
    """
    Write the picture.

    :param demo: folder of `make demo`.
    :param out: the picture's file.
    """
    figure = Figure(figsize=SIZE_IN, layout='constrained')
    axes = figure.subplots(1, 3, width_ratios=(1.45, 1.3, 1.1))
    draw_frames(axes[0], demo / 'court')
    draw_path(axes[1], demo)
    draw_errors(axes[2], demo)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=110)
