"""Reconstruct walks without poses, step by step; what is finished is not done again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
import json
from pathlib import Path
import sys

import numpy as np
from numpy.typing import NDArray
from posenet_ros.errors import InputError
from posenet_ros.training.data.walk import Walk
from posenet_ros.training.sfm import checks
from posenet_ros.training.sfm.cameras import CameraSource, InitialCamera
from posenet_ros.training.sfm.conflicts import find_conflicts
from posenet_ros.training.sfm.correspondences.features import detect_features, FeatureFiles
from posenet_ros.training.sfm.correspondences.global_descriptors import describe_images
from posenet_ros.training.sfm.correspondences.matching import (
    create_database,
    match_pairs,
    read_verified,
    VerifiedPairs,
)
from posenet_ros.training.sfm.correspondences.pairs import choose_pairs
from posenet_ros.training.sfm.images.exif import read_exif
from posenet_ros.training.sfm.images.initial_camera import choose_camera
from posenet_ros.training.sfm.images.keyframes import Keyframes, read_reduced, select_keyframes
from posenet_ros.training.sfm.images.upright import turn_images, with_copies
from posenet_ros.training.sfm.library import load_pycolmap
from posenet_ros.training.sfm.mapping import ImageNames, map_images
from posenet_ros.training.sfm.options import DEFAULT_SFM, SfmOptions
from posenet_ros.training.sfm.reconstruction import Component, Mapper, Reconstruction
from posenet_ros.training.sfm.unregistered import reasons_unregistered
from posenet_ros.training.sfm.work_folder import step_folder, write_whole
from posenet_ros.training.sfm.workload import check_disk, estimate_workload
from posenet_ros.utils.files.typed_json import read_typed
from posenet_ros.utils.parallel import ordered_map
from posenet_ros.utils.progress import progress

DATABASE = 'database.db'

Tell = Callable[[str], None]


def tell_on_stderr(line: str) -> None:
    """Write a line to stderr, where the progress is."""
    print(line, file=sys.stderr, flush=True)


def reconstruct(walks: Sequence[Walk], work: Path, options: SfmOptions = DEFAULT_SFM,
                tell: Tell = tell_on_stderr) -> Reconstruction:
    """
    Find the poses of walks that nobody has posed.

    :param walks: images in order, of one camera.
    :param work: folder of intermediate results; a later run with the same input goes on there.
    :param tell: takes the lines that are for the user before the long steps start.
    :raises InputError: when the images do not determine poses; the message says why.
    :raises NotJoinedError: when walks do not join, unless `options.largest`.
    :raises PoseNetError: without pycolmap, or when it fails.
    """
    load_pycolmap()
    work.mkdir(parents=True, exist_ok=True)
    prepared, initial, upright, notes = prepare_images(walks, work, options)
    images = [image for walk in prepared for image in walk.images]
    names = ImageNames(tuple(image.name for image in images),
                       tuple(walk.name for walk in prepared for _ in walk.images))
    workload = estimate_workload(
        len(images), initial.camera.size, options, camera_known=initial.is_known)
    for line in (*notes, str(workload)):
        tell(line)
    check_disk(workload, work)
    features, verified, database, key = find_correspondences(prepared, work, initial, options)
    components, mapper = find_poses(database, work, names, initial, options, key, verified)
    kept = np.array([len(walk.images) for walk in prepared])
    if not options.largest:
        checks.check_joined(components, prepared, kept, options.mapping)
    conflicts, count = find_conflicts(components[0], verified, features, names.images)
    return Reconstruction(
        components, initial.source, mapper,
        reasons_unregistered(names.images, components, verified, features.counts()), conflicts,
        count, (*notes, *_refined_note(initial, components[0])), upright)


def prepare_images(walks: Sequence[Walk], work: Path, options: SfmOptions
                   ) -> tuple[tuple[Walk, ...], InitialCamera, dict[str, Path], tuple[str, ...]]:
    """
    Turn images upright, choose the camera and the keyframes.

    :returns: the walks of keyframes, the camera, the copies of turned images, lines for the user.
    """
    checks.check_count([image.name for walk in walks for image in walk.images])
    exif = {image.path: read_exif(image.path) for walk in walks for image in walk.images}
    folder = step_folder(work, 'upright', [_identity(walk) for walk in walks])
    upright, note = turn_images(walks, exif, folder, options.threads)
    turned = [with_copies(walk, upright) for walk in walks]
    exif |= {copy: exif[image.path]._replace(orientation=1) for walk in walks
             for image in walk.images if (copy := upright.get(image.name))}
    initial = choose_camera(turned, exif, options.mapping)
    found = [find_keyframes(walk, work, options) for walk in turned]
    kept = tuple(replace(walk, images=tuple(walk.images[i] for i in keyframes.indices))
                 for walk, keyframes in zip(turned, found, strict=True))
    checks.check_count([image.name for walk in kept for image in walk.images])
    lines = (note, _camera_note(initial), *(
        _keyframe_note(walk, keyframes) for walk, keyframes in zip(turned, found, strict=True)))
    return kept, initial, upright, tuple(filter(None, lines))


def _identity(walk: Walk) -> list[tuple[str, str, int, int]]:
    """Return what tells whether the images of a walk are still the same."""
    return [(image.name, str(image.path), status.st_size, status.st_mtime_ns)
            for image in walk.images if (status := image.path.stat())]


def _camera_note(initial: InitialCamera) -> str:
    camera = initial.camera
    return {
        CameraSource.GIVEN: '',
        CameraSource.EXIF: f'camera: focal length of {camera.fx:.0f} px by EXIF, to be refined',
        CameraSource.ESTIMATED: 'camera: not known, so its focal length is estimated from the '
                                'images: --camera makes it faster and surer'}[initial.source]


def _refined_note(initial: InitialCamera, component: Component) -> tuple[str, ...]:
    if initial.is_known:
        return ()
    camera = component.camera
    radial = camera.distortion[0] if camera.distortion else 0.0
    return (f'camera: focal length {camera.fx:.1f} px, radial distortion {radial:.4f}, '
            f'{initial.source.value} and refined',)


def _keyframe_note(walk: Walk, keyframes: Keyframes) -> str:
    if len(keyframes.indices) == len(walk.images):
        return ''
    return (f'{walk.name}: {len(keyframes.indices)} keyframes of {len(walk.images)} images '
            f'({keyframes.still} with hardly any motion, {keyframes.blurred} blurred)')


def find_keyframes(walk: Walk, work: Path, options: SfmOptions) -> Keyframes:
    """Select the keyframes of a walk, or read those of an earlier run."""
    folder = step_folder(work, f'keyframes-{walk.name.replace("/", "-")}', _identity(walk),
                         options.keyframes)
    file = folder / 'keyframes.json'
    found = _kept_keyframes(file)
    if found is None:
        reduced = ordered_map(lambda image: read_reduced(image.path, options.keyframes),
                              walk.images, options.threads)
        found = select_keyframes(progress(
            reduced, len(walk.images), 'image', f'keyframes of {walk.name}'), options.keyframes)
        with write_whole(file) as new:
            new.write_text(json.dumps(asdict(found)))
    return found


def _kept_keyframes(file: Path) -> Keyframes | None:
    """Read the keyframes of an earlier run; None where there are none, or they are damaged."""
    try:
        return read_typed(Keyframes, file)
    except InputError:
        return None


def find_correspondences(walks: Sequence[Walk], work: Path, initial: InitialCamera,
                         options: SfmOptions
                         ) -> tuple[FeatureFiles, VerifiedPairs, Path, object]:
    """
    Detect features, choose pairs, match and verify them.

    :returns: features, verified pairs, COLMAP's database, and a key of all that it depends on.
    :raises InputError: when no poses can come of it.
    """
    images = [image for walk in walks for image in walk.images]
    identity = [_identity(walk) for walk in walks]
    features = detect_features(
        [image.path for image in images], step_folder(work, 'features', identity, options.sift),
        options.sift, options.threads)
    checks.check_features(features)
    pairs = choose_pairs(_walk_numbers(walks), describe_images(
        features, options.pairs, options.seed), options.pairs)
    key = identity, options.sift, options.pairs, options.matches, initial, options.seed
    database = step_folder(work, 'matches', *key) / DATABASE
    if not database.exists():
        with write_whole(database) as new:
            create_database(new, [image.name for image in images], features, initial)
    match_pairs(database, pairs, features, initial, options)
    verified = read_verified(database)
    checks.check_overlap(verified, len(images))
    checks.check_translation(verified, features, initial)
    return features, verified, database, key


def _walk_numbers(walks: Sequence[Walk]) -> NDArray[np.intp]:
    return np.repeat(np.arange(len(walks)), [len(walk.images) for walk in walks])


def find_poses(database: Path, work: Path, names: ImageNames, initial: InitialCamera,
               options: SfmOptions, key: object, verified: VerifiedPairs
               ) -> tuple[tuple[Component, ...], Mapper]:
    """
    Map by the global mapper, and by the incremental one where that is not enough; or in parts.

    :raises InputError: when neither finds anything.
    """
    def run(mapper: Mapper) -> tuple[Component, ...]:
        return map_images(database, work, names, initial, options, mapper, key)

    found: tuple[Component, ...] = ()
    if options.parts.count_of(len(names.images)) > 1:
        found = run(Mapper.HIERARCHICAL)
        if not found:
            checks.explain_failure(verified, initial)
        return found, Mapper.HIERARCHICAL
    if initial.is_known:
        found = run(Mapper.GLOBAL)
        if _registered(found) >= options.mapping.min_registered * len(names.images):
            return found, Mapper.GLOBAL
    other = run(Mapper.INCREMENTAL)
    if not found and not other:
        checks.explain_failure(verified, initial)
    if _registered(found) >= _registered(other):
        return found, Mapper.GLOBAL
    return other, Mapper.INCREMENTAL


def _registered(components: tuple[Component, ...]) -> int:
    return len(components[0].names) if components else 0
