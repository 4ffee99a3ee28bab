"""
Run the whole pipeline: scene, training, landmarks, bag, live node, report.

`make demo` runs this. With --from-nothing (`make demo-from-nothing`) walks with odometry, IMU
and satellite fixes but without poses are mapped, the test walk is localised in the map without a
network, and the result is shown beside the true poses. All results stand in one folder. What is
there and still right is used again, and what was interrupted goes on; only the live node and its
report are always made anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import os
from pathlib import Path
import sys

from posenet_ros.training.scene.settings import Settings
from posenet_ros.utils.arguments import CommandParser, run_cli

FRAMES_FROM_NOTHING = 400  # three hundred to map


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(description=__doc__)
    result.add_argument('--from-nothing', action='store_true',
                        help='map walks that have no poses, in place of training a network')
    result.add_argument('--out', type=Path, help='folder of the results (default: demo; '
                        'demo_from_nothing)')
    result.add_argument('--preset', default='demo',
                        help='preset of posenet train (default: %(default)s)')
    result.add_argument('--frames', type=int, help='images of the scene, a quarter of them for '
                        f'the test (default: {Settings.frames}; {FRAMES_FROM_NOTHING})')
    result.add_argument('--strict', action='store_true',
                        help='fail, and do not only warn, where the machine was too busy for the '
                        'live node to answer all images')
    result.add_argument('--domain', type=int, default=int(os.environ.get('ROS_DOMAIN_ID', 87)),
                        help='ROS_DOMAIN_ID of the live part, which stays on this machine '
                        '(default: %(default)s)')
    return result


def _set_defaults(options: argparse.Namespace, out: str, frames: int) -> None:
    options.out = options.out or Path(out)
    options.frames = frames if options.frames is None else options.frames


def main(argv: Sequence[str] | None = None) -> int:
    """Run all steps; 1 when one fails or the result is worse than promised."""
    options = parser().parse_args(argv)
    if options.from_nothing:
        _set_defaults(options, 'demo_from_nothing', FRAMES_FROM_NOTHING)
        from posenet_ros.training.pipelines.demo.from_nothing import run_from_nothing
        run_from_nothing(options)
        return 0
    _set_defaults(options, 'demo', Settings.frames)
    from posenet_ros.training.pipelines.demo.run import run_demo
    run_demo(options)
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
