"""The viewer's panels: what is shown, and what was clicked."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from threading import Lock
from typing import TYPE_CHECKING

from posenet_ros.errors import PoseNetError
from posenet_ros.evaluation.viewer.camera_details import CameraDetails, CameraViewer, format_m
from posenet_ros.evaluation.viewer.content import Content
from posenet_ros.evaluation.viewer.markdown import plain
from posenet_ros.evaluation.viewer.scene import MATCHES, Rgb, Scene

if TYPE_CHECKING:
    import viser

INVITATION = 'Click a camera: its image and its landmarks appear here.'
WIDTH_PX = 430  # of the panel with the image
MOST_LARGER, MOST_MAGNIFIED = 5.0, 100.0


def summary(content: Content, title: str) -> str:
    """Describe in Markdown what is shown."""
    place, frames = content.place, content.frames
    lines = [f'**{plain(title)}**', f'- {len(place.points_m):,} landmarks',
             f'- {len(place.views):,} training images']
    if frames is not None and frames.estimated.any():
        median_m = float(sorted(frames.errors.translation_m[frames.estimated])[
            int(frames.estimated.sum()) // 2])
        lines.append(f'- report: {len(frames):,} images, median error {format_m(median_m)}')
    return '\n'.join(lines + [f'- {plain(note)}' for note in content.notes])


def legend_html(legend: dict[str, Rgb]) -> str:
    """Make the legend: a square of its colour before each name."""
    return '<div style="padding: 0 0.75em; font-size: 0.85em; line-height: 1.6">' + ''.join(
        f'<div><span style="color: rgb{colour}">&#9632;</span> {escape(name)}</div>'
        for name, colour in legend.items()) + '</div>'


class Panel:
    """
    The controls of a scene, and a panel for the camera that was clicked.

    :param server: shows them.
    :param scene: is controlled; it has been drawn when :meth:`add_controls` is called.
    :param cameras: looks at single cameras.
    """

    def __init__(self, server: viser.ViserServer, content: Content, scene: Scene,
                 cameras: CameraViewer) -> None:
        self._gui, self._content = server.gui, content
        self._scene, self._cameras = scene, cameras
        server.gui.configure_theme(show_logo=False, show_share_button=False)
        panel = server.gui.add_panel()
        self._tab = panel.add_tab('Camera')
        with self._tab:
            self._text = server.gui.add_markdown(INVITATION)
        self._picture: viser.GuiImageHandle | None = None
        self._lock = Lock()
        panel.float(x=15, y=-15, width=WIDTH_PX)

    def add_controls(self, title: str) -> None:
        """Add the legend, a switch for each layer, and the sliders."""
        gui, scene = self._gui, self._scene
        gui.add_markdown(summary(self._content, title))
        gui.add_html(legend_html(scene.legend))
        with gui.add_folder('Layers'):
            for name in (*scene.layers, MATCHES):
                self._add_switch(name)
        with gui.add_folder('Sizes'):
            self._add_slider('points', 0.1, MOST_LARGER, scene.scale_points)
            self._add_slider('cameras', 0.1, MOST_LARGER, scene.scale_cameras)
            if self._content.frames is not None:
                self._add_slider('errors', 1.0, MOST_MAGNIFIED, scene.magnify)

    def _add_switch(self, layer: str) -> None:
        box = self._gui.add_checkbox(layer, True)
        box.on_update(lambda _: self._scene.show(layer, box.value))

    def _add_slider(self, what: str, least: float, most: float,
                    change: Callable[[float], None]) -> None:
        slider = self._gui.add_slider(f'{what} x', least, most, least, 1.0,
                                      hint=f'Draw the {what} so many times as large')
        slider.on_update(lambda _: change(slider.value))

    def show_view(self, index: int) -> None:
        """Show a training view."""
        self._show(lambda: self._cameras.view(index))

    def show_frame(self, index: int) -> None:
        """Show a frame of the report, which takes a moment: it is localised anew."""
        frames = self._content.frames
        if frames is not None:
            frame = frames.frames[index]
            self._text.content = f'**{plain(frame.name)}**: localising ...'
            self._show(lambda: self._cameras.frame(frame))

    def _show(self, look: Callable[[], CameraDetails]) -> None:
        """Show what there is to say of a camera, or why that cannot be said."""
        try:
            with self._lock:  # two browsers may ask at once
                shown = look()
        except PoseNetError as error:
            self._text.content = plain(str(error))
            return
        self._text.content = shown.text
        self._scene.mark(shown)
        if self._picture is not None:
            self._picture.visible = shown.picture is not None
        if shown.picture is None:
            return
        if self._picture is None:
            with self._tab:
                self._picture = self._gui.add_image(shown.picture, format='jpeg')
        self._picture.image = shown.picture
