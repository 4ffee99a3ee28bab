"""Pose files of thirty programs: each is read right, or refused by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
import json
from pathlib import Path

import numpy as np
from posenet_ros.datasets.pose_files import (
    describe_format,
    detect_format,
    Format,
    read_poses,
    write_cambridge,
    write_tum,
)
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose, wxyz_from_xyzw
import pytest
from transforms3d.euler import mat2euler

COUNT = 12
START_NS = 1_700_000_000_000_000_000
STEP_NS = 100_000_000
STAMPS = [START_NS + i * STEP_NS for i in range(COUNT)]
NAMES = [f'seq1/frame{i:05}.png' for i in range(COUNT)]
CAMBRIDGE_HEADER = 'Visual Landmark Dataset V1\nImageFile, Camera Position [X Y Z W P Q R]\n\n'


def walk() -> list[Pose]:
    """Return poses of a walk with turns, so that no convention gives what another does."""
    rng = np.random.default_rng(7)
    quats = rng.normal(size=(COUNT, 4))
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    places = np.cumsum(rng.uniform(0.1, 0.5, (COUNT, 3)), axis=0) + np.array([3, -2, 1])
    return [Pose(place, quat) for place, quat in zip(places, quats, strict=True)]


POSES = walk()


def wxyz(pose: Pose) -> list[float]:
    return wxyz_from_xyzw(pose.quat_xyzw).tolist()


def cambridge(pose: Pose) -> list[float]:
    return [*pose.translation_m, *wxyz(pose.inverse())]


def hloc(pose: Pose) -> list[float]:
    return [*wxyz(pose.inverse()), *pose.inverse().translation_m]


def tum(pose: Pose) -> list[float]:
    return [*pose.translation_m, *pose.quat_xyzw]


def euroc(pose: Pose) -> list[float]:
    return [*pose.translation_m, *wxyz(pose)]


def kitti(pose: Pose) -> list[float]:
    return pose.matrix[:3].ravel().tolist()


def rows(first: Sequence[object], form: Callable[[Pose], list[float]], sep: str = ' ',
         end: str = '', digits: int = 9) -> str:
    """Return a line a pose: what it begins with, its numbers, and what it ends with."""
    return ''.join(sep.join([*([str(start)] if start != '' else []),
                             *(f'{v:.{digits}f}' for v in form(pose))]) + end + '\n'
                   for start, pose in zip(first, POSES, strict=True))


def seconds(digits: int = 9) -> list[str]:
    return [f'{stamp // 10**9}.{stamp % 10**9:09d}'[:11 + digits] for stamp in STAMPS]


NONE = [''] * COUNT
TUM_TEXT, HLOC_TEXT = rows(seconds(), tum), rows(NAMES, hloc)
CAMBRIDGE_TEXT = rows(NAMES, cambridge)
EUROC_NAMES = ('#timestamp, p_RS_R_x [m], p_RS_R_y [m], p_RS_R_z [m], q_RS_w [], q_RS_x [], '
               'q_RS_y [], q_RS_z []')
VELOCITIES = (', v_RS_R_x [m s^-1], v_RS_R_y [m s^-1], v_RS_R_z [m s^-1], b_w_RS_S_x [rad s^-1], '
              'b_w_RS_S_y [rad s^-1], b_w_RS_S_z [rad s^-1], b_a_RS_S_x [m s^-2], '
              'b_a_RS_S_y [m s^-2], b_a_RS_S_z [m s^-2]')
TORO_TEXT = ''.join(
    'VERTEX3 {} {} {} {} {} {} {}\n'.format(i, *pose.translation_m, *mat2euler(pose.rotation))
    for i, pose in enumerate(POSES)) + 'EDGE3 0 1 1 0 0 0 0 0 1 0 0 0 0 0\n'
G2O_TEXT = ''.join(f'VERTEX_SE3:QUAT {i} {" ".join(map(str, tum(pose)))}\n'
                   for i, pose in enumerate(POSES)) + 'EDGE_SE3:QUAT 0 1 1 0 0 0 0 0 1\n'
NVM_TEXT = f'NVM_V3 \n\n{COUNT}\n' + ''.join(
    f'{name} 1670.5 {" ".join(map(str, wxyz(pose.inverse())))} '
    f'{" ".join(map(str, pose.translation_m))} 0 0\n'
    for name, pose in zip(NAMES, POSES, strict=True)) + (
        '\n1\n1 2 3 255 0 0 2 0 5 1.5 2.5 1 6 3 4\n')
COLMAP_TEXT = '# Image list with two lines of data per image:\n' + ''.join(
    f'{i} {" ".join(map(str, hloc(pose)))} 1 {name}\n1.5 2.5 -1 3 4 7\n'
    for i, (name, pose) in enumerate(zip(NAMES, POSES, strict=True), 1))
STACKED = ''.join(' '.join(map(str, row)) + '\n' for pose in POSES for row in pose.matrix)
NETWORK = ''.join(  # the quaternion as a network put it out, and two numbers more
    f'{name} {" ".join(map(str, pose.translation_m))} '
    f'{" ".join(str(v * (0.95 + 0.01 * i)) for v in wxyz(pose.inverse()))} 0.5 2.0\n'
    for i, (name, pose) in enumerate(zip(NAMES, POSES, strict=True)))
BARE = [f'{i:06d}' for i in range(COUNT)]

FILES: dict[str, tuple[Format, str | bytes]] = {
    # Cambridge Landmarks and the ports of PoseNet
    'cambridge': (Format.CAMBRIDGE, CAMBRIDGE_HEADER + CAMBRIDGE_TEXT),
    'cambridge without header': (Format.CAMBRIDGE, CAMBRIDGE_TEXT),
    'cambridge, another header': (Format.CAMBRIDGE, 'My walk\nimage x y z w p q r\n\n'
                                  + CAMBRIDGE_TEXT),
    'cambridge, header with numbers': (Format.CAMBRIDGE, f'Scene 7\nimages: {COUNT}\n\n'
                                       + CAMBRIDGE_TEXT),
    'cambridge, count first': (Format.CAMBRIDGE, f'{COUNT}\n' + CAMBRIDGE_TEXT),
    'cambridge, BOM': (Format.CAMBRIDGE, '\ufeff' + CAMBRIDGE_TEXT),
    'cambridge, UTF-16': (Format.CAMBRIDGE, (CAMBRIDGE_HEADER + CAMBRIDGE_TEXT).encode('utf-16')),
    'cambridge, CRLF': (Format.CAMBRIDGE, CAMBRIDGE_TEXT.replace('\n', '\r\n')),
    'cambridge, CR': (Format.CAMBRIDGE, CAMBRIDGE_TEXT.replace('\n', '\r')),
    'cambridge, tabs': (Format.CAMBRIDGE, rows(NAMES, cambridge, '\t')),
    'cambridge, commas': (Format.CAMBRIDGE, rows(NAMES, cambridge, ',')),
    'cambridge, commas and spaces': (Format.CAMBRIDGE, rows(NAMES, cambridge, ', ')),
    'cambridge, semicolons at the end': (Format.CAMBRIDGE, rows(NAMES, cambridge, ';', ';')),
    'cambridge, trailing blanks': (Format.CAMBRIDGE, rows(NAMES, cambridge, '   ', ' \t ')),
    'cambridge, no last newline': (Format.CAMBRIDGE, CAMBRIDGE_TEXT.rstrip('\n')),
    'cambridge, backslashes': (Format.CAMBRIDGE, CAMBRIDGE_TEXT.replace('/', '\\')),
    'cambridge, dot at the beginning': (Format.CAMBRIDGE, rows(
        [f'./{name}' for name in NAMES], cambridge)),
    'cambridge, quoted names': (Format.CAMBRIDGE, rows(
        [f'"{name}"' for name in NAMES], cambridge, ',')),
    'cambridge, names in quotation marks': (Format.CAMBRIDGE, rows(
        [f"'{name}'" for name in NAMES], cambridge)),
    'cambridge, three digits': (Format.CAMBRIDGE, rows(NAMES, cambridge, digits=3)),
    'cambridge, comments': (Format.CAMBRIDGE, CAMBRIDGE_TEXT.replace(
        'seq1/frame00005', '// a.png 1 2 3 1 0 0 0\n  % b.png 1 2 3 1 0 0 0\n'
        '# c.png 1 2 3 1 0 0 0\nseq1/frame00005')),
    'cambridge, comments behind': (Format.CAMBRIDGE, rows(NAMES, cambridge, end='  # blurred')),
    'cambridge of a network': (Format.CAMBRIDGE, NETWORK),
    # hloc, COLMAP, ACE, VisualSFM, nerfstudio
    'hloc': (Format.HLOC, HLOC_TEXT),
    'hloc, commas': (Format.HLOC, rows(NAMES, hloc, ',')),
    'hloc, BOM and CRLF': (Format.HLOC, '\ufeff' + HLOC_TEXT.replace('\n', '\r\n')),
    'hloc with a header': (Format.HLOC, 'name qw qx qy qz tx ty tz\n' + HLOC_TEXT),
    'ace with errors and inliers': (Format.HLOC, rows(NAMES, hloc, end=' 0.31 0.02 812')),
    'ace0 with focal length': (Format.HLOC, rows(NAMES, hloc, end=' 525.0 1000')),
    'images.txt of COLMAP by content': (Format.COLMAP, COLMAP_TEXT),
    'nvm': (Format.NVM, NVM_TEXT),
    # stamps
    'tum': (Format.TUM, TUM_TEXT),
    'tum, header': (Format.TUM, 'timestamp tx ty tz qx qy qz qw\n' + TUM_TEXT),
    'tum, rtabmap with header': (Format.TUM, '#timestamp x y z qx qy qz qw\n' + TUM_TEXT),
    'tum, rtabmap with id': (Format.TUM, '#timestamp x y z qx qy qz qw id\n'
                             + rows(seconds(), tum, end=' 17')),
    'tum, commas': (Format.TUM, rows(seconds(), tum, ',')),
    'tum, tabs': (Format.TUM, rows(seconds(), tum, '\t')),
    'tum in nanoseconds': (Format.TUM, rows(STAMPS, tum)),
    'tum in microseconds': (Format.TUM, rows([s // 10**3 for s in STAMPS], tum)),
    'tum in milliseconds': (Format.TUM, rows([s // 10**6 for s in STAMPS], tum)),
    'tum in exponents': (Format.TUM, rows([f'{s / 1e9:.10e}' for s in STAMPS], tum)),
    'tum, w first by its header': (Format.EUROC, '# timestamp tx ty tz qw qx qy qz\n'
                                   + rows(seconds(), euroc)),
    'euroc': (Format.EUROC, EUROC_NAMES + VELOCITIES + '\n' + rows(
        STAMPS, euroc, ',', ',0.1' * 9)),
    'euroc without header': (Format.EUROC, rows(STAMPS, euroc, ',', ',0.1' * 9)),
    'euroc, no velocities': (Format.EUROC, EUROC_NAMES + '\n' + rows(STAMPS, euroc, ',')),
    'euroc, exponents of NumPy': (Format.EUROC, EUROC_NAMES + '\n' + rows(
        [f'{s:.18e}' for s in STAMPS], euroc, ',')),
    'tum-vi': (Format.EUROC, '#timestamp [ns],p_x [m],p_y [m],p_z [m],q_w [],q_x [],q_y [],'
               'q_z []\r\n' + rows(STAMPS, euroc, ',')),
    # matrices
    'kitti': (Format.KITTI, rows(NONE, kitti)),
    'kitti, exponents': (Format.KITTI, ''.join(
        ' '.join(f'{v:e}' for v in kitti(pose)) + '\n' for pose in POSES)),
    'kitti, commas': (Format.KITTI, rows(NONE, kitti, ',')),
    '4x4 in a row': (Format.KITTI, rows(NONE, kitti, end=' 0 0 0 1')),
    'kitti-360': (Format.KITTI, rows(range(COUNT), kitti)),
    'kitti-360, camera': (Format.KITTI, rows(range(COUNT), kitti, end=' 0 0 0 1')),
    '4x4 below each other': (Format.SEVEN_SCENES, STACKED),
    # graphs of rtabmap
    'g2o': (Format.G2O, G2O_TEXT),
    'toro': (Format.TORO, TORO_TEXT),
    # names that are numbers
    'hloc, names that are numbers': (Format.HLOC, rows(BARE, hloc)),
    'cambridge, names that are numbers': (Format.CAMBRIDGE, rows(BARE, cambridge)),
    'cambridge, stamps as names': (Format.CAMBRIDGE, rows(
        [f'rgb/{s}.png' for s in seconds(6)], cambridge)),
    'cambridge, underscores in numbers': (Format.CAMBRIDGE, rows(
        [f'{i}_{i:03}' for i in range(COUNT)], cambridge)),
    'hloc, spaces in names': (Format.HLOC, rows(
        [f'my walk 2/frame {i:02}.png' for i in range(COUNT)], hloc)),
    'cambridge, commas in names': (Format.CAMBRIDGE, rows(
        [f'a,b/{i}.png' for i in range(COUNT)], cambridge)),
    'cambridge, umlauts': (Format.CAMBRIDGE, rows(
        [f'Straße 1/{i}.png' for i in range(COUNT)], cambridge))}


def write(folder: Path, content: str | bytes) -> Path:
    file = folder / 'poses.txt'
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def check(found: Sequence[object], tolerance: float = 1e-6) -> None:
    """Check that rows hold the poses of the walk."""
    assert len(found) == COUNT
    for row, pose in zip(found, POSES, strict=True):
        np.testing.assert_allclose(row.pose.matrix, pose.matrix, atol=tolerance)


@pytest.mark.parametrize('name', FILES)
def test_a_file_is_read_right(tmp_path: Path, name: str) -> None:
    form, content = FILES[name]
    file = write(tmp_path, content)
    assert detect_format(file) is form
    found = read_poses(file, normalise='network' in name)
    check(found, 2e-2 if 'three digits' in name else 1e-4)
    if form in (Format.TUM, Format.EUROC):
        stamps = np.array([row.stamp_ns for row in found])
        assert np.abs(stamps - STAMPS).max() <= (200 if 'exponents' in name else 0)
    elif name in ('hloc', 'nvm', 'cambridge, names in quotation marks',
                  'cambridge, backslashes', 'cambridge, quoted names', 'cambridge',
                  'cambridge, dot at the beginning', 'images.txt of COLMAP by content'):
        assert [row.name for row in found] == NAMES
    elif 'spaces in names' in name:
        assert found[3].name == 'my walk 2/frame 03.png'
    elif 'names that are numbers' in name:
        assert [row.name for row in found] == BARE


REFUSED = {
    'decimal commas': (rows(NAMES, cambridge).replace('.', ',').replace(',png', '.png'),
                       'decimal commas'),
    'decimal commas and semicolons': (rows(NAMES, cambridge, ';').replace('.', ',').replace(
        ',png', '.png'), 'decimal commas'),
    'no quaternion': (rows(NAMES, lambda pose: [*pose.translation_m, 3, 4, 5, 6]),
                      'no quaternion has length 1'),
    'both fit': (rows(NAMES, lambda pose: [0, 0, 0, 1, 0, 0, 0]),
                 '--format cambridge or --format'),
    'names and w last': ('image tx ty tz qx qy qz qw\n' + rows(NAMES, tum), 'quaternions w first'),
    'whole numbers far apart': (rows([i * STEP_NS for i in range(COUNT)], tum), '--stamp-unit ns'),
    'rows of three numbers': ('1 2 3\n' * 9, 'expected rows in Cambridge form'),
    'zero bytes': (TUM_TEXT.encode('utf-16-le'), 'bytes of zero'),
    'latin-1': (rows([f'Straße/{i}.png' for i in range(COUNT)], cambridge).encode('latin-1'),
                'in UTF-8'),
    'angles': (rows(NAMES, lambda pose: [*pose.translation_m, 10, 20, 30]),
               'expected rows in Cambridge form'),
    'mirrored matrices': (rows(NONE, lambda pose: (-pose.matrix[:3]).ravel()), 'orthonormal'),
    'scaled matrices': (rows(NONE, lambda pose: (2 * pose.matrix[:3]).ravel()), 'orthonormal')}


@pytest.mark.parametrize('name', REFUSED)
def test_what_is_open_is_refused_by_name(tmp_path: Path, name: str) -> None:
    content, why = REFUSED[name]
    with pytest.raises(InputError, match=why) as caught:
        read_poses(write(tmp_path, content))
    assert 'poses.txt' in str(caught.value)
    assert '\n' not in str(caught.value)


def test_hloc_read_as_cambridge_is_no_pose(tmp_path: Path) -> None:
    with pytest.raises(InputError, match='another --format'):
        read_poses(write(tmp_path, HLOC_TEXT), Format.CAMBRIDGE, normalise=True)
    check(read_poses(write(tmp_path, HLOC_TEXT), Format.COLMAP))


def test_small_translations_are_told_apart_by_all_rows(tmp_path: Path) -> None:
    """A camera that hardly moves near the origin: both first and last four have length near 1."""
    rng = np.random.default_rng(1)
    still = []
    for _ in range(40):
        turn = np.array([*rng.normal(0, 0.02, 3), 1.0])
        still.append(Pose(rng.normal(0, 0.02, 3), turn / np.linalg.norm(turn)))
    for form, make in ((Format.CAMBRIDGE, cambridge), (Format.HLOC, hloc)):
        text = ''.join(f'{i}.png {" ".join(f"{v:.8f}" for v in make(pose))}\n'
                       for i, pose in enumerate(still))
        assert detect_format(write(tmp_path, text)) is form


def test_some_bad_rows_do_not_change_what_is_recognised(tmp_path: Path) -> None:
    bad = 'seq1/a.png 1 2 3 9 9 9 9\nseq1/b.png 1 2\nseq1/c.png nan nan nan nan nan nan nan\n'
    file = write(tmp_path, bad + HLOC_TEXT * 4)
    assert detect_format(file) is Format.HLOC
    rejected: list[str] = []
    found = read_poses(file, rejected=rejected)
    assert len(found) == 4 * COUNT + 1
    assert found[0].pose is None
    assert [line.split(': ')[0].rpartition(':')[2] for line in rejected] == ['1', '2']


def test_a_stamp_of_another_unit_is_a_bad_row(tmp_path: Path) -> None:
    file = write(tmp_path, TUM_TEXT + f'{START_NS} 1 2 3 0 0 0 1\n')
    with pytest.raises(InputError, match=r'poses.txt:13: expected a stamp in seconds'):
        read_poses(file)


def test_matrices_of_seven_scenes_are_a_folder(tmp_path: Path) -> None:
    for i, pose in enumerate(POSES):
        (tmp_path / 'seq-01').mkdir(exist_ok=True)
        np.savetxt(tmp_path / f'seq-01/frame-{i:06}.pose.txt', pose.matrix, fmt='%.8e',
                   delimiter='\t')
    assert detect_format(tmp_path) is Format.SEVEN_SCENES
    found = read_poses(tmp_path)
    check(found)
    assert found[0].name == 'seq-01/frame-000000.color.png'


def test_transforms_are_a_file_of_poses(tmp_path: Path) -> None:
    frames = [{'file_path': f'./{name}', 'transform_matrix': (
        pose.matrix @ np.diag([1.0, -1, -1, 1])).tolist()}
        for name, pose in zip(NAMES, POSES, strict=True)]
    file = tmp_path / 'transforms.json'
    file.write_text(json.dumps({'frames': frames}))
    assert detect_format(file) is Format.NERFSTUDIO
    check(read_poses(file))


@pytest.mark.parametrize(('text', 'form'), [
    ('colmap', Format.COLMAP), (' HLOC ', Format.HLOC), ('ace', Format.HLOC),
    ('asl', Format.EUROC), ('7-scenes', Format.SEVEN_SCENES), ('Cambridge', Format.CAMBRIDGE)])
def test_formats_have_the_names_that_people_use(text: str, form: Format) -> None:
    assert Format.from_option(text) is form


def test_an_unknown_format_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match='did you mean cambridge'):
        Format.from_option('cambrige')


def test_each_format_is_described_in_a_line() -> None:
    assert describe_format(Format.HLOC) == 'hloc results: world to camera, w first'
    assert len({describe_format(form) for form in Format}) == len(Format)


def evo_trajectory() -> object:
    trajectory = pytest.importorskip('evo.core.trajectory')
    return trajectory.PoseTrajectory3D(
        np.array([pose.translation_m for pose in POSES]),
        np.array([wxyz(pose) for pose in POSES]), np.array(STAMPS) / 1e9)


def test_what_evo_writes_is_read(tmp_path: Path) -> None:
    files = pytest.importorskip('evo.tools.file_interface')
    files.write_tum_trajectory_file(tmp_path / 'a.txt', evo_trajectory())
    files.write_kitti_poses_file(tmp_path / 'b.txt', evo_trajectory())
    for name, form in (('a.txt', Format.TUM), ('b.txt', Format.KITTI)):
        assert detect_format(tmp_path / name) is form
        check(read_poses(tmp_path / name))


def test_evo_reads_what_is_written_and_the_same_of_what_others_write(tmp_path: Path) -> None:
    files = pytest.importorskip('evo.tools.file_interface')
    write_tum(tmp_path / 'a.txt', zip(STAMPS, POSES, strict=True))
    theirs = files.read_tum_trajectory_file(tmp_path / 'a.txt')
    np.testing.assert_allclose(theirs.poses_se3, [pose.matrix for pose in POSES], atol=1e-12)
    (tmp_path / 'data.csv').write_text(EUROC_NAMES + '\n' + rows(STAMPS, euroc, ','))
    theirs = files.read_euroc_csv_trajectory(tmp_path / 'data.csv')
    check(read_poses(tmp_path / 'data.csv'))
    np.testing.assert_allclose(theirs.poses_se3, [row.pose.matrix for row in read_poses(
        tmp_path / 'data.csv')], atol=1e-12)


def test_cambridge_files_of_ours_are_cambridge(tmp_path: Path) -> None:
    write_cambridge(tmp_path / 'a.txt', zip(NAMES, POSES, strict=True))
    assert detect_format(tmp_path / 'a.txt') is Format.CAMBRIDGE
    check(read_poses(tmp_path / 'a.txt'))
