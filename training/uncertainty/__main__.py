"""
Fit the uncertainty of a trained network: covariance and place score.

Training does this at its end; this command adds them to a model folder that lacks them.
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
    from posenet_ros.training.uncertainty.add_to_model import add_uncertainty
    print(add_uncertainty(options.model, options.data, options.out, force=options.force))
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
