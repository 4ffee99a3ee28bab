"""
Run the whole pipeline: scene, training, landmarks, bag, live node, report.

`make demo` runs this. All results stand in one folder. What is there and still right is used
again, and what was interrupted goes on; only the live node and its report are always made anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import os
from pathlib import Path
import sys

from posenet_ros.training.scene.settings import Settings
from posenet_ros.utils.arguments import CommandParser, run_cli


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    result.add_argument('--out', type=Path, default=Path('demo'), help='folder of the results')
    result.add_argument('--preset', default='demo', help='preset of posenet train')
    result.add_argument('--frames', type=int, default=Settings.frames,
                        help='images of the scene, a quarter of them for the test')
    result.add_argument('--strict', action='store_true',
                        help='fail, and do not only warn, where the machine was too busy for the '
                        'live node to answer all images')
    result.add_argument('--domain', type=int, default=int(os.environ.get('ROS_DOMAIN_ID', 87)),
                        help='ROS_DOMAIN_ID of the live part, which stays on this machine')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run all steps; 1 when one fails or the result is worse than promised."""
    options = parser().parse_args(argv)
    from posenet_ros.training.pipelines.demo.run import run_demo
    run_demo(options)
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
