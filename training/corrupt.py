"""
Corrupt the images of a dataset: weather, light and camera faults at five severities.

    posenet corrupt --data DIR --split test --corruption fog --severity 3 --out FOGGY
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import sys

from posenet_ros.utils.arguments import CommandParser, input_paths, run_cli
from posenet_ros.utils.atomic_folder import check_new
from posenet_ros.utils.choices import CORRUPTIONS, SEVERITIES, SPLITS
from posenet_ros.utils.files.kinds import DATASET


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(description='Write a copy of a dataset whose images are corrupted as '
                           'in ImageNet-C.')
    result.add_argument('--data', type=Path, required=True, metavar='DIR', help='dataset folder')
    result.add_argument('--split', choices=SPLITS, default='test', help='default %(default)s')
    result.add_argument('--corruption', choices=CORRUPTIONS, required=True, metavar='NAME',
                        help=', '.join(CORRUPTIONS))
    result.add_argument('--severity', '--strength', type=int, choices=SEVERITIES, required=True,
                        help='1 (weak) to 5')
    result.add_argument('--camera', metavar='FX[,FY,CX,CY[,MODEL][,K1,...]]',
                        help='of the images, pixels; default: as the dataset says')
    result.add_argument('--seed', type=int, default=0, help='of the randomness (default 0)')
    result.add_argument('--out', type=Path, required=True, metavar='DIR', help='made new')
    result.add_argument('--force', action='store_true', help='replace an existing folder')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Write a corrupted copy of a dataset."""
    options = parser().parse_args(argv)
    check_new(options.out, DATASET, force=options.force, inputs=input_paths(options))
    from posenet_ros.training.pipelines.corruption import write_corrupted
    count = write_corrupted(
        options.data, options.split, options.corruption, options.severity, options.out,
        camera=options.camera, seed=options.seed, force=options.force)
    print(f'{count} images in {options.out}')
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
