"""Images that a calibration was fitted to, and what their poses were estimated without."""

from __future__ import annotations

from dataclasses import dataclass

from posenet_ros.errors import InputError


@dataclass(frozen=True)
class HeldOut:
    """
    Images that calibrated the poses by landmarks, each localised by a map without its walk.

    :param images: names of the N images.
    :param walks: (N,) the walk that each is of.
    :param folds: (N,) number of the map that localised each.
    :param left_out: names of the walks, or of the images, that a map was made without.
    :param left_out_folds: the number of that map, for each name.
    :raises InputError: on an image that the map which localised it was made from.
    """

    images: tuple[str, ...] = ()
    walks: tuple[str, ...] = ()
    folds: tuple[int, ...] = ()
    left_out: tuple[str, ...] = ()
    left_out_folds: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        lengths = len(self.images), len(self.walks), len(self.folds)
        if len(set(lengths)) > 1 or len(self.left_out) != len(self.left_out_folds):
            raise InputError('the images that calibrated the covariance have to have a walk and a '
                             'fold each, as have names that are left out a fold. Received: '
                             f'{lengths}, {len(self.left_out)}, {len(self.left_out_folds)}')
        missing = set(zip(self.left_out, self.left_out_folds, strict=True))
        known = [image for image, walk, fold in zip(
            self.images, self.walks, self.folds, strict=True)
            if not {(image, fold), (walk, fold)} & missing]
        if known:
            raise InputError(
                'the covariance has to be calibrated on images that the map was made without: '
                f'make the map anew by posenet map. Received: {len(known)} of '
                f'{len(self.images)} that it was made from, such as {known[0]!r}')
