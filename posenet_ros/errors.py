"""The errors that a user can cause, and how a command line shows them."""

from __future__ import annotations

from collections.abc import Callable
import sys


class PoseNetError(Exception):
    """Something went wrong that one line can explain; a command exits with `exit_code`."""

    exit_code = 1


class InputError(PoseNetError, ValueError):
    """What the user gave is not usable: says what was expected, what came and what to do."""

    exit_code = 2


def run_cli(main: Callable[[], int | None]) -> int:
    """
    Run a command and turn the errors a user can cause into one line on stderr.

    :param main: the command; its return value is the exit code, None means 0.
    :returns: 0 done, 1 failed or interrupted, 2 bad input.
    """
    try:
        return main() or 0
    except PoseNetError as error:
        print(f'error: {error}', file=sys.stderr)
        return error.exit_code
    except OSError as error:  # full disk, read-only folder, missing permission
        print(f'error: {error.strerror or error}: {error.filename or ""}'.rstrip(': '),
              file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('interrupted', file=sys.stderr)
        return 1
