"""The node's parameters: one place, said alike everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
import re

from helpers import ROOT
from posenet_ros.errors import InputError
from posenet_ros.ros_node import declared_parameters
from posenet_ros.ros_node.parameters import Parameters
from posenet_ros.utils.ros_environment import prepare_environment
import pytest
from rcl_interfaces.msg import ParameterDescriptor
import rclpy
from rclpy.context import Context
from rclpy.node import Node
import yaml


@pytest.fixture
def context() -> Iterator[Context]:
    prepare_environment()
    context = Context()
    rclpy.init(context=context, args=[], domain_id=95)
    yield context
    rclpy.shutdown(context=context)


def node_with(context: Context, **overrides: object) -> Node:
    """Return a node that was given these parameters at its start."""
    given = [rclpy.Parameter(name, value=value) for name, value in overrides.items()]
    return Node('test', context=context, parameter_overrides=given,
                start_parameter_services=False)


def test_declaring_gives_the_defaults(context: Context) -> None:
    node = node_with(context)
    declared_parameters.declare(node)
    assert declared_parameters.read(node) == Parameters()
    for item in fields(Parameters):
        descriptor: ParameterDescriptor = node.describe_parameter(item.name)
        assert descriptor.description == item.metadata['description']
        assert descriptor.read_only == item.metadata['read_only']
        ranges = [*descriptor.floating_point_range, *descriptor.integer_range]
        number = isinstance(item.default, int | float) and not isinstance(item.default, bool)
        assert bool(ranges) == bool(item.metadata['limits']) == number
    node.destroy_node()


def test_the_yaml_file_equals_the_defaults() -> None:
    content = yaml.safe_load((ROOT / 'config' / 'relocalise.yaml').read_text())
    values = content['/**']['ros__parameters']
    as_tuples = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    assert Parameters(**as_tuples) == Parameters()
    assert list(values) == [item.name for item in fields(Parameters)]


@pytest.mark.parametrize(('name', 'value'), [
    ('tf_mode', 'sideways'), ('engine', 'magic'), ('map_frame', ''), ('map_frame', '/'),
    ('map_from_dataset_xyz', (1.0, 2.0)), ('map_from_dataset_quat_xyzw', (0.0, 0.0, 0.0, 2.0)),
    ('max_distance_m', -1.0), ('image_transport', 'theora'), ('camera_info_policy', 'guess'),
    ('image_reliability', 'perfect'), ('image_durability', 'eternal')])
def test_a_bad_value_is_refused_by_name(name: str, value: object) -> None:
    stem = re.escape(name.removesuffix('_xyz').removesuffix('_quat_xyzw'))
    with pytest.raises(InputError, match=f'{stem}.*Received'):
        replace(Parameters(), **{name: value})


@pytest.mark.parametrize(('name', 'value', 'said'), [
    ('map_frame', 3, 'a string'), ('max_distance_m', 'far', 'a decimal number, 0 to 1e\\+06'),
    ('max_distance_m', -3.0, '.*0 to 1e'), ('max_distance_m', float('nan'), '.*0 to 1e'),
    ('max_distance_m', True, 'a decimal number'), ('image_depth', True, 'a whole number'),
    ('refine', 'always', 'one of auto, true, false'),
    ('refine', 'atuo', r"one of.*Received: 'atuo'; did you mean auto\?$"),
    ('map_from_dataset_xyz', [1, 2], '3 dec'),
    ('tf_mode', True, 'one of'), ('max_distance_m', -3, '.*0 to 1e'),
    ('autostart', 'yes', 'true or false'),
    ('image_depth', 0, 'a whole number, 1 to 100'), ('image_depth', 2.5, 'a whole number'),
    ('map_from_dataset_xyz', 'here', '3 decimal numbers')])
def test_a_wrong_type_or_range_at_the_start_is_refused(
        context: Context, name: str, value: object, said: str) -> None:
    node = node_with(context, **{name: value})
    with pytest.raises(InputError, match=f'{name} has to be {said}') as caught:
        declared_parameters.declare(node)
    assert 'Received: ' in str(caught.value)
    node.destroy_node()


@pytest.mark.parametrize(('name', 'value', 'taken'), [
    ('max_sigma_m', 3, 3.0), ('refine', True, 'true'), ('refine', False, 'false'),
    ('refine', 'auto', 'auto'), ('map_from_dataset_xyz', [1, 2, 3], (1.0, 2.0, 3.0)),
    ('tf_timeout', 1, 1.0)])
def test_whole_numbers_and_booleans_are_taken(
        context: Context, name: str, value: object, taken: object) -> None:
    started = node_with(context, **{name: value})
    declared_parameters.declare(started)
    changed = node_with(context)
    declared_parameters.declare(changed)
    [result] = changed.set_parameters([rclpy.Parameter(name, value=value)])
    assert result.successful, result.reason
    for node in (started, changed):
        found = getattr(declared_parameters.read(node), name)
        assert (found, type(found)) == (taken, type(taken))
        kept = node.get_parameter(name).value  # as `ros2 param get` shows it
        assert (list(kept) if isinstance(taken, tuple) else kept) == (
            list(taken) if isinstance(taken, tuple) else taken)
        node.destroy_node()


@pytest.mark.parametrize(('word', 'refined'), [
    ('auto', (True, False)), ('true', (True, True)), ('false', (False, False))])
def test_poses_are_refined_where_it_is_possible_or_wanted(
        word: str, refined: tuple[bool, bool]) -> None:
    values = Parameters(refine=word)
    assert (values.refines(True), values.refines(False)) == refined


def test_unknown_parameters_are_found(context: Context) -> None:
    node = node_with(context, tf_mod='none', model='m')
    declared_parameters.declare(node)
    assert declared_parameters.unknown(node) == ['tf_mod']
    node.destroy_node()
