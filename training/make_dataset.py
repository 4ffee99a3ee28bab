"""
Convert bags to a dataset: images, poses in Cambridge layout, and camera.json; or check one.

--from FOLDER --to NEW converts a data set of any known layout, --from FILE --to NEW a file of
poses, into the form of --to-format.

Each image gets the pose at its stamp, interpolated between its neighbours in time. The test split
is cut out in blocks of time or, better, is a separate walk (--test-bag).

--check holds images, poses and camera of a dataset against each other by the epipolar geometry of
neighbouring images, and names the mistake where they do not fit.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
import sys

from posenet_ros.utils.arguments import (
    add_bag_arguments,
    CommandParser,
    count,
    fraction,
    input_paths,
    positive,
    run_cli,
)
from posenet_ros.utils.atomic_folder import check_new
from posenet_ros.utils.choices import MAX_POSE_GAP_S, STAMP_UNITS
from posenet_ros.utils.files.kinds import DATASET, POSES


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(description=__doc__)
    source = result.add_mutually_exclusive_group(required=True)
    source.add_argument('--bag', type=Path, nargs='+',
                        help='bags to learn from: rosbag2 folder, .mcap, .db3 or ROS 1 .bag')
    source.add_argument('--check', type=Path, metavar='DATASET',
                        help='check a dataset instead; exit code 1 where a mistake is found')
    source.add_argument('--from', type=Path, dest='source', metavar='PATH',
                        help='convert a data set or a file of poses instead: its form is '
                             'recognised')
    result.add_argument('--to', type=Path, dest='out', help='with --from: the new folder or file')
    result.add_argument('--to-format', metavar='FORM', default='cambridge',
                        help='with --from: cambridge, tum, kitti, euroc, hloc; of a data set also '
                             '7scenes, colmap, nerfstudio (default: %(default)s)')
    result.add_argument('--format', metavar='FORM',
                        help='with --from: form of the file of poses; default: by content')
    result.add_argument('--stamp-unit', choices=STAMP_UNITS,
                        help='with --from: of the stamps in the file; default: by their size')
    result.add_argument('--test-bag', type=Path, nargs='+', default=[], metavar='BAG',
                        help='bags of other walks, for testing only')
    add_bag_arguments(result, poses_required=False)
    result.add_argument('--camera', metavar='FX[,FY,CX,CY[,MODEL][,K1,...]]',
                        help='camera of the images, pixels, in place of camera_info; MODEL: '
                             'plumb_bob, rational_polynomial or equidistant (fisheye)')
    result.add_argument('--out', type=Path, help='folder of the new dataset')
    result.add_argument('--max-gap', type=positive, default=MAX_POSE_GAP_S, metavar='S',
                        help='between the poses round an image, seconds (default: %(default)s)')
    result.add_argument('--every', type=count, default=1, metavar='N',
                        help='take each Nth image (default: 1)')
    result.add_argument('--test-share', type=fraction, metavar='X',
                        help='of the time of --bag for testing, 0 to 1 (default: 0.2; 0 with '
                             '--test-bag)')
    result.add_argument('--block', type=positive, metavar='S',
                        help='blocks in which time is shared out, seconds (default: a tenth of '
                             'the bag)')
    result.add_argument('--force', action='store_true', help='replace an existing dataset')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Write the dataset, or check one; nothing is left behind where that fails."""
    command = parser()
    options = command.parse_args(argv)
    if options.check:
        from posenet_ros.training.pipelines.dataset_check import check_folder
        return check_folder(options.check, options.camera)
    if options.source:
        return _convert(command, options)
    if not options.out:
        command.error('the following arguments are required: --out')
    if not (options.pose or options.tf):
        command.error('one of the arguments --pose --tf is required')
    if options.test_share is None:
        options.test_share = 0.0 if options.test_bag else 0.2
    check_new(options.out, DATASET, force=options.force, inputs=input_paths(options))
    from posenet_ros.training.pipelines.bag_import import import_bags
    print(f'{options.out}: {import_bags(options)}')
    return 0


def _convert(command: CommandParser, options: argparse.Namespace) -> int:
    """Write a data set or a file of poses in another form."""
    if not options.out:
        command.error('the following arguments are required: --to')
    is_file = options.source.is_file() or not options.source.exists()
    check_new(options.out, POSES if is_file else DATASET, force=options.force,
              inputs=[options.source])
    from posenet_ros.datasets.pose_files import Format
    from posenet_ros.training.pipelines.datasets import conversion
    from posenet_ros.training.sources.pose_association import form_and_unit
    form = Format.from_option(options.to_format)
    if is_file:
        lines = conversion.convert_poses(
            options.source, options.out, form, *form_and_unit(options))
    else:
        lines = conversion.convert_dataset(
            options.source, options.out, form, options.camera, force=options.force)
    print('\n'.join(lines))
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
