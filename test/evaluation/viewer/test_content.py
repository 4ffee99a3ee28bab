"""What is shown of a place and a report, what is left out, and what is said about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.evaluation.results import FrameTable
from posenet_ros.evaluation.viewer.content import kinds_of_estimates, make_content, reduction
from posenet_ros.evaluation.viewer.frames_file import read_frames
from posenet_ros.evaluation.viewer.markdown import plain
from posenet_ros.evaluation.viewer.panel import legend_html, summary
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import load
from posenet_ros.landmarks.place_map import load_place_map, PlaceMap
import pytest
from training_helpers import CAMERA
from viewer_helpers import COUNT, EACH, report_frames, SEQUENCES, write_frames, write_place


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp('place')


@pytest.fixture(scope='module')
def poses(folder: Path) -> dict[str, Pose]:
    return write_place(folder)


@pytest.fixture(scope='module')
def place(folder: Path, poses: dict[str, Pose]) -> PlaceMap:
    return load_place_map(load(folder / 'model'))


@pytest.fixture(scope='module')
def report(folder: Path, poses: dict[str, Pose]) -> Path:
    return write_frames(folder / 'report', report_frames(poses))


def test_a_report_is_read_as_it_was_written(report: Path, poses: dict[str, Pose]) -> None:
    table, written = read_frames(report), FrameTable.from_frames(report_frames(poses))
    for name in ('truths_m', 'truths_xyzw', 'estimates_m', 'estimates_xyzw', 'accepted',
                 'estimated', 'with_covariance'):
        assert np.allclose(getattr(table, name), getattr(written, name), atol=1e-8,
                           equal_nan=True), name
    assert np.allclose(table.covariances, written.covariances, equal_nan=True, rtol=1e-6)
    for read, frame in zip(table.frames, written.frames, strict=True):
        assert (read.name, read.stamp_ns, read.outcome, read.reasons, read.sequence,
                read.landmarks) == (frame.name, frame.stamp_ns, frame.outcome, frame.reasons,
                                    frame.sequence, frame.landmarks)


def test_reports_without_the_newer_columns_are_read(report: Path, tmp_path: Path) -> None:
    lines = (report / 'frames.csv').read_text().splitlines()
    old = tmp_path / 'old'
    old.mkdir()
    (old / 'report.json').write_bytes((report / 'report.json').read_bytes())
    (old / 'frames.csv').write_text('\n'.join(line.rpartition(',')[0].replace(
        'sigma_about', 'sigma') for line in lines))
    table = read_frames(old)
    assert not any(frame.landmarks for frame in table.frames)
    assert np.sqrt(table.covariances[0][1, 1]) == pytest.approx(0.3)


@pytest.mark.parametrize(('old', 'new', 'why'), [
    ('stamp_ns', 'stamp', "no column 'stamp_ns'"), ('seq3,1000000000,', 'seq3,now,', 'ValueError'),
    ('true_qw', 'w', 'evaluate again')])
def test_a_damaged_report_is_one_line(
        report: Path, tmp_path: Path, old: str, new: str, why: str) -> None:
    bad = tmp_path / 'bad'
    bad.mkdir()
    (bad / 'report.json').write_bytes((report / 'report.json').read_bytes())
    (bad / 'frames.csv').write_text((report / 'frames.csv').read_text().replace(old, new, 1))
    with pytest.raises(InputError) as error:
        read_frames(bad)
    assert why in str(error.value)
    assert '\n' not in str(error.value)


def test_a_folder_that_is_no_report_is_said(folder: Path) -> None:
    with pytest.raises(InputError, match='a folder made by evaluate is expected'):
        read_frames(folder / 'model')


def test_too_many_landmarks_are_thinned_and_that_is_said(place: PlaceMap) -> None:
    content = make_content(place, CAMERA, most=100)
    assert len(content.place.points_m) == 100
    assert content.notes == (f'100 of {SEQUENCES * COUNT * EACH} landmarks are shown',)
    for point, view in zip(content.place.points_m, content.place.point_views, strict=True):
        row = int(np.abs(place.points_m - point).sum(axis=1).argmin())
        assert place.point_views[row] == view
    assert make_content(place, CAMERA).notes == ()


def test_a_model_without_landmarks_shows_the_walk_and_says_so(tmp_path: Path) -> None:
    write_place(tmp_path, landmarks=False)
    content = make_content(load_place_map(load(tmp_path / 'model')), CAMERA)
    assert len(content.place.views) == SEQUENCES * COUNT
    [note] = content.notes
    assert 'no landmarks' in note
    assert 'posenet landmarks adds them' in note
    assert np.isfinite(content.first_look.position_m).all()


def test_a_report_of_another_place_is_said_and_does_not_move_the_first_look(
        place: PlaceMap, poses: dict[str, Pose]) -> None:
    near = FrameTable.from_frames(report_frames(poses))
    away = Pose((800.0, 0, 0))
    far = FrameTable.from_frames([
        replace(frame, truth=away @ frame.truth,
                estimate=away @ frame.estimate if frame.estimate else None)
        for frame in near.frames])
    with_near, with_far = (make_content(place, CAMERA, table) for table in (near, far))
    assert with_near.notes == ()
    [note] = with_far.notes
    assert 'of another place' in note
    assert '79' in note
    look = make_content(place, CAMERA).first_look
    assert np.allclose(with_far.first_look.position_m, look.position_m)


def test_estimates_are_told_apart(poses: dict[str, Pose]) -> None:
    kinds = kinds_of_estimates(FrameTable.from_frames(report_frames(poses)))
    assert {name: rows.tolist() for name, rows in kinds.items()} == {
        'refined': [1, 3], 'network alone': [0, 2], 'not accepted': [4]}


def test_the_summary_counts_and_repeats_the_notes(
        place: PlaceMap, poses: dict[str, Pose]) -> None:
    table = FrameTable.from_frames(report_frames(poses))
    text = summary(make_content(place, CAMERA, table, most=100), 'wall').split('\n')
    assert text == ['**wall**', '- 100 landmarks', '- 12 training images',
                    '- report: 6 images, median error 500 mm',
                    '- 100 of 480 landmarks are shown']


def test_the_legend_has_a_square_of_each_colour() -> None:
    page = legend_html({'walk': (1, 2, 3), 'truth': (4, 5, 6)})
    assert page.count('&#9632;') == 2
    assert 'rgb(1, 2, 3)' in page.split('walk')[0]
    assert '&lt;img src=x' in legend_html({'<img src=x onerror=alert(1)>': (1, 2, 3)})


def test_a_report_that_is_cut_off_in_a_row_is_one_line(
        poses: dict[str, Pose], tmp_path: Path) -> None:
    write_frames(tmp_path / 'report', report_frames(poses))
    file = tmp_path / 'report' / 'frames.csv'
    whole = file.read_bytes()
    end = whole.index(b'\n') + 1
    for length in range(end + 1, end + 100, 7):
        file.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r'^[^\n]*$'):
            read_frames(tmp_path / 'report')


@pytest.mark.parametrize(('text', 'shown'), [
    ('seq1/frame-00001 (2).png', 'seq1/frame-00001 (2).png'),
    ('<img src=x onerror=alert(1)>', r'\<img src=x onerror=alert(1)\>'),
    ('</script>', r'\</script\>'), ('{fetch("/etc")}', r'\{fetch("/etc")\}'),
    ('a*b_c`d`', r'a\*b\_c\`d\`'), ('[a](javascript:b)', r'\[a\](javascript\:b)'),
    ('\\{', r'\\\{'), ('a\n\n# b', r'a  \# b')])
def test_names_are_text_in_the_page_s_markdown(
        place: PlaceMap, text: str, shown: str) -> None:
    assert plain(text) == shown
    content = replace(make_content(place, CAMERA), notes=(text,))
    lines = summary(content, text).split('\n')
    assert (lines[0], lines[-1]) == (f'**{shown}**', f'- {shown}')


def test_images_are_not_decoded_larger_than_needed() -> None:
    assert [reduction(width, 1) for width in (320, 640, 1920, 2560, 9000)] == [1, 1, 2, 4, 8]
