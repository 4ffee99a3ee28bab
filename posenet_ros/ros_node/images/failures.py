"""What is done when an image fails by an unexpected error: it alone, or many in a row."""

from __future__ import annotations

from posenet_ros.ros_node.diagnostics import Diagnostics, Report


class ImageFailures:
    """
    Report the failure of an image by name, and give up after many in a row.

    Call it with the exception, and the number of images that have failed in a row.

    :param limit: number in a row from which on the node gives up.
    :param diagnostics: keep the last failure.
    :param report: is told of each image, and to give up.
    """

    def __init__(self, limit: int, diagnostics: Diagnostics, report: Report) -> None:
        self._limit, self._diagnostics, self._report = limit, diagnostics, report

    def __call__(self, error: Exception, in_row: int) -> None:
        """Report a failure."""
        name = f'{type(error).__name__}: {error}'
        self._diagnostics.facts['last failure'] = name
        if in_row < self._limit:
            self._report.warn('image failed', name)
        else:
            self._report.fail(f'{in_row} images in a row failed, the last by {name}')
