"""
Quantise a network to 8-bit weights, where it is as accurate as in float32 and faster.

Training does this at its end; this command does it to an existing model folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import sys

from posenet_ros.utils.arguments import CommandParser, run_cli
from posenet_ros.utils.quiet_stderr import import_keras


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(description=__doc__)
    result.add_argument('--model', type=Path, required=True, help='model folder; replaced when '
                        'all is done')
    result.add_argument('--data', type=Path, required=True, help='dataset that it was trained on')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    options = parser().parse_args(argv)
    import_keras()
    from posenet_ros.training.pipelines.quantise import quantise
    print(quantise(options.model, options.data))
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
