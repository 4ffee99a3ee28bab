"""From an image to a pose estimate, given any network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import RgbImage
from posenet_ros.errors import InputError
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.estimate import (
    diagonal_covariance,
    PoseEstimate,
    rotate_covariance,
    Verification,
)
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import Artifact
from posenet_ros.inference.prediction import Predict, Prediction
from posenet_ros.landmarks.features import detect, Features, max_reduction
from posenet_ros.landmarks.localisation import Localisation, Outcome, PosePrior, Refusal
from posenet_ros.landmarks.localiser import LandmarkLocaliser, mean_square_difference
from posenet_ros.localisation.tracking.map_tracker import MapTracker
from posenet_ros.uncertainty.covariance import (
    covariance,
    prior_sigmas,
    scale_covariance,
    with_max_sigmas,
)
from posenet_ros.uncertainty.mc_dropout import McDropout
from posenet_ros.uncertainty.place_recognition import place_distance

__all__ = ['Predict', 'Prediction', 'Relocaliser']

ASPECT_TOLERANCE = 0.01
INTRINSICS_TOLERANCE = 0.02


class Relocaliser:
    """
    Estimate the pose of a camera from one image.

    :param predict: the network, for example an engine's `predict`; None for a map alone, which
        needs the landmark localiser.
    :param artifact: preprocessing, camera and calibration of that network.
    :param map_from_dataset: moves poses from the dataset's frame into the map.
    :param dropout: adds the covariance of Monte-Carlo dropout.
    :param landmark_localiser: makes poses exact where it finds landmarks.
    """

    def __init__(self, predict: Predict | None, artifact: Artifact,
                 map_from_dataset: Pose | None = None, dropout: McDropout | None = None,
                 landmark_localiser: LandmarkLocaliser | None = None) -> None:
        self._predict = predict
        self._artifact = artifact
        # what the network and the landmarks say is relative to the model's origin
        self._map_from_model = (map_from_dataset or Pose()) @ artifact.scene.dataset_from_model
        self._dropout = dropout
        self._landmark_localiser = landmark_localiser
        self._global_descriptors = artifact.train.global_descriptors.astype(np.float32)
        self._prior_sigmas = prior_sigmas(artifact.scene, artifact.calibration)

    @property
    def camera(self) -> Camera:
        """Return the model's camera, at the full size of the training images."""
        return self._artifact.camera

    def camera_of(self, image: RgbImage) -> Camera:
        """
        Return the camera of an image that comes without one: the model's, resized.

        :param image: (height, width, 3).
        :raises InputError: when the image's aspect is not that of the model's camera.
        """
        height, width = image.shape[:2]
        camera = self._artifact.camera
        if (width, height) == camera.size:
            return camera
        if abs(width * camera.height / (height * camera.width) - 1) > ASPECT_TOLERANCE:
            raise InputError(f"images have to have the aspect of the model's camera, "
                             f'{camera.width}x{camera.height}. Received: {width}x{height}')
        return camera.scaled(width, height)

    def check_camera(self, camera: Camera) -> None:
        """
        Compare a camera with the model's, both scaled to the image's size.

        :raises InputError: when the field of view or the principal point differ.
        """
        own = self._artifact.camera
        ours, theirs = own.scaled(camera.width, camera.height), camera
        differences = (theirs.fx / ours.fx - 1, theirs.fy / ours.fy - 1,
                       (theirs.cx - ours.cx) / camera.width,
                       (theirs.cy - ours.cy) / camera.height)
        if max(map(abs, differences)) > INTRINSICS_TOLERANCE:
            raise InputError(
                f'the camera has to have fx={ours.fx:.1f} fy={ours.fy:.1f} cx={ours.cx:.1f} '
                f'cy={ours.cy:.1f} at {camera.width}x{camera.height}, as the model was trained. '
                f'Received: fx={theirs.fx:.1f} fy={theirs.fy:.1f} cx={theirs.cx:.1f} '
                f'cy={theirs.cy:.1f}: train for this camera')

    def prepare(self, image: RgbImage, camera: Camera | None = None) -> RgbImage:
        """
        Return the network's input.

        :param image: (height, width, 3) RGB, 8 bits.
        :param camera: of this image; None means the model's, at the image's size.
        :raises InputError: when the image's size does not fit its camera.
        """
        return self._artifact.preprocess(image, camera or self.camera_of(image))

    def features(self, image: RgbImage, camera: Camera | None = None) -> Features | None:
        """
        Detect the features for the landmarks; None where poses are not refined.

        :param image: and `camera`: as of :meth:`prepare`.
        """
        if self._landmark_localiser is None:
            return None
        return detect(
            image, camera or self.camera_of(image), self._landmark_localiser.features)

    def make_tracker(self) -> MapTracker | None:
        """Make a tracker of one camera; None where there are no landmarks to be tracked."""
        if self._landmark_localiser is None:
            return None
        return MapTracker(self._landmark_localiser.make_tracker(), self._map_from_model,
                          self._artifact.calibration.refined_scale,
                          self._artifact.calibration.tracked_scale)

    def reduction(self, width: int, height: int) -> int:
        """Return the factor by which an image of this size may be decoded smaller."""
        factor = self._artifact.preprocess.reduction(width, height)
        if self._landmark_localiser is None:
            return factor
        return min(factor, max_reduction(width, self._landmark_localiser.features))

    def estimate(self, network_input: RgbImage, features: Features | None = None,
                 prior: PosePrior | None = None) -> PoseEstimate:
        """
        Estimate the pose in the map, refined by landmarks where enough of them match.

        :param network_input: the result of :meth:`prepare`.
        :param features: the result of :meth:`features`.
        :param prior: what is known of the pose before, in the map; None for nothing.
        :raises InputError: when the network's output is no pose (not finite).
        """
        if prior is not None:
            prior = prior._replace(map_from_camera=(
                self._map_from_model.inverse() @ prior.map_from_camera))
        if self._predict is None:
            return self._estimate_by_map(features, prior)
        prediction = self._predict(network_input[np.newaxis])
        dataset_from_camera = Pose(prediction.position_m[0], prediction.quat_xyzw[0])
        found = self._search(features, dataset_from_camera, prediction, prior)
        if found is not None and (found.pose or found.refusal is Refusal.RIVALS):
            return self._found(found)
        score = self._place_score(prediction)
        total = with_max_sigmas(covariance(
            prediction, self._artifact.calibration, self._dropout, score), self._prior_sigmas)
        if self._landmark_localiser is not None and features is not None:
            total = total + self._landmark_localiser.spread(
                dataset_from_camera, _descriptor(prediction))
        return self._in_map(dataset_from_camera, total, score)

    def _estimate_by_map(self, features: Features | None,
                         prior: PosePrior | None) -> PoseEstimate:
        """Estimate the pose by landmarks alone, else say that of the most similar view."""
        localiser = self._landmark_localiser
        if localiser is None or features is None:
            raise InputError('a map alone needs the features of the image. Received: none')
        found = localiser.search(features, prior=prior)
        if found.outcome is not Outcome.NOT_LOCALISED:
            return self._found(found)
        guess, spread = localiser.most_similar(features)
        estimate = self._in_map(guess, self._vague(spread), None)
        return replace(estimate, not_localised=localiser.why_not(found),
                       verification=_verification(found))

    def _search(self, features: Features | None, guess: Pose, prediction: Prediction,
                prior: PosePrior | None) -> Localisation | None:
        if self._landmark_localiser is None or features is None:
            return None
        return self._landmark_localiser.search(
            features, guess, _descriptor(prediction), prior=prior)

    def _found(self, found: Localisation) -> PoseEstimate:
        """Return the estimate of a pose that landmarks confirm, or of the likeliest of several."""
        if found.pose:
            return replace(self._in_map(found.pose.map_from_camera, scale_covariance(
                found.pose.covariance, self._artifact.calibration.refined_scale), 0.0,
                found.pose.matches), verification=_verification(found))
        poses = [rival.map_from_camera for rival in found.rivals]
        estimate = self._in_map(
            poses[0], self._vague(mean_square_difference(poses[1:], poses[0])), 0.0)
        return replace(estimate, ambiguous=tuple(self._map_from_model @ pose for pose in poses),
                       verification=_verification(found))

    def _vague(self, spread: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the covariance of a pose that may be another one, by their (6, 6) spread."""
        calibration = self._artifact.calibration
        own = diagonal_covariance(calibration.sigma_m, calibration.sigma_rad)
        return with_max_sigmas(own + spread, self._prior_sigmas)

    def _in_map(self, dataset_from_camera: Pose, dataset_covariance: NDArray[np.float64],
                place_score: float | None, matches: LandmarkMatches | None = None,
                ) -> PoseEstimate:
        return PoseEstimate(
            self._map_from_model @ dataset_from_camera,
            rotate_covariance(dataset_covariance, self._map_from_model.rotation), place_score,
            int(matches.inlier.sum()) if matches else 0,
            matches.moved(self._map_from_model) if matches else None)

    def _place_score(self, prediction: Prediction) -> float | None:
        """Compute the place distance to the training images, in units of the model's limit."""
        limit = self._artifact.calibration.place_limit
        if prediction.descriptor is None or not limit:
            return None
        return float(place_distance(prediction.descriptor, self._global_descriptors)[0] / limit)


def _verification(found: Localisation) -> Verification | None:
    """Return how landmarks decided; None where no hypothesis was verified."""
    if not found.hypotheses:
        return None
    best = found.hypotheses[0]
    return Verification(
        len(found.hypotheses), best.evidence, best.inlier_ratio, len(found.rivals))


def _descriptor(prediction: Prediction) -> NDArray[np.floating] | None:
    """Return the global descriptor (D,) of a single image, None without one."""
    return None if prediction.descriptor is None else prediction.descriptor[0]
