"""
Make a map of a place from a walk: a model folder of landmarks, without a network.

The walk is a dataset with poses, bags, folders of images or videos. Where poses are given they are
taken; else structure from motion finds them, and metres and up come from what was recorded beside
the images, or from --scale-from. --extend joins a new walk to a map, --merge joins two maps, and
--diff says what changed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
import sys

from posenet_ros.training.data.changelog import describe_command
from posenet_ros.training.metric.options import SCALE_FROM, scale_request
from posenet_ros.utils.arguments import (
    add_bag_arguments,
    command_line,
    CommandParser,
    count,
    input_paths,
    positive,
    run_cli,
)
from posenet_ros.utils.choices import MAP_EXPORTS, MAX_POSE_GAP_S, POSE_FORMATS, STAMP_UNITS
from posenet_ros.utils.tasks.arguments import add_task_options

OF_BAGS = 'image', 'camera_info', 'pose', 'tf', 'pose_of'  # options of --bag alone
# an old map has them already
OF_NEW_MAPS = 'scale_from', 'frame', 'refine_poses', 'largest', 'complete', 'parts'


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(description=__doc__)
    source = result.add_mutually_exclusive_group()
    source.add_argument('--data', type=Path, nargs='+', metavar='FOLDER', help='dataset with '
                        'poses: Cambridge Landmarks, 7-Scenes, TUM RGB-D, COLMAP or nerfstudio; '
                        'several with --extend')
    source.add_argument('--bag', type=Path, nargs='+', help='bags, a walk each: rosbag2 folder, '
                        '.mcap, .db3 or ROS 1 .bag')
    source.add_argument('--images', type=Path, nargs='+', metavar='FOLDER',
                        help='folders of images; each folder in them is a walk')
    source.add_argument('--video', type=Path, nargs='+', metavar='FILE',
                        help='videos, a walk each')
    old = result.add_mutually_exclusive_group()
    old.add_argument('--extend', type=Path, metavar='PLACE', help='model folder whose map the '
                     'walks join; it is replaced when the map is not worse (or see --out)')
    old.add_argument('--merge', type=Path, nargs=2, metavar=('A', 'B'), help='two model folders '
                     'whose maps overlap: B joins A, in the frame of A')
    old.add_argument('--diff', type=Path, nargs=2, metavar=('A', 'B'), help='say what changed '
                     'from one model folder to another: views, landmarks, walks, calibration')
    result.add_argument('--out', type=Path, metavar='PLACE', help='model folder to write')
    _add_pose_arguments(result)
    _add_map_arguments(result)
    result.add_argument('--export', nargs=2, action='append', default=[],
                        metavar=('FORMAT', 'PATH'),
                        help=f'write the map as one of {", ".join(MAP_EXPORTS)} too; without a '
                        'walk, that of --out as it is')
    result.add_argument('--resume', action='store_true', help='go on with a map of the same walk '
                        'that was interrupted')
    result.add_argument('--force', action='store_true', help='replace an existing model folder')
    return result


def _add_pose_arguments(result: argparse.ArgumentParser) -> None:
    """Add the options about cameras, poses, metres and the frame."""
    result.add_argument('--camera', metavar='FX[,FY,CX,CY[,MODEL][,K1,...]]', help='camera of the '
                        'images, pixels; MODEL: plumb_bob, rational_polynomial or equidistant '
                        '(fisheye). Without it: of the data, EXIF, or estimated')
    add_bag_arguments(result, poses_required=False)
    result.add_argument('--max-gap', type=positive, default=MAX_POSE_GAP_S, metavar='S',
                        help='between the poses round an image, seconds (default: %(default)s)')
    result.add_argument('--poses', type=Path, metavar='FILE', help='poses of the images: '
                        'any form of doc/reference/file_formats.md, by name, stamp or row')
    result.add_argument('--format', metavar='FORM', help=f'of --poses: {", ".join(POSE_FORMATS)} '
                        '(default: by its content)')
    result.add_argument('--stamp-unit', choices=STAMP_UNITS,
                        help='of the stamps of --poses (default: by their size)')
    result.add_argument('--scale-from', nargs='+', metavar=('KIND', 'ARGUMENT'),
                        help=f'where metres come from: {SCALE_FROM} (default: the best that was '
                        'recorded)')
    result.add_argument('--frame', type=Path, metavar='FILE', help='poses of some of the images '
                        'in an existing frame, in which the map shall be')


def _add_map_arguments(result: argparse.ArgumentParser) -> None:
    """Add the options about the images that are taken, and the map."""
    result.add_argument('--every', type=count, metavar='N', help='take each Nth image (default: '
                        'ten a second of bags and videos, all others)')
    result.add_argument('--views', type=count, metavar='N', help='keep at most N images in the '
                        'map, evenly spread')
    result.add_argument('--feature-width', type=count, default=480, metavar='PIXELS',
                        help='width at which features are detected, by the node too (default: '
                        '%(default)s); larger is more accurate and slower')
    result.add_argument('--refine-poses', action='store_true', help='move poses that were given '
                        'where the images contradict them')
    result.add_argument('--complete', action='store_true', help='the walk saw all places that '
                        'the robot will ever be in, as a room or a closed yard: nothing unmapped '
                        'looks like what is mapped, so more images are answered')
    result.add_argument('--parts', type=part_number, metavar='N', help='map a large place in N '
                        'overlapping parts, or auto: of some 500 images each, whose features '
                        'alone are in memory')
    add_task_options(result, 'processes that map parts, or detect the features of a map in one '
                     'piece', 'do that instead')
    result.add_argument('--largest', action='store_true', help='map the largest part of walks '
                        'that do not join')


def part_number(text: str) -> str:
    """Return the number of parts, or `auto`, as it was given."""
    return text if text == 'auto' else str(count(text))


def check_options(options: argparse.Namespace, command: CommandParser) -> None:
    """Refuse options that do not go together: one line, exit 2."""
    source = next((name for name in ('data', 'bag', 'images', 'video')
                   if getattr(options, name) is not None), None)
    if options.diff:
        if source or options.out or options.export:
            command.error('--diff takes two model folders alone')
        return
    if options.out is None and not options.extend:
        command.error('the following arguments are required: --out')
    if options.extend or options.merge:
        check_update_options(options, command, source)
    elif source is None and not options.export:
        command.error('one of the arguments --data --bag --images --video is required')
    if source == 'data' and len(options.data) > 1 and not options.extend:
        command.error('--data takes one dataset: several are for --extend')
    if source == 'data' and options.poses:
        command.error('--poses is for images without poses: --data has some')
    if (options.jobs > 1 or options.scheduler) and source is None:
        command.error('--jobs and --scheduler are for a walk')
    if (options.format or options.stamp_unit) and not options.poses:
        command.error('--format and --stamp-unit are for --poses')
    if options.poses and (options.pose or options.tf):
        command.error('--poses and --pose or --tf both give poses: leave one out')
    for name in OF_BAGS:
        if getattr(options, name) is not None and source != 'bag':
            command.error(f'--{name.replace("_", "-")} is for --bag')
    for form, _ in options.export:
        if form not in MAP_EXPORTS:
            command.error(f'argument --export: expected one of {", ".join(MAP_EXPORTS)}. '
                          f'Received: {form}')


def check_update_options(options: argparse.Namespace, command: CommandParser,
                         source: str | None) -> None:
    """Refuse options that do not go with --extend or --merge."""
    name = 'extend' if options.extend else 'merge'
    if options.extend and source is None:
        command.error('--extend needs the new walk: --data, --bag, --images or --video')
    if not options.extend and source is not None:
        command.error(f'--{source} is for --extend: --merge takes two maps')
    for other in OF_NEW_MAPS:
        if getattr(options, other):
            command.error(f'--{other.replace("_", "-")} is for a new map: --{name} keeps the '
                          'frame and the poses of the old one')


def main(argv: Sequence[str] | None = None) -> int:
    """Make the map."""
    command = parser()
    options = command.parse_args(argv)
    check_options(options, command)
    if options.diff:
        from posenet_ros.training.pipelines.mapping.diff import show_difference
        show_difference(*options.diff)
        return 0
    if options.data and not options.extend:
        [options.data] = options.data
    words = [word for word in (sys.argv[1:] if argv is None else argv) if word != '--resume']
    options.scale_request = scale_request(options.scale_from) if options.scale_from else None
    options.command = describe_command(
        ['map', *words], {*input_paths(options), *filter(None, [options.out])})
    options.resume_command = command_line([*words, '--resume'])
    from posenet_ros.training.pipelines.mapping.run import make_map
    make_map(options)
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
