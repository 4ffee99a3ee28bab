"""Write a coloured point cloud as PLY, which CloudCompare, MeshLab and RViz's plugins read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

VERTEX = np.dtype([('x', '<f4'), ('y', '<f4'), ('z', '<f4'),
                   ('red', 'u1'), ('green', 'u1'), ('blue', 'u1')])
TYPES = {'<f4': 'float', '|u1': 'uchar'}


def write_ply(file: Path, points_m: ArrayLike, colors: ArrayLike) -> None:
    """
    Write points with colours, binary, little endian.

    :param points_m: (N, 3) metres.
    :param colors: (N, 3) RGB, uint8.
    """
    position, color = np.asarray(points_m), np.asarray(colors)
    vertices = np.zeros(len(position), VERTEX)
    for axis, name in enumerate(VERTEX.names or ()):
        vertices[name] = position[:, axis] if axis < 3 else color[:, axis - 3]
    properties = ''.join(f'property {TYPES[kind[0].str]} {name}\n'
                         for name, kind in (VERTEX.fields or {}).items())
    file.write_bytes(f'ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\n'
                     f'{properties}end_header\n'.encode() + vertices.tobytes())
