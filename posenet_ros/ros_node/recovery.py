"""Start a node again by itself, some time after it has failed (`recover_after_s`)."""

from __future__ import annotations

from typing import Any

from lifecycle_msgs.msg import State
from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn

BEFORE_A_START = (State.PRIMARY_STATE_INACTIVE, State.PRIMARY_STATE_UNCONFIGURED)


class Recovery:
    """
    Clean up, configure and activate a lifecycle node that has deactivated itself.

    It does nothing where someone else has changed the node's state in the meantime.
    """

    def __init__(self, node: LifecycleNode) -> None:
        self._node = node
        self._timer: Any = None
        self._state = 0  # in which it was left

    def schedule(self) -> None:
        """Try after `recover_after_s`, unless that is 0."""
        self.cancel()
        seconds = float(self._node.get_parameter('recover_after_s').value)
        self._state = self._current()
        if seconds and self._state in BEFORE_A_START:
            self._node.get_logger().info(f'a new start is tried in {seconds:g} s')
            self._timer = self._node.create_timer(  # steady: simulated time may stand still
                seconds, self._recover, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def cancel(self) -> None:
        """Leave it to the person who has taken over."""
        if self._timer:
            self._node.destroy_timer(self._timer)
            self._timer = None

    def _current(self) -> int:
        return int(self._node._state_machine.current_state[0])

    def _recover(self) -> None:
        self.cancel()
        if self._current() != self._state:
            return
        if self._state == State.PRIMARY_STATE_INACTIVE:
            self._node.trigger_cleanup()
        if (self._node.trigger_configure() != TransitionCallbackReturn.SUCCESS
                or self._node.trigger_activate() != TransitionCallbackReturn.SUCCESS):
            self.schedule()
