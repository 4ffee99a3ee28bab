"""What a node publishes while it is measured: poses, states, and what became of each image."""

from __future__ import annotations

from collections.abc import Mapping
import time
from typing import Any

from posenet_ros.errors import PoseNetError
from posenet_ros.training.bench.parts.live import Cameras

NODE = '/cam0/relocaliser'
REPORTS_S = 10.0  # to wait for reports that agree
ACTIVE_S = 20.0  # for a service of the lifecycle
POLL_S = 0.02
FOUND_S = 0.5  # until the node has found a client, too
LOCALISED = 'localised'  # of the diagnostics, while images are tracked: those of the second thread
COUNTED = ('answered', 'bad', 'dropped', 'failed', 'lost')  # besides the gate's verdicts


class NodeWatch:
    """
    Keep what the node publishes, while the cameras' node is spun.

    `published_ns` has for each answered stamp when the pose was published, nanoseconds since
    1970; `reports` the values of the diagnostics.
    """

    def __init__(self, node: Any) -> None:  # noqa: ANN401
        from diagnostic_msgs.msg import DiagnosticArray
        from geometry_msgs.msg import PoseStamped
        from posenet_ros.ros_data.messages import stamp_ns
        self.published_ns: dict[int, int] = {}
        self.reports: list[dict[str, str]] = []

        def on_pose(message: Any, info: Mapping[str, Any]) -> None:  # noqa: ANN401
            self.published_ns[stamp_ns(message.header.stamp)] = info['source_timestamp']

        def on_diagnostics(message: Any) -> None:  # noqa: ANN401
            if message.status[0].name.startswith(NODE):
                self.reports.append({item.key: item.value for item in message.status[0].values})

        node.create_subscription(PoseStamped, f'{NODE}/pose', on_pose, 1000)
        node.create_subscription(DiagnosticArray, '/diagnostics', on_diagnostics, 10)


def ends_of(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, int]:
    """
    Return what became of the images between two reports: name -> number.

    Every image ends in one of them: answered, rejected by a verdict of the gate, or counted.
    """
    found = {key: int(value) - int(before.get(key, 0)) for key, value in after.items()
             if key.startswith(('images ', 'verdict ')) and value.isdigit()}
    ends = {name: found.get(f'images {name}', 0) for name in COUNTED}
    return ends | {f'rejected as {key.removeprefix("verdict ")}': number
                   for key, number in found.items()
                   if key.startswith('verdict ') and key != 'verdict accepted' and number}


def localised_between(before: Mapping[str, str], after: Mapping[str, str],
                      ends: Mapping[str, int]) -> int:
    """
    Return the number of images that were localised between two reports.

    Those are all that were neither dropped nor lost, or those that a tracking node says.

    :param ends: of the images, as of :func:`ends_of`.
    """
    if after['tracking'] == 'on':
        return int(after.get(LOCALISED, 0)) - int(before.get(LOCALISED, 0))
    return sum(ends.values()) - ends['lost'] - ends['dropped']


def settled_report(cameras: Cameras, watch: NodeWatch) -> dict[str, str]:
    """
    Wait until two reports in a row count the same, and return the last one.

    :raises PoseNetError: when none do.
    """
    def counts(report: Mapping[str, str]) -> dict[str, str]:
        return {key: value for key, value in report.items() if key.startswith('images ')}

    watch.reports.clear()
    if not cameras.spin_for(REPORTS_S, lambda: len(watch.reports) > 1 and (
            counts(watch.reports[-1]) == counts(watch.reports[-2]))):
        raise PoseNetError(f'the diagnostics did not settle within {REPORTS_S:g} s')
    return watch.reports[-1]


class Lifecycle:
    """A lifecycle manager, which asks for states and changes them."""

    def __init__(self, cameras: Cameras) -> None:
        from lifecycle_msgs.srv import ChangeState, GetState
        self._cameras = cameras
        self._get_state, self._change_state = GetState.Request, ChangeState.Request
        self._states = cameras.node.create_client(GetState, f'{NODE}/get_state')
        self._changes = cameras.node.create_client(ChangeState, f'{NODE}/change_state')

    def wait_for(self, state: str) -> None:
        """
        Wait until the node says that it is in a state.

        :raises PoseNetError: when it does not.
        """
        end_s = time.monotonic() + ACTIVE_S
        while time.monotonic() < end_s:
            future = self._states.call_async(self._get_state())
            self._cameras.spin_for(POLL_S, future.done)
            if future.done() and future.result().current_state.label == state:
                return
        raise PoseNetError(f'the node is not {state} after {ACTIVE_S:g} s, see above')

    def start(self) -> float:
        """
        Configure and activate; return the seconds that it took.

        :raises PoseNetError: when that does not succeed.
        """
        from lifecycle_msgs.msg import Transition
        self.wait_for('unconfigured')
        self._changes.wait_for_service(ACTIVE_S)
        self._cameras.spin_for(FOUND_S)
        return sum(map(self._change, (
            Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)))

    def _change(self, number: int) -> float:
        request = self._change_state()
        request.transition.id = number
        begun_s = time.monotonic()
        future = self._changes.call_async(request)
        if not self._cameras.spin_for(ACTIVE_S, future.done) or not future.result().success:
            raise PoseNetError(f'the transition {number} of the lifecycle did not succeed')
        return time.monotonic() - begun_s
