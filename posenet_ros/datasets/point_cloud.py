"""Write a coloured point cloud as PLY, which CloudCompare, MeshLab and RViz's plugins read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

VERTEX = np.dtype([('x', '<f4'), ('y', '<f4'), ('z', '<f4'),
                   ('red', 'u1'), ('green', 'u1'), ('blue', 'u1')])
FAR_VERTEX = np.dtype([('x', '<f8'), ('y', '<f8'), ('z', '<f8'), *VERTEX.descr[3:]])
FAR_M = 1e4  # from the origin 32 bits are too coarse
TYPES = {'<f4': 'float', '<f8': 'double', '|u1': 'uchar'}


def write_ply(file: Path, points_m: ArrayLike, colors: ArrayLike) -> None:
    """
    Write points with colours, binary, little endian.

    :param points_m: (N, 3) metres.
    :param colors: (N, 3) RGB, uint8.
    """
    position, color = np.asarray(points_m), np.asarray(colors)
    kind = FAR_VERTEX if (np.abs(position) > FAR_M).any() else VERTEX
    vertices = np.zeros(len(position), kind)
    for axis, name in enumerate(kind.names or ()):
        vertices[name] = position[:, axis] if axis < 3 else color[:, axis - 3]
    properties = ''.join(f'property {TYPES[field[0].str]} {name}\n'
                         for name, field in (kind.fields or {}).items())
    file.write_bytes(f'ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\n'
                     f'{properties}end_header\n'.encode() + vertices.tobytes())
