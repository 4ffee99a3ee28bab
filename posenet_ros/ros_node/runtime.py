"""The runtime of a configured node: relocaliser, inference thread, topics and services."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from threading import RLock
from typing import Any, Protocol

from geometry_msgs.msg import PoseWithCovarianceStamped
from posenet_ros.inference.artifact import LoadedArtifact
from posenet_ros.localisation.factory import LoadedRelocaliser
from posenet_ros.localisation.gate import Gate
from posenet_ros.ros_node.camera_policy import CameraPolicy
from posenet_ros.ros_node.control.decoding import decode
from posenet_ros.ros_node.control.services import create_services
from posenet_ros.ros_node.control.shared_models import load_shared
from posenet_ros.ros_node.diagnostics import Diagnostics
from posenet_ros.ros_node.parameters import Parameters
from posenet_ros.ros_node.publishing.publishers import Publishers
from posenet_ros.ros_node.results import ResultHandler
from posenet_ros.ros_node.subscriptions import Subscriptions
from posenet_ros.ros_node.tf import TfBroadcaster
from posenet_ros.ros_node.worker import InferenceThread
from rclpy.lifecycle import LifecycleNode


class Report(Protocol):
    """How the runtime reports problems to the node."""

    def warn(self, what: str, reason: str) -> None:
        """Show a problem."""
        ...

    def fail(self, reason: str) -> None:
        """Stop: the network cannot be used."""
        ...


class Runtime:
    """
    What exists while the node is configured.

    Callbacks run in the executor's thread. The inference thread localises, judges and publishes:
    to wake the executor for that would cost more than the publishing. So one lock is held by
    whoever touches the state, but never while the network runs.

    :raises InputError: when the model folder or a parameter is not usable.
    """

    def __init__(self, node: LifecycleNode, values: Parameters, diagnostics: Diagnostics,
                 report: Report) -> None:
        self._diagnostics = diagnostics
        self._active, self._enabled = False, True
        self._on_request, self._asked = values.mode == 'on_request', False
        self._lock = RLock()
        self._model = model = load_shared(values)  # kept for the next node that wants it
        artifact, loaded = model.artifact, model.loaded
        diagnostics.facts = _facts(artifact, loaded, values)
        node.get_logger().info(
            '{model} ({model hash:.12}) runs with {engine} on {device}'.format_map(
                diagnostics.facts))
        self._camera = CameraPolicy(values.camera_info_policy, loaded.relocaliser, report.warn)
        gate = Gate(values.gate_config(), artifact.scene, values.map_from_dataset())
        with ExitStack() as stack:  # what is made later is freed earlier
            publishers = Publishers(node, stack, values, model.place, self._on_pose)
            tf = TfBroadcaster(
                node, stack, values, report.warn, publishers.publish_base, self._lock)
            self._results = ResultHandler(
                node, values, diagnostics, report.warn, gate, publishers, tf)
            self._inference = InferenceThread(
                node, stack, loaded.relocaliser, self._lock, diagnostics, self._results.handle,
                lambda error: report.fail(f'answering failed: {type(error).__name__}: {error}'))
            create_services(node, stack, self)
            self._subscriptions = Subscriptions(
                node, stack, values, self._on_image, self._camera.on_camera_info, report.warn)
            self._stack = stack.pop_all()

    def activate(self) -> None:
        """Localise images, unless ~/set_enabled says otherwise; show the place."""
        self._active = True
        self._results.publish_place()
        self._subscriptions.expect(self._enabled)

    def deactivate(self) -> None:
        """Localise no more images."""
        self._stop()
        self._results.delete_matches()

    def set_enabled(self, enabled: bool) -> None:
        """Localise or ignore images while the node is active."""
        with self._lock:
            self._enabled = enabled
            self._subscriptions.expect(self._active and enabled)
            if not enabled:
                self._discard_pending()
                self._results.delete_matches()

    def reset(self) -> None:
        """Forget poses, path, transforms and counts."""
        with self._lock:
            self._results.reset()
            self._results.delete_matches()
            self._discard_pending()
            self._diagnostics.clear()

    def relocalise(self) -> None:
        """Let the next good pose be taken, wherever it is; `on_request` waits for this."""
        with self._lock:
            self._asked = True
            self._results.reset_gate()

    def seed(self, message: PoseWithCovarianceStamped) -> None:
        """Seed the gate with an initial pose."""
        with self._lock:
            self._results.seed(message)

    def change(self, values: Parameters) -> None:
        """Apply parameters of which only live ones have changed."""
        with self._lock:
            self._results.change(values)
        self._subscriptions.change(values)

    def close(self) -> None:
        """Disconnect the topics and end the thread."""
        self._stop()  # and publish nothing: ROS may be shutting down
        self._stack.close()

    def _stop(self) -> None:
        self._active = self._asked = False
        self._subscriptions.expect(False)
        with self._lock:
            self._discard_pending()

    def _discard_pending(self) -> None:
        self._results.discard_transforms()
        self._inference.discard_pending()

    def _on_image(self, message: Any) -> None:  # noqa: ANN401 - a raw or compressed image
        self._diagnostics.count('received')
        choice = self._camera.choice
        if choice.refusal:
            self._results.report_bad_image(choice.refusal)
            return
        with self._lock:  # or an image could slip in behind the pose that answers a request
            if self._on_request and not self._asked:
                self._diagnostics.count('images not asked for')
                return
            self._inference.give(partial(decode, message), choice)

    def _on_pose(self) -> None:
        """Be silent again after the pose that answers a request."""
        if self._on_request:
            self._asked = False
            self._inference.discard_pending()


def _facts(artifact: LoadedArtifact, loaded: LoadedRelocaliser,
           values: Parameters) -> dict[str, str]:
    """Return the constant values of the diagnostics."""
    return {'model': values.model, 'model hash': artifact.digest, 'engine': loaded.engine.name,
            'precision': values.precision, 'device': loaded.engine.device,
            'tf_mode': values.tf_mode}
