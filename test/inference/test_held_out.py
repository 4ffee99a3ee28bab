"""A calibration on images that its map knew is refused."""

from __future__ import annotations

from posenet_ros.errors import InputError
from posenet_ros.inference.calibration import HeldOut
import pytest

IMAGES = ('seq1/a.png', 'seq1/b.png', 'seq2/a.png')
WALKS = ('seq1', 'seq1', 'seq2')


def test_images_of_walks_and_images_that_were_left_out_are_accepted() -> None:
    HeldOut()
    HeldOut(IMAGES, WALKS, (0, 0, 1), ('seq1', 'seq2'), (0, 1))
    HeldOut(IMAGES, WALKS, (0, 0, 0), IMAGES, (0, 0, 0))


@pytest.mark.parametrize(('left_out', 'folds', 'known'), [
    (('seq1',), (0,), 1), ((), (), 3), (IMAGES[1:], (0, 1), 1),
    (('seq2', 'seq1'), (0, 1), 3)])  # of the other fold's map
def test_an_image_that_its_map_knew_is_refused(
        left_out: tuple[str, ...], folds: tuple[int, ...], known: int) -> None:
    with pytest.raises(InputError, match=f'Received: {known} of 3 that it was made from'):
        HeldOut(IMAGES, WALKS, (0, 0, 1), left_out, folds)


def test_each_image_has_a_walk_and_a_fold() -> None:
    with pytest.raises(InputError, match='have to have a walk and a fold each'):
        HeldOut(IMAGES, WALKS[:2], (0, 0, 1), ('seq1',), (0,))
