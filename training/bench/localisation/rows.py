"""The tables of the localiser's benchmark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from posenet_ros.evaluation.report.tables import markdown_table, percent, Row, text_table
from posenet_ros.training.bench.localisation.methods import OURS
from posenet_ros.training.landmarks.left_out_coverage import AXES
from posenet_ros.utils.choices import SEVERITIES

DASH = '-'
PLACE_HEAD: Row = (
    'images', 'method', 'number', 'answered', 'ambiguous', 'truth among these',
    'answered or truth among', 'median, m', 'deg', 'p95, m', 'deg', 'within 0.1 m, 1 deg',
    '0.25 m, 2 deg', 'false', 'errors within 1, 2, 3 sigma', 'CPU ms', 'p95',
    'without a pose because')
ELSEWHERE_HEAD: Row = ('images of another place', 'method', 'number', 'accepted', 'ambiguous',
                       'largest evidence of the others', 'CPU ms')
FALSE_HEAD: Row = ('false poses of posenet', 'image', 'off, m', 'deg', 'sigma claimed, m',
                   'evidence', 'inlier ratio', 'hypotheses')
MAP_HEAD: Row = ('map', 'images', 'landmarks', 'files, MB', 'KB an image', 'made in, CPU s')
SHOWN_FALSE = 20  # of all rows together; the file has them all


def tables(found: Mapping[str, Any]) -> Iterator[list[Row]]:
    """Yield the tables that have rows."""
    rows = found['rows']
    for table in (
            [PLACE_HEAD, *(_place(row) for row in rows if row['kind'] in ('place', 'camera'))],
            [ELSEWHERE_HEAD, *(_elsewhere(row) for row in rows if row['kind'] == 'elsewhere')],
            _corruptions([row for row in rows if row['kind'] == 'corruption']),
            _stages([row for row in rows if row['kind'] == 'place']),
            _coverage(found['maps']),
            _tracked(found.get('tracked', {})),
            [FALSE_HEAD, *_false(rows)],
            [MAP_HEAD, *_maps(found['maps'])]):
        if len(table) > 1:
            yield table


def as_text(found: Mapping[str, Any]) -> str:
    """Format everything for a terminal."""
    return '\n\n'.join([*map(text_table, tables(found)), *_remarks(found)])


def as_markdown(found: Mapping[str, Any]) -> str:
    """Format everything in Markdown."""
    return '\n\n'.join([*map(markdown_table, tables(found)), *_remarks(found)])


def _place(row: Mapping[str, Any]) -> Row:
    within = row['coverage']
    return (row['name'], row['method'], str(row['queries']), percent(row['answered']),
            percent(row['ambiguous']), _percent(row['named']), percent(row['answered_or_named']),
            _number(row['median_m'], '.4f'), _number(row['median_deg'], '.3f'),
            _number(row['p95_m'], '.3f'), _number(row['p95_deg'], '.2f'),
            percent(row['r_0.1m_1deg']), percent(row['r_0.25m_2deg']), str(row['false']),
            ', '.join(map(percent, within)) if within else DASH,
            f'{row["cpu_ms"]:.0f}', f'{row["cpu_ms_p95"]:.0f}', ', '.join(
                f'{name.replace("_", " ")} {count}' for name, count in row['refusals'].items())
            or DASH)


def _elsewhere(row: Mapping[str, Any]) -> Row:
    return (row['name'], row['method'], str(row['queries']), str(row['false']),
            percent(row['ambiguous']), f'{row["max_evidence_of_none"]:.1f}',
            f'{row["cpu_ms"]:.0f}')


def _corruptions(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return a line for each corruption and method, a column for each severity."""
    cells: dict[tuple[str, str], dict[int, str]] = {}
    for row in rows:
        cells.setdefault((row['name'], row['method']), {})[row['severity']] = (
            f'{percent(row["answered"], 0)} / {percent(row["r_0.25m_2deg"], 0)} / {row["false"]}')
    count = rows[0]['queries'] if rows else 0
    head = (f'{count} images: answered / within 0.25 m, 2 deg / false', 'method',
            *(f'severity {number}' for number in SEVERITIES))
    return [head, *((name.replace('_', ' '), method,
                     *(found.get(number, DASH) for number in SEVERITIES))
                    for (name, method), found in cells.items())]


def _stages(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return the CPU time of each stage, the median of all images."""
    methods = dict.fromkeys(row['method'] for row in rows)
    result: list[Row] = []
    for method in methods:  # whose stages differ
        own = [row for row in rows if row['method'] == method]
        stages = dict.fromkeys(stage for row in own for stage in row['stages_ms'])
        result += [(row['name'], method, ', '.join(
            f'{stage} {row["stages_ms"][stage]:.1f}' for stage in stages
            if stage in row['stages_ms'])) for row in own]
    return [('CPU ms of an image by stage, medians', 'method', 'stages'), *result]


def _coverage(maps: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Row]:
    """Return how many errors on left-out walks are within so many sigmas, axis by axis."""
    rows: list[Row] = [('coverage on walks left out, 95 % intervals', *AXES)]
    kinds = [(name, axes) for one in maps.get(OURS, ())
             for name, axes in one.get('coverage', {}).items() if axes]
    for name, axes in kinds:
        for sigmas in sorted({axis['sigmas'] for axis in axes}):
            own = [axis for axis in axes if axis['sigmas'] == sigmas]
            rows.append((f'{name}, {sigmas} sigma, right: {percent(own[0]["expected"])}', *(
                f'{percent(axis["found"])} ({percent(axis["interval"][0])} to '
                f'{percent(axis["interval"][1])}){"" if _holds(axis) else " *"}' for axis in own)))
    return rows


def _holds(axis: Mapping[str, Any]) -> bool:
    return bool(axis['interval'][0] <= axis['expected'] <= axis['interval'][1])


def _tracked(found: Mapping[str, Any]) -> list[Row]:
    """Return the row of a camera that is tracked at 30 Hz."""
    head = ('tracked at 30 Hz: images', 'answered', 'tracked', 'localisations', 'median, m', 'deg',
            'p95, m', 'false', 'errors within 1, 2, 3 sigma', 'CPU ms, tracked alone',
            'mean of all')
    if not found:
        return [head]
    return [head, (
        *(str(found[name]) for name in ('images', 'answered', 'tracked', 'localisations')),
        f'{found["median_m"]:.4f}', f'{found["median_deg"]:.3f}', f'{found["p95_m"]:.3f}',
        str(found['false']), ', '.join(map(percent, found['within'])),
        f'{found["tracking_cpu_ms"]:.1f}', f'{found["mean_cpu_ms"]:.1f}')]


def _false(rows: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    """Yield our own false poses; the peer's are counted, and stand in the file."""
    every = [(row, pose) for row in rows if row['method'] == OURS for pose in row['false_poses']]
    for row, pose in every[:SHOWN_FALSE]:
        name = ' '.join(filter(None, (row['name'], str(row['severity'] or ''))))
        yield (name, pose['name'], _number(pose['error_m'], '.2f'),
               _number(pose['error_deg'], '.1f'), _number(pose['sigma_m'], '.3f'),
               f'{pose["evidence"]:.0f}', f'{pose["inlier_ratio"]:.2f}',
               str(pose['hypotheses']))
    if len(every) > SHOWN_FALSE:
        yield (f'and {len(every) - SHOWN_FALSE} more', *[''] * (len(FALSE_HEAD) - 1))


def _maps(maps: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[Row]:
    for method, found in maps.items():
        for one in found:
            yield (method, str(one['images']), str(one['landmarks']), f'{one["megabytes"]:.1f}',
                   f'{one["kilobytes_an_image"]:.1f}', _number(one.get('all_cpu_s'), '.0f'))


def _remarks(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was asked for, where it ran, and the settings: the same for all rows."""
    machine = found['machine']
    given = ', '.join(f'{name} {value}'.strip() for name, value in found['options'].items())
    yield (f'{found["data"]}; {given}. {machine["processor"]}, {machine["cores"]} cores, load '
           f'{machine["load"]:.1f}; CPU time of one thread.')
    if 'missing' in found:
        yield found['missing']
    yield from (f'Settings of the {name}, for all rows: {_settings(values)}.'
                for name, values in found['settings'].items())


def _settings(values: Mapping[str, Any]) -> str:
    return ', '.join(f'{name} ({_settings(value)})' if isinstance(value, Mapping)
                     else f'{name} {value}' for name, value in values.items())


def _percent(fraction: float | None) -> str:
    return DASH if fraction is None else percent(fraction)


def _number(value: float | None, form: str) -> str:
    return DASH if value is None else f'{value:{form}}'
