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
        return PlaceMatches(
            self.landmarks[chosen], self.features[chosen], self.cosines[chosen])


def match_place(similarities: Similarities, landmarks: NDArray[np.integer],
                options: HypothesisOptions) -> PlaceMatches:
    """
    Match landmarks of some views with features: by the ratio test, each feature once.

    The ratio is of a landmark's nearest feature and of its nearest one elsewhere in the image. It
    is known for all places at once; with the ratio of a feature's two nearest landmarks of the
    place, which costs several times as much, as many right poses are found.

    :param landmarks: (M,) known to `similarities`.
    """
    best, cosine, elsewhere = similarities.best(landmarks)
    good = np.flatnonzero((cosine > options.min_cosine)
                          & (1 - cosine < options.max_ratio ** 2 * (1 - elsewhere)))
    order = good[np.argsort(-cosine[good], kind='stable')]
    chosen = order[np.unique(best[order], return_index=True)[1]]
    return PlaceMatches(landmarks[chosen], best[chosen], cosine[chosen])
