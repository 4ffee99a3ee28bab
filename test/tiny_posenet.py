"""The command `posenet` with tiny networks, whose training takes seconds."""

from __future__ import annotations

import sys

from posenet_ros import cli
from posenet_ros.utils.arguments import run_cli


def main() -> int:
    """Run the command line; signals are handled while Keras is imported."""
    if sys.argv[1] == 'train':
        from posenet_ros.utils.quiet_stderr import import_keras
        from training_helpers import use_tiny_backbone
        import_keras()
        use_tiny_backbone()
    return cli.main()


if __name__ == '__main__':
    sys.exit(run_cli(main))
