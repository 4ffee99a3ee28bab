"""Compare reports: medians, paired differences and their p-values."""

from __future__ import annotations

from collections.abc import Sequence
import json
from pathlib import Path
import sys

from posenet_ros.utils.arguments import CommandParser, input_paths, program_name, run_cli
from posenet_ros.utils.atomic_folder import check_new
from posenet_ros.utils.files.kinds import COMPARISON

PUBLISHED = Path(__file__).parent / 'evaluation' / 'report' / 'published.json'


def parser(prog: str) -> CommandParser:
    """Make the parser of the command line."""
    scenes = sorted(json.loads(PUBLISHED.read_text(encoding='utf-8')))
    result = CommandParser(prog=prog, description=__doc__)
    result.add_argument('reports', nargs='+', type=Path, metavar='REPORT',
                        help='report folders; each is compared with the first')
    result.add_argument('--published', choices=scenes,
                        help='show published results of this scene, marked as such')
    result.add_argument('--out', type=Path, metavar='FOLDER',
                        help='write compare.html, compare.md and compare.json there')
    result.add_argument('--force', action='store_true', help='replace an existing folder')
    return result


def main(argv: Sequence[str] | None = None, prog: str = '') -> int:
    """Print the tables, and write them where asked."""
    options = parser(prog or program_name()).parse_args(argv)
    if options.out:
        check_new(options.out, COMPARISON, force=options.force, inputs=input_paths(options))
    from posenet_ros.evaluation.report.comparison import compare
    compare(options)
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
