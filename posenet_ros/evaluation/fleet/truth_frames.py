"""Robots whose truth is in different frames: by name, or as their errors are a rigid motion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from posenet_ros.evaluation.fleet.frames import BagFrames
from posenet_ros.geometry.lie import rotation_angle_rad
from posenet_ros.geometry.similarity import umeyama


@dataclass(frozen=True)
class MotionOptions:
    """When the residuals of a robot are taken for a rigid motion of its truth."""

    min_frames: int = 20  # accepted ones
    min_gain: float = 3.0  # times smaller, in the median, once the motion is taken out
    min_median_m: float = 0.1  # less is no other frame, but the map's own error


def describe_frames(bags: Sequence[BagFrames], label: str,
                    options: MotionOptions | None = None) -> list[str]:
    """
    Say which bags have their truth in another frame than the others.

    :param label: the bags of one value of it, as of one robot, have one frame.
    """
    return [*_other_names(bags), *_other_origins(bags, label, options or MotionOptions())]


def _other_names(bags: Sequence[BagFrames]) -> Iterator[str]:
    names = Counter(bag.truth_frame for bag in bags if bag.truth_frame)
    usual = max(sorted(names), key=lambda name: names[name], default='')
    for name in sorted(set(names) - {usual}):
        where = [bag.bag.name for bag in bags if bag.truth_frame == name]
        yield (f'the truth of {len(where)} of {len(bags)} bags, such as {where[0]}, is in the '
               f'frame {name!r}, that of the others in {usual!r}: give --map-frame, or evaluate '
               'them by themselves')


def _other_origins(bags: Sequence[BagFrames], label: str,
                   options: MotionOptions) -> Iterator[str]:
    for value in sorted({bag.labels[label] for bag in bags}):
        own = [bag for bag in bags if bag.labels[label] == value]
        text = _describe_motion(own, options)
        if text:
            yield f'{label} {value or "-"}: {text}'


def _describe_motion(bags: Sequence[BagFrames], options: MotionOptions) -> str:
    """Say the rigid motion that explains the residuals of bags; '' where none does."""
    truths, estimates = (np.concatenate([rows[bag.accepted] for bag, rows in pairs]) for pairs in (
        [(bag, bag.truths_m) for bag in bags], [(bag, bag.estimates_m) for bag in bags]))
    if len(truths) < options.min_frames or not np.ptp(truths, axis=0).any():
        return ''
    motion = umeyama(truths, estimates, with_scale=False)
    before, after = (float(np.median(np.linalg.norm(estimates - rows, axis=1)))
                     for rows in (truths, motion.apply(truths)))
    if before < max(options.min_median_m, options.min_gain * after):
        return ''
    turned = np.degrees(rotation_angle_rad(motion.rigid.quat_xyzw, (0, 0, 0, 1)))
    shift = np.linalg.norm(motion.apply(truths.mean(axis=0)) - truths.mean(axis=0))
    return (f'its truth seems to be in another frame: its errors are one rigid motion, by '
            f'{shift:.2f} m and {float(turned):.1f} deg, without which their median is '
            f'{after:.3g} m instead of {before:.3g} m')
