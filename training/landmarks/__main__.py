"""
Map the landmarks of a place, by which poses are refined.

Training does this at its end where the preset says so; this command adds them to a finished model
folder. Features of each image are matched with those of its neighbours and triangulated; the
camera poses are those of the dataset.
"""

from __future__ import annotations

from collections.abc import Sequence
import sys

from posenet_ros.utils.arguments import CommandParser, make_copy_parser, run_cli
from posenet_ros.utils.quiet_stderr import import_keras


def parser() -> CommandParser:
    """Make the parser of the command line."""
    return make_copy_parser(__doc__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    options = parser().parse_args(argv)
    import_keras()
    from posenet_ros.training.landmarks.add_to_model import copy_with_landmarks
    about = copy_with_landmarks(options.model, options.data, options.out, force=options.force)
    print(f'{about}; model in {options.out}')
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
