"""Settings of structure from motion, with the reasons for their defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
import os


@dataclass(frozen=True)
class KeyframeOptions:
    """Settings of :func:`posenet_ros.training.sfm.images.keyframes.select_keyframes`."""

    # pixels: larger images are reduced to it, which is enough for optical flow
    width: int = 320
    # median motion of corners since the last keyframe, by the width: a person who walks with a
    # camera of 30 Hz moves as far in a fifth to half a second
    min_motion: float = 0.06
    # of the corners of the last keyframe: with fewer still in view it is time for the next
    min_tracked: float = 0.4
    corners: int = 200
    # sharpness by the median of the neighbours, below which an image is blurred and left out
    min_relative_sharpness: float = 0.6
    # images before and behind that sharpness is compared with
    neighbours: int = 7
    # ratio of keyframes from which a walk is taken for chosen photographs, and stays whole
    photographs: float = 0.5


@dataclass(frozen=True)
class SiftOptions:
    """Settings of the feature detector."""

    # pixels: images with a longer side are reduced; accuracy grows with size up to here
    max_size: int = 1600
    # per image, the strongest
    max_keypoints: int = 2048
    # OpenCV's `contrastThreshold`
    contrast_threshold: float = 0.02


@dataclass(frozen=True)
class PairOptions:
    """Settings of :func:`posenet_ros.training.sfm.correspondences.pairs.choose_pairs`."""

    # images that follow in the same walk
    following: int = 6
    # most similar images by global descriptor, besides those that follow
    similar: int = 12
    # of these, the number from other walks where there are any: they join the walks
    across: int = 4
    # k-means centres and size of the global descriptor
    centres: int = 64
    size: int = 256


@dataclass(frozen=True)
class MatchOptions:
    """Settings of matching and of its geometric verification."""

    # ratio test: of the distances to the nearest and the second nearest descriptor
    max_ratio: float = 0.8
    # matches that agree with the geometry of a pair, COLMAP's default
    min_inliers: int = 15
    # pixels of an image 640 wide, in proportion for others: reprojection error of an inlier
    max_error_px: float = 4.0
    # of RANSAC: enough for an inlier ratio of 0.33, and a third of the time of COLMAP's 10,000
    max_trials: int = 2000


@dataclass(frozen=True)
class MappingOptions:
    """Settings of the mappers, and of what counts as found."""

    # registered by the global mapper; below, the incremental one tries it
    min_registered: float = 0.9
    # start of an unknown focal length by the longer side of the image
    focal_by_size: float = 1.2
    # a part of fewer images is left out without an error
    min_component: int = 10
    # ratio of a walk's images that have to be in the largest part
    min_joined: float = 0.5
    # relative difference of focal lengths that makes two cameras
    max_focal_difference: float = 0.05


@dataclass(frozen=True)
class PartOptions:
    """Settings of a reconstruction in parts."""

    # parts of the view graph that are mapped by themselves, or some more, as each is cut in two;
    # None: of some `images` each
    count: int | None = 1
    # more and the adjustment of all of a part's images takes longer than their matching
    images: int = 500
    # of the images of a part those that it shares with a neighbour, and how many at least: the
    # similarity that joins two parts is found by them
    overlap: float = 0.1
    min_overlap: int = 10

    def count_of(self, images: int) -> int:
        """Return the number of parts of some images."""
        return self.count or max(-(-images // self.images), 1)

    def sizes_of(self, images: int) -> tuple[int, int]:
        """Return how many images a part has at most, and how many more it shares."""
        own = -(-images // self.count_of(images))
        return own, max(round(self.overlap * own), self.min_overlap)


@dataclass(frozen=True)
class SfmOptions:
    """
    All settings of structure from motion.

    :param seed: of every random choice.
    :param threads: of matching and mapping.
    :param largest: keep the largest part where walks do not join, in place of an error.
    """

    keyframes: KeyframeOptions = field(default_factory=KeyframeOptions)
    sift: SiftOptions = field(default_factory=SiftOptions)
    pairs: PairOptions = field(default_factory=PairOptions)
    matches: MatchOptions = field(default_factory=MatchOptions)
    mapping: MappingOptions = field(default_factory=MappingOptions)
    parts: PartOptions = field(default_factory=PartOptions)
    seed: int = 0
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    largest: bool = False


DEFAULT_SFM = SfmOptions()
