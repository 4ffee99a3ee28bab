"""Which steps of a demo are done, and of what: results that are still right are not made again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import hashlib
from importlib.resources import files
import json
import os
from pathlib import Path
from typing import Any

from posenet_ros import __version__
from posenet_ros.utils.files.typed_json import read_mapping

STEPS_FILE = 'steps.json'
SOURCE = Path(str(files('posenet_ros')))


def digest(*parts: str | bytes) -> str:
    """Return the SHA-256 of texts."""
    result = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        result.update(len(data).to_bytes(8, 'big') + data)
    return result.hexdigest()


def code_digest(folders: Sequence[str]) -> str:
    """Return the digest of the version and of the code in these folders of the package."""
    sources = [file for name in folders for file in sorted((SOURCE / name).rglob('*.py'))]
    return digest(__version__, *(file.read_bytes() for file in sources))


@dataclass(frozen=True)
class Step:
    """
    A step of the demo.

    :param output: folder that it makes, whole or not at all.
    :param file: name of the file in there that stands for the whole.
    :param fingerprint: of all that the output depends on: settings, input and code.
    """

    output: Path
    file: str
    fingerprint: str


class Steps:
    """
    The record of the steps that were begun and finished, a file in the demo's folder.

    :param folder: of the demo.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / STEPS_FILE

    def is_finished(self, step: Step) -> bool:
        """Tell whether the output is that of this step, with the same fingerprint."""
        made = self._read().get(step.output.name, {})
        return bool(made == self._entry(step) and made['output'])

    def is_begun(self, step: Step) -> bool:
        """Tell whether the step was begun last with the same fingerprint, and did not finish."""
        made = self._read().get(step.output.name, {})
        return bool(made == {'fingerprint': step.fingerprint, 'output': ''})

    def begin(self, step: Step) -> None:
        """Record that the step is begun."""
        self._write(step, {'fingerprint': step.fingerprint, 'output': ''})

    def finish(self, step: Step) -> None:
        """Record that the output is whole."""
        self._write(step, self._entry(step))

    def _entry(self, step: Step) -> dict[str, str]:
        file = step.output / step.file
        return {'fingerprint': step.fingerprint,
                'output': digest(file.read_bytes()) if file.is_file() else ''}

    def _read(self) -> dict[str, Any]:
        """Read the record; without one, or with one that is no record, nothing is done."""
        try:
            return read_mapping(self._file)
        except (OSError, ValueError):
            return {}

    def _write(self, step: Step, entry: dict[str, str]) -> None:
        text = json.dumps({**self._read(), step.output.name: entry}, indent=1)
        part = self._file.with_suffix('.part')
        part.write_text(f'{text}\n')
        os.replace(part, self._file)
