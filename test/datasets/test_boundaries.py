"""The limits in the readers of poses: what is just taken, and what just not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from posenet_ros.datasets.benchmarks.stamped import in_split
from posenet_ros.datasets.point_cloud import write_ply
from posenet_ros.datasets.pose_files import detect_format, read_poses
from posenet_ros.datasets.poses.columns import (
    column_names,
    header_length,
    is_header,
    is_number,
    numbers,
    split_columns,
)
from posenet_ros.datasets.poses.forms import Format
from posenet_ros.datasets.poses.recognition import cambridge_or_hloc, Header, recognise
from posenet_ros.datasets.poses.rows import (
    nearest_rotation,
    pose_of_matrix,
    PoseRow,
    ROW_READERS,
    RowOptions,
)
from posenet_ros.datasets.poses.stamps import find_unit, parse_stamp, StampReader, Unit
from posenet_ros.datasets.poses.writers import format_seconds, NamedPose, write_poses
from posenet_ros.datasets.tolerance import (
    add_rejected,
    check_rejected,
    describe_rejected,
    tell_rejected,
)
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
import pytest

TURN = np.array([0.1, 0.7, -0.1, 0.7])  # of length 1
PLACE = np.array([3.0, -2.0, 1.0])


@pytest.mark.parametrize(('word', 'stamp_ns'), [
    ('0', 0), ('1.5', 1_500_000_000), ('-1.5', -1_500_000_000), ('9223372036', 9223372036 * 10**9),
    ('9999999999', None),
    ('9223372036.854775807', 2**63 - 1), ('100000000000', 10**17), ('9999999999999', None),
    ('100000000000000', 10**17), ('9007199254740993', 9007199254740993000),
    ('10000000000000000', 10**16), ('9223372036854775807', 2**63 - 1),
    ('9223372036854775808', None), ('10000000000', None), ('99999999999', None),
    ('10000000000000', None), ('99999999999999', None), ('nan', None), ('inf', None),
    ('1e999999', None), ('1e29', None), ('1e31', None), ('soon', None), ('', None)])
def test_the_unit_of_a_stamp_is_known_by_its_size(word: str, stamp_ns: int | None) -> None:
    if stamp_ns is None:
        with pytest.raises(InputError, match='expected a stamp in seconds, or since 1970 in ms'):
            parse_stamp(word)
    else:
        assert parse_stamp(word) == stamp_ns


@pytest.mark.parametrize(('unit', 'word', 'factor'), [
    (Unit.S, 'seconds', 10**9), (Unit.MS, 'milliseconds', 10**6),
    (Unit.US, 'microseconds', 10**3), (Unit.NS, 'nanoseconds', 1)])
def test_each_unit_has_its_word_and_its_length(unit: Unit, word: str, factor: int) -> None:
    assert (unit.plural, unit.nanoseconds) == (word, factor)
    assert StampReader(unit, by_size=False).parse('7') == 7 * factor


@pytest.mark.parametrize(('words', 'given', 'default', 'expected'), [
    (['0', '1', '2'], None, Unit.S, (Unit.S, True)),
    (['0', '10000', '20000'], None, Unit.S, (Unit.S, True)),
    (['0', '10001', '20002'], None, Unit.S, None),
    (['0', '50000000', '100000000'], None, Unit.NS, (Unit.NS, False)),
    (['0', '10001', '20002'], None, Unit.NS, (Unit.NS, False)),
    (['0', '10000', '20000'], None, Unit.NS, None), (['0', '90000'], None, Unit.NS, None),
    (['0', '90000'], None, Unit.S, (Unit.S, True)),
    (['0.0', '50000', '100000'], None, Unit.NS, (Unit.S, True)),
    (['1700000000000'] * 2 + ['5'], None, Unit.S, (Unit.MS, True)),
    (['soon', '1700000000000000'], None, Unit.S, (Unit.US, True)),
    (['0', '1', '2'], Unit.NS, Unit.S, (Unit.NS, False))])
def test_the_unit_of_a_file_is_that_of_most_or_said(
        words: list[str], given: Unit | None, default: Unit,
        expected: tuple[Unit, bool] | None) -> None:
    if expected is None:
        with pytest.raises(InputError, match=r'whole numbers from 0 to \d+, [\d.e+]+ apart'):
            find_unit(words, given, default)
    else:
        assert find_unit(words, given, default) == StampReader(*expected)


def test_a_stamp_of_another_size_is_refused_where_the_unit_was_found_by_it() -> None:
    with pytest.raises(InputError, match=r'in milliseconds, as most of the file\. Received: .5.'):
        StampReader(Unit.MS).parse('5')
    assert StampReader(Unit.MS).parse('1700000000000') == 17 * 10**17


@pytest.mark.parametrize(('word', 'known'), [
    ('1', True), ('-.5', True), ('+1.', True), ('1e-9', True), ('NaN', True), ('-Infinity', True),
    ('1_0', False), ('1.2.3', False), ('', False), ('e5', False), ('0x1', False), ('1e', False)])
def test_numbers_are_numbers(word: str, known: bool) -> None:
    assert is_number(word) == known


@pytest.mark.parametrize(('line', 'words'), [
    ('a.png 1 2 3', ['a.png', '1', '2', '3']), ('a.png,1, 2 ,3,', ['a.png', '1', '2', '3']),
    ('a b.png;1;2;3;;', ['a b.png', '1', '2', '3']), ('a b.png\t1\t2', ['a b.png', '1', '2']),
    ("'a b.png', 1, 2", ['a b.png', '1', '2']), ('a.png 1 2 # dark', ['a.png', '1', '2']),
    ('#7 1 2', ['#7', '1', '2']), ('my a.png 1 2 3 4 5 6', ['my', 'a.png', *'123456']),
    ('my a.png 1 2 3 4 5 6 7', ['my a.png', *'1234567']),
    ('a,b.png 1 2 3 4 5 6 7', ['a,b.png', *'1234567']), ('x; y 1', ['x', 'y', '1'])])
def test_the_columns_of_a_line(line: str, words: list[str]) -> None:
    assert split_columns(line) == words


def test_as_many_numbers_as_expected() -> None:
    np.testing.assert_array_equal(numbers(['1', '-2e1'], 2, 'two'), [1, -20])
    for words, why in ((['1'], 'expected two. Received: 1 numbers'),
                       (['1', 'x'], "expected two. Received: '1 x'"),
                       (['1', '2,5'], 'decimal commas'), (['1', '2,5E3'], 'decimal commas')):
        with pytest.raises(InputError, match=why):
            numbers(words, 2, 'two')


@pytest.mark.parametrize(('line', 'header'), [
    ('12', True), ('images: 12', True), ('Scene 7 of 9', True), ('1 2 3', False),
    ('a.png', False), ('A.JPG x', False), ('x y z w 1 2', True), ('1 2 x', False),
    ('a b c d e f 1 2 3', False), ('', True)])
def test_what_a_header_looks_like(line: str, header: bool) -> None:
    assert is_header(line) == header


def test_a_header_ends_at_the_first_row_and_after_ten_lines() -> None:
    assert header_length(['Title', '', '# x y z', 'a.png 1 2 3 4 5 6 7', 'more']) == 3
    assert header_length(['a.png 1 2 3']) == 0
    assert header_length(['Title', 'words']) == 2
    assert header_length(['words'] * 9 + ['1 2 3', 'words']) == 9
    assert header_length(['words'] * 11 + ['1 2 3']) == 10


def test_the_names_of_columns_are_in_the_last_line_that_has_some() -> None:
    assert column_names(['a walk in May', '#time [ns], X [m]; Y (m)', '7']) == [
        'time', 'ns', 'x', 'm', 'y', 'm']
    assert column_names(['two words', '']) == []
    assert column_names(['three more words']) == ['three', 'more', 'words']


@pytest.mark.parametrize(('names', 'order', 'first'), [
    ('name qw qx qy qz tx ty tz', 'wxyz', True), ('t tx ty tz qx qy qz qw', 'xyzw', False),
    ('t p_rs_r_x p_rs_r_y p_rs_r_z q_rs_w q_rs_x q_rs_y q_rs_z', 'wxyz', False),
    ('x y z w p q r', '', False), ('qw qx qy qz', 'wxyz', False), ('', '', False),
    ('t orientation.x orientation.y orientation.z orientation.w x y z', 'xyzw', True)])
def test_the_order_that_a_header_says(names: str, order: str, first: bool) -> None:
    header = Header(names=tuple(names.split()))
    assert header.quaternion == order
    assert header.quaternion_first == first


@pytest.mark.parametrize(('text', 'unit'), [
    ('#timestamp [ns],x', Unit.NS), ('time(s)', Unit.S), ('stamp [nsec]', Unit.NS),
    ('timestamp_us [us]', Unit.US), ('time [sec]', Unit.S), ('time x [m]', None), ('', None)])
def test_the_unit_that_a_header_says(text: str, unit: Unit | None) -> None:
    assert Header(text).unit is unit


def quaternions(length: float, other: float, swapped: bool = False, count: int = 20) -> np.ndarray:
    """Return rows of a translation of a length, and a quaternion of another."""
    translation = np.array([0.2, -0.5, 0.1, 0.0])
    rest = other / np.linalg.norm([*translation[:3], 0.7]) * np.array([*translation[:3], 0.7])
    row = [*rest[:3], *(length * TURN / np.linalg.norm(TURN))]
    if swapped:
        row = [*row[3:], *row[:3]]
    return np.tile(row, (count, 1))


@pytest.mark.parametrize('length', [1.0, 1.0049, 0.9951, 1.29, 0.71])
def test_the_quaternion_tells_cambridge_from_hloc(length: float) -> None:
    values = quaternions(length, 9.0)
    assert cambridge_or_hloc(values) is Format.CAMBRIDGE
    assert cambridge_or_hloc(np.roll(values, 4, axis=1)) is Format.HLOC


@pytest.mark.parametrize('length', [1.31, 0.69, 5.0])
def test_no_four_numbers_of_another_length_are_a_quaternion(length: float) -> None:
    with pytest.raises(InputError, match='Received: no quaternion has length 1; say which'):
        cambridge_or_hloc(quaternions(length, 9.0))


def test_most_rows_have_to_fit() -> None:
    good, bad = quaternions(1.0, 9.0, count=100), quaternions(5.0, 9.0, count=100)
    assert cambridge_or_hloc(np.concatenate([good, bad[:11]])) is Format.CAMBRIDGE
    with pytest.raises(InputError, match='no quaternion'):
        cambridge_or_hloc(np.concatenate([good, bad[:12]]))


def row(first: str, count: int, last: str = '') -> list[str]:
    return [first, *['0.5'] * count, *([last] if last else [])]


@pytest.mark.parametrize(('count', 'form'), [
    (3, Format.SEVEN_SCENES), (7, Format.TUM), (8, Format.TUM), (10, Format.EUROC),
    (11, Format.KITTI), (12, Format.KITTI), (15, Format.KITTI), (16, Format.EUROC), (2, None),
    (4, None), (6, None), (9, None), (13, None), (14, None), (17, None)])
def test_rows_of_numbers_are_told_by_their_count(count: int, form: Format | None) -> None:
    assert recognise([row(f'1.{i}', count) for i in range(4)], Header()) is form


def test_rows_of_four_numbers_are_matrices_where_they_are_of_four_rows() -> None:
    assert recognise([row('1.5', 3)] * 6, Header()) is None
    assert recognise([['1', *['0.5'] * 12, '0', '0', '0', '1']], Header()) is Format.KITTI
    biased = ['1', *['0.5'] * 12, '-0.5', '-0.5', '-0.5', '0.5']  # of EuRoC's, with biases
    assert recognise([biased], Header()) is Format.EUROC
    assert recognise([[*biased[:-1], '1']], Header()) is Format.EUROC
    assert recognise([], Header()) is None
    assert recognise([['VERTEX3', '1'], ['VERTEX_SE3:QUAT']], Header()) is Format.G2O
    assert recognise([['VERTEX3', '1']], Header()) is Format.TORO
    assert recognise([], Header('nvm_v3 a')) is Format.NVM
    assert recognise([row('1', 8, 'a.png')], Header()) is Format.COLMAP
    assert recognise([row('1', 9)], Header()) is None
    assert recognise([row('a.png', 6)], Header()) is None
    assert recognise([['a.png', *['nan'] * 7]], Header()) is Format.CAMBRIDGE


@pytest.mark.parametrize(('stretch', 'taken'), [
    (1.0, True), (1.0099, True), (0.9901, True), (1.0101, False), (0.9899, False), (-1.0, False)])
def test_a_matrix_of_few_digits_is_brought_to_the_nearest_rotation(
        stretch: float, taken: bool) -> None:
    rotation = Pose(PLACE, TURN).rotation
    matrix = np.column_stack([stretch * rotation, PLACE])
    if taken:
        pose = pose_of_matrix(matrix)
        np.testing.assert_allclose(pose.rotation, rotation, atol=1e-9)
        np.testing.assert_array_equal(pose.translation_m, PLACE)
    else:
        with pytest.raises(InputError, match='orthonormal'):
            pose_of_matrix(matrix)
    with pytest.raises(InputError, match='has to be finite'):
        nearest_rotation(np.full((3, 3), np.nan))


def test_the_last_row_of_a_matrix_is_checked_where_there_is_one() -> None:
    whole = Pose(PLACE, TURN).matrix
    whole[3, 1] = 9e-7
    np.testing.assert_array_equal(pose_of_matrix(whole).translation_m, PLACE)
    for column, value in ((1, 2e-6), (3, 0.0), (3, 2.0)):
        wrong = Pose(PLACE, TURN).matrix
        wrong[3, column] = value
        with pytest.raises(InputError, match='the last row of a rigid transform'):
            pose_of_matrix(wrong)
    with pytest.raises(InputError, match='a position has to be within'):
        pose_of_matrix(np.column_stack([np.eye(3), [0, 0, 2e8]]))


@pytest.mark.parametrize(('length', 'taken'), [
    (0.5, True), (2.0, True), (0.49, False), (2.01, False)])
def test_a_network_s_quaternion_is_scaled_within_limits(length: float, taken: bool) -> None:
    words = ['a.png', *map(str, (*PLACE, 0, 0, length, 0))]
    if taken:
        found = ROW_READERS[Format.CAMBRIDGE](words, 3, RowOptions(normalise=True))
        np.testing.assert_allclose(found.pose.quat_xyzw, [0, -1, 0, 0])
        assert found.line == 3
    else:
        with pytest.raises(InputError, match=f'0.5 to 2.0 of a network. Received: {length:.3g}'):
            ROW_READERS[Format.CAMBRIDGE](words, 3, RowOptions(normalise=True))
    with pytest.raises(InputError, match='length 1'):
        ROW_READERS[Format.CAMBRIDGE](words, 3, RowOptions())


def test_the_sequence_of_a_row_is_the_folder_of_its_name() -> None:
    assert PoseRow(None, 'a/seq1/1.png').sequence == 'a/seq1'
    assert PoseRow(None, '1.png').sequence == PoseRow(None).sequence == ''
    numbered = ROW_READERS[Format.KITTI](['7', *map(str, np.eye(4)[:3].ravel())], 1, RowOptions())
    assert numbered.name == '0000000007'
    bare = ROW_READERS[Format.KITTI]([*map(str, np.eye(4).ravel())], 1, RowOptions())
    assert bare.name == ''


@pytest.mark.parametrize(('bad', 'total', 'refused'), [
    (0, 0, False), (1, 10, False), (1, 9, True), (10, 100, False), (11, 100, True)])
def test_a_tenth_may_be_bad(bad: int, total: int, refused: bool) -> None:
    rejected = [f'f:{i}: odd' for i in range(bad)]
    if not refused:
        check_rejected(rejected, total)
        return
    with pytest.raises(InputError, match=rf'f:0: odd \({bad} of {total} .*at most 10% may be'):
        check_rejected(rejected, total)


def test_what_is_left_out_is_counted_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert describe_rejected([]) == {}
    data = describe_rejected(['a', 'b'])
    assert data == {'rejected': 2, 'reasons_for_rejection': ['a', 'b']}
    add_rejected(data, describe_rejected(['c']))
    assert data == {'rejected': 3, 'reasons_for_rejection': ['a', 'b', 'c']}
    empty: dict[str, object] = {}
    add_rejected(empty, {})
    assert empty == {}
    tell_rejected(['x', 'y'])
    assert capsys.readouterr().err == 'left out: x\nleft out: y\n'


@pytest.mark.parametrize(('index', 'is_test'), [
    (0, False), (349, False), (350, True), (399, True), (400, False), (750, True), (800, False)])
def test_every_eighth_block_of_fifty_is_for_testing(index: int, is_test: bool) -> None:
    assert in_split(index, 'test') == is_test
    assert in_split(index, 'train') != is_test


@pytest.mark.parametrize(('furthest', 'kind', 'size'), [
    (9999.0, '<f4', 15), (10001.0, '<f8', 27), (-10001.0, '<f8', 27)])
def test_points_far_from_the_origin_have_coordinates_of_64_bits(
        tmp_path: Path, furthest: float, kind: str, size: int) -> None:
    file = tmp_path / 'a.ply'
    write_ply(file, [[1.0, 2.0, furthest], [0.1, 0.2, 0.3]], [[1, 2, 3], [4, 5, 6]])
    head, _, body = file.read_bytes().partition(b'end_header\n')
    assert b'element vertex 2\n' in head
    assert (b'property double z' in head) == (kind == '<f8')
    assert b'property uchar blue' in head
    assert len(body) == 2 * size
    np.testing.assert_array_equal(np.frombuffer(body[:3 * int(kind[-1])], kind), [1, 2, furthest])
    assert body[size - 3:size] == bytes((1, 2, 3))
    write_ply(file, np.empty((0, 3)), np.empty((0, 3)))
    assert b'property float x' in file.read_bytes()


def test_seconds_are_written_exactly_and_forms_need_what_they_hold(tmp_path: Path) -> None:
    assert format_seconds(1_700_000_000_000_000_007) == '1700000000.000000007'
    assert format_seconds(5) == '0.000000005'
    for form, why in ((Format.TUM, "Received: one without, of the name 'a'"),
                      (Format.EUROC, 'needs a stamp'), (Format.NVM, 'Received: nvm')):
        with pytest.raises(InputError, match=why):
            write_poses(tmp_path / 'x', form, [NamedPose(Pose(), 'a')])
    for form in (Format.HLOC, Format.CAMBRIDGE):
        with pytest.raises(InputError, match='needs the name of an image'):
            write_poses(tmp_path / 'x', form, [NamedPose(Pose(), stamp_ns=1)])


def test_a_vertex_of_g2o_is_named_by_its_number(tmp_path: Path) -> None:
    file = tmp_path / 'graph.g2o'
    file.write_text('VERTEX_SE3:QUAT 17 1 2 3 0 0 0 1\nVERTEX_SE3:QUAT 18 1 2 4 0 0 0 1\n')
    assert [row.name for row in read_poses(file)] == ['17', '18']


def test_stamps_as_names_of_rounded_quaternions_are_hloc_rows(tmp_path: Path) -> None:
    file = tmp_path / 'results.txt'
    file.write_text(''.join(f'{i + 0.5} 0.7071 0.7072 0.0 0.0 {i} 2.0 3.0\n' for i in range(9)))
    assert detect_format(file) is Format.HLOC
