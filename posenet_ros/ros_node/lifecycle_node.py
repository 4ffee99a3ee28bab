"""The lifecycle node itself, and how it is spun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
import signal
from threading import Event
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.ros_node import declared_parameters, parameters
from posenet_ros.ros_node.control.cameras import node_options
from posenet_ros.ros_node.control.transitions import accept_repeated_transitions
from posenet_ros.ros_node.diagnostics import Diagnostics
from posenet_ros.ros_node.parameters import Parameters
from posenet_ros.ros_node.recovery import Recovery
from posenet_ros.ros_node.runtime import Runtime
from posenet_ros.utils.processes import free_memory
from posenet_ros.utils.suggestions import did_you_mean
from rcl_interfaces.msg import SetParametersResult
import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile

DIAGNOSTICS_QOS = QoSProfile(depth=10)
DIAGNOSTICS_PERIOD_S = 1.0
WARNING_PERIOD_S = 5.0
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class RelocaliserNode(LifecycleNode):  # type: ignore[misc] # ROS has no types
    """
    Relocalise a camera: configure loads and warms up the network, activate switches it on.

    A configure that fails leaves the node unconfigured, with the reason in the log and in
    the diagnostics, so that it can be given another model and configured again.

    :param options: of rclpy's node, such as its namespace.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - rclpy has no types
        super().__init__('relocaliser', **options)
        declared_parameters.declare(self)
        self.add_on_set_parameters_callback(self._check_changes)
        accept_repeated_transitions(self)
        self._diagnostics = Diagnostics()
        self._runtime: Runtime | None = None
        self._frees = False  # memory of what was closed
        self._warned_s: dict[str, float] = {}
        self._recovery = Recovery(self)
        self._status_publisher = self.create_publisher(
            DiagnosticArray, '/diagnostics', DIAGNOSTICS_QOS)
        # not the node's own clock: simulated time may stand still
        self.create_timer(DIAGNOSTICS_PERIOD_S, self._publish_status,
                          clock=Clock(clock_type=ClockType.STEADY_TIME))

    def autostart(self) -> None:
        """Configure and activate, if the parameter says so."""
        if (self.get_parameter('autostart').value
                and self.trigger_configure() == TransitionCallbackReturn.SUCCESS):
            self.trigger_activate()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm up the network and connect the topics."""
        self._diagnostics = Diagnostics()
        try:
            values = declared_parameters.read(self)
            self._runtime = Runtime(self, values, self._diagnostics, self)
        except Exception as error:  # rclpy would swallow what a framework raises
            kind = '' if isinstance(error, PoseNetError) else f'{type(error).__name__}: '
            self._diagnostics.error = f'not configured: {kind}{error}'
            self.get_logger().error(self._diagnostics.error)
            return TransitionCallbackReturn.FAILURE
        for name in declared_parameters.unknown(self):
            meant = did_you_mean(name, [item.name for item in fields(Parameters)])
            self.warn(f'unknown parameter {name}', 'is not known and has no effect' + meant)
            self._diagnostics.facts[f'parameter {name}'] = f'unknown{meant}'  # who comes later
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Localise images from now on."""
        assert self._runtime
        self._recovery.cancel()
        self._diagnostics.error = ''
        activated = super().on_activate(state)  # first: the publishers are silent until then
        self._runtime.activate()
        return activated

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Localise no more images; the one in progress is discarded."""
        assert self._runtime
        self._runtime.deactivate()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free the network and disconnect the topics."""
        self.close()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Free everything, from any state."""
        self.close()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Go back to unconfigured after a transition that raised."""
        self.close()
        return super().on_error(state)

    def close(self) -> None:
        """Free the runtime."""
        self._recovery.cancel()
        if self._runtime:
            self._runtime.close()
            self._runtime = None
            self._frees = True

    def fail(self, reason: str) -> None:
        """Deactivate because the network failed; cleanup and configure start it again."""
        self.get_logger().error(reason)
        self.trigger_deactivate()
        self._diagnostics.error = reason
        self._recovery.schedule()

    def warn(self, what: str, reason: str) -> None:
        """Show a problem in the diagnostics and, at most every 5 s for each, in the log."""
        self._diagnostics.warn(what, reason)
        now_s = time.monotonic()
        if now_s - self._warned_s.get(what, -WARNING_PERIOD_S) >= WARNING_PERIOD_S:
            self._warned_s[what] = now_s
            self.get_logger().warning(f'{what}: {reason}')

    def _check_changes(self, changes: list[Parameter]) -> SetParametersResult:
        known = {item.name for item in fields(Parameters)}
        values = {change.name: change.value for change in changes if change.name in known}
        fixed = sorted(set(values) & parameters.fixed_names())
        if fixed and self._runtime:
            return SetParametersResult(
                successful=False, reason=f'{fixed[0]} can be changed only while the node is not '
                'configured: clean it up first')
        try:
            checked = declared_parameters.read(self, values)
        except InputError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if self._runtime:
            self._runtime.change(checked)
        return SetParametersResult(successful=True)

    def _publish_status(self) -> None:
        if self._frees:  # not before: until now the executor held the callbacks, and they it
            self._frees = False
            free_memory()
        status = self._diagnostics.report(self._state_machine.current_state[1], time.monotonic())
        message = DiagnosticArray()
        message.header.stamp = self.get_clock().now().to_msg()
        message.status = [DiagnosticStatus(
            level=bytes([status.level]), name=f'{self.get_fully_qualified_name()}: relocaliser',
            message=status.message, hardware_id=status.values.get('device', ''),
            values=[KeyValue(key=k, value=v) for k, v in status.values.items()])]
        self._status_publisher.publish(message)


def serve(arguments: Sequence[str], cameras: Sequence[str] = ()) -> None:
    """
    Spin the node, or one for each camera, and free everything at the end, whatever ends it.

    :param arguments: the command line, those for ROS among them.
    :param cameras: namespaces of the cameras; the nodes share the model's memory.
    """
    nodes: list[RelocaliserNode] = []
    signalled = Event()

    def interrupt(*_: object) -> None:
        signalled.set()
        raise KeyboardInterrupt

    for number in SIGNALS:
        signal.signal(number, interrupt)
    try:
        rclpy.init(args=list(arguments))
        executor = SingleThreadedExecutor()
        for options in node_options(arguments, cameras):
            nodes.append(RelocaliserNode(**options))
            nodes[-1].autostart()
            executor.add_node(nodes[-1])
        executor.spin()
    except ExternalShutdownException:
        pass
    except Exception:
        if rclpy.ok() and not signalled.is_set():  # else it came in the middle of something
            raise
    finally:
        for number in SIGNALS:  # launch and the terminal both send one
            signal.signal(number, signal.SIG_IGN)
        for node in nodes:
            node.close()
            node.destroy_node()
        rclpy.try_shutdown()
