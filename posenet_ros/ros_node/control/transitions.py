"""How the node answers requests for a lifecycle transition."""

from __future__ import annotations

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode

GOALS = {  # transition -> the state that it leads to
    Transition.TRANSITION_CONFIGURE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_CLEANUP: State.PRIMARY_STATE_UNCONFIGURED,
    Transition.TRANSITION_ACTIVATE: State.PRIMARY_STATE_ACTIVE,
    Transition.TRANSITION_DEACTIVATE: State.PRIMARY_STATE_INACTIVE,
    Transition.TRANSITION_UNCONFIGURED_SHUTDOWN: State.PRIMARY_STATE_FINALIZED,
    Transition.TRANSITION_INACTIVE_SHUTDOWN: State.PRIMARY_STATE_FINALIZED,
    Transition.TRANSITION_ACTIVE_SHUTDOWN: State.PRIMARY_STATE_FINALIZED,
}
LABELS = {
    'configure': Transition.TRANSITION_CONFIGURE, 'cleanup': Transition.TRANSITION_CLEANUP,
    'activate': Transition.TRANSITION_ACTIVATE, 'deactivate': Transition.TRANSITION_DEACTIVATE,
    'shutdown': Transition.TRANSITION_UNCONFIGURED_SHUTDOWN}


def accept_repeated_transitions(node: LifecycleNode) -> None:
    """
    Let a transition to the state that the node is in succeed, and refuse what the state lacks.

    A lifecycle manager that was started anew, or calls twice, then finds the node as it wants it.
    rclpy 7.1 ends the node at a transition that its state does not have.
    """
    service = node._service_change_state  # rclpy has no public way
    change_state = service.callback

    def handle(request: ChangeState.Request,
               response: ChangeState.Response) -> ChangeState.Response:
        state, label = node._state_machine.current_state
        if leads_to(request.transition) == state:
            response.success = True
            return response
        try:
            return change_state(request, response)
        except rclpy_implementation.RCLError:
            node.get_logger().warning(
                f'transition refused: a node that is {label} has none to '
                f'{name_of(request.transition)}{advice(request.transition, state)}')
            response.success = False
            return response

    service.callback = handle


def leads_to(transition: Transition) -> int | None:
    """Return the state that a transition leads to, None for one that is not known."""
    number = LABELS.get(transition.label) if transition.label else transition.id
    return GOALS.get(number)


def name_of(transition: Transition) -> str:
    """Return the word for a transition."""
    if transition.label:
        return str(transition.label)
    if GOALS.get(transition.id) == State.PRIMARY_STATE_FINALIZED:
        return 'shutdown'
    return next((label for label, number in LABELS.items() if number == transition.id),
                f'transition {transition.id}')


def advice(transition: Transition, state: int) -> str:
    """Return what to do about a refused transition; empty where there is nothing to say."""
    early = state == State.PRIMARY_STATE_ACTIVE and name_of(transition) == 'configure'
    return ('; set autostart to false where a lifecycle manager starts the node'
            if early else '')
