"""
Map walks that nobody has posed, and localise in the map: scene, bags, map, live node, report.

`make demo-from-nothing` runs this. The walks have images, odometry, an IMU and satellite fixes,
and no poses; the result is shown beside the true poses. What is there and still right is used
again, and what was interrupted goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import os
from pathlib import Path
import sys

from posenet_ros.utils.arguments import CommandParser, run_cli


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    result.add_argument('--out', type=Path, default=Path('demo_from_nothing'),
                        help='folder of the results')
    result.add_argument('--frames', type=int, default=400,
                        help='images of the scene, a quarter of them for the test')
    result.add_argument('--domain', type=int, default=int(os.environ.get('ROS_DOMAIN_ID', 88)),
                        help='ROS_DOMAIN_ID of the live part, which stays on this machine')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run all steps; 1 when one fails or the result is worse than promised."""
    options = parser().parse_args(argv)
    from posenet_ros.training.pipelines.demo.from_nothing import run_from_nothing
    run_from_nothing(options)
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
