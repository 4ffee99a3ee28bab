"""What there is to say about a camera of the map: its image, its landmarks, its matches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from posenet_ros.arrays import Floats, RgbImage
from posenet_ros.errors import InputError
from posenet_ros.evaluation.metrics.pose_errors import rotation_errors_deg
from posenet_ros.evaluation.results import FrameResult
from posenet_ros.evaluation.viewer.colours import inside, project
from posenet_ros.evaluation.viewer.images import Images
from posenet_ros.evaluation.viewer.markdown import plain
from posenet_ros.evaluation.viewer.shapes import thin
from posenet_ros.geometry.camera import Camera
from posenet_ros.geometry.estimate import PoseEstimate
from posenet_ros.geometry.matches import LandmarkMatches
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.place_map import PlaceMap
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.visualization.match_pair import draw_match_pair, LINE_RGB, SPOT_RGB

HEIGHT = 360  # of the pictures, pixels
MOST_LINES, MOST_SPOTS = 80, 2000  # in a picture
NO_IMAGES = 'Its image is not shown: start the view with `--data FOLDER` or `--bag BAG`.'


@dataclass(frozen=True, eq=False)
class CameraDetails:
    """
    What to show of a camera.

    :param text: in Markdown.
    :param picture: (H, W, 3) RGB; None where there is no image.
    :param pose: map_from_camera.
    :param landmarks_m: (N, 3) landmarks that it sees, or that agree with it.
    :param views: training views to mark.
    """

    text: str
    pose: Pose
    picture: RgbImage | None = None
    landmarks_m: Floats = field(default_factory=lambda: np.empty((0, 3)))
    views: Sequence[int] = ()


def format_m(metres: float) -> str:
    """Format a length, in millimetres below a metre."""
    return f'{metres:.2f} m' if metres >= 1 else f'{1000 * metres:.3g} mm'


def view_with_most_inliers(matches: LandmarkMatches | None) -> int | None:
    """Return the training view that most of the agreeing landmarks are of; None without any."""
    if matches is None or not matches.inlier.any():
        return None
    return int(np.bincount(matches.views[matches.inlier]).argmax())


def describe(frame: FrameResult) -> list[str]:
    """Say in Markdown what a report has on a frame, a line each."""
    lines = [f'**{plain(frame.name)}**: {plain(frame.outcome)}' + (
        f' ({plain("; ".join(frame.reasons))})' if frame.reasons else '')]
    if frame.estimate is not None:
        lines.append(f'- error: {_error(frame.estimate, frame.truth)}')
    if frame.covariance is not None:
        sigmas = np.sqrt(np.diag(frame.covariance))
        lines.append('- 2 sigma along x, y, z: ' + ', '.join(map(format_m, 2 * sigmas[:3])))
    if frame.estimate is not None:
        lines.append(f'- {frame.landmarks} landmarks agree' if frame.landmarks else
                     '- no landmarks: the pose is of the network alone')
    return lines


def _error(estimate: Pose, truth: Pose) -> str:
    metres = float(np.linalg.norm(estimate.translation_m - truth.translation_m))
    degrees = float(rotation_errors_deg(estimate.quat_xyzw, truth.quat_xyzw)[0])
    return f'{format_m(metres)}, {degrees:.2g}°'


def draw_landmarks(image: RgbImage, pixels: Floats) -> RgbImage:
    """
    Draw where an image shows landmarks.

    :param image: (H, W, 3) RGB.
    :param pixels: (N, 2).
    :returns: (HEIGHT, W', 3) RGB.
    """
    scale = HEIGHT / image.shape[0]
    size = max(round(image.shape[1] * scale), 1), HEIGHT
    picture = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    for x, y in np.rint(pixels * scale).astype(int).tolist():
        cv2.circle(picture, (x, y), 2, SPOT_RGB, -1, cv2.LINE_AA)
        cv2.circle(picture, (x, y), 1, LINE_RGB, -1, cv2.LINE_AA)
    return picture


class CameraViewer:
    """
    Look at single cameras of a map.

    :param place: landmarks and training views.
    :param camera: of the training images.
    :param images: where to find images; the first that has one is asked.
    :param load_relocaliser: makes the relocaliser, when the first frame is to be localised anew.
    """

    def __init__(self, place: PlaceMap, camera: Camera, images: Sequence[Images],
                 load_relocaliser: Callable[[], Relocaliser]) -> None:
        self._place, self._camera, self._images = place, camera, images
        self._load_relocaliser = load_relocaliser
        self._relocaliser: Relocaliser | None = None

    def view(self, index: int) -> CameraDetails:
        """Show a training view with the landmarks that the map has of it."""
        view = self._place.views[index]
        landmarks_m = self._place.points_m[self._place.seen_by(index)]
        text = f'**{plain(view.name)}**: training view\n- {len(landmarks_m)} landmarks are of it'
        pose = view.map_from_camera
        image = self._view_image(index)
        if image is None:
            return CameraDetails(f'{text}\n\n{self._no_image()}', pose, None, landmarks_m)
        pixels = self._view_pixels(index, landmarks_m, image)
        pixels = pixels[inside(pixels, image)]
        drawn = pixels[thin(len(pixels), MOST_SPOTS)]
        return CameraDetails(text, pose, draw_landmarks(image, drawn), landmarks_m)

    def frame(self, frame: FrameResult) -> CameraDetails:
        """Show a frame of a report: localised anew, beside the view that it agrees with most."""
        lines, pose = describe(frame), frame.estimate or frame.truth
        found = self._image_of_frame(frame)
        if found is None:
            return CameraDetails('\n'.join([*lines, '', self._no_image()]), pose)
        image, camera = found
        try:
            estimate = self._localise(image, camera)
        except InputError as error:  # no landmarks, or the image does not fit the model
            return CameraDetails('\n'.join([*lines, f'- not localised anew: {plain(str(error))}']),
                                 pose, draw_landmarks(image, np.empty((0, 2))))
        lines.append(f'- localised anew: {estimate.landmarks} landmarks agree, '
                     f'{_error(estimate.map_from_camera, frame.truth)} from the truth')
        return self._with_matches(lines, pose, image, camera, estimate)

    def _with_matches(self, lines: list[str], pose: Pose, image: RgbImage, camera: Camera | None,
                      estimate: PoseEstimate) -> CameraDetails:
        best = view_with_most_inliers(estimate.matches)
        if best is None or estimate.matches is None:
            return CameraDetails('\n'.join(lines), pose,
                                 draw_landmarks(image, np.empty((0, 2))))
        agreeing = estimate.matches.select(estimate.matches.inlier)
        shared = agreeing.select(agreeing.views == best)
        drawn = shared.select(np.isin(np.arange(len(shared)), thin(len(shared), MOST_LINES)))
        name = plain(self._place.views[best].name)
        lines.append(f'- {len(shared)} of them are of {name}'
                     + f'; {MOST_LINES} are drawn' * (len(drawn) < len(shared)))
        own = (camera or self._camera).scaled(image.shape[1], image.shape[0])
        view = self._view_image(best)
        if view is None:
            lines += ['', f'The image of {name} is not there: give the training images by '
                      '`--data`.']
            picture = draw_landmarks(image, drawn.pixels(own))
        else:
            picture = draw_match_pair(image, drawn.pixels(own), view,
                                      self._view_pixels(best, drawn.points_m, view), HEIGHT)
        return CameraDetails('\n'.join(lines), pose, picture, agreeing.points_m, [best])

    def _localise(self, image: RgbImage, camera: Camera | None) -> PoseEstimate:
        self._relocaliser = self._relocaliser or self._load_relocaliser()
        own = camera.scaled(image.shape[1], image.shape[0]) if camera else None
        return self._relocaliser.estimate(self._relocaliser.prepare(image, own),
                                          self._relocaliser.features(image, own))

    def _view_pixels(self, index: int, points_m: Floats, image: RgbImage) -> Floats:
        """Return where the image of a training view shows points, (N, 2)."""
        return project(points_m, self._place.views[index].map_from_camera,
                       self._camera.scaled(image.shape[1], image.shape[0]))

    def _view_image(self, index: int) -> RgbImage | None:
        for images in self._images:
            query = images.of_view(self._place.views[index])
            if query:
                return images.load(query)
        return None

    def _image_of_frame(self, frame: FrameResult) -> tuple[RgbImage, Camera | None] | None:
        for images in self._images:
            query = images.of_frame(frame)
            if query:
                return images.load(query), images.camera
        return None

    def _no_image(self) -> str:
        return 'Its image is neither in `--data` nor in `--bag`.' if self._images else NO_IMAGES
