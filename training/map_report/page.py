"""The page of a map's report."""

from __future__ import annotations

from collections.abc import Sequence

from posenet_ros.evaluation.report.build import versions
from posenet_ros.evaluation.report.page import Headline, page_of_sections
from posenet_ros.evaluation.report.sections import Section
from posenet_ros.evaluation.report.tables import number, percent, Row
from posenet_ros.training.map_report.content import Localised, MapReport
from posenet_ros.training.map_report.verdict import distance
from posenet_ros.utils.progress import describe_duration


def html_page(report: MapReport, plan: Sequence[str], errors: Sequence[str],
              omitted: Sequence[str] = ()) -> str:
    """
    Render map.html.

    :param plan: figures of the floor plan; `errors` of the left-out images; SVG.
    :param omitted: figures that could not be drawn, with the reason.
    """
    notes = (*report.notes, *omitted)
    sections = [
        Section('The floor plan', 'Landmarks from above and the way of each walk; first the '
                'images that were left out in the colour of their error, then all images in that '
                'of the number of landmarks that they see.', plan,
                [_weak_rows(report)]),
        Section('Walks', f'Each {report.held_out_unit} was left out of the map and its images '
                'localised in the rest; the offset is the median of their errors: how far the '
                'walk lies from the others.', tables=[_walk_rows(report), _apart_rows(report)]),
        Section('Errors of the images left out', 'Images without a pose count as infinite errors: '
                'where there are any, the curve ends below 100 %.', errors),
        Section('Places that look alike', 'Images far from each other that look as alike as '
                'neighbours: a localiser may take one for the other.',
                tables=[_similar_rows(report)]),
        Section('The map', tables=[_map_rows(report), _note_rows(notes)])]
    about = {'map': {'name': report.name, 'created': report.created}, 'versions': versions()}
    return page_of_sections(
        f'Map of {report.name}', report.summary,
        f'{report.views} images of {len(report.walks)} walks. Made {report.created}.',
        _headlines(report), [one for one in sections if not one.empty], about)


def _headlines(report: MapReport) -> list[Headline]:
    found = report.localised
    tiles: list[Headline] = [
        (report.level.value.capitalize(), 'verdict'),
        (f'{report.views} of {report.images}', 'images registered')]
    if found:
        tiles += [(percent(found.answered, 0), f'of {found.images} images localised without their '
                   f'{report.held_out_unit}'),
                  (distance(found.median_m, metric=report.metric), 'median position error')]
    return [*tiles, (f'{report.size_bytes / 1e6:.1f} MB', f'{report.landmarks} landmarks')]


def _numbers(found: Localised | None, report: MapReport) -> list[str]:
    if found is None:
        return ['not tried', '', '', '', '', '']
    lengths = [distance(value, metric=report.metric)
               for value in (found.median_m, found.p95_m)]
    return [f'{found.localised} of {found.images}', *lengths, number(found.median_deg, 'deg'),
            percent(found.recall), distance(found.offset_m, metric=report.metric)]


def _walk_rows(report: MapReport) -> list[Row]:
    head = ['walks', 'images', 'localised', 'median', '95 %', 'rotation', 'within 0.25 m, 2 deg',
            'offset']
    rows = [[walk.name, str(walk.images), *_numbers(walk.held_out, report)]
            for walk in report.walks]
    return [head, *rows, ['all', str(report.views), *_numbers(report.localised, report)]]


def _apart_rows(report: MapReport) -> list[Row]:
    rows = [[', '.join(one.walks), *one.nearest, distance(one.distance_m, metric=report.metric)]
            for one in report.apart]
    return [['walks that do not join', 'nearest image', 'to image', 'distance'],
            *rows] if rows else []


def _weak_rows(report: MapReport) -> list[Row]:
    x, y = report.plan_axes
    rows = [[f'{x} {one.centre_m[0]:.1f}, {y} {one.centre_m[1]:.1f} {report.unit}',
             str(one.images), one.reason] for one in report.weak_cells]
    return [['record more here', 'images', 'why'], *rows] if rows else []


def _similar_rows(report: MapReport) -> list[Row]:
    rows = [[one.first, one.second, distance(one.distance_m, metric=report.metric),
             f'{one.similarity:.2f}', f'{one.usual_similarity:.2f}']
            for one in report.similar_places]
    return [['places that look alike', 'and', 'distance', 'similarity', 'of neighbours'],
            *rows] if rows else []


def _map_rows(report: MapReport) -> list[Row]:
    return [['the map', ''],
            ['reprojection error of the tracks', f'{report.residual_px:.2f} px'],
            ['poses', report.poses], ['scale', report.scale], ['up', report.up],
            ['landmarks that an image sees', f'{report.landmarks_of_view:.0f} in the median'],
            ['size on disk', f'{report.size_bytes / 1e6:.1f} MB'],
            ['time', describe_duration(report.seconds)]]


def _note_rows(notes: Sequence[str]) -> list[Row]:
    return [['notes', ''], *([note, ''] for note in notes)] if notes else []
