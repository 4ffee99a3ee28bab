"""Load a file of Keras weights; imports no Keras."""

from __future__ import annotations

from pathlib import Path
import shutil
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
    """
    Return the file by a name that Keras knows, where need be a copy in a folder.

    A link would not do: HDF5 opens no file that has no path of its own.
    """
    if file.name.endswith(ENDING):
        return file
    return Path(shutil.copyfile(file, folder / f'network{ENDING}'))
