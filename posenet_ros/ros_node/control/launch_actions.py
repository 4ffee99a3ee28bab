"""Actions of several launch files: arguments, parameters, and what has no effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from launch import LaunchContext
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, NotEqualsSubstitution
from launch_ros.actions import SetParameter, SetParametersFromFile, SetRemap
from posenet_ros.ros_node.control.launch_arguments import Argument, without_effect


def declare(arguments: Sequence[tuple[str, Any, str]], *, includes: bool = False) -> list[Any]:
    """
    Declare arguments, and tell those of the command line that have no effect.

    :param arguments: name, default and description of each.
    :param includes: as of :func:`without_effect`.
    """
    known = [name for name, *_ in arguments]

    def tell(context: LaunchContext) -> list[Any]:
        return [LogInfo(msg=line) for line in without_effect(
            context.argv, known, includes=includes)]

    return [*(DeclareLaunchArgument(name, default_value=default, description=description)
              for name, default, description in arguments), OpaqueFunction(function=tell)]


def set_parameters(arguments: Sequence[Argument]) -> list[Any]:
    """
    Set the parameters of the nodes that follow, from `params_file` and the arguments.

    :param arguments: those that stand for parameters; an empty one leaves it to the file.
    """
    return [
        SetParametersFromFile(LaunchConfiguration('params_file')),
        SetParameter('use_sim_time', LaunchConfiguration('use_sim_time')),
        *(SetParameter(name, LaunchConfiguration(name), condition=given(name))
          for name, *_ in arguments),
        SetRemap('camera_info', LaunchConfiguration('camera_info'),
                 condition=given('camera_info'))]


def given(name: str) -> IfCondition:
    """Return the condition that a launch argument is not empty."""
    return IfCondition(NotEqualsSubstitution(LaunchConfiguration(name), ''))
