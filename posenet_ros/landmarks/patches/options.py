"""Settings of the alignment of patches, with the reasons for their defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PatchOptions:
    """Settings of :func:`.patch_pose.refine_by_patches`; pixels are those of the image."""

    # of an image, in all: 600 are 7 % less exact, and 3 ms faster
    max_landmarks: int = 1000
    # squares over which these are spread
    cell_px: int = 32
    # those whose reference view is the most like the image come first: an angle that makes as
    # unlike as twice the distance, and how much a track of twice the length makes up for
    angle_scale_deg: float = 20.0
    track_length_weight: float = 0.25
    # half the width of what is compared: 9 x 9 pixels
    half_width: int = 4
    # standard deviation of the Gaussian weight, of the half width
    weight_sigma: float = 0.6
    # of the weights, that of pixels which the stored patch covers: it is too small for an image
    # that shows the landmark from further away
    min_covered: float = 0.6
    # of Gauss-Newton, and the longest one, pixels
    steps: int = 3
    max_step_px: float = 0.5
    # by which a landmark may be found off its projection
    max_shift_px: float = 3.0
    # zero-mean normalised cross-correlation from which a patch is found
    min_correlation: float = 0.8
    # smallest eigenvalue of the structure tensor, (grey levels a pixel)^2: below it there is no
    # texture, or only a straight edge
    min_texture: float = 2.0
    # between the ray and the plane that faces both cameras: beyond it the patch is too oblique
    min_facing: float = 0.3
    # width of Cauchy's loss: at this residual a patch counts half
    loss_scale_px: float = 0.3
    # of the sigmas of the pose by patches where it is averaged with that by keypoints: at 1 poses
    # are less exact where the map's labels come of keypoints, at 2 elsewhere
    sigma_scale: float = 1.5
    # that are found: fewer do not move a pose
    min_found: int = 12
    # residual of a patch that agrees with the refined pose
    max_residual_px: float = 1.0


DEFAULT_PATCHES = PatchOptions()
