"""Read a PyTorch file of weights without PyTorch, and without running what it may hold."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
import pickle
from typing import Any, BinaryIO

import numpy as np
from posenet_ros.arrays import AnyArray
from posenet_ros.errors import InputError

TORCH_MAGIC = 0x1950a86a20f9469cfc6c
STORAGE_DTYPES: dict[str, np.dtype[Any]] = {
    'FloatStorage': np.dtype('<f4'), 'LongStorage': np.dtype('<i8')}


class _Unpickler(pickle.Unpickler):
    """Knows ordered dictionaries and tensor headers, and refuses to call anything else."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) == ('collections', 'OrderedDict'):
            return OrderedDict
        if (module, name) == ('torch._utils', '_rebuild_tensor_v2'):
            return lambda *arguments: arguments
        if module == 'torch' and name in STORAGE_DTYPES:
            return name
        raise InputError(f'the weights file wants to call {module}.{name}: not a file of plain '
                         'tensors, refused')

    def persistent_load(self, pid: object) -> object:
        return pid


def _read_storages(file: BinaryIO, headers: OrderedDict[str, Any]) -> dict[str, AnyArray]:
    """Read the raw values that follow the headers: key -> flat array."""
    dtypes = {header[0][2]: STORAGE_DTYPES[header[0][1]] for header in headers.values()}
    storages = {}
    for key in _Unpickler(file).load():
        count = int(np.frombuffer(file.read(8), '<i8')[0])
        dtype = dtypes[key]
        storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype, count)
    return storages


def read_torch(path: Path) -> dict[str, AnyArray]:
    """
    Read a state dictionary in PyTorch's format before 1.6, without PyTorch.

    Five pickles (magic, version, system, headers, keys), then each storage's length and values.

    :raises InputError: when the file is something else, or wants to run code.
    """
    with path.open('rb') as file:
        try:
            magic, _, _, headers = (_Unpickler(file).load() for _ in range(4))
            if magic != TORCH_MAGIC:
                raise ValueError('wrong magic number')
            storages = _read_storages(file, headers)
            return {  # np.ndarray checks that the strides stay inside the buffer
                name: np.ndarray(size, '<f4', storages[storage[2]], 4 * offset,
                                 [4 * step for step in stride]).copy()
                for name, (storage, offset, size, stride, *_) in headers.items()
                if storage[1] == 'FloatStorage'}
        except (pickle.UnpicklingError, EOFError, ValueError, IndexError, KeyError,
                TypeError, AttributeError) as error:
            raise InputError(f'{path} has to be a state dictionary of plain tensors as PyTorch '
                             f'wrote it before 1.6. Received: {error}') from error


def keras_layout(array: AnyArray, depthwise: bool) -> AnyArray:
    """Return a kernel in Keras's order: (out, in, h, w) to (h, w, in, out), dense transposed."""
    if array.ndim == 4:
        return array.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
    return array.T
