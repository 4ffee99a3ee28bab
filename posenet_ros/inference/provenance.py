"""What a model folder says of how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posenet_ros.errors import InputError
from posenet_ros.utils.settings.flat import typed_value

PROVENANCE_SECTIONS = (
    'preset', 'validation', 'versions', 'landmarks', 'uncertainty', 'int8', 'map')


def check_provenance(provenance: Mapping[str, Any], file: Path) -> None:
    """Check the types of what commands read of the provenance; all of it may be missing."""
    for key in PROVENANCE_SECTIONS:
        if not isinstance(provenance.get(key, {}), dict):
            raise InputError(f'{file}: provenance: {key} has to hold a mapping. '
                             f'Received: {str(provenance[key])[:80]!r}')
    for section, keys in ((provenance, ('training_seconds',)),
                          (provenance.get('validation', {}), ('position_m', 'rotation_deg'))):
        for key in keys:
            if section.get(key) is not None:
                typed_value(section[key], float, f'{file}: provenance: {key}')
