"""
Convert a split of a dataset to a rosbag2, to replay through the node or to evaluate.

Topics: /camera/image_raw (rgb8; with --compressed the files as they are on
/camera/image_raw/compressed), /camera/camera_info, /ground_truth/pose (map_from_camera at the
image's stamp), /tf (the same: map to ground_truth_camera, a frame of its own, because the camera's
frame gets its parent from the node) and /tf_static (base_link, which stands at the camera, to the
optical frame).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import sys

from posenet_ros.utils.arguments import CommandParser, input_paths, not_negative, positive, run_cli
from posenet_ros.utils.atomic_folder import check_new
from posenet_ros.utils.choices import BAG_STORAGES, SPLITS
from posenet_ros.utils.files.kinds import BAG


def parser() -> CommandParser:
    """Make the parser of the command line."""
    summary, topics = (__doc__ or '\n\n').split('\n\n')[:2]
    result = CommandParser(description=summary.strip(), epilog=topics)
    result.add_argument('--data', type=Path, required=True, help='folder of the dataset')
    result.add_argument('--split', choices=SPLITS, default='test', help='default: test')
    result.add_argument('--out', type=Path, required=True, help='folder of the new bag')
    result.add_argument('--rate', type=positive, metavar='HZ',
                        help='images per second (default: 10; with --sensors as recorded)')
    result.add_argument('--pause', type=not_negative, default=1.0, metavar='S',
                        help='seconds between two walks (default: 1)')
    result.add_argument('--storage', choices=BAG_STORAGES, default='mcap',
                        help='format of the bag (default: mcap)')
    result.add_argument('--walk', metavar='NAME', help='write this walk alone, such as seq1')
    result.add_argument('--sensors', action='store_true',
                        help='write what a scene rendered with --sensors, --stereo or --depth has '
                        'beside the images: /odom, /imu/data_raw, /fix, right and depth images')
    result.add_argument('--no-poses', action='store_true', help='leave the true poses out')
    result.add_argument('--compressed', action='store_true',
                        help='write JPEG and PNG files as they are')
    result.add_argument('--camera', metavar='FX[,FY,CX,CY[,MODEL][,K1,...]]',
                        help='intrinsics, pixels (default: camera.json, or known for the layout)')
    result.add_argument('--force', action='store_true', help='replace an existing bag')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Write the bag; nothing is left behind where that fails."""
    options = parser().parse_args(argv)
    check_new(options.out, BAG, force=options.force, inputs=input_paths(options))
    from posenet_ros.training.pipelines.bag_export import export_bag
    print(export_bag(options))
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
