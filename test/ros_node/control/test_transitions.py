"""Lifecycle transitions as nav2's lifecycle manager asks for them, in its order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
import threading

from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from posenet_ros.ros_node.control.transitions import leads_to, name_of
from posenet_ros.ros_node.lifecycle_node import RelocaliserNode
import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from ros_helpers import write_mean_colour_model

DOMAIN = 205
TIMEOUT_S = 30.0
GOALS = {Transition.TRANSITION_CONFIGURE: State.PRIMARY_STATE_INACTIVE,
         Transition.TRANSITION_CLEANUP: State.PRIMARY_STATE_UNCONFIGURED,
         Transition.TRANSITION_ACTIVATE: State.PRIMARY_STATE_ACTIVE,
         Transition.TRANSITION_DEACTIVATE: State.PRIMARY_STATE_INACTIVE,
         Transition.TRANSITION_UNCONFIGURED_SHUTDOWN: State.PRIMARY_STATE_FINALIZED}


class LifecycleManager:
    """
    Imitate nav2_lifecycle_manager: its calls in its order, each state read back by get_state.

    Several nodes are brought up in order and down in reverse, as it does; a bond is what it
    needs besides, unless its `bond_timeout` is 0.
    """

    def __init__(self, context: Context, names: Sequence[str]) -> None:
        self._node = rclpy.create_node('lifecycle_manager', context=context)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self._node)
        self._names = names
        self._clients = {(name, kind): self._node.create_client(kind, f'{name}/{service}')
                         for name in names for kind, service in (
                             (ChangeState, 'change_state'), (GetState, 'get_state'))}

    def close(self) -> None:
        """Disconnect."""
        self._executor.shutdown()
        self._node.destroy_node()

    def _call(self, name: str, kind: type, request: object) -> object:
        client = self._clients[name, kind]
        assert client.wait_for_service(TIMEOUT_S)
        future = client.call_async(request)
        self._executor.spin_until_future_complete(future, TIMEOUT_S)
        assert future.done(), f'{name} does not answer'
        return future.result()

    def state(self, name: str) -> int:
        """Return a node's state."""
        return int(self._call(name, GetState, GetState.Request()).current_state.id)

    def _change(self, name: str, transition: int) -> bool:
        request = ChangeState.Request()
        request.transition.id = transition
        return bool(self._call(name, ChangeState, request).success) and (
            self.state(name) == GOALS[transition])

    def change_label(self, name: str, label: str) -> bool:
        """Ask for a transition by its word, as `ros2 lifecycle set` does not."""
        request = ChangeState.Request()
        request.transition.label = label
        return bool(self._call(name, ChangeState, request).success)

    def _change_all(self, transition: int, *, reverse: bool) -> bool:
        names = reversed(self._names) if reverse else self._names
        return all(self._change(name, transition) for name in names)

    def startup(self) -> bool:
        """Configure all, then activate all."""
        return (self._change_all(Transition.TRANSITION_CONFIGURE, reverse=False)
                and self._change_all(Transition.TRANSITION_ACTIVATE, reverse=False))

    def pause(self) -> bool:
        """Deactivate all."""
        return self._change_all(Transition.TRANSITION_DEACTIVATE, reverse=True)

    def resume(self) -> bool:
        """Activate all."""
        return self._change_all(Transition.TRANSITION_ACTIVATE, reverse=False)

    def reset(self) -> bool:
        """Deactivate and clean up all."""
        return (self._change_all(Transition.TRANSITION_DEACTIVATE, reverse=True)
                and self._change_all(Transition.TRANSITION_CLEANUP, reverse=True))

    def shutdown(self) -> bool:
        """Deactivate, clean up and shut down all, whatever fails."""
        done = [self._change_all(transition, reverse=True) for transition in (
            Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP,
            Transition.TRANSITION_UNCONFIGURED_SHUTDOWN)]
        return all(done)


@pytest.fixture(scope='module')
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mean_colour_model(tmp_path_factory.mktemp('model') / 'tiny')


@pytest.fixture
def context() -> Iterator[Context]:
    made = Context()
    rclpy.init(context=made, domain_id=DOMAIN, args=[])
    yield made
    rclpy.shutdown(context=made)


@pytest.fixture
def nodes(context: Context, model: Path) -> Iterator[dict[str, RelocaliserNode]]:
    """Spin two nodes in a thread, as two servers of Nav2."""
    made = {f'/{name}/relocaliser': RelocaliserNode(
        namespace=name, context=context, use_global_arguments=False,
        cli_args=['--ros-args', '-p', 'autostart:=false', '-p', f'model:={model}'])
        for name in ('front', 'rear')}
    executor = SingleThreadedExecutor(context=context)
    for node in made.values():
        executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    yield made
    executor.shutdown()
    thread.join(TIMEOUT_S)
    for node in made.values():
        node.close()
        node.destroy_node()


@pytest.fixture
def manager(context: Context, nodes: dict[str, RelocaliserNode]) -> Iterator[LifecycleManager]:
    made = LifecycleManager(context, list(nodes))
    yield made
    made.close()


def test_the_manager_finds_each_state_that_it_asked_for(
        manager: LifecycleManager, nodes: dict[str, RelocaliserNode]) -> None:
    assert manager.startup()
    first, second = (node._runtime._model for node in nodes.values())
    assert first is second  # the model is in memory once
    assert manager.pause()
    assert manager.pause()
    assert manager.resume()
    assert manager.resume()
    assert manager.reset()
    assert manager.reset() is False  # deactivate: there is nothing to deactivate
    assert manager.startup()
    assert manager.shutdown()
    assert {manager.state(name) for name in nodes} == {State.PRIMARY_STATE_FINALIZED}
    assert all(manager.change_label(name, 'shutdown') for name in nodes)


def test_a_manager_that_is_started_anew_takes_over(
        manager: LifecycleManager, context: Context, nodes: dict[str, RelocaliserNode]) -> None:
    name = next(iter(nodes))
    assert manager.change_label(name, 'configure')  # by hand, before
    assert manager.startup()
    assert manager.resume()
    again = LifecycleManager(context, list(nodes))
    assert again.startup() is False  # an active node cannot be configured
    assert manager.state(name) == State.PRIMARY_STATE_ACTIVE
    assert again.reset()
    assert again.startup()
    again.close()


@pytest.mark.parametrize(('words', 'goal', 'name'), [
    ({'id': Transition.TRANSITION_CONFIGURE}, State.PRIMARY_STATE_INACTIVE, 'configure'),
    ({'id': Transition.TRANSITION_ACTIVE_SHUTDOWN}, State.PRIMARY_STATE_FINALIZED, 'shutdown'),
    ({'label': 'activate'}, State.PRIMARY_STATE_ACTIVE, 'activate'),
    ({'label': 'fly'}, None, 'fly'), ({'id': 77}, None, 'transition 77')])
def test_a_transition_is_known_by_number_or_word(
        words: dict[str, object], goal: int | None, name: str) -> None:
    transition = Transition(**words)
    assert leads_to(transition) == goal
    assert name_of(transition) == name
