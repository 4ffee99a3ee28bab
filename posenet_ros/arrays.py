"""The types of arrays; shapes, units and frames stand in the docstrings of who takes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
AnyArray = NDArray[Any]
RgbImage = NDArray[np.uint8]  # (H, W, 3), 0 to 255, as ROS's rgb8
BgrImage = NDArray[np.uint8]  # (H, W, 3), 0 to 255, as OpenCV reads and writes files


def as_rows(values: ArrayLike, width: int) -> Floats:
    """Convert values to float64 rows (N, width)."""
    return np.asarray(values, dtype=np.float64).reshape(-1, width)
