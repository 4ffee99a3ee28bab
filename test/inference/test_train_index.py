"""What a model remembers of its training images: quaternions of length 1 and nothing else."""

from __future__ import annotations

import numpy as np
from posenet_ros.errors import InputError
from posenet_ros.inference.train_index import check_unit_rows
import pytest

ROWS = np.array([[0.0, 0.0, 0.0, 1.0], [0.5, -0.5, 0.5, 0.5]])


@pytest.mark.parametrize('stretch', [1.0, 1.0009, 0.9991])
def test_quaternions_are_of_length_1_within_a_thousandth(stretch: float) -> None:
    check_unit_rows(stretch * ROWS)


@pytest.mark.parametrize('stretch', [1.1, 0.9, 1.0011, 0.0, np.nan])
def test_others_are_refused_with_their_lengths(stretch: float) -> None:
    rows = ROWS * [[1.0], [stretch]]
    with pytest.raises(InputError, match=r'has to hold rows of length 1\. Received: '):
        check_unit_rows(rows)
