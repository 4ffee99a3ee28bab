"""Relocalise a camera image by image, as the node does, but without ROS: `posenet_ros.load`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from numbers import Real
from pathlib import Path
from threading import Lock
from time import perf_counter

import numpy as np
from posenet_ros.arrays import AnyArray, Floats, RgbImage
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.estimate import diagonal_covariance, PoseEstimate
from posenet_ros.geometry.pose import Pose
from posenet_ros.imaging.decoding import Frame
from posenet_ros.imaging.quality import Fault, FrozenImageDetector
from posenet_ros.inference.artifact import load
from posenet_ros.localisation.factory import (
    has_landmarks,
    make_relocaliser,
    RelocaliserOptions,
)
from posenet_ros.localisation.gate import Decision, Gate, Verdict
from posenet_ros.localisation.gate_config import GateConfig, NODE_DEFAULTS
from posenet_ros.localisation.gating.prior import DEFAULT_PRIORS, Expectation, NOTHING
from posenet_ros.localisation.pipeline import judge, localise, QueryResult
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.localisation.tracking.camera_tracker import CameraTracker
from posenet_ros.localisation.tracking.map_tracker import MapTracker
from posenet_ros.localisation.tracking.sequential import SequentialTracking


@dataclass(frozen=True, eq=False)
class Relocalisation:
    """
    The pose of a camera at one image, and the verdict on it.

    :param estimate: what was estimated, also where the gate rejects it; its `matches` are those
        of the image with the landmarks.
    :param decision: of the gate.
    :param fault: of the image (covered, dark, ...), also where the gate lets it pass.
    """

    estimate: PoseEstimate
    decision: Decision
    fault: Fault | None = None

    @property
    def accepted(self) -> bool:
        """Whether the gate accepts the pose."""
        return self.decision.accepted

    @property
    def verdict(self) -> Verdict:
        """Return ACCEPTED, or the check that failed; its `value` is the diagnostics' word."""
        return self.decision.verdict

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return why the pose is rejected, a line for each failed check; empty when accepted."""
        return self.decision.reasons

    @property
    def pose(self) -> Pose | None:
        """
        Return the accepted pose, map_from_camera; None when it is rejected.

        Its `translation_m` (3,) is the camera's position in the map, metres; its `quat_xyzw` (4,)
        turns the camera's optical axes (x right, y down, z forward) into the map's.
        """
        return self.estimate.map_from_camera if self.accepted else None

    @property
    def covariance(self) -> Floats | None:
        """
        Return the (6, 6) covariance of the accepted pose; None when it is rejected.

        In the map frame: x y z in m^2, then the rotation about the fixed axes x y z in rad^2.
        """
        return self.estimate.covariance if self.accepted else None

    @property
    def ambiguous(self) -> tuple[Pose, ...]:
        """Return the poses that the image cannot tell apart; empty for an image of one place."""
        return self.estimate.ambiguous

    @property
    def landmarks(self) -> int:
        """Return the number of landmarks that agree with the pose; 0: none confirms it."""
        return self.estimate.landmarks

    @property
    def place_score(self) -> float | None:
        """Return the distance to the trained place, above 1 out of place; None without a limit."""
        return self.estimate.place_score


class CameraRelocaliser:
    """
    Relocalise one camera, whose images are given in the order in which they were taken.

    The gate and the check for a frozen camera remember the past, so each camera needs an object
    of its own, and each new sequence a :meth:`reset`. Several threads may call the same object:
    one image is localised at a time, in the order of the calls.

    :param relocaliser: of one camera.
    :param gate: judges its poses.
    :param tracker: tracks the camera between localisations; None localises each image.
    """

    def __init__(self, relocaliser: Relocaliser, gate: Gate,
                 tracker: MapTracker | None = None) -> None:
        self._relocaliser, self._gate = relocaliser, gate
        self._tracking = tracker and SequentialTracking(
            relocaliser, CameraTracker(tracker), perf_counter)
        self._lock = Lock()
        self.reset()

    @property
    def camera(self) -> Camera:
        """Return the camera of the training images, at their full size."""
        return self._relocaliser.camera

    def reset(self) -> None:
        """Forget the past, as when another sequence begins: the next pose is no jump."""
        with self._lock:
            self._gate.reset()
            if self._tracking:
                self._tracking.reset()
            self._frozen = FrozenImageDetector()
            self._last_stamp_ns: int | None = None

    def expect(self, map_from_camera: Pose, sigma_m: float = 0.5,
               sigma_deg: float = 15.0) -> None:
        """
        Say where the camera is, as /initialpose does: it tells places apart that look the same.

        It counts until a pose is accepted, of images that have stamps.

        :param sigma_m: standard deviation along each axis.
        :param sigma_deg: about each axis.
        """
        covariance = diagonal_covariance([sigma_m] * 3, [float(np.radians(sigma_deg))] * 3)
        with self._lock:
            self._gate.seed(PoseEstimate(map_from_camera, covariance))

    def __call__(self, image: RgbImage, *, camera: Camera | None = None,
                 stamp_s: float | None = None,
                 odom_from_camera: Pose | None = None) -> Relocalisation:
        """
        Localise an image and judge its pose.

        :param image: (H, W, 3) RGB, uint8; of any size with the aspect of the model's camera.
        :param camera: of this image; None means the model's, at the image's size.
        :param stamp_s: when the image was taken, seconds from any epoch; None means right after
            the last one. Limits on jumps need it, tracking, and what the last pose says of the
            next.
        :param odom_from_camera: the camera's pose by odometry at that time, if available.
        :returns: its `pose` is None when the gate rejects it, as for an image that is dark.
        :raises InputError: when the image is no RGB of 8 bits, or of another size than its camera;
            when the camera is not the model's; when the stamp is earlier than the last one; when
            the network's output is not finite.
        """
        _check_image(image)
        self._check_camera(camera)
        with self._lock:
            stamp_ns = self._stamp_ns(stamp_s)
            result = self._localise(
                Frame(image, stamp_ns, ''), camera, odom_from_camera, timed=stamp_s is not None)
            _raise_error(result)
            self._last_stamp_ns = stamp_ns
            judgement = judge(result, self._gate, self._frozen, stamp_ns,
                              odom_from_camera=odom_from_camera)
            assert judgement  # or an error was raised
            if self._tracking:
                self._tracking.judged(accepted=judgement.decision.accepted)
        assert result.estimate
        return Relocalisation(result.estimate, judgement.decision, judgement.fault)

    def _localise(self, frame: Frame, camera: Camera | None, odom_from_camera: Pose | None, *,
                  timed: bool) -> QueryResult:
        """Localise an image, by what is known where it has a stamp, or track the camera."""
        def expect() -> Expectation:
            return self._gate.history.expect(
                frame.stamp_ns, odom_from_camera) if timed else NOTHING
        if self._tracking:
            return self._tracking.localise(
                lambda _: frame, camera, odom_from_camera=odom_from_camera, expect=expect)
        return localise(
            self._relocaliser, lambda _: frame, camera, perf_counter, expected=expect())

    def _check_camera(self, camera: Camera | None) -> None:
        if camera is None:
            return
        if not isinstance(camera, Camera):
            raise InputError('camera has to be a posenet_ros.geometry.camera.Camera or None. '
                             f'Received: {type(camera).__name__}')
        self._relocaliser.check_camera(camera)

    def _stamp_ns(self, stamp_s: float | None) -> int:
        """Return an image's stamp, nanoseconds."""
        config = self._gate.config
        if stamp_s is None and self._tracking:
            raise InputError('stamp_s has to be given with tracking. Received: None')
        if stamp_s is None and (config.max_jump_m or config.max_jump_deg):
            raise InputError('stamp_s has to be given with max_jump_m or max_jump_deg, for a jump '
                             'is measured from where the camera has moved to. Received: None')
        if stamp_s is None:
            return 0 if self._last_stamp_ns is None else self._last_stamp_ns + 1
        if not isinstance(stamp_s, Real) or not np.isfinite(float(stamp_s)):
            raise InputError(f'stamp_s has to be a finite number of seconds. Received: {stamp_s}')
        stamp_ns = round(float(stamp_s) * 1e9)
        if self._last_stamp_ns is not None and stamp_ns < self._last_stamp_ns:
            raise InputError('stamp_s has to be no earlier than that of the last image, '
                             f'{self._last_stamp_ns / 1e9:.3f} s: call reset() where another '
                             f'sequence begins. Received: {stamp_s:.3f} s')
        return stamp_ns


def _check_image(image: AnyArray) -> None:
    """
    Check that an image is one.

    :raises InputError: when it is no RGB image of 8 bits.
    """
    if not isinstance(image, np.ndarray):
        raise InputError('an image has to be a NumPy array (H, W, 3) of uint8, RGB. Received: '
                         f'{type(image).__name__}')
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InputError('an image has to be an array (H, W, 3) of uint8, RGB. Received: an array '
                         f'{image.shape} of {image.dtype}: convert it, as by cv2.cvtColor')


def _raise_error(result: QueryResult) -> None:
    """
    Raise the error of a result that has one.

    :raises InputError: when the image cannot be used.
    :raises Exception: what the network raised.
    """
    if result.image_error:
        raise InputError(result.image_error)
    if result.failure:
        raise result.failure


def make_camera_relocaliser(
        folder: Path | str, options: RelocaliserOptions, refine: bool | None = None,
        gate: Mapping[str, float] | None = None, *, use_prior: bool = True,
        tracking: bool = False) -> CameraRelocaliser:
    """
    Load a model folder and make a relocaliser with the node's gate.

    :param options: of the relocaliser; `refine` takes the place of theirs.
    :param refine: None refines where the folder has landmarks.
    :param gate: limits of :class:`GateConfig` that differ from the node's defaults.
    :param tracking: track the camera between localisations.
    :param use_prior: let the last accepted pose tell places apart, in a map with a scale.
    :raises InputError: when the folder, an option or a limit is not usable.
    """
    if refine not in (None, False, True):
        raise InputError(f'refine has to be True, False or None. Received: {refine!r}')
    config = _gate_config(gate or {})
    artifact = load(folder)
    refine = has_landmarks(artifact) if refine is None else refine
    loaded = make_relocaliser(artifact, replace(options, refine=refine))
    tracker = loaded.relocaliser.make_tracker() if tracking else None
    if tracking and tracker is None:
        raise InputError('tracking has to come with a model folder that has landmarks, and with '
                         'refine. Received: no landmarks')
    priors = DEFAULT_PRIORS if use_prior and artifact.scale.metric else None
    gate_of_camera = Gate(config, artifact.scene, options.map_from_dataset, priors)
    return CameraRelocaliser(loaded.relocaliser, gate_of_camera, tracker)


def _gate_config(limits: Mapping[str, float]) -> GateConfig:
    """
    Change the node's defaults.

    :raises InputError: when a limit is unknown or no number, or needs a clock.
    """
    known = {item.name for item in fields(GateConfig)} - {'max_age_s'}  # only the node has a clock
    for name, value in limits.items():
        if name not in known:
            raise InputError(f'a limit of the gate has to be one of {", ".join(sorted(known))}. '
                             f'Received: {name}')
        if not isinstance(value, Real):
            raise InputError(f'{name} has to be a number. Received: {value!r}')
    return replace(NODE_DEFAULTS, **limits)  # type: ignore[arg-type] # its own check is stricter
