"""frames.csv is read by one reader, whatever version wrote it, and never half."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.evaluation.estimates.frame_rows import number_columns, numbers, read_frame_rows
import pytest

HEAD = 'name,sequence,stamp_ns,outcome,true_x,x'
ROW = 'a.png,seq1,7,accepted,1.5,'


def write(folder: Path, text: str) -> Path:
    """Write a frames.csv."""
    file = folder / 'frames.csv'
    file.write_text(text)
    return file


def test_rows_are_read_by_their_columns(tmp_path: Path) -> None:
    first, second = read_frame_rows(write(
        tmp_path, f'{HEAD},sigma_yaw_deg\n{ROW},0.3\n{ROW},\n'))
    assert (first['name'], first['stamp_ns']) == ('a.png', '7')
    assert numbers(first, ['true_x', 'sigma_about_z_deg']) == [1.5, 0.3], 'of an older version'
    found = number_columns([first, second], ['true_x', 'x', 'sigma_about_z_deg', 'later'])
    np.testing.assert_array_equal(found, [[1.5, np.nan, 0.3, np.nan], [1.5, *[np.nan] * 3]])
    assert number_columns([], ['x', 'y']).shape == (0, 2)


@pytest.mark.parametrize(('text', 'reason'), [
    ('', "no column 'name'"), ('a,b\n1,2\n', "no column 'name'"),
    (f'{HEAD}\n{ROW}\na.png,seq1,7,acc', 'line 3 has other columns than the first'),
    (f'{HEAD}\n{ROW},1\n', 'line 2 has other columns than the first')])
def test_a_file_that_is_not_whole_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InputError, match=f'frames.csv has to hold a frame a row.*{reason}'):
        read_frame_rows(write(tmp_path, text))


def test_what_is_missing_or_no_number_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r'has to hold a frame a row.*No such file'):
        read_frame_rows(tmp_path / 'frames.csv')
    (tmp_path / 'frames.csv').write_bytes(b'\xff\xfe\x00a')
    with pytest.raises(InputError, match='has to hold a frame a row'):
        read_frame_rows(tmp_path / 'frames.csv')
    [row] = read_frame_rows(write(tmp_path, f'{HEAD}\n{ROW}here\n'))
    with pytest.raises(InputError, match=r'frame a.png: expected numbers in x'):
        numbers(row, ['x'])
