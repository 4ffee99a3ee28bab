"""
Fit the uncertainty of a trained network: covariance and place score.

Training does this at its end; this command adds them to a model folder that lacks them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import sys

from posenet_ros.errors import run_cli
from posenet_ros.utils.arguments import CommandParser
from posenet_ros.utils.atomic_folder import check_new
from posenet_ros.utils.quiet_stderr import import_keras


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(description=__doc__)
    result.add_argument('--model', type=Path, required=True, help='model folder')
    result.add_argument('--data', type=Path, required=True, help='dataset that it was trained on')
    result.add_argument('--out', type=Path, required=True, help='model folder to write')
    result.add_argument('--force', action='store_true', help='replace an existing model folder')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    options = parser().parse_args(argv)
    check_new(options.out, force=options.force)
    import_keras()
    from posenet_ros.training.uncertainty.add_to_model import add_uncertainty
    print(add_uncertainty(options.model, options.data, options.out, force=options.force))
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
