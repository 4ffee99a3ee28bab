"""
Import the weights of other PoseNets: `posenet.npy`, or an `.h5` file of the Keras ports.

Both name their layers as caffe-tensorflow does, and both take blue-green-red images minus a
mean. No pickle is trusted: those in a .npy file may hold arrays of numbers and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
import pickle
from typing import Any

import h5py
import keras
import numpy as np
from posenet_ros.arrays import Floats32
from posenet_ros.errors import InputError
from posenet_ros.networks.googlenet import INPUT_SCALE, MEAN_RGB
from posenet_ros.networks.heads import RAW_IDENTITY
from posenet_ros.networks.initial_weights import IMPORTED, IMPORTED_CONFIG
from posenet_ros.networks.network import build
from posenet_ros.utils.atomic_folder import new_file

Layers = dict[str, tuple[Floats32, Floats32]]

NUMBERS = {'f2', 'f4', 'f8', 'i4', 'i8'}
HEAD_NAMES = {
    'reduction_pose': 'reduction', 'reduction': 'reduction', 'fc1_pose': 'fc', 'fc1': 'fc',
    'fc_pose_xyz': 'xyz', 'fc_pose_wpqr': 'rotation'}
HEAD_PREFIXES = {'cls1': 'aux1_', 'cls2': 'aux2_', 'cls3': ''}


class _Dtype:
    """Stands for a pickled numpy.dtype: a code, then a byte order."""

    def __init__(self, code: str, *_: object) -> None:
        self.code, self.order = code, '|'

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]

    def numbers(self) -> np.dtype[Any]:
        if self.code not in NUMBERS:
            raise InputError(f'arrays have to hold numbers. Received: dtype {self.code!r}')
        return np.dtype(self.order + self.code if self.order in '<>' else self.code)


class _Array:
    """Stands for a pickled numpy.ndarray; an array of one object becomes that object."""

    content: Any = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, data = state
        if dtype.code.startswith('O'):
            self.content = data[0]
            return
        raw = data.encode('latin1') if isinstance(data, str) else data
        flat = np.frombuffer(raw, dtype.numbers())
        self.content = flat.reshape(shape, order='F' if fortran else 'C')


class _Unpickler(pickle.Unpickler):
    """Knows arrays, and refuses to call anything else."""

    def find_class(self, module: str, name: str) -> object:
        if module in ('numpy.core.multiarray', 'numpy._core.multiarray', 'numpy'):
            known = {'_reconstruct': lambda *_: _Array(), 'ndarray': _Array, 'dtype': _Dtype}
            if name in known:
                return known[name]
        if (module, name) == ('_codecs', 'encode'):  # how Python 3 pickles bytes at protocol 2
            return lambda text, _: text.encode('latin1')
        raise InputError(f'the weights file wants to call {module}.{name}: not a file of plain '
                         'arrays, refused')


def _content(value: object) -> Any:  # noqa: ANN401
    return value.content if isinstance(value, _Array) else value


def _weights_and_biases(layer: object) -> tuple[Any, Any]:
    """Return weights and biases from a mapping or a pair."""
    if isinstance(layer, Mapping):
        plain = {_text(key): _content(value) for key, value in layer.items()}
        return plain['weights'], plain['biases']
    pair: Any = layer
    weights, biases = pair
    return _content(weights), _content(biases)


def _text(key: object) -> str:
    return key.decode('latin1') if isinstance(key, bytes) else str(key)


def read_npy(path: Path) -> Layers:
    """
    Read `posenet.npy`: a dictionary of layer -> weights (h, w, in, out) and biases.

    :raises InputError: when the file is something else, or wants to run code.
    """
    try:
        with path.open('rb') as file:
            version = np.lib.format.read_magic(file)
            read_header = (np.lib.format.read_array_header_1_0 if version == (1, 0)
                           else np.lib.format.read_array_header_2_0)
            read_header(file)
            content = _content(_Unpickler(file, encoding='latin1').load())
        return {_text(name): _weights_and_biases(layer) for name, layer in content.items()
                if not (isinstance(layer, Mapping) and 'weights' not in map(_text, layer))}
    except (pickle.UnpicklingError, EOFError, ValueError, KeyError, TypeError, IndexError,
            AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f'{path} has to be a caffe-tensorflow file, a pickled dictionary of '
                         f'layers. Received: {error}') from error


def read_h5(path: Path) -> Layers:
    """
    Read the weights of a Keras `.h5` file; batch normalisation is left out.

    :raises InputError: when the file is no HDF5 file of such a network.
    """
    layers: Layers = {}
    try:
        with h5py.File(path) as file:
            for name, group in file.get('model_weights', file).items():
                arrays: list[Floats32] = []
                group.visititems(lambda _, item, arrays=arrays: arrays.append(item[()])
                                 if isinstance(item, h5py.Dataset) else None)
                if len(arrays) == 2:
                    biases, weights = sorted(arrays, key=np.ndim)
                    layers[name] = weights, biases
    except (OSError, AttributeError) as error:
        raise InputError(f'{path} has to be an HDF5 file of Keras weights. '
                         f'Received: {error}') from error
    return layers


def layer_name(name: str) -> str:
    """Return this network's name of a source's layer: `cls3_fc_pose_xyz` is `xyz`."""
    prefix, _, rest = name.partition('_')
    if prefix in HEAD_PREFIXES and rest in HEAD_NAMES:
        return HEAD_PREFIXES[prefix] + HEAD_NAMES[rest]
    return name


def _convert_layer(name: str, weights: Floats32, biases: Floats32,
                   mean_rgb: Floats32) -> tuple[Floats32, Floats32]:
    """Convert a layer's arrays to this network's conventions: RGB, its scale, xyzw."""
    if name == 'conv1':
        weights = weights[:, :, ::-1]  # blue-green-red to red-green-blue
        biases = biases + weights.sum((0, 1)).T @ (np.array(MEAN_RGB) - mean_rgb)
        return weights / INPUT_SCALE, biases
    if name.endswith('rotation'):  # wpqr to xyzw, about the identity
        weights, biases = np.roll(weights, -1, axis=-1), np.roll(biases, -1, axis=-1)
        return weights, biases - np.array(RAW_IDENTITY['quaternion'])
    return weights, biases


def _check(name: str, layer: keras.layers.Layer, arrays: tuple[Floats32, Floats32]) -> None:
    for ours, theirs in zip(layer.weights, arrays, strict=True):
        if tuple(ours.shape) != theirs.shape:
            raise InputError(f'the layer {name} has to have {ours.name} of the shape '
                             f'{tuple(ours.shape)}. Received: {theirs.shape}')
        if not np.isfinite(theirs).all():
            raise InputError(f'the layer {name} holds values that are not finite')


def import_layers(
        model: keras.Model, source: Layers, mean_rgb: Sequence[float] = MEAN_RGB) -> list[str]:
    """
    Copy the source's weights into a `posenet` with auxiliary heads.

    :param mean_rgb: mean that the source subtracts from red, green and blue, 0..255.
    :returns: the layers that the source lacks, which stay as they are: those of heads alone.
    :raises InputError: naming the layer, when a shape differs or one before the heads is missing.
    """
    ours = {layer.name: layer for layer in model.layers if layer.weights}
    found = {layer_name(name): (name, arrays) for name, arrays in source.items()}
    missing = [name for name in ours if name not in found]
    heads = tuple(prefix + head for prefix in HEAD_PREFIXES.values()
                  for head in set(HEAD_NAMES.values()))
    for name in missing:
        if name not in heads:
            raise InputError(f'the file has no layer {name}: a GoogLeNet with the names of '
                             f'caffe-tensorflow is expected. It has: {", ".join(source)[:200]}')
    for name in ours.keys() & found.keys():
        theirs, arrays = found[name]
        _check(theirs, ours[name], arrays)
        ours[name].set_weights(_convert_layer(name, *arrays, np.asarray(mean_rgb)))
    return missing


def import_weights(source: Path, out: Path, mean_rgb: Sequence[float] | None) -> list[str]:
    """
    Write a source's weights as a `.weights.h5` file of this network.

    :param mean_rgb: mean that the source subtracts; None is ImageNet's.
    :returns: the layers that the source lacks.
    """
    layers = {'.npy': read_npy, '.h5': read_h5}[source.suffix](source)
    model = build(IMPORTED_CONFIG, auxiliary=True)
    missing = import_layers(model, layers, mean_rgb or MEAN_RGB)
    _write(model, out)
    return missing


def _write(model: keras.Model, out: Path) -> None:
    """Write the file and mark it: its positions are plain metres."""
    with new_file(out) as temporary:
        model.save_weights(temporary)
        with h5py.File(temporary, 'r+') as file:
            file.attrs[IMPORTED] = True
