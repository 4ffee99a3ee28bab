"""The runtime of a configured node: relocaliser, inference thread, topics and services."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from threading import RLock
from typing import Any

from geometry_msgs.msg import PoseWithCovarianceStamped
from posenet_ros.inference.artifact import LoadedArtifact
from posenet_ros.landmarks.place_map import PlaceMap
from posenet_ros.localisation.factory import LoadedRelocaliser
from posenet_ros.localisation.gate import Gate
from posenet_ros.localisation.query_camera import QueryCamera
from posenet_ros.ros_node.control.decoding import decode
from posenet_ros.ros_node.control.services import create_services
from posenet_ros.ros_node.control.shared_models import load_shared
from posenet_ros.ros_node.diagnostics import Diagnostics, Report
from posenet_ros.ros_node.images.failures import ImageFailures
from posenet_ros.ros_node.images.input import ImageInput
from posenet_ros.ros_node.parameters import Parameters
from posenet_ros.ros_node.publishing.publishers import Publishers
from posenet_ros.ros_node.results import ResultHandler
from posenet_ros.ros_node.start_lines import check_scale, map_line, map_memory_values
from posenet_ros.ros_node.tracking import start_inference
from posenet_ros.ros_node.transforms.broadcaster import TfBroadcaster
from posenet_ros.ros_node.transforms.initial_pose import InitialPoses
from rclpy.lifecycle import LifecycleNode


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
        if unscaled := check_scale(artifact.scale, values.allow_unscaled):
            node.get_logger().warning(unscaled)
        diagnostics.facts = _facts(artifact, loaded, values, model.place)
        diagnostics.measure_by(partial(map_memory_values, model.map_memory))
        if model.map_memory and model.map_memory.problem:
            node.get_logger().warning(f'max_map_memory_mb: {model.map_memory.problem}')
        node.get_logger().info(
            map_line(diagnostics.facts, len(model.place.views), model.refined))
        gate = Gate(values.gate_config(), artifact.scene, values.map_from_dataset(),
                    values.prior_options(metric=artifact.scale.metric))
        with ExitStack() as stack:  # what is made later is freed earlier
            publishers = Publishers(node, stack, values, model.place, self._on_pose)
            tf = TfBroadcaster(
                node, stack, values, diagnostics.facts, report.warn, publishers.publish_base,
                self._lock)
            initial = InitialPoses(node, stack, values, gate, tf, report.warn, self._lock)
            self._results = ResultHandler(
                node, values, diagnostics, report.warn, gate, publishers, tf, initial)
            self._inference = start_inference(
                node, stack, loaded.relocaliser, self._lock, diagnostics, self._results,
                ImageFailures(values.max_failures, diagnostics, report), values)
            create_services(node, stack, self)
            self._input = ImageInput(node, stack, values, diagnostics, loaded.relocaliser,
                                     self._on_image, report.warn)
            self._stack = stack.pop_all()

    def activate(self) -> None:
        """Localise images, unless ~/set_enabled says otherwise; show the place."""
        self._active = True
        self._results.publish_place()
        with self._lock:
            self._results.initial_poses.activate()
        self._input.expect(self._enabled)

    def deactivate(self) -> None:
        """Localise no more images."""
        self._stop()
        self._results.delete_matches()

    def set_enabled(self, enabled: bool) -> None:
        """Localise or ignore images while the node is active."""
        with self._lock:
            self._enabled = enabled
            self._input.expect(self._active and enabled)
            if not enabled:  # and the last map_to_odom stays, for Nav2 goes on by odometry
                self._results.discard_waiting()
                self._inference.discard_pending()
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
            self._inference.localise_anew()

    def seed(self, message: PoseWithCovarianceStamped) -> None:
        """Seed the gate with an initial pose."""
        with self._lock:
            self._results.initial_poses.take(message)
            self._inference.localise_anew()

    def change(self, values: Parameters) -> None:
        """Apply parameters of which only live ones have changed."""
        with self._lock:
            self._results.change(values)
        self._input.change(values)

    def close(self) -> None:
        """Disconnect the topics and end the thread."""
        self._stop()  # and publish nothing: ROS may be shutting down
        self._diagnostics.measure_by(dict)  # frees the map
        self._stack.close()

    def _stop(self) -> None:
        self._active = self._asked = False
        self._input.expect(False)
        with self._lock:
            self._results.initial_poses.deactivate()
            self._discard_pending()

    def _discard_pending(self) -> None:
        self._results.discard_transforms()
        self._inference.discard_pending()

    def _on_image(self, message: Any, camera: QueryCamera) -> None:  # noqa: ANN401 - raw or not
        self._diagnostics.count('received')
        if camera.refusal:
            self._results.report_bad_image(camera.refusal)
            return
        with self._lock:  # or an image could slip in behind the pose that answers a request
            if self._on_request and not self._asked:
                self._diagnostics.count('images not asked for')
                return
            self._inference.give(partial(decode, message), camera)

    def _on_pose(self) -> None:
        """Be silent again after the pose that answers a request."""
        if self._on_request:
            self._asked = False
            self._inference.discard_pending()


def _facts(artifact: LoadedArtifact, loaded: LoadedRelocaliser,
           values: Parameters, place: PlaceMap) -> dict[str, str]:
    """Return the constant values of the diagnostics."""
    return {'model': values.model, 'model hash': artifact.digest,
            'model parent': artifact.history.parent or 'none',
            'model edited by hand': 'yes' if artifact.edited else 'no',
            'engine': loaded.engine_name, 'precision': values.precision, 'device': loaded.device,
            'landmarks': str(len(place.points_m) or 'none')}
