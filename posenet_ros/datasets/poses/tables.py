"""Files and folders of poses, opened: their form is detected, and their rows are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.datasets import colmap_files, nerfstudio
from posenet_ros.datasets.poses.columns import column_names, header_length, numbers, split_columns
from posenet_ros.datasets.poses.forms import describe_columns, Format
from posenet_ros.datasets.poses.recognition import Header, recognise
from posenet_ros.datasets.poses.rows import (
    pose_of_matrix,
    PoseRow,
    ROW_MARKS,
    ROW_READERS,
    RowOptions,
)
from posenet_ros.datasets.poses.stamps import find_unit, Unit
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.utils.files.text import is_comment, is_content, numbered_lines

MATRIX_SUFFIX = '.pose.txt'
IMAGE_SUFFIX = '.color.png'
COLMAP_NAMES = 'images.txt', 'images.bin'
STAMPED = {Format.TUM: Unit.S, Format.EUROC: Unit.NS}  # what stamps from 0 on are in
Rows = Iterator[tuple[str, PoseRow | InputError]]


class Table(Protocol):
    """A file of poses."""

    def detect(self) -> Format:
        """Detect its form."""
        ...

    def rows(self, form: Format, normalise: bool, unit: Unit | None) -> Rows:
        """Yield file:line, and the row or what is wrong with it."""
        ...


def open_table(path: Path) -> Table:
    """
    Open a file or a folder of poses.

    :raises InputError: when it is missing, or no text.
    """
    if path.is_dir() and any(path.rglob(f'*{MATRIX_SUFFIX}')):
        return _MatrixFolder(path)
    if path.name in COLMAP_NAMES:
        return _ColmapImages(path)
    if path.suffix.lower() == '.json':
        return _Transforms(path)
    return _Text.read(path)


@dataclass(frozen=True)
class _Text:
    """
    Lines of columns.

    :param lines: (number from 1, words) of all that are neither blank, comments nor header.
    """

    path: Path
    header: Header
    lines: tuple[tuple[int, list[str]], ...]

    @classmethod
    def read(cls, path: Path) -> _Text:
        everything = list(numbered_lines(path, 'a text file of poses'))
        texts = [text for _, text in everything]
        start = header_length(texts)
        comments = [text for text in texts[start:start + 1000] if is_comment(text)]
        above = [*texts[:start], *comments]
        return cls(path, Header('\n'.join(above).lower(), tuple(column_names(above))), tuple(
            (number, split_columns(text)) for number, text in everything[start:]
            if is_content(text)))

    def detect(self) -> Format:
        try:
            form = recognise([words for _, words in self.lines], self.header)
        except InputError as error:
            raise InputError(f'{self.path}: {error}') from error
        if form:
            return form
        first = self.lines[0][1] if self.lines else []
        raise InputError(
            f'{self.path}: expected rows in Cambridge form (name X Y Z W P Q R) or that of '
            + describe_columns(Format.TUM, Format.KITTI, Format.HLOC, Format.EUROC)
            + f'. Received: {" ".join(first)[:80]!r}')

    def rows(self, form: Format, normalise: bool, unit: Unit | None) -> Rows:
        if form is Format.COLMAP and self._is_model():
            yield from _ColmapImages(self.path).rows(form, normalise, unit)
        elif form is Format.SEVEN_SCENES:
            yield from self._stacked()
        elif form not in ROW_READERS:
            raise InputError(f'{self.path}: expected a file of the form {form.value}. '
                             'Received: lines of text')
        else:
            yield from self._rows(form, self._options(form, normalise, unit))

    def _is_model(self) -> bool:
        return recognise([words for _, words in self.lines[:1]], Header()) is Format.COLMAP

    def _options(self, form: Format, normalise: bool, unit: Unit | None) -> RowOptions:
        if form not in STAMPED:
            return RowOptions(normalise)
        try:
            words = [words[0] for _, words in self.lines]
            return RowOptions(
                normalise, find_unit(words, unit or self.header.unit, STAMPED[form]))
        except InputError as error:
            raise InputError(f'{self.path}: {error}') from error

    def _rows(self, form: Format, options: RowOptions) -> Rows:
        lines = self._cameras() if form is Format.NVM else iter(self.lines)
        for number, words in lines:
            if words[0] != ROW_MARKS.get(form, words[0]):
                continue
            where = f'{self.path}:{number}'
            try:
                yield where, ROW_READERS[form](words, number, options)
            except InputError as error:
                yield where, error

    def _cameras(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the cameras of a VisualSFM file: as many rows as the number before them."""
        lines = iter(self.lines)
        for number, words in lines:
            if len(words) >= 9:  # the number was taken for a header
                yield number, words
            elif len(words) == 1:
                break

    def _stacked(self) -> Rows:
        """Yield the poses of 4x4 matrices that stand below each other."""
        for start in range(0, len(self.lines), 4):
            number = self.lines[start][0]
            try:
                yield f'{self.path}:{number}', PoseRow(pose_of_matrix(np.array([
                    numbers(words, 4, '4x4 numbers')
                    for _, words in self.lines[start:start + 4]])), line=number)
            except ValueError as error:
                yield f'{self.path}:{number}', InputError(str(error))


def read_matrix(path: Path) -> Floats:
    """
    Read a file of a matrix.

    :raises InputError: when it is missing, no text, or its rows are not numbers.
    """
    rows = [split_columns(text) for _, text in numbered_lines(path) if is_content(text)]
    width = len(rows[0]) if rows else 0
    return np.array([numbers(row, width, f'4x4 numbers in {path.name}') for row in rows])


def pose_of_file(file: Path) -> Pose:
    """
    Read a file of a 4x4 matrix, map_from_camera.

    :raises InputError: when it is missing, or holds no rigid transform.
    """
    matrix = read_matrix(file)
    if matrix.shape not in ((4, 4), (3, 4)) or not np.isfinite(matrix).all():
        what = 'numbers that are not finite' if matrix.shape == (4, 4) else f'{matrix.shape}'
        raise InputError(f'the file has to hold 4x4 numbers. Received: {what}')
    return pose_of_matrix(matrix)


@dataclass(frozen=True)
class _MatrixFolder:
    """A folder of 4x4 matrices, as 7-Scenes; names are those of the images beside them."""

    path: Path

    def detect(self) -> Format:
        return Format.SEVEN_SCENES

    def rows(self, form: Format, normalise: bool, unit: Unit | None) -> Rows:
        for number, file in enumerate(sorted(self.path.rglob(f'*{MATRIX_SUFFIX}')), 1):
            name = file.relative_to(self.path).as_posix().removesuffix(MATRIX_SUFFIX)
            try:
                yield str(file), PoseRow(
                    pose_of_file(file), f'{name}{IMAGE_SUFFIX}', line=number)
            except InputError as error:
                yield str(file), error


@dataclass(frozen=True)
class _ColmapImages:
    """images.txt or images.bin of a COLMAP model."""

    path: Path

    def detect(self) -> Format:
        return Format.COLMAP

    def rows(self, form: Format, normalise: bool, unit: Unit | None) -> Rows:
        for number, (where, image) in enumerate(colmap_files.read_image_rows(self.path), 1):
            yield where, image if isinstance(image, InputError) else PoseRow(
                image.map_from_camera, image.name, line=number)


@dataclass(frozen=True)
class _Transforms:
    """transforms.json of nerfstudio."""

    path: Path

    def detect(self) -> Format:
        return Format.NERFSTUDIO

    def rows(self, form: Format, normalise: bool, unit: Unit | None) -> Rows:
        frames = nerfstudio.frame_poses(nerfstudio.read_transforms(self.path))
        for number, (name, pose) in enumerate(frames, 1):
            where = f'{self.path}: {name}'
            yield where, pose if isinstance(pose, InputError) else PoseRow(pose, name, line=number)
