"""
Play a bag: publish its messages at the times when they were recorded.

A command and a node: `python -m posenet_ros.replay BAG`, or `ros2 run posenet_ros replay BAG`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import sys
import time
from typing import TYPE_CHECKING

from posenet_ros.errors import InputError
from posenet_ros.utils.arguments import (
    CommandParser,
    not_negative,
    own_arguments,
    positive,
    run_cli,
)
from posenet_ros.utils.atomic_folder import check_new, new_file
from posenet_ros.utils.files.kinds import SENDING_LOG
from posenet_ros.utils.suggestions import did_you_mean

if TYPE_CHECKING:
    from posenet_ros.ros_data.bag_reader import BagReader


def chosen_topics(bag: BagReader, wanted: Sequence[str] | None, *, clock: bool) -> list[str]:
    """
    Choose the topics to play: the wanted ones or all, but for /clock where we publish our own.

    :param clock: whether we publish /clock.
    :raises InputError: when the bag lacks a wanted topic.
    """
    from posenet_ros.ros_node.player import CLOCK_TOPIC
    missing = sorted(set(wanted or ()) - set(bag.topics))
    if missing:
        raise InputError(f'{bag.path}: expected topics of the bag. Received: '
                         f'{", ".join(missing)}; the bag has {", ".join(sorted(bag.topics))}'
                         + did_you_mean(missing[0], bag.topics))
    topics = bag.topics if wanted is None else wanted
    chosen = [topic for topic in topics if not (clock and topic == CLOCK_TOPIC)]
    if not bag.count(*chosen):
        raise InputError(f'{bag.path}: expected messages to play. Received: none')
    return chosen


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(
        description='Publish the messages of a bag as they were recorded.',
        epilog='Remap topics as with any node: --ros-args -r /camera/image_raw:=/image')
    result.add_argument('bag', type=Path, help='rosbag2 folder, .mcap or .db3 file')
    result.add_argument('--rate', type=positive, default=1.0, metavar='R',
                        help='bag seconds per second (default: 1)')
    result.add_argument('--loop', action='store_true', help='start again at the end, until Ctrl-C')
    result.add_argument('--clock', action='store_true',
                        help="publish /clock, every 10 ms of the bag's time")
    result.add_argument('--topics', nargs='+', metavar='TOPIC', help='play these (default: all)')
    result.add_argument('--wait', type=not_negative, default=60.0, metavar='S',
                        help='seconds to wait at most for a subscriber of the images; 0 starts '
                             'at once (default: 60)')
    result.add_argument('--drain', type=not_negative, default=1.0, metavar='S',
                        help='seconds to wait at the end for messages still being sent '
                             '(default: 1)')
    result.add_argument('--log', type=Path, metavar='CSV',
                        help='write the stamp of each image and the monotonic time when it was '
                             'published, nanoseconds')
    return result


def write_log(path: Path, times: Sequence[tuple[int, int]]) -> None:
    """Write the stamp and the time of publishing of each image, nanoseconds."""
    rows = ''.join(f'{stamp},{sent}\n' for stamp, sent in times)
    with new_file(path) as file:
        file.write_text(f'stamp_ns,sent_monotonic_ns\n{rows}')


def main(argv: Sequence[str] | None = None) -> int:
    """Play a bag; exit code 0 at its end, 1 when interrupted or without subscriber."""
    arguments = sys.argv[1:] if argv is None else argv
    options = parser().parse_args(own_arguments(arguments))
    if options.log:
        check_new(options.log, SENDING_LOG, force=True, inputs=[options.bag])
    from posenet_ros.ros_data.bag_reader import BagReader
    from posenet_ros.ros_node.player import Player
    with BagReader(options.bag) as bag:
        if not bag.is_ros_2:
            raise InputError(f'{options.bag}: expected a ROS 2 bag. Received: one of ROS 1; '
                             'convert it with "rosbags-convert"')
        if bag.note:
            _log(bag.note)
        topics = chosen_topics(bag, options.topics, clock=options.clock)
        with Player(bag, topics, clock=options.clock, ros_arguments=arguments) as player:
            for topic, reason in player.skipped.items():
                _log(f'skipping {topic}: {reason}')
            player.wait_for_subscriber(options.wait)
            player.play(options.rate)
            while options.loop:
                player.play(options.rate)
            time.sleep(options.drain)
        if options.log:
            write_log(options.log, player.image_times)
        _log(f'{sum(player.sent.values())} messages of {len(player.sent)} topics published, at '
             f'most {1e3 * player.latest_s:.0f} ms late')
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
