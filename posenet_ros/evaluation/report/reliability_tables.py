"""The tables of calibration, sparsification, false poses, images of other places and faults."""

from __future__ import annotations

from collections.abc import Sequence

from posenet_ros.arrays import Floats
from posenet_ros.evaluation.metrics.coverage import ComponentCoverage
from posenet_ros.evaluation.metrics.sparsification import KEPT_FRACTIONS, Sparsification
from posenet_ros.evaluation.reliability import PlaceScoreSeparation
from posenet_ros.evaluation.report.content import Report
from posenet_ros.evaluation.report.tables import (
    DEGREES,
    length_unit,
    number,
    percent,
    Row,
    Unit,
)

SHOWN_FRACTIONS = (1.0, 0.9, 0.8, 0.5)  # of the frames, the most certain


def calibration_rows(report: Report) -> list[Row]:
    """Make the table of coverage and NEES, empty when no covariance was predicted."""
    known = report.calibration
    if known is None:
        return []
    rows: list[Row] = [('errors within the predicted (95 % interval)', '1 sigma', '2 sigma',
                        '3 sigma', 'mean NEES')]
    for name, part in (('pose', known.pose), ('translation', known.translation),
                       ('rotation', known.rotation)):
        rows.append((name, *_coverage_cells(part), number(part.nees_mean)))
        preposition = 'about' if name == 'rotation' else 'along'
        rows += [(f'{name} {preposition} {axis}', *map(percent, coverage.values()), '')
                 for axis, coverage in (part.axes or {}).items()]
    nees = known.expected.nees_mean
    return [*rows, ('expected', *_coverage_cells(known.expected),
                    f'{number(nees)}, pose {number(2 * nees)}')]


def _coverage_cells(part: ComponentCoverage) -> list[str]:
    """Format coverages, with their confidence intervals where known."""
    return [_with_interval(fraction, (part.interval or {}).get(key))
            for key, fraction in part.coverage.items()]


def _with_interval(fraction: float, ends: Sequence[float] | None, digits: int = 1) -> str:
    """Format a fraction as a percentage, with the ends of its interval where known."""
    return percent(fraction, digits) + (
        '' if ends is None else f' ({round(100 * ends[0])} to {round(100 * ends[1])})')


def sparsification_rows(report: Report) -> list[Row]:
    """Make the table of the errors of the most certain frames, empty without an order."""
    shown = [i for i, kept in enumerate(KEPT_FRACTIONS) if kept in SHOWN_FRACTIONS][::-1]
    rows: list[Row] = []
    metres, degrees = report.sparsification or (None, None)
    if metres is not None:
        rows += _most_certain_rows(metres, 'translation',
                                   length_unit([float(metres.mean[shown[0]])]), shown)
    if degrees is not None:
        rows += _most_certain_rows(degrees, 'rotation', DEGREES, shown)
    head = ('sparsification: the most certain', *(f'{KEPT_FRACTIONS[i]:.0%}' for i in shown),
            'AUSE')
    return [head, *rows] if rows else []


def _most_certain_rows(
        curves: Sparsification, label: str, unit: Unit, shown: Sequence[int]) -> list[Row]:
    """Make the rows of one unit at these indices of the curves, the first that of all frames."""
    changes = [
        _with_interval(float(curves.p95_change[i]), curves.p95_change_interval[i].tolist(), 0)
        for i in shown[1:]]

    def cells(curve: Floats) -> list[str]:
        return [unit.number(float(curve[i])) for i in shown]

    return [
        (f'{label}, mean ({unit.name})', *cells(curves.mean), number(curves.ause)),
        (f'{label}, p95 ({unit.name})', *cells(curves.p95), ''),
        (f'{label}, p95 against all (95 % interval)', '', *changes, ''),
        (f'{label}, p95 as predicted ({unit.name})', *cells(curves.predicted_p95), ''),
        (f'{label}, p95 by an oracle ({unit.name})', *cells(curves.oracle_p95), '')]


def place_rows(report: Report) -> list[Row]:
    """Make the table of out-of-place detection, empty when no such images were given."""
    found = report.out_of_place
    if found is None:
        return []
    rows: list[Row] = [('images of other places', 'frames', 'accepted', 'AUROC of the place score',
                        'within its limit', 'FPR at 95 % TPR')]
    sources = found.sources if len(found.sources) > 1 else {}
    return rows + [(name, str(part.frames), str(part.accepted),
                    *_separation_cells(part.place_score))
                   for name, part in (('all', found), *sources.items())]


def _separation_cells(score: PlaceScoreSeparation | None) -> list[str]:
    if score is None:
        return ['-'] * 3
    return [f'{score.auroc:.4f}', percent(score.out_of_place_within_limit),
            percent(score.out_of_place_at_95)]


def false_pose_rows(report: Report) -> list[Row]:
    """Make the table of false poses, empty where nothing was answered."""
    found = report.false_poses
    if not report.frames.estimated:
        return []
    unit = 'm' if found.metric else 'units (no scale)'
    sigmas = ['-' if sigma is None else f'{number(sigma.median)} ({number(sigma.smallest)} to '
              f'{number(sigma.largest)})' for sigma in (found.sigma_m, found.sigma_deg)]
    return [('false poses', 'frames', 'accepted', 'per 1000 (95 % bound)',
             f'sigma they claimed ({unit})', '(deg)', 'beyond 3 sigma'),
            (f'off by more than {found.limit_m:g} {unit} or {found.limit_deg:g} deg',
             str(found.estimated), str(found.accepted),
             f'{number(found.per_1000)} (at most {number(found.per_1000_at_most)})', *sigmas,
             str(found.beyond_3_sigma))]


def ambiguous_rows(report: Report) -> list[Row]:
    """Make the table of images that fit several places, empty when there are none."""
    found = report.ambiguous
    if not found.frames:
        return []
    return [('ambiguous', 'frames', 'fraction', 'the truth is named'),
            ('the image fits several places', str(found.frames),
             percent(found.frames / report.frames.total),
             '-' if found.truth_named is None else percent(found.truth_named))]


def fault_rows(report: Report) -> list[Row]:
    """Make the table of image faults, empty when there are none."""
    found, total = report.image_faults, report.frames.total
    return [('image fault', 'frames', 'fraction'), *(
        (name, str(count), percent(count / total)) for name, count in found.items())
        ] if found else []
