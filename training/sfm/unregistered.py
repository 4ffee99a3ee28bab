"""Say why images have no pose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from posenet_ros.training.sfm.checks import MIN_FEATURES
from posenet_ros.training.sfm.correspondences.matching import VerifiedPairs
from posenet_ros.training.sfm.reconstruction import Component


def reasons_unregistered(names: tuple[str, ...], components: tuple[Component, ...],
                         verified: VerifiedPairs, features: NDArray[np.intp]) -> dict[str, str]:
    """
    Return the reason of each image that the largest component lacks.

    :param names: of all N images.
    :param features: (N,) number of features of each image.
    """
    apart = {name: len(part.names) for part in components[1:] for name in part.names}
    matched = set(np.unique(verified.pairs).tolist())
    registered = set(components[0].names)

    def reason(index: int, name: str) -> str:
        if name in apart:
            return f'in a part of {apart[name]} images that does not join the others'
        if features[index] < MIN_FEATURES:
            return 'hardly any texture'
        if index not in matched:
            return 'matches no other image'
        return 'sees too little that other images place'

    return {name: reason(i, name) for i, name in enumerate(names) if name not in registered}
