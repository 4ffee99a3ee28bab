"""Leave out of a mapped part what the budget of all would leave out, before parts are joined."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from posenet_ros.training.landmarks.mapping import landmark_budget
from posenet_ros.training.landmarks.options import MappingOptions
from posenet_ros.training.landmarks.reconstruction.tracks import Tracks
from posenet_ros.training.landmarks.selection import select_landmarks
from posenet_ros.training.pipelines.mapping.parts.part import PartTracks

# budgets of a part: more than one, for the budget of all is not spread evenly
SPARE = 2


def within_budget(part: PartTracks, shared: NDArray[np.bool_],
                  options: MappingOptions) -> PartTracks:
    """
    Return those of the tracks of a part among which the budget of all parts will choose.

    Tracks that another part may have, too, are all kept: each part lacks the other's sightings of
    them. Of the others there are SPARE budgets of the part, so that what is in memory at once
    grows with the views, not with their keypoints.

    :param shared: (N,) mask of the part's views that another part has, too.
    :param options: of the part.
    """
    tracks = part.found.tracks
    common = np.zeros(len(tracks), np.bool_)
    common[tracks.indices[shared[tracks.views]]] = True
    private = np.flatnonzero(~common)
    chosen = private[select_landmarks(part.found.subset(private), len(shared),
                                      SPARE * landmark_budget(len(shared), options))]
    kept = np.sort(np.concatenate([np.flatnonzero(common), chosen]))
    numbered = Tracks(np.arange(len(part.observed)), tracks.keypoints, tracks.starts)
    return PartTracks(part.found.subset(kept), part.observed[numbered.subset(kept).views],
                      part.appearance.subset(kept))
