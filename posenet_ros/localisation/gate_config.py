"""Limits of the gate; light to import, for the node's parameters and command lines show them."""

from __future__ import annotations

from dataclasses import dataclass, fields

from posenet_ros.errors import InputError


@dataclass(frozen=True)
class GateConfig:
    """
    Limits of the gate; 0 switches a check off.

    :param max_distance_m: how far outside the box of the training positions a pose may be,
        metres.
    :param max_sigma_m: largest standard deviation of the position along any direction, metres.
    :param max_sigma_deg: largest standard deviation of the rotation about any axis, degrees.
    :param max_jump_m: how far a pose may be from where the last accepted one has moved to by
        odometry, or at the velocity of the last second where there is none, metres.
    :param max_jump_deg: how far its rotation may be from there, degrees.
    :param reaccept_frames: number of consecutive poses that jumped, but agree with each other, and
        are then believed: the robot was carried, or the last accepted pose was wrong.
    :param max_age_s: oldest image whose pose is still of use, seconds.
    :param max_place_score: largest place score, in units of the limit that was set when the model
        was trained. Models without a place score are not checked.
    :param reject_faulty_images: reject images that are covered, dark, overexposed or frozen.
    :param reject_blurred_images: reject blurred images, too.
    :param max_identical_images: number of consecutive identical images that mean a frozen camera.
    :param min_sharpness: an image below is blurred, see :class:`FaultLimits`.
    :raises InputError: on a negative limit.
    """

    max_distance_m: float = 0.0
    max_sigma_m: float = 0.0
    max_sigma_deg: float = 0.0
    max_jump_m: float = 0.0
    max_jump_deg: float = 0.0
    reaccept_frames: int = 5
    max_age_s: float = 0.0
    max_place_score: float = 0.0
    reject_faulty_images: bool = False
    reject_blurred_images: bool = False
    max_identical_images: int = 10
    min_sharpness: float = 0.25

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not value >= 0:
                raise InputError(f'{item.name} has to be 0 (off) or more. Received: {value}')
        if self.reaccept_frames < 1:
            raise InputError(f'reaccept_frames has to be at least 1. Received: '
                             f'{self.reaccept_frames}')


NODE_DEFAULTS = GateConfig(max_place_score=1.0, reject_faulty_images=True)
