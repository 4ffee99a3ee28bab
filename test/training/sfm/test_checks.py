"""Walks from which nothing can be reconstructed: each is named in one line."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
import subprocess
import sys

from helpers import ROOT, scene
import numpy as np
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.geometry.pose import Pose
from posenet_ros.training.sfm import checks, mapping, workload
from posenet_ros.training.sfm.cameras import CameraSource, InitialCamera
from posenet_ros.training.sfm.checks import NotJoinedError, rotation_errors
from posenet_ros.training.sfm.conflicts import epipolar_errors, find_conflicts
from posenet_ros.training.sfm.correspondences.matching import VerifiedPairs
from posenet_ros.training.sfm.library import load_pycolmap
from posenet_ros.training.sfm.mapper import global_options, incremental_options, MapperRequest
from posenet_ros.training.sfm.options import DEFAULT_SFM, MappingOptions
from posenet_ros.training.sfm.pipeline import reconstruct
from posenet_ros.training.sfm.reconstruction import Component
from posenet_ros.training.sfm.unregistered import reasons_unregistered
from posenet_ros.training.sfm.workload import check_disk, estimate_workload
import pytest
from sfm_helpers import CAMERA, OPTIONS, sideways, write_walk, yaw

GIVEN = InitialCamera(CAMERA, CameraSource.GIVEN)
RNG = np.random.default_rng(0)
POINTS = RNG.uniform((-2, -1.5, 3), (2, 1.5, 7), (60, 3))


def quiet(_: str) -> None:
    """Drop a line."""


class PointFeatures:
    """Features that are projected points, in every image."""

    def __init__(self, poses: list[Pose], points: np.ndarray = POINTS) -> None:
        self._pixels = [CAMERA.project(pose.inverse().apply(points)) for pose in poses]

    def keypoints(self, index: int) -> np.ndarray:
        """Return the projections in an image."""
        return self._pixels[index]


def all_pairs(count: int, matches: np.ndarray | None = None) -> VerifiedPairs:
    """Return all pairs, whose keypoints match one to one unless they are given."""
    one = np.column_stack([np.arange(60)] * 2).astype(np.uint32) if matches is None else matches
    pairs = np.array([(i, j) for i in range(count) for j in range(i + 1, count)])
    return VerifiedPairs(pairs, (one,) * len(pairs), np.full(len(pairs), 2))


def component(names: tuple[str, ...], walks: dict[str, int], focal: float = 260) -> Component:
    camera = CAMERA.scaled(320, 240)
    camera = type(camera)(320, 240, focal, focal, 159.5, 119.5)
    return Component(names, tuple(sideways(len(names))), walks, 9, 0.5, camera)


def test_without_pycolmap_it_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, 'pycolmap', None)
    with pytest.raises(PoseNetError) as caught:
        reconstruct([], tmp_path, OPTIONS, quiet)
    assert str(caught.value) == (
        "structure from motion needs pycolmap: pip install 'posenet_ros[map]'; images with poses "
        'need none (--data)')
    assert caught.value.exit_code == 1


def test_pycolmap_is_imported_when_it_is_needed() -> None:
    code = 'import sys, posenet_ros.training.sfm.pipeline; sys.exit("pycolmap" in sys.modules)'
    assert subprocess.run([sys.executable, '-c', code], cwd=ROOT, timeout=120).returncode == 0


def test_a_blank_wall_and_too_few_images_are_named(tmp_path: Path) -> None:
    pytest.importorskip('pycolmap')
    blank = [np.full((240, 320, 3), 200 + i, np.uint8) for i in range(4)]
    walk = write_walk(tmp_path, 'wall', blank)
    with pytest.raises(InputError, match=r'have to show texture.*Received: 4 of 4 images'):
        reconstruct([walk], tmp_path / 'work', OPTIONS, quiet)
    two = type(walk)('wall', walk.images[:2], CAMERA)
    with pytest.raises(InputError, match=r'at least 3 images .*. Received: 2'):
        reconstruct([two], tmp_path / 'work', OPTIONS, quiet)
    with pytest.raises(InputError, match=r'names of images have to differ. Received: wall/000'):
        reconstruct([walk, walk], tmp_path / 'work', OPTIONS, quiet)


def test_images_without_overlap_are_named(tmp_path: Path) -> None:
    pytest.importorskip('pycolmap')
    walk = write_walk(tmp_path, 'fast', [scene(i, (320, 240)) for i in range(4)])
    with pytest.raises(InputError, match=r'have to overlap. Received: 4 images, 0 of which match'):
        reconstruct([walk], tmp_path / 'work', OPTIONS, quiet)


def test_the_disk_is_checked_before_the_work(monkeypatch: pytest.MonkeyPatch,
                                             tmp_path: Path) -> None:
    load = estimate_workload(3000, (640, 480), DEFAULT_SFM, camera_known=True)
    monkeypatch.setattr(workload.shutil, 'disk_usage', lambda _: type('U', (), {'free': 1e9}))
    with pytest.raises(InputError, match=r'1.35 GB of free space. Received: 1.00 GB'):
        check_disk(load, tmp_path)


def test_time_and_memory_are_said_for_many_images() -> None:
    load = estimate_workload(3000, (640, 480), DEFAULT_SFM, camera_known=True)
    assert '3000 images, some 36000 pairs: about ' in str(load)
    assert 2e9 < load.memory_bytes < 4e9
    small = estimate_workload(300, (640, 480), DEFAULT_SFM, camera_known=True)
    unknown = estimate_workload(300, (640, 480), DEFAULT_SFM, camera_known=False)
    assert 10 * small.seconds < load.seconds < 20 * small.seconds
    assert unknown.seconds > small.seconds
    assert estimate_workload(5, (640, 480), DEFAULT_SFM, camera_known=True).pairs == 10


def test_a_rotation_is_told_from_a_walk() -> None:
    spin = [Pose.from_rotation(yaw(angle)) for angle in (-9, -3, 4, 11)]
    unknown = InitialCamera(CAMERA.scaled(320, 240), CameraSource.ESTIMATED)
    for initial in (GIVEN, unknown):
        with pytest.raises(InputError, match='it only turned'):
            checks.check_translation(all_pairs(4), PointFeatures(spin), initial)
        checks.check_translation(all_pairs(4), PointFeatures(sideways(4)), initial)
    short = PointFeatures(sideways(4, -0.2, 0.2))
    checks.check_translation(all_pairs(4), short, GIVEN)
    rays = POINTS[:, :2] / POINTS[:, 2:]
    assert rotation_errors([(rays, rays)])[0] < 1e-9


@pytest.mark.parametrize(('configurations', 'known', 'text'), [
    ((6, 6, 2), False, 'more than one flat surface. Received: 67% '),
    ((6, 6, 2), True, 'has to move sideways .* Received: 3 pairs'),
    ((2, 2, 6), False, 'has to move sideways .* or give --camera')])
def test_a_failure_is_explained(configurations: tuple[int, ...], known: bool, text: str) -> None:
    verified = all_pairs(3)._replace(configurations=np.array(configurations))
    source = CameraSource.GIVEN if known else CameraSource.ESTIMATED
    with pytest.raises(InputError, match=text):
        checks.explain_failure(verified, InitialCamera(CAMERA, source))


def test_walks_have_to_join() -> None:
    options = MappingOptions(min_component=3)
    walks = [type('W', (), {'name': name}) for name in ('a', 'b')]
    kept = np.array([8, 6])
    main = component(tuple('abcdefgh'), {'a': 8})
    checks.check_joined((component(tuple('abcdefghijk'), {'a': 8, 'b': 3}),), walks, kept, options)
    checks.check_joined((main, component(('x', 'y'), {'b': 2})), walks, kept, options)
    apart = component(tuple('uvwx'), {'b': 4})
    with pytest.raises(NotJoinedError, match=r'b shares no view with a .8 and 4 images'):
        checks.check_joined((main, apart), walks, kept, options)
    partly = component(tuple('abcdefghi'), {'a': 8, 'b': 1})
    with pytest.raises(NotJoinedError, match='b falls apart into parts'):
        checks.check_joined((partly, apart), walks, kept, options)
    zoomed = component(tuple('uvwx'), {'b': 4}, focal=330)
    with pytest.raises(NotJoinedError, match=r'a has a focal length of 260 px. Received: b with '
                       '330 px') as caught:
        checks.check_joined((main, zoomed), walks, kept, options)
    assert caught.value.components == (main, zoomed)
    assert caught.value.exit_code == 2


def test_pairs_that_contradict_the_poses_are_found() -> None:
    poses = sideways(4)
    names = tuple('abcd')
    part = Component(names, tuple(poses), {'w': 4}, 60, 0.5, CAMERA)
    features = PointFeatures(poses)
    assert find_conflicts(part, all_pairs(4), features, names) == ((), 6)
    wrong = np.column_stack([np.arange(60), np.roll(np.arange(60), 7)]).astype(np.uint32)
    pairs = all_pairs(4)
    pairs = pairs._replace(inliers=(*pairs.inliers[:5], wrong))
    (conflict,), count = find_conflicts(part, pairs, features, names)
    assert (conflict.first, conflict.second, conflict.matches, count) == ('c', 'd', 60, 6)
    few = pairs._replace(inliers=(*pairs.inliers[:5], wrong[:20]))
    assert find_conflicts(part, few, features, names)[0] == ()


def test_epipolar_errors_are_distances() -> None:
    relative = Pose(np.array([1.0, 0, 0]))  # epipolar lines are rows
    first, second = np.array([[0.1, 0.2]]), np.array([[-0.3, 0.2]])
    assert epipolar_errors(relative, first, second)[0] < 1e-12
    shifted = np.add(second, (0, 0.01))
    assert epipolar_errors(relative, first, shifted)[0] == pytest.approx(0.01 / 2 ** 0.5)


def test_the_reason_of_each_image_is_said() -> None:
    parts = component(('a', 'b'), {'w': 2}), component(('c',), {'w': 1})
    verified = all_pairs(2)._replace(pairs=np.array([(0, 1), (1, 5)]))
    found = reasons_unregistered(tuple('abcdef'), parts, verified, np.array([9, 9, 99, 9, 99, 99]))
    assert found == {
        'c': 'in a part of 1 images that does not join the others', 'd': 'hardly any texture',
        'e': 'matches no other image', 'f': 'sees too little that other images place'}


@pytest.mark.parametrize(('problem', 'error', 'text'), [
    ('database or disk is full', OSError, 'No space left on device'),
    ('Check failed: x > 0', PoseNetError, 'the global mapper of COLMAP failed: Check failed')])
def test_a_mapper_that_fails_is_one_line(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, problem: str, error: type[Exception],
        text: str) -> None:
    @contextmanager
    def start(*_: object, stop_timeout_s: float) -> object:
        (tmp_path / 'problem.txt').write_text(problem)
        yield type('P', (), {'poll': lambda self: 1, 'returncode': 1})()

    monkeypatch.setattr(mapping, 'start_module', start)
    request = MapperRequest('global', 'x', str(tmp_path), False, 0, 1)
    with pytest.raises(error, match=text):
        mapping._run(request, tmp_path, 3)


def test_sigterm_still_reaches_the_command() -> None:
    pytest.importorskip('pycolmap')
    code = ('import os, signal, sys; from posenet_ros.training.sfm.library import load_pycolmap; '
            'signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); load_pycolmap(); '
            'os.kill(os.getpid(), signal.SIGTERM)')
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, timeout=120)
    assert done.returncode == 7


def test_the_installed_library_is_quiet() -> None:
    library = pytest.importorskip('pycolmap')
    load_pycolmap()
    assert library.logging.minloglevel == 2


@pytest.mark.parametrize('refined', [False, True])
def test_the_mappers_get_the_seed_and_keep_a_known_camera(refined: bool) -> None:
    library = pytest.importorskip('pycolmap')
    request = MapperRequest('global', 'x', 'y', refined, 5, 1)
    options = global_options(library, request)
    for part in (options, options.mapper, options.mapper.rotation_averaging,
                 options.mapper.global_positioning, options.mapper.retriangulation):
        assert part.random_seed == 5
    assert options.mapper.bundle_adjustment.refine_focal_length is refined
    assert options.mapper.bundle_adjustment.refine_extra_params is refined
    other = incremental_options(library, request)
    assert {other.random_seed, other.mapper.random_seed, other.triangulation.random_seed} == {5}
    assert other.ba_refine_focal_length is other.ba_refine_extra_params is refined
    assert other.mapper.abs_pose_refine_focal_length is refined
