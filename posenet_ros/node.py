"""Run the ROS 2 lifecycle node: images in; poses, transforms and diagnostics out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
import signal
import sys

from posenet_ros.ros_node import parameters
from posenet_ros.utils.arguments import CommandParser, own_arguments, run_cli
from posenet_ros.utils.ros_environment import prepare_environment
from posenet_ros.utils.signals import exit_at_once, handle_signals

KEPT_BYTES = 1 << 26  # a few images of the largest cameras


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(
        description='Relocalise a camera with PoseNet: a ROS 2 lifecycle node. ROS arguments: '
        '--ros-args -p NAME:=VALUE -r FROM:=TO --params-file FILE',
        epilog=parameters.help_text(), formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument(
        '--cameras', default='', metavar='NAME,NAME', help='one node for each of these cameras, '
        'in its namespace, on its image_raw; they share one model in memory')
    return result


def run(argv: Sequence[str] | None = None) -> int:
    """
    Run the node until SIGINT, SIGTERM or SIGHUP, at any time from its start.

    :raises InputError: when a parameter has the wrong type or is out of range.
    """
    arguments = list(sys.argv if argv is None else argv)
    with handle_signals(_interrupt):
        with handle_signals(exit_at_once):  # an import that is interrupted may say anything
            options = parser().parse_args(own_arguments(arguments[1:]))
            prepare_environment()
            from posenet_ros.ros_node.control.cameras import camera_names
            from posenet_ros.ros_node.lifecycle_node import serve
            from posenet_ros.utils.processes import keep_memory
        keep_memory(KEPT_BYTES)
        serve(arguments, camera_names(options.cameras))
    return 0


def _interrupt(number: int, _: object) -> None:
    """End at a signal; a SIGHUP ends by SIGTERM, which wakes the executor."""
    if number != signal.SIGHUP:
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGTERM)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node; errors of the user's are one line."""
    with handle_signals(exit_at_once):
        return run_cli(lambda: run(argv), interrupted=0)


if __name__ == '__main__':
    sys.exit(main())
