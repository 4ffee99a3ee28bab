"""Text on pictures of every size, by every OpenCV from 4.6 on: their fonts differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
from posenet_ros.arrays import RgbImage

Rgb = tuple[int, int, int]

FONT = cv2.FONT_HERSHEY_SIMPLEX
NO_BREAK = '\u00a0'  # between a number and its unit
ELLIPSIS = '...'  # the fonts of OpenCV 4 have ASCII only
DESIGN_WIDTH, DESIGN_HEIGHT = 640, 360  # of the picture that all sizes are given for, pixels
FONT_SCALE, MIN_FONT_SCALE = 0.5, 0.3  # below, letters run together
LINE_SPACING = 1.15  # of the height of a letter, with what hangs below the line


class TextLine(NamedTuple):
    """A line of text and its colour."""

    text: str
    colour: Rgb


@dataclass(frozen=True)
class TextStyle:
    """
    Size of the text on a picture.

    :param scale: OpenCV's font scale.
    :param thickness: of the strokes, pixels.
    """

    scale: float
    thickness: int

    @classmethod
    def for_picture(cls, width: int, height: int) -> TextStyle:
        """Choose the size that is readable on a picture of this width and height, pixels."""
        scale = max(MIN_FONT_SCALE, FONT_SCALE * unit_px(width, height))
        return cls(scale, max(1, round(1.6 * scale)))

    @property
    def line_height(self) -> int:
        """Return the distance of two lines, pixels."""
        (_, ascent), descent = cv2.getTextSize('Ag', FONT, self.scale, self.thickness)
        return round(LINE_SPACING * (ascent + descent)) + 1

    def width(self, text: str) -> int:
        """Return the width of a text, pixels."""
        return int(cv2.getTextSize(_printable(text), FONT, self.scale, self.thickness)[0][0])


def unit_px(width: int, height: int) -> float:
    """Return how many pixels of this picture make one of a picture of 640x360."""
    return min(width / DESIGN_WIDTH, height / DESIGN_HEIGHT)


def wrap(text: str, style: TextStyle, max_width: int) -> list[str]:
    """Break a text into lines no wider than this, pixels; a longer word is shortened."""
    lines = ['']
    for word in text.split(' '):
        longer = f'{lines[-1]} {word}'.strip(' ')
        if lines[-1] and style.width(longer) > max_width:
            lines.append(word)
        else:
            lines[-1] = longer
    return [shorten(line, style, max_width) for line in lines]


def shorten(text: str, style: TextStyle, max_width: int) -> str:
    """Cut a text that is wider than this, pixels, and end it with an ellipsis."""
    if style.width(text) <= max_width:
        return text
    while text and style.width(text + ELLIPSIS) > max_width:
        text = text[:-1]
    return text.rstrip(' ,;:.') + ELLIPSIS


def wrap_lines(lines: Sequence[TextLine], style: TextStyle, max_width: int,
               max_lines: int) -> list[TextLine]:
    """Break lines that are too wide; where there are too many, the last ends with an ellipsis."""
    wrapped = [TextLine(part, line.colour) for line in lines
               for part in wrap(line.text, style, max_width)]
    if len(wrapped) <= max_lines:
        return wrapped
    kept = wrapped[:max(max_lines, 1)]
    last = kept[-1].text
    while last and style.width(last + ELLIPSIS) > max_width:
        last = last[:-1]
    return [*kept[:-1], TextLine(last.rstrip(' ,;:.') + ELLIPSIS, kept[-1].colour)]


def draw_lines(picture: RgbImage, lines: Sequence[TextLine], left: int, top: int,
               style: TextStyle) -> None:
    """Draw lines of text, one below the other, into a picture (H, W, 3), pixels."""
    (_, ascent), _ = cv2.getTextSize('Ag', FONT, style.scale, style.thickness)
    for i, line in enumerate(lines):
        at = left, top + ascent + i * style.line_height
        cv2.putText(picture, _printable(line.text), at, FONT, style.scale, line.colour,
                    style.thickness, cv2.LINE_AA)


def _printable(text: str) -> str:
    """Replace what the fonts of OpenCV 4 do not have."""
    return text.replace(NO_BREAK, ' ').encode('ascii', 'replace').decode()
