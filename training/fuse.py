"""Fuse the poses of a report with simulated odometry: what a covariance of each pose is worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import sys

from posenet_ros.errors import InputError
from posenet_ros.utils.arguments import CommandParser, run_cli


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(description='Fuse the poses of a report with simulated odometry, with '
                           'the covariance of each pose and with one for all.')
    result.add_argument('--frames', type=Path, required=True, metavar='CSV',
                        help='frames.csv of posenet evaluate')
    result.add_argument('--seed', type=int, default=0, help='of the odometry (default 0)')
    result.add_argument('--every', type=int, default=1, metavar='N',
                        help='give the filter every Nth pose (default %(default)s): errors of '
                        'neighbours are correlated, and it takes them for independent')
    result.add_argument('--inflate', type=float, default=1.0, metavar='F', help='factor on '
                        'every covariance in the filter (default %(default)s)')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Print the errors with each kind of covariance."""
    options = parser().parse_args(argv)
    if options.every < 1 or not options.inflate > 0:
        raise InputError('--every has to be 1 or more, --inflate above 0. '
                         f'Received: {options.every}, {options.inflate:g}')
    from posenet_ros.training.pipelines.fusion import fuse
    print(fuse(options.frames, options.seed, options.every, options.inflate))
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
