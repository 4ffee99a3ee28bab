"""Draw a place in the viewer: the layers, by name, and what belongs to each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.evaluation.results import FrameTable, positions, quaternions
from posenet_ros.evaluation.viewer.camera_details import CameraDetails
from posenet_ros.evaluation.viewer.colours import Colours
from posenet_ros.evaluation.viewer.content import Content, kinds_of_estimates
from posenet_ros.evaluation.viewer.overview import FIELD_OF_VIEW_DEG, Overview
from posenet_ros.evaluation.viewer.shapes import (
    error_segments,
    frustum,
    frustum_edges,
    Mesh,
    nearest_to_ray,
    thin,
    unit_sphere,
    walk_segments,
)
from posenet_ros.geometry.pose import Pose, wxyz_from_xyzw

if TYPE_CHECKING:
    import viser

Rgb = tuple[int, int, int]
WALK_RGB, TRUTH_RGB, ERROR_RGB = (130, 130, 140), (0, 158, 115), (213, 94, 0)
KIND_RGB: dict[str, Rgb] = {
    'refined': (0, 114, 178), 'network alone': (230, 159, 0), 'not accepted': (204, 121, 167)}
CHOSEN_RGB, MATCH_RGB = (220, 30, 90), (60, 200, 90)
LANDMARKS, WALK, TRUTH, ERRORS, ELLIPSOIDS, MATCHES, GRID = (
    'landmarks', 'training walk', 'true walk', 'errors', '2 sigma', 'matches', 'grid')
MOST_MATCHES = 150  # lines to landmarks
PLANES = 'yz', 'xz', 'xy'  # by the axis that is up
Choose = Callable[[int], None]  # is called with the index of the camera that was clicked


def camera_depth_m(box_m: Floats) -> float:
    """Choose the size of the frusta by that of the place."""
    return float(np.clip(0.008 * np.linalg.norm(np.ptp(box_m, axis=0)), 0.02, 2.0))


def cell_m(box_m: Floats) -> float:
    """Choose the cells of the grid: 1 m, or a power of ten of it for other sizes."""
    return float(10.0 ** np.round(np.log10(max(np.ptp(box_m, axis=0).max(), 1e-3) / 30)))


def linear_rgb(colour: Rgb | Colours) -> Colours:
    """
    Convert sRGB of 8 bits to linear intensities (IEC 61966-2-1).

    viser takes the colours of batched meshes as linear, and those of all else as sRGB.
    """
    value = np.asarray(colour) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.rint(255 * linear), np.uint8)


def _choose_row(choose: Choose, rows: NDArray[np.intp], index: int) -> None:
    choose(int(rows[index]))


def look_at(server: viser.ViserServer, look: Overview) -> None:
    """Let browsers look at the place from there at first, and when they reset the view."""
    distance_m = float(np.linalg.norm(look.look_at_m - look.position_m))
    server.scene.set_up_direction(tuple(look.up.tolist()))
    camera = server.initial_camera
    camera.position, camera.look_at, camera.up = look.position_m, look.look_at_m, look.up
    camera.fov = np.radians(FIELD_OF_VIEW_DEG)
    camera.near, camera.far = distance_m / 1000, distance_m * 100


def _choose_clicked(choose: Choose, points_m: Floats, event: Any) -> None:  # noqa: ANN401
    """Choose the clicked camera; its number is missing where its outline was hit."""
    index = event.instance_index
    choose(nearest_to_ray(points_m, np.array(event.ray_origin), np.array(event.ray_direction))
           if index is None else int(index))


class Scene:
    """
    The layers of the viewer.

    :param server: draws them.
    :param content: what they show.
    """

    def __init__(self, server: viser.ViserServer, content: Content) -> None:
        self._scene, self._content = server.scene, content
        self._meshes = frustum(content.camera), frustum_edges(content.camera)
        self._cameras: list[Any] = []
        self._points: Any = None
        self._camera_m = camera_depth_m(content.box_m)
        self._point_m = self._camera_m / 6
        self.layers: dict[str, list[Any]] = {}
        self._hidden: set[str] = set()
        self.legend: dict[str, Rgb] = {}

    def draw(self, colours: Colours, choose_view: Choose, choose_frame: Choose) -> None:
        """
        Draw all layers.

        :param colours: (L, 3) RGB of the landmarks.
        :param choose_view: is told which training view was clicked.
        :param choose_frame: is told which frame of the report was clicked.
        """
        self._scene.configure_default_lights(False)
        self._scene.configure_environment_map(None)
        self._scene.add_light_ambient('/light', intensity=np.pi)  # colours as in the legend
        if len(self._content.place.points_m):
            self._points = self._scene.add_point_cloud(
                '/landmarks', self._content.place.points_m, colours, point_size=self._point_m,
                point_shape='circle', precision='float32', point_shading='flat')
            self.layers[LANDMARKS] = [self._points]
        self._draw_walk(choose_view)
        if self._content.frames is not None:
            self._draw_frames(self._content.frames, choose_frame)
        self.legend['camera that was clicked'] = CHOSEN_RGB
        self.legend['its landmarks, and their view'] = MATCH_RGB
        self._draw_grid()

    def show(self, layer: str, visible: bool) -> None:
        """Show or hide a layer, also where it is drawn anew later."""
        (self._hidden.discard if visible else self._hidden.add)(layer)
        for handle in self.layers.get(layer, []):
            handle.visible = visible

    def recolour(self, colours: Colours) -> None:
        """Change the colours (L, 3) RGB of the landmarks."""
        if self._points is not None:
            self._points.colors = colours

    def scale_points(self, factor: float) -> None:
        """Draw the landmarks so many times as large as at first."""
        if self._points is not None:
            self._points.point_size = factor * self._point_m

    def scale_cameras(self, factor: float) -> None:
        """Draw the cameras so many times as large as at first."""
        for handle in self._cameras:
            handle.batched_scales = np.full(
                len(handle.batched_positions), factor * self._camera_m, np.float32)

    def _draw_walk(self, choose: Choose) -> None:
        views = self._content.place.views
        poses = [view.map_from_camera for view in views]
        segments = walk_segments(positions(poses),
                                 [view.name.rpartition('/')[0] for view in views])
        self.legend[WALK] = WALK_RGB
        self.layers[WALK] = [
            self._add_lines('/walk/line', segments, WALK_RGB, 1.5),
            *self._add_cameras('/walk/cameras', positions(poses), quaternions(poses), WALK_RGB,
                               choose)]

    def _draw_frames(self, frames: FrameTable, choose: Choose) -> None:
        self.legend[TRUTH] = TRUTH_RGB
        sequences = [frame.sequence for frame in frames.frames]
        self.layers[TRUTH] = [self._add_lines(
            '/report/truth', walk_segments(frames.truths_m, sequences), TRUTH_RGB, 2.5)]
        for number, (kind, rows) in enumerate(kinds_of_estimates(frames).items()):
            self.legend[f'estimates, {kind}'] = KIND_RGB[kind]
            self.layers[f'estimates, {kind}'] = self._add_cameras(
                f'/report/estimates{number}', frames.estimates_m[rows],
                frames.estimates_xyzw[rows], KIND_RGB[kind],
                partial(_choose_row, choose, rows))
        self.magnify(1.0)

    def magnify(self, factor: float) -> None:
        """
        Draw the errors and their 2 sigma so many times as large as they are.

        :param factor: the lines start at the truth; the ellipsoids stay at the lines' ends.
        """
        frames = self._content.frames
        if frames is None or not frames.estimated.any():
            return
        rows = np.flatnonzero(frames.estimated)
        segments = error_segments(frames.truths_m[rows], frames.estimates_m[rows], factor)
        self.legend['errors and 2 sigma'] = ERROR_RGB
        self._replace(ERRORS, [self._add_lines('/report/errors', segments, ERROR_RGB, 2.0)])
        known = frames.with_covariance[rows]
        if known.any():
            sigmas = np.sqrt(np.diagonal(
                frames.covariances[rows[known]], axis1=1, axis2=2)[:, :3])
            self._replace(ELLIPSOIDS, [self._add_meshes(
                '/report/sigma', unit_sphere(), segments[known, 1], None,
                2 * factor * sigmas, ERROR_RGB, 0.1)])

    def _replace(self, layer: str, handles: Sequence[Any]) -> None:
        """Set the handles of a layer, in place of its old ones of the same names."""
        for handle in handles:
            handle.visible = layer not in self._hidden
        self.layers[layer] = list(handles)

    def mark(self, shown: CameraDetails) -> None:
        """Mark a camera, the lines to its landmarks, and the view that they are of."""
        landmarks_m = shown.landmarks_m[thin(len(shown.landmarks_m), MOST_MATCHES)]
        start_m = np.broadcast_to(shown.pose.translation_m, landmarks_m.shape)
        poses = [shown.pose, *(self._content.place.views[i].map_from_camera for i in shown.views)]
        colours = np.array([CHOSEN_RGB, *[MATCH_RGB] * len(shown.views)], np.uint8)
        self._replace(MATCHES, [
            self._add_lines('/chosen/lines', np.stack([start_m, landmarks_m], axis=1), MATCH_RGB,
                            1.0),
            self._add_meshes('/chosen/cameras', self._meshes[1], positions(poses),
                             quaternions(poses), np.full(len(poses), 4 * self._camera_m),
                             colours)])

    def _draw_grid(self) -> None:
        """Draw a grid at the foot of the place."""
        box, axis = self._content.box_m, int(np.abs(self._content.up).argmax())
        cell, centre = cell_m(box), box.mean(axis=0)
        centre = np.round(centre / cell) * cell  # so that its lines are at whole cells
        centre[axis] = box[0 if self._content.up[axis] > 0 else 1, axis]
        side = cell * np.ceil(np.ptp(box, axis=0).max() / cell + 4)
        self.layers[f'{GRID}, {cell:g} m'] = [self._scene.add_grid(
            '/grid', width=side, height=side, plane=PLANES[axis], cell_size=cell,
            section_size=10 * cell, position=tuple(centre.tolist()), fade_distance=20 * side,
            shadow_opacity=0.0)]

    def _add_lines(  # the handles are of viser, an extra
            self, name: str, segments: Floats, colour: Rgb,
            pixels: float) -> Any:  # noqa: ANN401
        return self._scene.add_line_segments(
            name, segments.astype(np.float32), colour, thickness=pixels, thickness_units='screen')

    def _add_meshes(self, name: str, mesh: Mesh, positions_m: Floats, quats_xyzw: Floats | None,
                    scales: NDArray[np.floating], colour: Rgb | Colours,
                    opacity: float | None = None) -> Any:  # noqa: ANN401
        if quats_xyzw is None:
            quats_xyzw = np.tile([0.0, 0, 0, 1], (len(positions_m), 1))
        return self._scene.add_batched_meshes_simple(
            name, mesh.vertices, mesh.faces, wxyz_from_xyzw(quats_xyzw), positions_m,
            batched_scales=scales.astype(np.float32), batched_colors=linear_rgb(colour),
            opacity=opacity, lod='off', side='double', cast_shadow=False, receive_shadow=False)

    def _add_cameras(self, name: str, positions_m: Floats, quats_xyzw: Floats, colour: Rgb,
                     choose: Choose) -> list[Any]:
        """Add frusta: edges, and faces that are easier to hit with the mouse."""
        scales = np.full(len(positions_m), self._camera_m)
        handles = [
            self._add_meshes(f'{name}/{part}', mesh, positions_m, quats_xyzw, scales, colour,
                             opacity)
            for part, mesh, opacity in zip(('faces', 'edges'), self._meshes, (0.3, None),
                                           strict=True)]
        ahead_m = np.array([Pose(position, quat).apply((0, 0, 0.6 * self._camera_m))
                            for position, quat in zip(positions_m, quats_xyzw, strict=True)])
        for handle in handles:
            handle.on_click(partial(_choose_clicked, choose, ahead_m))
        self._cameras += handles
        return handles
