"""The places that can be rendered, by their names."""

from __future__ import annotations

from posenet_ros.training.scene.arcade.place import arcade_place
from posenet_ros.training.scene.campus.place import campus_place
from posenet_ros.training.scene.court.place import court_place
from posenet_ros.training.scene.place import Place
from posenet_ros.training.scene.settings import Settings

_MAKERS = {'court': court_place, 'arcade': arcade_place, 'campus': campus_place}


def make_place(settings: Settings) -> Place:
    """Return the place of the settings, in the arrangement of their seed."""
    return _MAKERS[settings.place](settings.frames, settings.test_images, settings.seed)
