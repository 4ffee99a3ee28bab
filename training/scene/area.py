"""An area that is walked: where, looking which way, in which light, among whom."""

from __future__ import annotations

from dataclasses import dataclass

from posenet_ros.training.scene.rendering.light import Light

Point = tuple[float, float]


@dataclass(frozen=True)
class Way:
    """
    A way that people walk along, metres.

    :param stray: how far they stray from it.
    """

    start: Point
    end: Point
    stray: float


@dataclass(frozen=True)
class Area:
    """
    A rectangle of ground along the axes of the map that walks fill.

    :param name: of the area.
    :param site: the part of the place that is drawn: what can be seen from here.
    :param centre_m: its middle, metres.
    :param half_size_m: half of its sides, metres.
    :param facing_deg: the direction that the gaze wanders about, counter-clockwise from x.
    :param swing_deg: how far the gaze wanders to either side.
    :param lights: of the sequences, in turn.
    :param ways: of the people, in turn.
    :param people: number of people who walk about.
    :param clutter: number of things that stand elsewhere in each sequence.
    :param clutter_line: the ends of the line along which they stand.
    """

    name: str
    site: str
    centre_m: Point
    half_size_m: Point
    facing_deg: float
    swing_deg: float
    lights: tuple[Light, ...]
    ways: tuple[Way, ...]
    people: int
    clutter: int = 0
    clutter_line: tuple[Point, Point] = ((0.0, 0.0), (0.0, 0.0))

    def light(self, sequence: int) -> Light:
        """Return the light of a sequence, by its number from 1."""
        return self.lights[(sequence - 1) % len(self.lights)]

    def holds(self, x: float, y: float, margin_m: float = 0.0) -> bool:
        """Return whether a point lies within the area, grown by a margin."""
        return (abs(x - self.centre_m[0]) <= self.half_size_m[0] + margin_m
                and abs(y - self.centre_m[1]) <= self.half_size_m[1] + margin_m)
