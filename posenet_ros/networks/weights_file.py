"""Load a file of Keras weights; imports no Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any
import warnings

from posenet_ros.errors import InputError


def load_weights(model: Any, file: Path) -> None:  # noqa: ANN401 - Keras is imported late
    """
    Load a `.weights.h5` file.

    :raises InputError: when it is damaged or of another network.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # the one line below says it all
            model.load_weights(file)
    except (ValueError, OSError, KeyError) as error:
        reason = ' '.join(str(error).split())[:200]
        raise InputError(f'{file} does not fit the network {model.name}: {reason}') from error
