"""The table of a map's figures beside the peer's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from posenet_ros.training.bench.mapping.build import CALIBRATION, FEATURES, MATCHES, TRACKS
from posenet_ros.training.bench.mapping.peer import RETRIEVAL

DASH = '-'
STAGES = {'structure_from_motion': 'structure from motion', FEATURES: 'images read, SIFT',
          MATCHES: 'pairs and matches', TRACKS: 'tracks and map',
          RETRIEVAL: 'retrieval, where it is not in the map'}
FIGURES = {'all_cpu_s': ('all of it, CPU s', '.1f'), 'megabytes': ('files, MB', '.1f'),
           'landmarks': ('landmarks', 'd')}
RECONSTRUCTION = {
    'registered': ('images registered', 'd'), 'rmse_m': ('camera positions, rmse, m', '.4f'),
    'rotation_deg': ('camera orientations, median, deg', '.3f'),
    'focal_error': ('focal length, error', '.2%')}
QUERIES = {'queries': ('images localised in it', 'd'), 'answered': ('- answered', '.1%'),
           'median_m': ('- median, m', '.4f'), 'median_deg': ('- median, deg', '.3f'),
           'p95_m': ('- 95 %, m', '.3f'), 'p95_deg': ('- 95 %, deg', '.2f'),
           'r_0.1m_1deg': ('- within 0.1 m and 1 deg', '.1%'),
           'r_0.25m_2deg': ('- within 0.25 m and 2 deg', '.1%'),
           'false': ('- false: off by 1 m or 10 deg', 'd'),
           'features_ms': ('- features, CPU ms', '.1f'),
           'pose_ms': ('- matching and pose, CPU ms', '.1f')}
TIMES_AND_SIZES = {'all_cpu_s', 'megabytes', 'pose_ms', 'features_ms'}


def map_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Return the table: head, and a row for each figure that was measured."""
    options = ', '.join(f'{name} {value}' for name, value in found['options'].items()
                        if name not in ('data', 'camera'))
    return [[f'{found["data"]}, {found["images"]} images, {options}', 'posenet', 'peer',
             'posenet / peer'], *_rows(found['map'], found.get('peer', {}))]


def _rows(ours: Mapping[str, Any], peer: Mapping[str, Any]) -> Iterator[list[str]]:
    if 'missing' in peer:
        yield [f'peer: {peer["missing"]}', '', '', '']
    yield from _figures(RECONSTRUCTION, ours, peer)
    for stage, name in STAGES.items():
        values = [one.get('cpu_s', {}).get(stage) for one in (ours, peer)]
        if any(value is not None for value in values):
            yield [f'{name}, CPU s', *(_text(value, '.1f') for value in values), _ratio(*values)]
    yield from _figures(FIGURES, ours, peer)
    if CALIBRATION in ours['cpu_s']:
        yield ['calibration on walks left out, besides, CPU s',
               _text(ours['cpu_s'][CALIBRATION], '.1f'), DASH, DASH]
    yield from _figures(QUERIES, ours, peer)
    if ours.get('residual'):
        yield [ours['residual'], '', '', '']


def _figures(names: Mapping[str, tuple[str, str]], ours: Mapping[str, Any],
             peer: Mapping[str, Any]) -> Iterator[list[str]]:
    for key, (name, form) in names.items():
        if key in ours or key in peer:
            values = ours.get(key), peer.get(key)
            yield [name, *(_text(value, form) for value in values),
                   _ratio(*values) if key in TIMES_AND_SIZES else '']


def _text(value: float | None, form: str) -> str:
    return DASH if value is None else f'{value:{form}}'


def _ratio(ours: float | None, peer: float | None) -> str:
    return f'{ours / peer:.2f}' if ours is not None and peer else DASH
