"""`posenet map`: from a walk to a model folder; an interrupted run repeats no finished step."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
import time
from typing import Any

import cv2
from posenet_ros.errors import InputError
from posenet_ros.inference.artifact import LANDMARKS_FILE, load, save
from posenet_ros.inference.map_artifact import make_map_artifact
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.options import features_of_width
from posenet_ros.landmarks.tiles.tile_files import map_size
from posenet_ros.training.data.changelog import record_change
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.training.landmarks.calibration import calibrate_map
from posenet_ros.training.landmarks.feature_cache import detect_by_tasks
from posenet_ros.training.landmarks.mapping import map_dataset
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.map_report.content import MapReport
from posenet_ros.training.map_report.measure import MapFacts, measure_map
from posenet_ros.training.map_report.write import PAGE_FILE, write_map_report
from posenet_ros.training.pipelines.dataset_check import warn_of_mistakes
from posenet_ros.training.pipelines.mapping.export import check_exports, export_folder
from posenet_ros.training.pipelines.mapping.extend import extend_place
from posenet_ros.training.pipelines.mapping.merge import merge_places
from posenet_ros.training.pipelines.mapping.parts.build import (
    map_in_parts,
    MapResult,
    PLAN_FILE,
)
from posenet_ros.training.pipelines.mapping.parts.split import SplitOptions, views_at_once
from posenet_ros.training.pipelines.mapping.posed import limit_views, pose_images, PosedImages
from posenet_ros.training.pipelines.mapping.work import (
    has_results,
    kept_for_resume,
    prepare_work,
    work_folder,
)
from posenet_ros.training.pipelines.mapping.workload import describe_size, describe_workload
from posenet_ros.utils.arguments import input_paths
from posenet_ros.utils.atomic_folder import check_new, new_folder
from posenet_ros.utils.files.kinds import MODEL
from posenet_ros.utils.files.lock import lock
from posenet_ros.utils.progress import describe_duration
from posenet_ros.utils.quiet_stderr import import_keras

SOURCES = 'data', 'bag', 'images', 'video'
# of the options, those that decide which images are read, and which poses are given
READ_BY = (*SOURCES, 'camera', 'image', 'camera_info', 'pose', 'tf', 'pose_of', 'max_gap', 'every')


def make_map(options: argparse.Namespace) -> None:
    """
    Make a map, or go on with one; without a walk, export the one that is there.

    :param options: of `posenet map`, `scale_request`, and `resume_command`, by which it goes on
        when it is interrupted.
    :raises KeyboardInterrupt: when interrupted, with the way to go on.
    :raises LockedError: when another process writes the same model folder.
    """
    exports = [(form, Path(path)) for form, path in options.export]
    if options.extend or options.merge:
        _update(options)
        _export(options, exports)
        return
    with lock(options.out.resolve()):
        if options.data and options.force and has_network(options.out):
            add_to_network(options.out, options.data)
        elif any(getattr(options, name) for name in SOURCES):
            _map_and_save(options, exports)
        else:
            check_exports(exports, [options.out], force=options.force)
        _export(options, exports)


def _export(options: argparse.Namespace, exports: Sequence[tuple[str, Path]]) -> None:
    for line in export_folder(options.out, exports, force=options.force) if exports else ():
        _say(line)


def _update(options: argparse.Namespace) -> None:
    """Extend a map, or merge two."""
    if options.merge:
        merge_places(options)
    else:
        extend_place(options, source_mapping(options))
        options.out = options.out or options.extend


def _say(text: str) -> None:
    print(text, flush=True)


def _map_and_save(options: argparse.Namespace, exports: list[tuple[str, Path]]) -> None:
    started = time.perf_counter()
    inputs = input_paths(options)
    if not options.resume or has_results(work_folder(options.out)):
        check_new(options.out, MODEL, force=options.force, inputs=inputs)
        _check_no_network(options.out)
        check_exports(exports, [*inputs, options.out], force=options.force)
    work = prepare_work(
        options.out, source_mapping(options), resume=options.resume, force=options.force,
        resume_command=options.resume_command)
    with kept_for_resume(work, options.resume_command):
        posed = limit_views(pose_images(options, work), options.views).near_origin()
        for note in posed.notes:
            _say(note)
        _say('\n'.join(posed.dataset.summary()))
        mistake = warn_of_mistakes(posed.dataset)
        count = len(posed.dataset.samples)
        _say(describe_workload(
            posed.dataset, options.feature_width,
            views_at_once(options.parts, count, SplitOptions()) if options.parts else count))
        found = _mapped(posed.dataset, mapping_options(options), work, options)
        posed = replace(posed, notes=(*posed.notes, *found.notes))
        about = {'source': next(name for name in SOURCES if getattr(options, name)),
                 **describe_map(found), 'notes': list(posed.notes),
                 'seconds': round(time.perf_counter() - started, 1)}
        report = _write(found, posed, about, mistake, options)
    _say_result(about, posed, options.out)
    _say(describe_size(report.size_bytes, found.calibrated.landmark_map))
    _say(f'{report.summary} See {options.out / PAGE_FILE}')


def _mapped(dataset: Dataset, settings: MappingOptions, work: Path,
            options: argparse.Namespace) -> MapResult:
    """Map a dataset, in one piece or in parts."""
    if options.parts:
        found = map_in_parts(dataset, settings, work, options.parts, options.jobs,
                             complete=options.complete, scheduler=options.scheduler)
    else:
        detect_by_tasks(dataset, settings.features, work, options.jobs, options.scheduler)
        mapped = map_dataset(dataset, settings, work=work)
        mapped = replace(mapped, landmark_map=replace(
            mapped.landmark_map, complete=options.complete))
        found = MapResult(mapped, calibrate_map(mapped, settings))
    _say('\n'.join((found.mapped.check.describe(), *found.notes)))
    return found


def _say_result(about: Mapping[str, Any], posed: PosedImages, out: Path) -> None:
    error_m = about['held_out_position_m']
    unit = 'm' if posed.scale.metric else 'units'
    median = '' if error_m is None else f', {error_m:.3g} {unit} in the median'
    _say(f'localised: {about["held_out_localised"]} of {about["held_out"]} images that were held '
         f'out of the map{median}')
    _say(f'map: {about["landmarks"]} landmarks of {about["views"]} images, scale {posed.scale}, '
         f'up {posed.up}; {describe_duration(about["seconds"])}; model in {out}')


def has_network(out: Path) -> bool:
    """Return whether a path is a model folder with a network."""
    return MODEL.fits(out) and load(out).network is not None


def add_to_network(model: Path, data: Path) -> None:
    """
    Give a model folder with a network the map of the dataset that it was trained on.

    :raises InputError: when it was trained on another, or the images have too few landmarks.
    """
    import_keras()
    from posenet_ros.training.landmarks.add_to_model import replace_landmarks, summary_line
    _say(f'{summary_line(replace_landmarks(model, data))}; model in {model}')


def _check_no_network(out: Path) -> None:
    """Refuse to replace a trained network by a map alone."""
    if has_network(out):
        raise InputError(f'{out} has a network, which posenet map keeps only where --data is the '
                         'dataset that it was trained on; or give another --out')


def source_mapping(options: argparse.Namespace) -> dict[str, Any]:
    """Return what a map is read from, as JSON; paths are absolute."""
    def text(value: Any) -> Any:  # noqa: ANN401 - of any option
        return str(value.resolve()) if isinstance(value, Path) else (
            [text(item) for item in value] if isinstance(value, list) else value)

    return {name: text(getattr(options, name)) for name in READ_BY
            if getattr(options, name) is not None}


def mapping_options(options: argparse.Namespace) -> MappingOptions:
    """Return the settings of the mapping."""
    return MappingOptions(features=features_of_width(options.feature_width),
                          refine_poses=options.refine_poses)


def describe_map(found: MapResult) -> dict[str, Any]:
    """Describe a map and its validation, for its provenance."""
    landmark_map = found.calibrated.landmark_map
    return {'landmarks': len(landmark_map.points_m), 'views': len(landmark_map.views),
            'walks': len(set(landmark_map.views.sequences)),
            'residual_px': round(found.mapped.check.residual_px, 3),
            **found.calibrated.held_out.summary()}


def _write(found: MapResult, posed: PosedImages, about: dict[str, Any], mistake: str,
           options: argparse.Namespace) -> MapReport:
    """Write the model folder with the report of the map, whole or not at all."""
    mapped, calibrated = found.mapped, found.calibrated
    landmark_map = replace(calibrated.landmark_map, metric=posed.scale.metric)
    views, dataset = landmark_map.views, mapped.dataset
    artifact = make_map_artifact(
        dataset.camera, views.names, views.positions_m, views.quats_xyzw,
        **calibrated.calibration, held_out=calibrated.held_out.names,
        provenance=record_change({'dataset_sha256': dataset.digest(), 'map': about},
                                 options.command, walks=views.sequences), scale=posed.scale,
        up=posed.up, origin_m=dataset.origin_m)
    with new_folder(options.out, force=options.force) as folder:
        landmark_file.save(landmark_map, folder / LANDMARKS_FILE)
        save(artifact, folder)
        if found.plan is not None:
            cv2.imwrite(str(folder / PLAN_FILE), cv2.cvtColor(found.plan, cv2.COLOR_RGB2BGR))
        facts = MapFacts(
            options.out.resolve().name, posed.scale, posed.up,
            map_size(folder), about['seconds'], mistake=mistake,
            notes=posed.notes)
        report = measure_map(calibrated, dataset, mapped.check, facts)
        for line in write_map_report(report, calibrated, folder):
            _say(line)
    return report
