"""The tables of errors, recall, outcomes, correlations and latency."""

from __future__ import annotations

from collections.abc import Sequence

from posenet_ros.evaluation.correlations import LABELS
from posenet_ros.evaluation.metrics.pose_errors import ErrorStatistics, RECALL_LIMITS
from posenet_ros.evaluation.metrics.trajectory_errors import Alignment
from posenet_ros.evaluation.report.content import FrameStatistics, Report
from posenet_ros.evaluation.report.tables import (
    BASELINE_LABELS,
    DEGREES,
    length_unit,
    number,
    percent,
    Row,
    Unit,
)
from posenet_ros.evaluation.trajectory import TrajectoryStatistics

Methods = Sequence[tuple[str, FrameStatistics]]  # and the name of the method or the report


def median_unit(methods: Methods) -> Unit:
    """Choose the unit of position errors for which the best method's median fits."""
    return length_unit(statistics.medians.translation_m for _, statistics in methods)


def method_rows(report: Report, methods: Methods) -> list[Row]:
    """Make the table of the median errors of methods and baselines."""
    unit = median_unit(methods)
    medians = [(name, *statistics.medians) for name, statistics in methods]
    medians += [(label, *(report.baselines[name] or (None, None)))
                for name, label in BASELINE_LABELS.items()]
    rows: list[Row] = [('median error', f'translation ({unit.name})', 'rotation (deg)')]
    return rows + [(name, unit.number(metres), number(degrees))
                   for name, metres, degrees in medians]


def error_rows(methods: Methods) -> list[Row]:
    """Make the table of error statistics, two rows a method: translation and rotation."""
    rows: list[Row] = [('error of accepted estimates', 'median', 'mean', 'rmse', 'std', 'p75',
                        'p90', 'p95', 'max')]
    for label, key, unit in (('translation', 'translation_m', median_unit(methods)),
                             ('rotation', 'rotation_deg', DEGREES)):
        for name, statistics in methods:
            of = f', {name}' if len(methods) > 1 else ''
            rows.append((f'{label} ({unit.name}){of}',
                         *_statistics_cells(getattr(statistics, key), unit)))
    return rows


def _statistics_cells(values: ErrorStatistics | None, unit: Unit) -> list[str]:
    return ['-'] * 8 if values is None else [unit.number(value) for value in (
        values.median, values.mean, values.rmse, values.std, values.p75, values.p90, values.p95,
        values.largest)]


def trajectory_rows(report: Report) -> list[Row]:
    """Make the table of APE and RPE, with evo's statistics; empty where there are none."""
    found = report.trajectory
    if found is None:
        return []
    unit = length_unit([found.ape.translation_m.rmse])
    rows: list[Row] = [(f'trajectory error, {_alignment(found)}', 'rmse', 'mean', 'median', 'std',
                        'min', 'max')]
    rows += _evo_rows('APE (ATE)', found.ape.translation_m, found.ape.rotation_deg, unit)
    if found.relative:
        relative = found.relative
        rows += _evo_rows(f'RPE over {relative.delta:g} {relative.unit}', relative.translation_m,
                          relative.rotation_deg, unit)
    return rows


def _alignment(found: TrajectoryStatistics) -> str:
    """Say how the estimates were aligned, as evo's titles do."""
    words = {Alignment.NONE: 'not aligned', Alignment.SE3: 'with SE(3) Umeyama alignment',
             Alignment.SIM3: f'with Sim(3) Umeyama alignment, scale {found.scale:.6g}'}
    return words[Alignment(found.alignment)]


def _evo_rows(name: str, translation_m: ErrorStatistics, rotation_deg: ErrorStatistics,
              unit: Unit) -> list[Row]:
    parts = ((f'translation ({unit.name})', translation_m, unit),
             ('rotation (deg)', rotation_deg, DEGREES))
    return [(f'{name}, {label}', *(of.number(value) for value in (
        values.rmse, values.mean, values.median, values.std, values.smallest, values.largest)))
        for label, values, of in parts]


def recall_rows(report: Report) -> list[Row]:
    """Make the table of recalls, of all frames and of each sequence."""
    limits = [f'{m:g} m, {d:g} deg' for m, d in RECALL_LIMITS.values()]
    parts = [('all', report), *(report.sequences.items() if len(report.sequences) > 1 else ())]
    unit = median_unit(parts)
    rows: list[Row] = [('recall of all frames within', *limits, f'median ({unit.name})',
                        'median (deg)', 'frames')]
    return rows + [(name or '(no name)', *map(percent, part.recall.values()),
                    unit.number(part.medians.translation_m), number(part.medians.rotation_deg),
                    str(part.frames.total)) for name, part in parts]


def latency_rows(report: Report) -> list[Row]:
    """Make the table of latencies, empty when nothing was timed."""
    stages = report.latency_ms
    if not stages:
        return []
    return [('latency (ms)', 'p50', 'p95', 'p99'),
            *((stage, *map(number, (latency.p50, latency.p95, latency.p99)))
              for stage, latency in stages.items())]


def outcome_rows(report: Report) -> list[Row]:
    """Make the table of the frames' outcomes, empty when all were accepted."""
    outcomes, total = report.outcomes, report.frames.total
    if outcomes == {'accepted': total}:
        return []
    rows: list[Row] = [('outcome', 'frames', 'fraction')]
    return rows + [(name.replace('_', ' '), str(count), percent(count / total))
                   for name, count in sorted(outcomes.items(), key=lambda item: -item[1])]


def correlation_rows(report: Report) -> list[Row]:
    """Make the table of rank correlations, empty when nothing is known."""
    known = {key: value for key, value in report.correlations.items() if value}
    if not known:
        return []
    rows: list[Row] = [('rank correlation of the error with', 'translation', 'rotation')]
    return rows + [(LABELS[key], *(f'{value:+.2f}' for value in correlation.rank_correlation))
                   for key, correlation in known.items()]
