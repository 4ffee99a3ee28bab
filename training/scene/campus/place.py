"""The campus as a place: courts in many styles along a street, and walks through all of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
from posenet_ros.training.scene.area import Area, Way
from posenet_ros.training.scene.campus.buildings import stand_range
from posenet_ros.training.scene.campus.ground import (
    court_floor,
    furnish,
    moved_billboard,
    street,
)
from posenet_ros.training.scene.campus.layout import (
    column_x,
    COLUMNS,
    COURT_FAR_M,
    COURT_HALF_M,
    COURT_NEAR_M,
    court_poses,
    HALF_LENGTH_M,
    PASSAGE_HALF_M,
    PITCH_M,
    route,
    STREET_HALF_M,
)
from posenet_ros.training.scene.campus.route import RouteWalk
from posenet_ros.training.scene.court.area import COURT
from posenet_ros.training.scene.parts.structure import Court, moved
from posenet_ros.training.scene.place import Place
from posenet_ros.training.scene.rendering.renderer import Surface
from posenet_ros.training.scene.settings import TEST_RATE_HZ, TRAIN_RATE_HZ
from posenet_ros.training.scene.walks import SPEED_M_S, Walk

MIN_WALKS = 4  # to train on: each spot is seen on as many
STRAY_M = 1.2
WAYS = (Way((-HALF_LENGTH_M + 3, 3.5), (HALF_LENGTH_M - 3, 3.5), 1.5),
        Way((-HALF_LENGTH_M + 3, -3.5), (HALF_LENGTH_M - 3, -3.5), 1.5),
        *(Way((column_x(column), 9.0 * side), (column_x(column), 33.0 * side), 2.5)
          for column in range(COLUMNS) for side in (1, -1)))
CAMPUS = Area('campus', 'campus', (0.0, 0.0), (HALF_LENGTH_M, COURT_FAR_M), 0.0, 70.0,
              COURT.lights, WAYS, 24, 8,
              ((-HALF_LENGTH_M + 2, 5.8), (HALF_LENGTH_M - 2, 5.8)))


def campus_place(frames: int, test_frames: int, seed: int) -> Place:
    """Return the campus; the seed varies its buildings, materials and walks."""
    return Place(lambda: build(seed), make_walks(frames, test_frames, seed), areas=(CAMPUS,))


def build(seed: int) -> Mapping[str, Court]:
    """Build all courts and the street."""
    campus = Court()
    for number, pose in enumerate(court_poses()):
        own = build_court(np.random.default_rng((seed, 50, number)))
        campus.surfaces.extend(moved(own.surfaces, pose))
        campus.billboards.extend(moved_billboard(board, pose) for board in own.billboards)
    rng = np.random.default_rng((seed, 51))
    campus.surfaces.append(street(rng))
    width = 2 * STREET_HALF_M
    stand_range(campus, (-HALF_LENGTH_M, -STREET_HALF_M), 'E', width, rng)
    stand_range(campus, (HALF_LENGTH_M, STREET_HALF_M), 'W', width, rng)
    return {CAMPUS.site: Court([_halved(one) for one in campus.surfaces], campus.billboards)}


def build_court(rng: np.random.Generator) -> Court:
    """Build a court in its own frame: its three sides, and the wings between it and the street."""
    court, depth = Court(), COURT_FAR_M - COURT_NEAR_M
    court.surfaces.extend(court_floor(rng))
    stand_range(court, (-COURT_HALF_M, COURT_FAR_M), 'S', 2 * COURT_HALF_M, rng)
    stand_range(court, (-COURT_HALF_M, COURT_NEAR_M), 'E', depth, rng)
    stand_range(court, (COURT_HALF_M, COURT_FAR_M), 'W', depth, rng)
    wing, front = COURT_HALF_M - PASSAGE_HALF_M, PITCH_M / 2 - PASSAGE_HALF_M
    thick = COURT_NEAR_M - STREET_HALF_M
    for left in (-PITCH_M / 2, PASSAGE_HALF_M):
        stand_range(court, (left, STREET_HALF_M), 'S', front, rng)
    for right in (-PASSAGE_HALF_M, COURT_HALF_M):
        stand_range(court, (right, COURT_NEAR_M), 'N', wing, rng)
    stand_range(court, (-PASSAGE_HALF_M, STREET_HALF_M), 'E', thick, rng)
    stand_range(court, (PASSAGE_HALF_M, COURT_NEAR_M), 'W', thick, rng)
    furnish(court, rng)
    return court


def _halved(surface: Surface) -> Surface:
    """Return a surface with half of the pixels a metre: a campus is large."""
    height, width = surface.albedo.shape[:2]
    size = max(width // 2, 1), max(height // 2, 1)
    return replace(surface, albedo=np.asarray(
        cv2.resize(surface.albedo, size, interpolation=cv2.INTER_AREA), np.uint8))


def make_walks(frames: int, test_frames: int, seed: int) -> tuple[Walk, ...]:
    """
    Return the sequences, which follow one route from its start as far as their images reach.

    Four or more walks to train on, more where their images are enough for the whole route, and a
    test walk over the same ground.
    """
    rng = np.random.default_rng((seed, 52))
    first = _walk(1, 'train', 1, TRAIN_RATE_HZ, seed, rng)
    whole = first.lap_m / SPEED_M_S * TRAIN_RATE_HZ  # images of the route
    train = frames - test_frames
    count = max(MIN_WALKS, round(train / whole))
    counts = [len(part) for part in np.array_split(np.arange(train), count)]
    rate = max(TRAIN_RATE_HZ, TRAIN_RATE_HZ * max(counts) / (whole - 10))
    walks = [_walk(i + 1, 'train', n, rate, seed, rng) for i, n in enumerate(counts)]
    test_rate = min(TEST_RATE_HZ, rate * test_frames / max(counts))
    return (*walks, _walk(count + 1, 'test', test_frames, test_rate, seed, rng))


def _walk(number: int, split: str, count: int, rate_hz: float, seed: int,
          rng: np.random.Generator) -> RouteWalk:
    gaze = float(rng.uniform(9.0, 13.5)), float(rng.uniform(3.9, 5.7))
    return RouteWalk(f'seq{number}', split, count, rate_hz, 1.0, (1.0, 1.0), (0.0, 0.0), gaze,
                     1000 * seed + number, CAMPUS, route(), STRAY_M)
