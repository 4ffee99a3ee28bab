"""The errors that a user can cause."""

from __future__ import annotations


class PoseNetError(Exception):
    """Something went wrong that one line can explain; a command exits with `exit_code`."""

    exit_code = 1


class InputError(PoseNetError, ValueError):
    """Unusable input: the message says what was expected, what came and what to do."""

    exit_code = 2
