"""Matches of an image with the landmarks of one place, from cosines that are known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from posenet_ros.landmarks.options import HypothesisOptions
from posenet_ros.landmarks.verification.similarities import Similarities


class PlaceMatches(NamedTuple):
    """Matches of landmarks (K,) with features (K,), and their cosines (K,)."""

    landmarks: NDArray[np.integer]
    features: NDArray[np.integer]
    cosines: NDArray[np.float32]

    def select(self, chosen: NDArray[np.bool_]) -> PlaceMatches:
        """Return some of the matches, (K,) True for those to keep."""
        return PlaceMatches(*(part[chosen] for part in self))


def match_place(similarities: Similarities, landmarks: NDArray[np.integer],
                options: HypothesisOptions) -> PlaceMatches:
    """
    Match features with the landmarks of some views: mutual, and by the ratio test.

    The ratio is of the nearest and the second nearest landmark of a feature among those of the
    place: a spot that other places repeat may match here.

    :param landmarks: (M,) known to `similarities`.
    """
    if len(landmarks) < 2:
        nothing = np.empty(0, np.intp)
        return PlaceMatches(nothing, nothing, np.empty(0, np.float32))
    best, cosine, _ = similarities.best(landmarks)
    cosines = similarities.of_all_features(landmarks)
    mutual = np.flatnonzero((cosine >= cosines.max(axis=0)[best])
                            & (cosine > options.min_cosine))
    cosines[mutual, best[mutual]] = -1
    second = cosines.max(axis=0)[best[mutual]]
    # squared distances are 2 - 2 cos
    chosen = mutual[1 - cosine[mutual] < options.max_ratio ** 2 * (1 - second)]
    return PlaceMatches(landmarks[chosen], best[chosen], cosine[chosen])
