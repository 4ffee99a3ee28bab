"""Train a network on a dataset and write a model folder."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
import sys

from posenet_ros.utils.arguments import command_line, CommandParser, input_paths, run_cli
from posenet_ros.utils.choices import PRESETS
from posenet_ros.utils.quiet_stderr import import_keras
from posenet_ros.utils.settings.assignments import add_assignments


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    result.add_argument('--preset', required=True,
                        help=f'one of {", ".join(PRESETS)}, or a .yaml file')
    result.add_argument('--data', type=Path, required=True, help='dataset folder; with --map, '
                        'the folder of its images')
    result.add_argument('--map', type=Path, metavar='PLACE', help='model folder of posenet map: '
                        'train by the poses of its map, and add the network to it (or see --out)')
    result.add_argument('--out', type=Path, help='model folder to write')
    add_assignments(result, '--set', 'settings', 'change settings of the preset, as '
                    'augmentation.shift=0.08, or shift=0.08; may be repeated')
    result.add_argument('--camera', metavar='FX[,FY,CX,CY[,MODEL][,K1,...]]', help='camera of the '
                        'images, pixels, where the dataset has no camera.json; MODEL: plumb_bob, '
                        'rational_polynomial or equidistant (fisheye)')
    result.add_argument('--strategy', default='none', help='none: one device; mirrored: all GPUs '
                        'of this machine; multiworker: several machines, listed in TF_CONFIG')
    result.add_argument('--tensorboard', type=Path, metavar='DIR', help='write logs for '
                        'TensorBoard there')
    result.add_argument('--resume', action='store_true', help='resume an interrupted training '
                        'of the same preset and data')
    result.add_argument('--force', action='store_true', help='replace an existing model folder')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Train."""
    command = parser()
    options = command.parse_args(argv)
    options.out = options.out or options.map
    if options.out is None:
        command.error('the following arguments are required: --out')
    words = [word for word in (sys.argv[1:] if argv is None else argv) if word != '--resume']
    from posenet_ros.training.data.changelog import describe_command
    options.command = describe_command(['train', *words], {*input_paths(options), options.out})
    options.resume_command = command_line([*words, '--resume'])
    import_keras()
    from posenet_ros.training.pipelines.training_run import train
    train(options)
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
