"""
Measure a model's robustness: corrupted test images (ImageNet-C) and images out of place.

    posenet robustness --model MODEL --data DIR --others DIR... --out TABLE.md
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import sys

from posenet_ros.utils.arguments import CommandParser, input_paths, run_cli
from posenet_ros.utils.atomic_folder import check_new, new_file
from posenet_ros.utils.choices import CORRUPTIONS, ENGINES, FAR_OFF_M, SPLITS
from posenet_ros.utils.files.kinds import TABLE
from posenet_ros.utils.settings.assignments import add_assignments
from posenet_ros.utils.tasks.arguments import add_task_options


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(
        description='Measure a model on corrupted images and on images of other places; write a '
        'table of errors and accepted poses.')
    result.add_argument('--model', type=Path, required=True, metavar='FOLDER', help='model folder')
    result.add_argument('--data', type=Path, required=True, metavar='DIR',
                        help='dataset of the place that the model was trained in')
    result.add_argument('--split', choices=SPLITS, default='test', help='default %(default)s')
    result.add_argument('--others', nargs='*', type=Path, default=[], metavar='PATH',
                        help='folders of images, or bags, of other places')
    result.add_argument('--corruptions', nargs='*', choices=CORRUPTIONS, default=list(CORRUPTIONS),
                        metavar='NAME', help=f'default: all, {", ".join(CORRUPTIONS)}')
    result.add_argument('--false-pose', type=float, default=FAR_OFF_M, metavar='M',
                        help='a pose with a larger error is a false one, metres '
                        '(default %(default)s)')
    add_assignments(result, '--gate', 'gate',
                    "limits of the gate, in place of the node's defaults")
    result.add_argument('--engine', choices=ENGINES, default='auto', help='default %(default)s')
    result.add_argument('--seed', type=int, default=0, help='of the randomness (default 0)')
    add_task_options(result, 'processes, a set of images each', 'localise the sets instead')
    result.add_argument('--out', type=Path, required=True, metavar='FILE',
                        help='the table, in Markdown')
    result.add_argument('--force', action='store_true', help='replace an existing file')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Write the table."""
    options = parser().parse_args(argv)
    check_new(options.out, TABLE, force=options.force, inputs=input_paths(options))
    from posenet_ros.training.pipelines.robustness.table import robustness_table
    table = robustness_table(options)
    with new_file(options.out) as file:
        file.write_text(table + '\n', encoding='utf-8')
    print(table)
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
