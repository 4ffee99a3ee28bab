"""The services of the node, and its subscription to initial poses."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Protocol

from geometry_msgs.msg import PoseWithCovarianceStamped
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from std_srvs.srv import Empty, SetBool, Trigger

INITIAL_POSE_QOS = QoSProfile(depth=1)


class Commands(Protocol):
    """What the services ask for."""

    def relocalise(self) -> None:
        """Let the next good pose be taken, wherever it is."""
        ...

    def reset(self) -> None:
        """Forget poses, path, transforms and counts."""
        ...

    def set_enabled(self, enabled: bool) -> None:
        """Localise or ignore images."""
        ...

    def seed(self, message: PoseWithCovarianceStamped) -> None:
        """Take an initial pose."""
        ...


def create_services(node: LifecycleNode, stack: ExitStack, commands: Commands) -> None:
    """
    Create the services and the subscription to initial poses.

    :param stack: destroys them when it is closed.
    """
    for kind, name, callback in (
            (Trigger, '~/relocalise', _relocalise(commands)),
            (Empty, 'reinitialize_global_localization', _reinitialise(commands)),  # as AMCL's
            (Trigger, '~/reset', _reset(commands)),
            (SetBool, '~/set_enabled', _set_enabled(commands))):
        stack.callback(node.destroy_service, node.create_service(kind, name, callback))
    stack.callback(node.destroy_subscription, node.create_subscription(
        PoseWithCovarianceStamped, 'initialpose', commands.seed, INITIAL_POSE_QOS))


def _relocalise(commands: Commands) -> Callable[..., Trigger.Response]:
    def respond(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        commands.relocalise()
        response.success, response.message = True, 'the next pose that is good will be accepted'
        return response
    return respond


def _reinitialise(commands: Commands) -> Callable[..., Empty.Response]:
    def respond(_: Empty.Request, response: Empty.Response) -> Empty.Response:
        commands.relocalise()
        return response
    return respond


def _reset(commands: Commands) -> Callable[..., Trigger.Response]:
    def respond(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        commands.reset()
        response.success, response.message = True, 'poses, path, transforms and counts forgotten'
        return response
    return respond


def _set_enabled(commands: Commands) -> Callable[..., SetBool.Response]:
    def respond(request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        commands.set_enabled(bool(request.data))
        response.success = True
        response.message = 'images are answered' if request.data else 'images are ignored'
        return response
    return respond
