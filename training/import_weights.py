"""Import the weights of another PoseNet to start training from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
import sys

from posenet_ros.errors import InputError
from posenet_ros.utils.arguments import CommandParser, input_paths, run_cli
from posenet_ros.utils.atomic_folder import check_new
from posenet_ros.utils.files.kinds import WEIGHTS
from posenet_ros.utils.quiet_stderr import import_keras


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(
        description=__doc__,
        epilog='Then: posenet train --preset posenet --set weights=OUT ...')
    result.add_argument('file', type=Path,
                        help='posenet.npy (caffe-tensorflow), or .h5 of a Keras port')
    result.add_argument('--out', type=Path, required=True, help='the .weights.h5 file to write')
    result.add_argument('--mean', type=float, nargs=3, metavar=('R', 'G', 'B'),
                        help="mean that the source subtracts, 0..255 (default: ImageNet's)")
    result.add_argument('--force', action='store_true', help='replace OUT')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    options = parser().parse_args(argv)
    if not options.out.name.endswith('.weights.h5'):
        raise InputError(f'--out has to end in .weights.h5. Received: {options.out}')
    check_new(options.out, WEIGHTS, force=options.force, inputs=input_paths(options))
    if options.file.suffix not in ('.npy', '.h5') or not options.file.is_file():
        raise InputError(f'an existing .npy or .h5 file is expected. Received: {options.file}')
    import_keras()
    from posenet_ros.training.pipelines.weights_import import import_weights
    missing = import_weights(options.file, options.out, options.mean)
    print(f'{options.out}: imported {options.file}; random as before: '
          f'{", ".join(missing) or "nothing"}')
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
