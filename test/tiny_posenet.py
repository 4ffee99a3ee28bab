"""The command `posenet` with tiny networks, whose training takes seconds."""

from __future__ import annotations

import sys

from posenet_ros import cli
from posenet_ros.utils.quiet_stderr import import_keras

if __name__ == '__main__':
    if sys.argv[1] == 'train':
        from training_helpers import use_tiny_backbone
        import_keras()
        use_tiny_backbone()
    sys.exit(cli.main())
