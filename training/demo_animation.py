"""Draw the README's moving picture: a camera's images with its landmarks, and its pose."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
import sys

from posenet_ros.utils.arguments import CommandParser, run_cli


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    result.add_argument('--demo', type=Path, default=Path('demo'), help='folder of make demo')
    result.add_argument('--out', type=Path, default=Path('doc/relocalise.webp'),
                        help='the picture, .webp or .gif')
    result.add_argument('--start', type=int, default=60, help='first image of the test walk')
    result.add_argument('--count', type=int, default=72, help='number of images')
    result.add_argument('--step', type=int, default=2, help='take every n-th image')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Write the picture."""
    options = parser().parse_args(argv)
    from posenet_ros.training.pipelines.pictures.animation import animate
    stop = options.start + options.count * options.step
    animate(options.demo, options.out, range(options.start, stop, options.step))
    print(f'{options.out}')
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
