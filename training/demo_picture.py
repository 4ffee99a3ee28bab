"""Plot a picture of the results of `make demo`: images, both sets of poses, both errors."""

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
    result.add_argument('--out', type=Path, default=Path('doc/demo.png'), help='the picture')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Write the picture."""
    options = parser().parse_args(argv)
    from posenet_ros.training.pipelines.pictures.demo_plot import plot
    plot(options.demo, options.out)
    print(f'{options.out}')
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
