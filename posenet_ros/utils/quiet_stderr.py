"""
Filter the chatter of native libraries on stderr while they load.

TensorFlow writes its first lines whatever TF_CPP_MIN_LOG_LEVEL says, LiteRT has no setting at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
import os
import sys

CHATTER = '|'.join((
    'INFO: Created TensorFlow Lite XNNPACK delegate',
    'WARNING: All log messages before absl::InitializeLog',
    'I[0-9]{4} .*(oneDNN custom operations|cpu_feature_guard)',
    'To enable the following instructions:'))
VERBOSE = '0'


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """
    Filter lines of chatter out of stderr within a block; all others pass at once.

    The filter is a `grep` process, so that the last words of an aborting library pass, too.
    TF_CPP_MIN_LOG_LEVEL=0 in the environment shows everything; unset, it becomes 2 (errors).
    """
    if os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2') == VERBOSE:
        yield
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    read_end, write_end = os.pipe()
    try:
        grep = os.posix_spawnp(
            'grep', ['grep', '--line-buffered', '-avE', CHATTER], {**os.environ, 'LC_ALL': 'C'},
            file_actions=[(os.POSIX_SPAWN_DUP2, read_end, 0),
                          (os.POSIX_SPAWN_DUP2, stderr, 1)])
    except OSError:  # no grep: then it is not quiet
        grep = 0
    else:
        os.dup2(write_end, 2)
    os.close(read_end)
    os.close(write_end)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(stderr, 2)
        os.close(stderr)
        if grep:
            os.waitpid(grep, 0)


def import_keras() -> None:
    """Import Keras without its backend's chatter, before modules that use it are imported."""
    with quiet_stderr():
        import_module('keras')
