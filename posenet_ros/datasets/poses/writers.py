"""Write files of poses, in the conventions of their forms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from posenet_ros.arrays import Floats
from posenet_ros.datasets.poses.forms import Format
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose, wxyz_from_xyzw

CAMBRIDGE_HEADER = ('Visual Landmark Dataset V1\n'
                    'ImageFile, Camera Position [X Y Z W P Q R]\n\n')
EUROC_HEADER = ('#timestamp [ns],p_RS_R_x [m],p_RS_R_y [m],p_RS_R_z [m],q_RS_w [],q_RS_x [],'
                'q_RS_y [],q_RS_z []\n')


@dataclass(frozen=True, eq=False)
class NamedPose:
    """
    A pose to write.

    :param pose: map_from_camera.
    :param name: of the image; empty where it has none.
    :param stamp_ns: nanoseconds; None where it has none.
    """

    pose: Pose
    name: str = ''
    stamp_ns: int | None = None


def _numbers(*parts: Floats | Sequence[float], sep: str = ' ') -> str:
    """Format numbers with seventeen digits, which bring back the same floats."""
    return sep.join(f'{value:.17g}' for part in parts for value in part)


def write_tum(path: Path, rows: Iterable[tuple[int, Pose]]) -> None:
    """
    Write (stamp in ns, map_from_camera) as TUM text, which evo reads.

    Seventeen digits bring back the same float; stamps are exact.
    """
    with path.open('w', encoding='utf-8') as file:
        for stamp_ns, pose in rows:
            file.write(_tum(NamedPose(pose, stamp_ns=stamp_ns)))


def cambridge_row(name: str, map_from_camera: Pose) -> str:
    """Format a row of Cambridge text: camera centre, then camera_from_map, w first."""
    x, y, z, w = map_from_camera.quat_xyzw * (-1, -1, -1, 1)
    numbers = ' '.join(f'{v:.9f}' for v in (*map_from_camera.translation_m, w, x, y, z))
    return f'{name} {numbers}\n'


def write_cambridge(path: Path, rows: Iterable[tuple[str, Pose]]) -> None:
    """Write (image name, map_from_camera) as Cambridge text."""
    text = ''.join(cambridge_row(name, pose) for name, pose in rows)
    path.write_text(CAMBRIDGE_HEADER + text, encoding='utf-8')


def _tum(row: NamedPose) -> str:
    stamp = format_seconds(required_stamp_ns(row))
    return f'{stamp} {_numbers(row.pose.translation_m, row.pose.quat_xyzw)}\n'


def format_seconds(stamp_ns: int) -> str:
    """Format nanoseconds as seconds, exactly."""
    return f'{stamp_ns // 10**9}.{stamp_ns % 10**9:09d}'


def required_stamp_ns(row: NamedPose) -> int:
    """
    Return the stamp of a pose, nanoseconds.

    :raises InputError: when it has none.
    """
    if row.stamp_ns is None:
        raise InputError('the form needs a stamp of each pose. Received: one without, of the name '
                         f'{row.name!r}; give another --to-format')
    return row.stamp_ns


def _name(row: NamedPose) -> str:
    if not row.name:
        raise InputError('the form needs the name of an image with each pose. Received: one '
                         'without; give another --to-format')
    return row.name


def _euroc(row: NamedPose) -> str:
    numbers = _numbers(row.pose.translation_m, wxyz_from_xyzw(row.pose.quat_xyzw), sep=',')
    return f'{required_stamp_ns(row)},{numbers}\n'


def _hloc(row: NamedPose) -> str:
    camera_from_map = row.pose.inverse()
    return f'{_name(row)} ' + _numbers(
        wxyz_from_xyzw(camera_from_map.quat_xyzw), camera_from_map.translation_m) + '\n'


def _kitti(row: NamedPose) -> str:
    return _numbers(row.pose.matrix[:3].ravel()) + '\n'


def _cambridge(row: NamedPose) -> str:
    return cambridge_row(_name(row), row.pose)


# form -> header, row
WRITERS: dict[Format, tuple[str, Callable[[NamedPose], str]]] = {
    Format.CAMBRIDGE: (CAMBRIDGE_HEADER, _cambridge), Format.TUM: ('', _tum),
    Format.KITTI: ('', _kitti), Format.EUROC: (EUROC_HEADER, _euroc), Format.HLOC: ('', _hloc)}


def write_poses(path: Path, form: Format, rows: Iterable[NamedPose]) -> None:
    """
    Write a file of poses.

    :raises InputError: when the form cannot be written as a file, or needs names or stamps that
        the poses lack.
    """
    if form not in WRITERS:
        raise InputError('a file of poses has to be written as one of '
                         f'{", ".join(known.value for known in WRITERS)}. Received: {form.value}')
    header, row_text = WRITERS[form]
    path.write_text(header + ''.join(map(row_text, rows)), encoding='utf-8')
