"""What was found: scale, up, and the alignment with a frame, each with its error."""

from __future__ import annotations

from dataclasses import dataclass

from posenet_ros.arrays import Floats
from posenet_ros.geometry.similarity import Similarity
from posenet_ros.training.metric.options import CALIBRATION_SIGMA, ScaleSource


@dataclass(frozen=True)
class ScaleEstimate:
    """
    How long a unit of a reconstruction is.

    :param factor: metres per unit.
    :param relative_sigma: its standard error as the residuals show it, a fraction.
    :param note: what people should know of it.
    """

    factor: float
    relative_sigma: float
    source: ScaleSource
    note: str = ''

    @property
    def expected_error(self) -> float:
        """Return the standard error with the usual one of the calibration, a fraction."""
        return float((self.relative_sigma ** 2 + CALIBRATION_SIGMA[self.source] ** 2) ** 0.5)

    def describe(self) -> str:
        """Return a line about the scale."""
        note = f' ({self.note})' if self.note else ''
        return (f'scale by {self.source.value}: {self.factor:.6g} m a unit, '
                f'+- {100 * self.relative_sigma:.2g} %{note}')


@dataclass(frozen=True, eq=False)
class UpEstimate:
    """
    The direction of up.

    :param direction: (3,) unit vector in the reconstruction.
    :param sigma_deg: its standard error, degrees.
    :param source: `imu`, `path` or `images`.
    """

    direction: Floats
    sigma_deg: float
    source: str
    note: str = ''

    def describe(self) -> str:
        """Return a line about up."""
        note = f' ({self.note})' if self.note else ''
        return f'up by {self.source}: +- {self.sigma_deg:.2g} deg{note}'


@dataclass(frozen=True, eq=False)
class FrameAlignment:
    """
    A reconstruction aligned with an existing frame.

    :param frame_from_reconstruction: similarity; its scale is 1 where it is rigid.
    :param rmse_m: root mean square distance of the common cameras after it, outliers left out.
    :param common: number of common cameras.
    :param outliers: how many of them lie more than three standard deviations off.
    :param relative_sigma: standard error of the scale, a fraction.
    """

    frame_from_reconstruction: Similarity
    rmse_m: float
    common: int
    outliers: int
    relative_sigma: float
    note: str = ''

    def describe(self) -> str:
        """Return a line about the alignment."""
        kind = ('rigid' if self.frame_from_reconstruction.scale == 1
                else f'similarity of scale {self.frame_from_reconstruction.scale:.6g}')
        note = f' ({self.note})' if self.note else ''
        return (f'aligned with the frame by {self.common} common cameras ({kind}): rmse '
                f'{self.rmse_m:.3g} m, {self.outliers} outliers{note}')
