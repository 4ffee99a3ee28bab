"""The command line of the evaluator."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from posenet_ros.errors import InputError
from posenet_ros.localisation.camera_info_policy import POLICIES
from posenet_ros.utils.arguments import CommandParser
from posenet_ros.utils.choices import (
    ALIGNMENTS,
    ASSOCIATION_KEYS,
    DISTANCE_UNITS,
    ENGINES,
    FALSE_POSE_DEG,
    FALSE_POSE_M,
    GATE_LIMITS,
    MAX_IMAGES_OF_A_PLACE,
    MAX_POSE_GAP_S,
    POSE_FORMATS,
    PRECISIONS,
    REPLAYS,
    SPLITS,
)
from posenet_ros.utils.settings.assignments import add_assignments, read_assignments
from posenet_ros.utils.tasks.arguments import add_task_options

if TYPE_CHECKING:
    from posenet_ros.localisation.gate_config import GateConfig

DESCRIPTION = ('Evaluate a model on a bag or a dataset, or score the poses of any method: '
               'makes a report.')
SWITCHES = {'true': 1.0, 'false': 0.0}  # as the node's parameters have them
EPILOG = '"posenet compare A B" sets reports side by side.'


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(description=DESCRIPTION, epilog=EPILOG)
    source = result.add_mutually_exclusive_group(required=True)
    source.add_argument('--bag', type=Path, help='rosbag2 folder, .mcap, .db3 or ROS 1 .bag')
    source.add_argument('--bags', type=Path, nargs='+', metavar='FOLDER',
                        help='all bags in these folders, at any depth: one report of them')
    source.add_argument('--data', type=Path, metavar='FOLDER',
                        help='dataset folder: Cambridge Landmarks, 7-Scenes or TUM RGB-D')
    source.add_argument('--poses', type=Path, metavar='FILE',
                        help='poses of any method: a file, or a folder of them')
    result.add_argument('--out', type=Path, required=True, metavar='FOLDER',
                        help='folder of the report, made new')
    result.add_argument('--force', action='store_true', help='replace an existing report')
    result.add_argument('--false-pose', type=float, default=FALSE_POSE_M, metavar='M',
                        help='count accepted poses that are further off than this, metres '
                        '(default %(default)s)')
    result.add_argument('--false-pose-deg', type=float, default=FALSE_POSE_DEG, metavar='DEG',
                        help='or turned by more than this, degrees (default %(default)s)')
    result.add_argument('--max-truth-gap', type=float, default=MAX_POSE_GAP_S, metavar='S',
                        help='the longest gap between two truths in which to interpolate, '
                        'seconds (default %(default)s)')
    result.add_argument('--no-images', action='store_true',
                        help='make a report without pictures and without paths, to pass on')
    _add_trajectory(result.add_argument_group(
        'the trajectory as a whole', 'APE and RPE of the accepted poses, as evo has them'))
    _add_model(result.add_argument_group('with --bag and --data'))
    add_topics(result.add_argument_group('with --bag', 'topics default to the only one'))
    _add_fleet(result.add_argument_group('with --bags'))
    _add_published(result.add_argument_group(
        'with --bag: score what was published',
        '--model is then for the baselines, and to compare with what it computes offline'))
    _add_files(result.add_argument_group('with --poses'))
    return result


def _add_trajectory(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--align', choices=ALIGNMENTS, default=ALIGNMENTS[0],
                       help='align the estimates with the truth first, for APE and RPE alone: se3 '
                       "(evo's -a) or sim3, with the scale (-as) (default %(default)s)")
    group.add_argument('--delta', type=float, default=1.0, metavar='N',
                       help='distance of the two poses of which RPE is the relative error '
                       '(default %(default)g)')
    group.add_argument('--delta-unit', choices=DISTANCE_UNITS, default=DISTANCE_UNITS[0],
                       help='its unit: f frames, d degrees, r radians, m metres travelled '
                       '(default %(default)s)')
    group.add_argument('--all-pairs', action='store_true',
                       help='RPE of each pose and the one at that distance, instead of pairs one '
                       'after another')


def _add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--model', type=Path, metavar='FOLDER',
                       help='model folder, made by posenet train')
    group.add_argument('--split', choices=SPLITS, default='test',
                       help='which file of the dataset (default %(default)s)')
    _add_network(group)
    group.add_argument('--refine', action='store_true',
                       help='refine poses by the landmarks of the model folder')
    group.add_argument('--tracking', action='store_true',
                       help='track the camera between localisations, as the node does; the images '
                       'have to be those of a camera at its rate, in order')
    group.add_argument('--replay', choices=REPLAYS, default=REPLAYS[0],
                       help='images: each by itself; order: one after another, the last accepted '
                       "pose as the next image's prior, as in the node (default %(default)s)")
    group.add_argument('--camera', metavar='FX[,FY,CX,CY[,MODEL][,K1,...]]',
                       help='camera of the images, pixels, in place of camera_info or '
                       'camera.json; MODEL: plumb_bob, rational_polynomial or equidistant '
                       '(fisheye)')
    group.add_argument('--camera-info-policy', choices=POLICIES, default=POLICIES[0],
                       help="when that is not the model's camera. adapt, with --refine: answer by "
                       'landmarks; refuse: answer nothing; ignore: take it for the same '
                       '(default %(default)s)')
    group.add_argument('--out-of-place', nargs='+', type=Path, default=[], metavar='PATH',
                       help='folders of images, or bags, of other places, to test whether the '
                       'model recognises them as out of place '
                       f'(at most {MAX_IMAGES_OF_A_PLACE} images of each)')
    group.add_argument('--train-images', type=Path, metavar='FOLDER',
                       help='dataset that the model was trained on: the page shows the worst '
                       'frames beside its images (default: --data)')
    add_assignments(group, '--gate', 'gate', "limits of the gate, as the node's parameters of "
                    f'these names: {", ".join(GATE_LIMITS)}; all are off by default')


def _add_network(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--engine', choices=ENGINES, default='auto',
                       help='auto, the default, is TensorFlow where there is an NVIDIA GPU, '
                       'else LiteRT')
    group.add_argument('--precision', choices=PRECISIONS, default='float32',
                       help="as the node's parameter of that name (default %(default)s)")
    either = group.add_mutually_exclusive_group()
    either.add_argument('--mc-samples', type=int, default=0, metavar='N',
                        help='samples of Monte-Carlo dropout, whose spread is added to the '
                        'covariance (default %(default)s: off)')
    either.add_argument('--dense', action='store_true', help='average over 128 crops of each '
                        'image, as the 2015 paper does, for networks that see a crop of it')


def add_topics(group: argparse._ArgumentGroup) -> None:
    """Add the options that choose the topics of a bag."""
    group.add_argument('--image-topic', metavar='TOPIC', help='Image or CompressedImage')
    group.add_argument('--camera-info-topic', metavar='TOPIC', help='CameraInfo of the images')
    group.add_argument('--truth-topic', metavar='TOPIC', help='PoseStamped, '
                       'PoseWithCovarianceStamped, Odometry or TransformStamped: map from camera, '
                       'or from the child frame that it names, which TF has to join with the '
                       'camera')
    group.add_argument('--truth-tf', nargs=2, metavar=('MAP', 'CAMERA'),
                       help='take the truth from TF, between these frames')
    group.add_argument('--map-frame', default='', metavar='FRAME',
                       help="the frame of the model's poses: truth in another is transformed "
                       'into it by TF; default: the frame of the truth')


def _add_fleet(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--group-by', nargs='+', default=['place', 'robot'], metavar='WHAT',
                       help='what the folders above a bag stand for, the nearest last '
                       '(default: place robot)')
    add_task_options(group, 'processes, a bag each', 'evaluate the bags instead')
    group.add_argument('--resume', action='store_true',
                       help='go on with a run that was stopped: no finished bag is repeated')


def _add_published(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--live', action='store_true',
                       help='play the bag to a running relocaliser, and score what it publishes')
    group.add_argument('--node', default='/relocaliser', metavar='NAME',
                       help='full name of that relocaliser (default %(default)s)')
    group.add_argument('--estimate-topic', metavar='TOPIC', help='score the poses recorded on '
                       'this topic: PoseStamped or PoseWithCovarianceStamped')
    group.add_argument('--estimates', type=Path, metavar='BAG',
                       help='the bag that recorded them; default: --bag')


def _add_files(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--truth', type=Path, metavar='FILE', help='ground-truth poses')
    group.add_argument('--train', type=Path, metavar='FILE',
                       help='poses that the method was trained on, for the baselines')
    group.add_argument('--format', metavar='FORMAT',
                       help=f'format of --poses: {", ".join(POSE_FORMATS)}; default: by content')
    group.add_argument('--truth-format', metavar='FORMAT',
                       help='format of --truth and --train; default: by content')
    group.add_argument('--match', choices=ASSOCIATION_KEYS, metavar='BY',
                       help='how to associate rows; default: by name where both have names, '
                       'else by stamp, with the truth interpolated there, else by row; nearest: '
                       'by the nearest stamp, as evo (name, stamp, nearest, row)')


def gate_config(settings: Sequence[str], defaults: GateConfig | None = None) -> GateConfig:
    """
    Read the gate's limits from `KEY=VALUE` arguments.

    :param defaults: of the limits that are not given; None switches them off.
    :raises InputError: on an unknown key or a value that is no number.
    """
    from dataclasses import asdict

    from posenet_ros.localisation.gate_config import GateConfig
    from posenet_ros.utils.settings.schema import from_mapping

    pairs = read_assignments(settings, '--gate')
    try:
        values = {key: SWITCHES[value.lower()] if value.lower() in SWITCHES else float(value)
                  for key, value in pairs}
    except ValueError as error:
        raise InputError(f'--gate has to be KEY=NUMBER. Received: {" ".join(settings)}') from error
    return from_mapping(GateConfig, {**asdict(defaults or GateConfig()), **values}, '--gate')
