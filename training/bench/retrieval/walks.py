"""Draw global descriptors of walks that a map of a huge place might have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from posenet_ros.arrays import Floats, Floats32
from posenet_ros.landmarks.landmark_map import Views
from posenet_ros.landmarks.matching import unit_rows

PLACE = 20  # successive views that show one place
WALK = 200  # views of a walk
REPEATS = 5  # times that a walk is walked
VARIANCE = 0.99  # that the low-rank covariances keep


@dataclass(frozen=True, eq=False)
class WalkModel:
    """
    A mixture of Gaussians of low rank, each a place; a walk through it is autoregressive.

    Each of the factors F (R, D) stands for a covariance F' F.

    :param mean: (D,) of all views.
    :param between: factor of the means of places.
    :param within: factor of the views of a place about its mean.
    :param neighbours: factor of half the difference of successive views: their noise.
    :param correlation: of successive views.
    """

    mean: Floats32
    between: Floats32
    within: Floats32
    neighbours: Floats32
    correlation: float

    def walk(self, count: int, rng: np.random.Generator) -> Floats32:
        """Draw (count, D) descriptors of walks without noise, each view `REPEATS` times."""
        walks = -(-count // (WALK * REPEATS))
        new = np.float32(np.sqrt(1 - self.correlation ** 2))
        places = self.mean + _draw(self.between, walks, rng)
        state, steps = _draw(self.within, walks, rng), []
        for _ in range(WALK):
            steps.append(places + state)
            state = self.correlation * state + new * _draw(self.within, walks, rng)
        return np.repeat(np.concatenate(steps), REPEATS, axis=0)[:count]

    def observe(self, walked: Floats32, rng: np.random.Generator) -> Floats32:
        """Return unit descriptors of views (N, D), with the noise of neighbours."""
        return unit_rows(walked + _draw(self.neighbours, len(walked), rng))


def fit_walks(views: Views) -> WalkModel:
    """Fit the model to the descriptors of a map's views, in their order."""
    found = views.global_descriptors.astype(np.float64)
    places, steps = [], []
    for name in dict.fromkeys(views.sequences):
        walk = found[np.array(views.sequences) == name]
        steps.append(np.diff(walk, axis=0))
        places += np.array_split(walk, max(len(walk) // PLACE, 1))
    means = np.array([place.mean(axis=0) for place in places])
    inside = np.concatenate([place - place.mean(axis=0) for place in places])
    noise = np.concatenate(steps) / np.sqrt(2)
    correlation = max(1 - np.sum(noise.var(axis=0)) / np.sum(inside.var(axis=0)), 0.0)
    return WalkModel(found.mean(axis=0).astype(np.float32), _factor(means), _factor(inside),
                     _factor(noise), float(correlation))


def _factor(rows: Floats) -> Floats32:
    """Return the principal directions of rows (N, D), times their standard deviations."""
    _, scales, directions = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    kept = np.cumsum(scales ** 2) <= VARIANCE * np.sum(scales ** 2)
    kept[0] = True
    return np.asarray(scales[kept, np.newaxis] * directions[kept] / np.sqrt(len(rows)),
                      np.float32)


def _draw(factor: Floats32, count: int, rng: np.random.Generator) -> Floats32:
    return np.asarray(rng.standard_normal((count, len(factor)), dtype=np.float32) @ factor)
