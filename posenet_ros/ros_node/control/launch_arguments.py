"""
What the launch files know of the node and of bags.

They only declare: what stands for a parameter is made from the table of parameters here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

from posenet_ros.ros_node.parameters import Parameters
from posenet_ros.utils.settings.described_fields import describe_allowed
from posenet_ros.utils.suggestions import did_you_mean

AT_A_LAUNCH = (  # what one sets at a launch; the other parameters are for a file
    'model', 'engine', 'precision', 'refine', 'mode', 'autostart', 'map_frame', 'camera_frame',
    'base_frame', 'odom_frame', 'tf_mode', 'planar', 'publish_base_pose', 'image_transport',
    'image_reliability', 'camera_info_policy', 'set_initial_pose', 'max_sigma_m', 'max_jump_m')
EMPTY = 'empty: as in params_file'


class Argument(NamedTuple):
    """An argument of a launch file."""

    name: str
    default: str
    description: str


def parameter_arguments(**defaults: str) -> list[Argument]:
    """
    Make the arguments that stand for parameters, in the order of their table.

    :param defaults: of those that are not empty.
    """
    return [Argument(item.name, defaults.get(item.name, ''), _description(
        item.metadata['description'], describe_allowed(item)))
        for item in fields(Parameters) if item.name in AT_A_LAUNCH]


def _description(text: str, allowed: str) -> str:
    return ' '.join(part for part in (text, f'({allowed})' if allowed else '', EMPTY) if part)


def without_effect(
        given: Iterable[str], known: Sequence[str], *, includes: bool = False) -> list[str]:
    """
    Return a line for each argument of a command line that the launch file does not know.

    A launch file may be included by one with arguments of its own, so only those are told that
    are parameters of the node, or nearly an argument.

    :param given: words as `NAME:=VALUE`.
    :param known: the arguments of the launch file.
    :param includes: whether it includes another one, which tells its own; it is then told only
        what is nearly one of `known`.
    """
    parameters = [item.name for item in fields(Parameters)]
    lines = []
    for name in (word.partition(':=')[0] for word in given if ':=' in word):
        if name in known or (includes and name in parameters):
            continue
        if name in parameters:
            lines.append(f'{name}:= is no argument of this launch file and has no effect: set the '
                         'parameter in a YAML file, params_file:=FILE')
        elif near := did_you_mean(name, known):
            lines.append(f'{name}:= is no argument of this launch file and has no effect{near}')
    return lines


def image_source(bag: Path, image: str) -> tuple[str, str]:
    """
    Return the image topic of a bag without `/compressed`, and its transport, raw or compressed.

    :param image: the topic that is wanted; empty for the only one of the bag.
    :raises InputError: when the bag cannot be read or has no such topic.
    """
    from posenet_ros.ros_data.bag_reader import BagReader
    with BagReader(bag) as reader:
        names = [name for name in (_absolute(image), f'{_absolute(image)}/compressed')
                 if image and name in reader.topics]
        topic = reader.image_topic(names[0] if names else _absolute(image) or None)
        compressed = reader.topics[topic].endswith('CompressedImage')
    return topic.removesuffix('/compressed'), 'compressed' if compressed else 'raw'


def _absolute(topic: str) -> str:
    return f'/{topic.lstrip("/")}' if topic else ''
