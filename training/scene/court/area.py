"""The ground of the court that is walked."""

from __future__ import annotations

from posenet_ros.training.scene.area import Area, Way
from posenet_ros.training.scene.rendering.light import Light

#                azimuth, elevation, sun, ambient, warmth, clouds, exposure, noise, shutter
_LIGHTS = (Light(302, 34, 1.15, 0.36, 0.10, 0.20, 1.00, 2.0, 1 / 200),
           Light(250, 60, 0.12, 0.86, -0.35, 0.95, 0.92, 3.0, 1 / 60),
           Light(222, 31, 1.20, 0.33, 0.45, 0.35, 1.04, 2.0, 1 / 125),
           Light(268, 52, 0.80, 0.52, -0.10, 0.55, 1.20, 2.5, 1 / 100),
           Light(205, 21, 1.15, 0.32, 0.75, 0.30, 0.92, 3.5, 1 / 80),
           Light(286, 43, 1.02, 0.40, 0.25, 0.45, 1.06, 2.5, 1 / 100),
           Light(240, 38, 0.95, 0.45, 0.05, 0.40, 0.98, 3.0, 1 / 100))
_WAYS = (Way((-17, 1.5), (17, 1.5), 0.8), Way((0.6, -12), (0.6, 12), 0.4),
         Way((-17, 13), (17, 13), 0.7), Way((-17.8, -12), (-17.8, 12), 0.6),
         Way((17.5, -12), (17.5, 12), 0.6), Way((-12, -11), (13, 10), 1.5),
         Way((-13, 3.4), (14, -9), 1.5), Way((2.4, 8), (12, 4), 0.8))
COURT = Area('court', 'court', (0.0, -4.5), (9.0, 6.0), 90.0, 56.0, _LIGHTS, _WAYS, 16)
