"""Load a file of Keras weights; imports no Keras."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
import warnings

from posenet_ros.errors import InputError

ENDING = '.weights.h5'


def load_weights(model: Any, file: Path) -> None:  # noqa: ANN401 - Keras is imported late
    """
    Load a `.weights.h5` file.

    :raises InputError: when it is damaged or of another network.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # the one line below says it all
            with TemporaryDirectory() as folder:
                model.load_weights(_with_ending(file, Path(folder)))
    except (ValueError, OSError, KeyError) as error:
        reason = ' '.join(str(error).split())[:200]
        raise InputError(f'{file} does not fit the network {model.name}: {reason}') from error


def _with_ending(file: Path, folder: Path) -> Path:
    """Return a name of the file, in an empty folder where need be, by which Keras knows it."""
    if file.name.endswith(ENDING):
        return file
    link = folder / f'network{ENDING}'
    link.symlink_to(file)
    return link
