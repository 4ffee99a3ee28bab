"""The parameters as ROS has them: declared on a node, and read from it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import Field, fields
from typing import Any

from posenet_ros.errors import InputError
from posenet_ros.ros_node.parameters import Parameters
from posenet_ros.utils.settings.described_fields import (
    as_list,
    checked_value,
    describe_allowed,
)
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter

FIELDS = {item.name: item for item in fields(Parameters)}


def _descriptor(item: Field[Any]) -> ParameterDescriptor:
    """Describe a parameter; its type is checked here, as ROS takes no 3 for 3.0."""
    descriptor = ParameterDescriptor(
        description=item.metadata['description'], read_only=item.metadata['read_only'],
        additional_constraints=describe_allowed(item), dynamic_typing=True)
    if item.metadata['limits']:
        low, high = item.metadata['limits']
        if isinstance(item.default, int):
            descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=1)]
        else:
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
    return descriptor


def declare(node: LifecycleNode) -> None:
    """
    Declare every parameter on the node.

    :raises InputError: when a value given at start has the wrong type or is out of its range.
    """
    given = node._parameter_overrides  # rclpy has no public way to ask
    for name, item in FIELDS.items():
        value = given[name].value if name in given else item.default
        node.declare_parameter(
            name, as_list(checked_value(item, value)), _descriptor(item), ignore_override=True)
    node.add_pre_set_parameters_callback(lambda changes: list(map(_as_declared, changes)))


def _as_declared(change: Parameter) -> Parameter:
    """Return a change in the type of its parameter; what is wrong is left to be refused."""
    with suppress(KeyError, InputError):
        value = checked_value(FIELDS[change.name], change.value)
        return Parameter(change.name, value=as_list(value))
    return change


def read(node: LifecycleNode, changes: Mapping[str, Any] | None = None) -> Parameters:
    """
    Return the node's parameters.

    :param changes: values to check before the node takes them.
    :raises InputError: on a value that is not allowed.
    """
    values = {name: node.get_parameter(name).value for name in FIELDS} | dict(changes or {})
    for name, value in values.items():
        if value is None:
            raise InputError(f'parameter {name} cannot be removed')
    return Parameters(**values)


def unknown(node: LifecycleNode) -> list[str]:
    """Return the names that were given at start but are not declared: typing errors."""
    return sorted(name for name in overrides(node) if not node.has_parameter(name))


def overrides(node: LifecycleNode) -> set[str]:
    """Return the names that were given at start, on the command line or in a file."""
    return set(node._parameter_overrides)
