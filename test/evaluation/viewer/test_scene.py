"""What is drawn: layers, clicks, sizes and marks; the server is a stand-in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.evaluation.results import FrameTable
from posenet_ros.evaluation.viewer import scene as scenes
from posenet_ros.evaluation.viewer.camera_details import CameraDetails
from posenet_ros.evaluation.viewer.colours import colours_of_height
from posenet_ros.evaluation.viewer.content import Content, make_content
from posenet_ros.evaluation.viewer.panel import Panel
from posenet_ros.evaluation.viewer.scene import linear_rgb, look_at, Scene
from posenet_ros.geometry.pose import Pose
from posenet_ros.inference.artifact import load
from posenet_ros.landmarks.place_map import load_place_map
import pytest
from training_helpers import CAMERA
from viewer_helpers import COUNT, report_frames, SEQUENCES, write_place

ERROR_M = (0.3, 0.0, 0.4)


class Server(MagicMock):
    """Keeps what is drawn by its name, as viser does."""

    def drawn(self) -> dict[str, Any]:
        """Return the last call of each name."""
        return {call.args[0]: call for call in self.scene.mock_calls if call.args
                and isinstance(call.args[0], str) and call.args[0].startswith('/')}


def make_server() -> Server:
    """Make a stand-in whose scene returns a new handle each time."""
    server = Server()
    for name in ('add_line_segments', 'add_batched_meshes_simple', 'add_point_cloud', 'add_grid'):
        getattr(server.scene, name).side_effect = lambda *arguments, **more: MagicMock(
            batched_positions=arguments[4] if len(arguments) > 4 else None)
    return server


@pytest.fixture(scope='module')
def content(tmp_path_factory: pytest.TempPathFactory) -> Content:
    folder = tmp_path_factory.mktemp('place')
    poses = write_place(folder)
    return make_content(load_place_map(load(folder / 'model')), CAMERA,
                        FrameTable.from_frames(report_frames(poses, ERROR_M)))


def draw(content: Content, server: Server) -> tuple[Scene, list[tuple[str, int]]]:
    """Draw all; returns the scene, and what is clicked afterwards."""
    scene, clicked = Scene(server, content), []
    scene.draw(colours_of_height(content.place.points_m, content.up),
               lambda i: clicked.append(('view', i)), lambda i: clicked.append(('frame', i)))
    return scene, clicked


def test_every_layer_is_drawn_where_the_data_are(content: Content) -> None:
    server = make_server()
    scene, _ = draw(content, server)
    assert list(scene.layers) == [
        'landmarks', 'training walk', 'true walk', 'estimates, refined',
        'estimates, network alone', 'estimates, not accepted', 'errors', '2 sigma', 'grid, 1 m']
    drawn = server.drawn()
    assert np.array_equal(drawn['/landmarks'].args[1], content.place.points_m)
    assert len(drawn['/walk/line'].args[1]) == SEQUENCES * (COUNT - 1)
    assert len(drawn['/walk/cameras/faces'].args[4]) == SEQUENCES * COUNT
    quat_wxyz = drawn['/walk/cameras/edges'].args[3][0]
    assert np.allclose(np.roll(quat_wxyz, -1), content.place.views[0].map_from_camera.quat_xyzw)
    lines = drawn['/report/errors'].args[1]
    assert np.allclose(lines[:, 1] - lines[:, 0], ERROR_M, atol=1e-6)
    assert len(lines) == COUNT - 1
    refined = drawn['/report/estimates0/edges'].kwargs['batched_colors']
    assert np.array_equal(refined, linear_rgb(scene.legend['estimates, refined']))
    sigma = drawn['/report/sigma']
    assert np.allclose(sigma.kwargs['batched_scales'], (0.4, 0.6, 0.2))
    assert np.allclose(sigma.args[4], content.frames.estimates_m[:-1], atol=1e-6)


def test_errors_and_sigma_are_magnified_together(content: Content) -> None:
    server = make_server()
    scene, _ = draw(content, server)
    scene.magnify(10.0)
    drawn = server.drawn()
    lines, sigma = drawn['/report/errors'].args[1], drawn['/report/sigma']
    assert np.allclose(lines[:, 0], content.frames.truths_m[:-1], atol=1e-5)
    assert np.allclose(lines[:, 1] - lines[:, 0], (3, 0, 4), atol=1e-5)
    assert np.allclose(sigma.kwargs['batched_scales'], (4, 6, 2))
    assert np.allclose(sigma.args[4], lines[:, 1], atol=1e-5)


def test_a_click_chooses_the_camera_that_was_hit(content: Content) -> None:
    server, handles = make_server(), {}
    server.scene.add_batched_meshes_simple.side_effect = lambda name, *_, **more: (
        handles.setdefault(name, MagicMock()))
    _, clicked = draw(content, server)

    def click(name: str, index: int | None, towards: np.ndarray) -> None:
        origin = content.first_look.position_m
        direction = (towards - origin) / np.linalg.norm(towards - origin)
        for [callback] in (call.args for call in handles[name].on_click.mock_calls):
            callback(SimpleNamespace(instance_index=index, ray_origin=tuple(origin),
                                     ray_direction=tuple(direction)))

    nowhere = np.zeros(3)
    click('/walk/cameras/faces', 7, nowhere)
    click('/report/estimates0/edges', 1, nowhere)  # refined: the frames 1 and 3
    click('/report/estimates1/faces', 0, nowhere)
    view = content.place.views[9].map_from_camera
    click('/walk/cameras/edges', None, view.apply((0, 0, 0.05)))
    assert clicked == [('view', 7), ('frame', 3), ('frame', 0), ('view', 9)]


def test_a_hidden_layer_stays_hidden_when_it_is_drawn_anew(content: Content) -> None:
    scene, _ = draw(content, make_server())
    handle = scene.layers['errors'][0]
    scene.show('errors', False)
    assert handle.visible is False
    scene.magnify(3.0)
    assert scene.layers['errors'][0] is not handle
    assert scene.layers['errors'][0].visible is False
    scene.show('errors', True)
    assert scene.layers['errors'][0].visible is True
    assert scene.layers['2 sigma'][0].visible is True


def test_sizes_are_of_the_first_ones(content: Content) -> None:
    server = make_server()
    scene, _ = draw(content, server)
    [points] = scene.layers['landmarks']
    scene.scale_points(2.0)
    assert points.point_size == pytest.approx(
        2 * server.drawn()['/landmarks'].kwargs['point_size'])
    faces = scene.layers['training walk'][1]
    scene.scale_cameras(0.5)
    assert np.allclose(faces.batched_scales,
                       server.drawn()['/walk/cameras/faces'].kwargs['batched_scales'] / 2)
    colours = np.zeros((len(content.place.points_m), 3), np.uint8)
    scene.recolour(colours)
    assert points.colors is colours


def test_a_camera_is_marked_with_its_landmarks_and_their_view(
        content: Content, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, 'MOST_MATCHES', 20)
    server = make_server()
    scene, _ = draw(content, server)
    pose, points = Pose((1.0, 2, 3)), content.place.points_m[:50]
    scene.mark(CameraDetails('', pose, None, points, [4]))
    drawn = server.drawn()
    lines = drawn['/chosen/lines'].args[1]
    assert len(lines) == 20
    assert np.allclose(lines[:, 0], (1, 2, 3))
    assert all(np.abs(points - end).max(axis=1).min() < 1e-5 for end in lines[:, 1])
    cameras = drawn['/chosen/cameras']
    assert np.allclose(cameras.args[4], [
        (1, 2, 3), content.place.views[4].map_from_camera.translation_m])
    assert (cameras.kwargs['batched_colors'][0] != cameras.kwargs['batched_colors'][1]).any()


def test_colours_of_meshes_are_linear() -> None:
    assert linear_rgb((0, 128, 255)).tolist() == [0, 55, 255]
    assert linear_rgb((10, 10, 10)).tolist() == [1, 1, 1]


def test_the_first_look_and_up_are_given_to_browsers(content: Content) -> None:
    server = make_server()
    look_at(server, content.first_look)
    server.scene.set_up_direction.assert_called_once_with((0.0, 0.0, 1.0))
    camera = server.initial_camera
    assert np.array_equal(camera.position, content.first_look.position_m)
    assert np.array_equal(camera.look_at, content.first_look.look_at_m)
    assert camera.near < 0.1 < 10 < camera.far


def make_panel(content: Content, cameras: object) -> tuple[Panel, Server, MagicMock]:
    """Make a panel and the controls of a scene that is a stand-in."""
    server, scene = make_server(), MagicMock(layers={'landmarks': [], 'grid': []}, legend={})
    panel = Panel(server, content, scene, cameras)  # type: ignore[arg-type]
    panel.add_controls('wall')
    return panel, server, scene


def test_a_click_shows_text_and_picture_and_marks_the_camera(content: Content) -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    shown = CameraDetails('**a**', Pose(), picture)
    bare = CameraDetails('**b**', Pose())
    cameras = SimpleNamespace(view=lambda _: shown, frame=lambda frame: bare)
    panel, server, scene = make_panel(content, cameras)
    text = server.gui.add_markdown.return_value
    panel.show_view(3)
    assert text.content == '**a**'
    scene.mark.assert_called_with(shown)
    handle = server.gui.add_image.return_value
    assert handle.image is picture
    panel.show_frame(0)
    assert text.content == '**b**'
    scene.mark.assert_called_with(bare)
    assert handle.visible is False
    panel.show_view(3)
    assert handle.visible is True
    server.gui.add_image.assert_called_once()


def test_what_goes_wrong_is_said_in_the_panel(content: Content) -> None:
    def fail(_: int) -> CameraDetails:
        raise InputError('the image a.png has to be readable')

    panel, server, scene = make_panel(content, SimpleNamespace(view=fail))
    panel.show_view(0)
    assert 'has to be readable' in server.gui.add_markdown.return_value.content
    scene.mark.assert_not_called()


def test_every_layer_has_a_switch(content: Content) -> None:
    _, server, scene = make_panel(content, None)
    labels = [call.args[0] for call in server.gui.add_checkbox.mock_calls if call.args]
    assert [label for label in labels if isinstance(label, str)] == [
        'landmarks', 'grid', 'matches']
    box = server.gui.add_checkbox.return_value
    box.value = False
    box.on_update.call_args_list[0].args[0](None)
    scene.show.assert_called_with('landmarks', False)
    slider = server.gui.add_slider.return_value
    slider.value = 2.5
    slider.on_update.call_args_list[2].args[0](None)
    scene.magnify.assert_called_with(2.5)
