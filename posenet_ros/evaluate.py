"""Evaluate a model on a bag or a dataset, or score the poses of any method: makes a report."""

from __future__ import annotations

from collections.abc import Sequence
import sys

from posenet_ros.evaluation.options import parser
from posenet_ros.utils.arguments import input_paths, program_name, run_cli


def main(argv: Sequence[str] | None = None) -> int:
    """
    Evaluate and write the report; `compare` is a command of its own, too.

    :raises PoseNetError: when no frame has an accepted estimate.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ['compare']:
        from posenet_ros import compare
        return compare.main(arguments[1:], f'{program_name()} compare')
    options = parser().parse_args(arguments)
    if options.bags:
        from posenet_ros.evaluation.fleet.run import evaluate_fleet
        evaluate_fleet(options)
        return 0
    from posenet_ros.utils.atomic_folder import check_new
    from posenet_ros.utils.files.kinds import REPORT
    check_new(options.out, REPORT, force=options.force, inputs=input_paths(options))
    from posenet_ros.evaluation.report.make import make_report
    make_report(options)
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
