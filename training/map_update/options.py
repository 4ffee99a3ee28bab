"""Settings of the updates of a map, with the reasons for their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field

from posenet_ros.training.landmarks.options import MappingOptions, pixels


@dataclass(frozen=True)
class JoinOptions:
    """Settings of :func:`.observations.observe_landmarks`."""

    # nearest views whose landmarks are looked for, as the localiser does
    views: int = 20
    # half the width of the window round a projected landmark: poses and landmarks err by 1
    max_error: float = pixels(3)
    # of a keypoint's descriptor and the mean one; neighbours on a wall reach 0.6
    min_cosine: float = 0.75


@dataclass(frozen=True)
class PruningOptions:
    """Settings of :func:`.pruning.vanished_landmarks` and :func:`.pruning.redundant_views`."""

    # sightings to expect of a landmark, by how often old views see it: none of 5 expected ones is
    # chance once in 150 (Poisson)
    min_expected: float = 5.0
    # of the expected sightings: a landmark with fewer has vanished
    min_proportion: float = 0.1


@dataclass(frozen=True)
class ComparisonOptions:
    """Settings of :func:`.comparison.compare_maps`."""

    # of a new walk, every so many images are left out of the map for the check
    held_out_every: int = 5
    # at least, where the walk has that many
    min_held_out: int = 3
    # views of the old map that are localised anew, evenly spread
    old_views: int = 24
    # standard deviation of their keypoints, of which the map does not know the true ones
    noise_px: float = 0.5
    # by which fewer answers, or larger errors, have to be worse: 2 % are by chance
    standard_errors: float = 2.0
    # increase of the error that does no harm
    harmless_ratio: float = 1.05


@dataclass(frozen=True)
class UpdateOptions:
    """Settings of :func:`.extension.extend_map`, with those of its parts."""

    mapping: MappingOptions = field(default_factory=MappingOptions)
    joining: JoinOptions = field(default_factory=JoinOptions)
    pruning: PruningOptions = field(default_factory=PruningOptions)
    comparison: ComparisonOptions = field(default_factory=ComparisonOptions)
    # images that are not found by the map alone are looked for in the extended one, again
    rounds: int = 2
    # images that have to be found: fewer may agree by chance
    min_registered: int = 5
