"""Score the estimates of any method: files of poses, or what a node published."""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from typing import Any

from posenet_ros.datasets.dataset_rows import image_file
from posenet_ros.datasets.pose_files import Format
from posenet_ros.errors import InputError
from posenet_ros.evaluation.estimates.association import (
    associate_files,
    AssociationKey,
    PoseFiles,
    read_train_poses,
)
from posenet_ros.evaluation.estimates.online import record_node
from posenet_ros.evaluation.estimates.published import (
    max_differences,
    read_published_poses,
    with_published_pose,
)
from posenet_ros.evaluation.evaluator import (
    check_not_empty,
    evaluate,
    false_pose_limits,
    topics_from_options,
)
from posenet_ros.evaluation.metrics.largest_errors import Final, WorstFrames
from posenet_ros.evaluation.report.build import describe_model, Evaluation
from posenet_ros.evaluation.report.worst_frames import show_frames, TrainingImages
from posenet_ros.evaluation.runner import without_estimate
from posenet_ros.evaluation.sources import open_bag, Source
from posenet_ros.imaging.files import read_image
from posenet_ros.inference.artifact import load


def _format(name: str | None) -> Format | None:
    return None if name is None else Format.from_option(name)


def score_files(options: argparse.Namespace) -> Evaluation:
    """Score poses from files."""
    if options.truth is None:
        raise InputError('--poses has to come with --truth FILE. Received: none')
    files = PoseFiles(
        options.poses, options.truth, options.train, _format(options.format),
        _format(options.truth_format), AssociationKey(options.match) if options.match else None,
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
