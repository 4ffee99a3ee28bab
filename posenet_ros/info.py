"""
Show what a problem may depend on: versions, ROS, hardware, and what a model folder holds.

Asks the packages' metadata; imports neither TensorFlow nor ROS.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
import os
from pathlib import Path
import platform
import sys
from typing import Any, TYPE_CHECKING

import posenet_ros
from posenet_ros.utils.arguments import CommandParser, run_cli
from posenet_ros.utils.ros_environment import find_profile, PROFILE_VARIABLES

if TYPE_CHECKING:
    from posenet_ros.inference.artifact import LoadedArtifact

# name, and the distributions that may bring it
LIBRARIES = {
    'NumPy': ('numpy',), 'OpenCV': ('opencv-python-headless', 'opencv-python'),
    'TensorFlow': ('tensorflow', 'tensorflow-cpu'), 'Keras': ('keras',),
    'LiteRT': ('ai-edge-litert',), 'rosbags': ('rosbags',)}
GPUS = Path('/proc/driver/nvidia/gpus')
CPU_INFO = Path('/proc/cpuinfo')
INSTRUCTIONS = ('avx', 'avx2', 'fma', 'avx512f', 'avx512_vnni', 'amx_tile')

Row = tuple[str, str]


def installed(distributions: Sequence[str]) -> str:
    """Return the version of the first installed distribution."""
    from importlib.metadata import PackageNotFoundError, version
    for name in distributions:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return 'not installed'


def versions() -> Iterator[Row]:
    """Yield the versions of Python, this package and the libraries."""
    yield 'posenet_ros', f'{posenet_ros.__version__} in {Path(posenet_ros.__file__).parent}'
    yield 'Python', f'{platform.python_version()} in {sys.prefix}'
    for name, distributions in LIBRARIES.items():
        yield name, installed(distributions)


def ros() -> Iterator[Row]:
    """Yield the ROS distribution, the middleware and its profile."""
    from importlib.util import find_spec
    where = 'rclpy is installed' if find_spec('rclpy') else 'rclpy is not installed'
    yield 'ROS distribution', f'{os.environ.get("ROS_DISTRO", "none sourced")}; {where}'
    yield 'RMW', os.environ.get('RMW_IMPLEMENTATION', "the distribution's default")
    own = next(filter(None, map(os.environ.get, PROFILE_VARIABLES)), None)
    yield 'DDS profile', own or f'{find_profile() or "none found"} (set by the node)'
    yield 'ROS domain', os.environ.get('ROS_DOMAIN_ID', '0')


def processor(text: str) -> str:
    """Return a processor's name and vector instructions from the text of /proc/cpuinfo."""
    values = {key.strip(): value.strip() for key, _, value in (
        line.partition(':') for line in text.splitlines())}
    flags = set(values.get('flags', '').split())
    found = [name for name in INSTRUCTIONS if name in flags]
    return f'{values.get("model name", platform.machine())}; {" ".join(found) or "no AVX"}'


def gpu(folder: Path = GPUS) -> str:
    """Return the names of the NVIDIA GPUs whose driver is loaded."""
    names = [line.partition(':')[2].strip() for file in sorted(folder.glob('*/information'))
             for line in file.read_text().splitlines() if line.startswith('Model')]
    return ', '.join(names) or 'no NVIDIA driver is loaded'


def hardware() -> Iterator[Row]:
    """Yield processor and GPU."""
    text = CPU_INFO.read_text() if CPU_INFO.is_file() else ''
    yield 'processor', f'{processor(text)}; {len(os.sched_getaffinity(0))} cores'
    yield 'GPU', gpu()


def model_rows(model: LoadedArtifact) -> Iterator[Row]:
    """Yield what a model folder holds."""
    network, camera, scene = model.network, model.camera, model.scene
    yield 'model', str(model.folder)
    yield from _history_rows(model)
    yield 'network', 'none: posenet train --map adds one' if network is None else (
        f'{network.backbone}, input {network.input_width}x{network.input_height}'
        + f', {network.members} members' * (network.members > 1))
    yield 'camera', (f'{camera.width}x{camera.height}, fx {camera.fx:.1f}, fy {camera.fy:.1f}, '
                     f'cx {camera.cx:.1f}, cy {camera.cy:.1f}'
                     + f', distortion {len(camera.distortion)}' * bool(camera.distortion))
    extent = zip('xyz', scene.bounds_min_m, scene.bounds_max_m, strict=True)
    unit = 'm' if model.scale.metric else 'units'
    yield 'training extent', ', '.join(f'{axis} {low:.1f} to {high:.1f} {unit}'
                                       for axis, low, high in extent)
    yield 'training images', str(len(model.train.positions_m))
    yield from _map_rows(model)
    yield from _capabilities(model)
    yield from _provenance(model.provenance)


def _history_rows(model: LoadedArtifact) -> Iterator[Row]:
    """Yield the hash of a model folder, that of its parent, and what changed it."""
    from posenet_ros.inference.artifact import ARTIFACT_FILE
    about = model.history
    parent = f', made from {about.parent[:12]}' if about.parent else ''
    yield 'model hash', model.digest[:12] + parent
    if model.edited:
        yield 'edited by hand', f'{ARTIFACT_FILE} is not as it was written'
    for change in about.changelog:
        walks = f' ({", ".join(change.walks)})' if change.walks else ''
        yield 'changed', f'{change.date}: {change.command}{walks}'


def _map_rows(model: LoadedArtifact) -> Iterator[Row]:
    """Yield what is known of the landmarks and of the map's frame."""
    from posenet_ros.inference.artifact import LANDMARKS_FILE
    from posenet_ros.landmarks.landmark_file import content_hash, load
    from posenet_ros.landmarks.tiles.tile_files import map_size
    file = model.folder / LANDMARKS_FILE
    if not file.is_file():
        yield 'landmarks', 'none: posenet landmarks adds them'
        return
    place = load(file)
    walks = len(set(place.views.sequences))
    size = f'{len(place.points_m)} landmarks, {map_size(model.folder) / 1e6:.1f} MB'
    if place.joined:
        yield 'landmarks', f'{size}; {len(place.views)} views of {walks} walk' + 's' * (walks > 1)
        extends = f', extends {place.parent[:12]}' if place.parent else ''
        yield 'map hash', content_hash(place)[:12] + extends
    else:
        yield 'landmarks', f'{size}; of each of {len(place.views)} views (an older map)'
    yield 'scale', str(model.scale)
    yield 'up', str(model.up)
    verdict = _verdict(model.folder / 'map.json')
    if verdict:
        yield 'verdict', verdict


def _verdict(file: Path) -> str:
    """Return the verdict of a map's report, '' without one."""
    from posenet_ros.inference.provenance import MapVerdict
    from posenet_ros.utils.files.typed_json import read_typed
    return read_typed(MapVerdict, file, ignore_unknown=True).summary if file.is_file() else ''


def _capabilities(model: LoadedArtifact) -> Iterator[Row]:
    from posenet_ros.inference.artifact import INT8_FILE
    calibration = model.calibration
    if model.network is None:
        yield 'covariance', 'for each image'
        return
    yield 'covariance', 'for each image' if model.network.sigma_width else (
        'one for all images: posenet uncertainty adds one for each')
    yield 'place score', f'limit {calibration.place_limit:.3g}' if calibration.place_limit else (
        'none: posenet uncertainty adds it')
    yield '8-bit weights', 'yes' if (model.folder / INT8_FILE).is_file() else 'no'


def _provenance(about: Mapping[str, Any]) -> Iterator[Row]:
    validation = about.get('validation', {})
    if all(validation.get(key) is not None for key in ('position_m', 'rotation_deg')):
        yield 'validation', (f'medians {validation["position_m"]:.2f} m, '
                             f'{validation["rotation_deg"]:.2f} deg')
    made = about.get('versions', {})
    words = [f'commit {str(about["commit"])[:12]}'] if about.get('commit') else []
    words += [f'{key} {made[key]}' for key in ('posenet_ros', 'keras') if key in made]
    if about.get('training_seconds') is not None:
        words.append(f'{about["training_seconds"]:.0f} s on {about.get("machine", "?")}')
    yield 'trained by', ', '.join(words) or 'unknown'


def show(rows: Iterator[Row]) -> None:
    """Print rows of a name and a value, and an empty line after them."""
    for name, value in rows:
        print(f'{name:17}{value}')
    print()


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(description=__doc__)
    result.add_argument('model', type=Path, nargs='?', metavar='MODEL', help='model folder')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Print all that is known, one screen."""
    options = parser().parse_args(argv)
    for rows in (versions(), ros(), hardware()):
        show(rows)
    if options.model:
        from posenet_ros.inference.artifact import load
        show(model_rows(load(options.model)))
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
