"""The networks: PoseNet as published, rotations, pretrained weights, every Keras backend."""

from __future__ import annotations

from collections import OrderedDict
from importlib.util import find_spec
import os
from pathlib import Path
import pickle
import subprocess
import sys

from helpers import ROOT, unit_quaternions
from hypothesis import example, given, settings
from hypothesis import strategies as st
import keras
import numpy as np
from numpy.typing import NDArray
from posenet_ros.arrays import Floats
from posenet_ros.errors import InputError
from posenet_ros.geometry.pose import Pose
from posenet_ros.networks import (
    googlenet,
    heads,
    network,
    torch_file,
)
from posenet_ros.networks import (
    initial_weights as pretrained,
)
from posenet_ros.networks.config import NetworkConfig
import pytest

POSENET = NetworkConfig(
    backbone='posenet', rotation='quaternion', head_width=2048, dropout=0.5)
SMALL = NetworkConfig(input_width=64, input_height=32, head_width=8)
BACKENDS = ('tensorflow', 'jax', 'torch')
# Szegedy et al. 2015, table 1 (height, width, channels), by our layers' names.
SIZES = {
    'conv1': (112, 112, 64), 'pool1': (56, 56, 64), 'conv2': (56, 56, 192),
    'pool2': (28, 28, 192), 'icp1': (28, 28, 256), 'icp2': (28, 28, 480),
    'icp3_in': (14, 14, 480), 'icp3': (14, 14, 512), 'icp4': (14, 14, 512),
    'icp5': (14, 14, 512), 'icp6': (14, 14, 528), 'icp7': (14, 14, 832), 'icp8_in': (7, 7, 832),
    'icp8': (7, 7, 832), 'icp9': (7, 7, 1024), 'aux1_pool': (4, 4, 512), 'aux2_pool': (4, 4, 528)}


def to_numpy(tensor: object) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def random_images(config: NetworkConfig, n: int = 2) -> NDArray[np.uint8]:
    shape = (n, config.input_height, config.input_width, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture(scope='module')
def posenet() -> keras.Model:
    return network.build(POSENET, auxiliary=True)


# PoseNet, 2015


def test_posenet_has_the_published_size(posenet: keras.Model) -> None:
    assert round(posenet.count_params() / 1e6, 2) == 12.43
    assert round(network.remove_auxiliary_heads(posenet).count_params() / 1e6, 2) == 8.09


def test_posenet_has_the_published_layers(posenet: keras.Model) -> None:
    assert {name: posenet.get_layer(name).output.shape[1:] for name in SIZES} == SIZES
    assert posenet.get_layer('fc').output.shape[1:] == (2048,)
    assert posenet.get_layer('dropout').rate == 0.5
    for head in ('aux1_', 'aux2_'):
        assert posenet.get_layer(f'{head}reduction').output.shape[1:] == (4, 4, 128)
        assert posenet.get_layer(f'{head}fc').output.shape[1:] == (1024,)
        assert posenet.get_layer(f'{head}dropout').rate == 0.7


def test_auxiliary_heads_are_for_training_only(posenet: keras.Model, tmp_path: Path) -> None:
    images = random_images(POSENET, 1)
    expected = posenet(images, training=False)
    assert set(expected) == {f'{head}{key}' for head in ('', 'aux1_', 'aux2_')
                             for key in ('position', 'quat_xyzw')}
    path = tmp_path / 'network.weights.h5'
    network.remove_auxiliary_heads(posenet).save_weights(path)
    inference = network.build(POSENET)
    inference.load_weights(path)
    outputs = inference(images, training=False)
    assert set(outputs) == {'position', 'quat_xyzw'}
    for key, value in outputs.items():
        assert np.allclose(to_numpy(value), to_numpy(expected[key]), atol=1e-6)


def test_lrn_follows_its_formula() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 64)).astype(np.float32) * 30
    expected = np.empty_like(x)
    for c in range(64):
        total = np.square(x[..., max(c - 2, 0):c + 3], dtype=np.float64).sum(-1)
        expected[..., c] = x[..., c] / (1 + 1e-4 / 5 * total) ** 0.75
    assert np.abs(to_numpy(googlenet.LocalResponseNorm()(x)) - expected).max() < 1e-4


@pytest.mark.parametrize(('height', 'width'), [(7, 7), (8, 8), (8, 9), (3, 10)])
def test_pools_round_up_as_caffe(height: int, width: int) -> None:
    x = np.random.default_rng(0).uniform(0, 1, (1, height, width, 2)).astype(np.float32)
    rows, columns = (-(-(side - 3) // 2) + 1 for side in (height, width))  # Caffe: ceil
    expected = [[x[0, 2 * i:2 * i + 3, 2 * j:2 * j + 3].max((0, 1)) for j in range(columns)]
                for i in range(rows)]
    assert np.array_equal(to_numpy(googlenet.max_pool(x, 'pool'))[0], expected)


def test_conv1_is_padded_by_three_on_both_sides(posenet: keras.Model) -> None:
    image = np.random.default_rng(0).normal(size=(1, 224, 224, 3)).astype(np.float32)
    layer = posenet.get_layer('conv1')
    kernel, bias = layer.get_weights()
    padded = np.pad(image[0], ((3, 3), (3, 3), (0, 0)))
    out = to_numpy(layer(posenet.get_layer('conv1_pad')(image)))[0]
    for i, j in ((0, 0), (0, 111), (111, 0), (111, 111), (50, 60)):
        window = padded[2 * i:2 * i + 7, 2 * j:2 * j + 7]
        assert np.allclose(out[i, j], np.maximum(np.tensordot(window, kernel, 3) + bias, 0),
                           atol=1e-4)


def test_an_input_too_small_for_the_auxiliary_heads_is_refused() -> None:
    small = NetworkConfig(backbone='posenet', input_width=128, input_height=64)
    assert network.build(small).output['position'].shape == (None, 3)
    with pytest.raises(InputError, match=r'at least 80 .* Received: 128x64'):
        network.build(small, auxiliary=True)


# Rotations


def six_d(quat_xyzw: Floats) -> NDArray[np.float32]:
    return Pose(np.zeros(3), quat_xyzw).rotation[:, :2].T.reshape(1, 6).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(quat=unit_quaternions(), length=st.floats(0.05, 20), mixed=st.floats(-2, 2))
@example(quat=np.array([1.0, 0, 0, 0]), length=1, mixed=0)  # half turns: w is zero
@example(quat=np.array([0, 1.0, 0, 0]), length=1, mixed=0)
@example(quat=np.array([0, 0, 1.0, 0]), length=1, mixed=0)
@example(quat=np.array([0, 0, 0, 1.0]), length=1, mixed=0)
@example(quat=np.array([0.5, 0.5, 0.5, 0.5]), length=1, mixed=0)
def test_6d_gives_the_rotation_of_its_columns(quat: Floats, length: float, mixed: float) -> None:
    raw = six_d(quat) * length
    raw[:, 3:] += mixed * raw[:, :3]  # Gram-Schmidt takes the part along the first away
    found = to_numpy(heads.quat_xyzw_from_6d(raw))[0]
    assert abs(np.linalg.norm(found) - 1) < 1e-5
    assert min(np.abs(found - quat).max(), np.abs(found + quat).max()) < 1e-4


@pytest.mark.skipif(keras.backend.backend() != 'tensorflow', reason='uses its gradient tape')
@pytest.mark.parametrize('raw', [
    np.zeros(6), np.tile([1.0, 0, 0], 2), np.eye(3)[:2].ravel(), -np.eye(3)[:2].ravel(),
    np.full(6, 1e-20), np.full(6, 1e15)], ids=str)
def test_gradients_of_rotations_are_finite_everywhere(raw: Floats) -> None:
    import tensorflow as tf
    variable = tf.Variable(raw[None].astype(np.float32))
    with tf.GradientTape(persistent=True) as tape:
        quat = heads.quat_xyzw_from_6d(variable)
        length_one = heads.unit(variable)
    for output in (quat, length_one):
        assert np.isfinite(to_numpy(output)).all()
        assert np.isfinite(to_numpy(tape.gradient(output, variable))).all()


@pytest.mark.parametrize('rotation', ['quaternion', '6d'])
def test_an_untrained_head_starts_at_the_scene_centre_and_the_identity(rotation: str) -> None:
    config = NetworkConfig(input_width=32, input_height=32, head_width=8, rotation=rotation,
                           origin_m=(100.0, -50.0, 2.0), scale_m=(20.0, 10.0, 1.0))
    model = network.build(config)
    for name in ('xyz', 'rotation'):
        layer = model.get_layer(name)
        layer.set_weights([np.zeros_like(w) for w in layer.get_weights()])
    outputs = model(random_images(config), training=False)
    assert np.allclose(to_numpy(outputs['position']), config.origin_m)
    assert np.allclose(to_numpy(outputs['quat_xyzw']), (0, 0, 0, 1))
    model.get_layer('xyz').bias.assign([1.0, 2.0, 3.0])
    position = to_numpy(model(random_images(config), training=False)['position'])
    assert np.allclose(position, (120.0, -30.0, 5.0))


def test_outputs_are_float32_and_of_length_one_under_mixed_precision() -> None:
    with network.dtype_policy('mixed_float16'):
        model = network.build(SMALL)
    assert keras.config.dtype_policy().name == 'float32'
    outputs = {key: to_numpy(value) for key, value in model(random_images(SMALL)).items()}
    assert {value.dtype for value in outputs.values()} == {np.dtype(np.float32)}
    assert np.allclose(np.linalg.norm(outputs['quat_xyzw'], axis=1), 1, atol=1e-5)


# Other backbones


@pytest.mark.parametrize('name', ['MobileNetV2', 'MobileNetV3Small'])
def test_any_keras_application_is_a_backbone(name: str) -> None:
    config = NetworkConfig(backbone=name, input_width=64, input_height=32, head_width=8)
    model = network.build(config)
    assert model(random_images(config))['position'].shape == (2, 3)
    assert network.feature_map(model).output_shape[1:3] == (1, 2)
    assert network.descriptor(model).output_shape[1:] == network.feature_map(
        model).output_shape[3:]


def test_applications_get_the_input_that_they_were_trained_on() -> None:
    config = NetworkConfig(backbone='VGG16', input_width=32, input_height=32, head_width=8)
    model = network.build(config)
    first = keras.Model(model.input, model.get_layer('block1_conv1').input)
    image = np.full((1, 32, 32, 3), (10, 100, 200), np.uint8)
    bgr_minus_mean = np.array([200 - 103.939, 100 - 116.779, 10 - 123.68])
    assert np.allclose(to_numpy(first(image))[0, 5, 5], bgr_minus_mean, atol=1e-4)


def test_pretrained_applications_are_copied_layer_by_layer(
        monkeypatch: pytest.MonkeyPatch) -> None:
    config = NetworkConfig(backbone='MobileNetV2', input_width=64, input_height=64, head_width=8)
    constructor, preprocess = pretrained.backbones.application('MobileNetV2')
    sources = []

    def without_internet(weights: str, **settings: object) -> keras.Model:
        assert weights == 'imagenet'
        sources.append(constructor(weights=None, **settings))
        return sources[0]

    model = network.build(config)
    monkeypatch.setattr(pretrained.backbones, 'application',
                        lambda _: (without_internet, preprocess))
    pretrained.load_initial_weights(model, config, 'pretrained')
    images = random_images(config)
    expected = sources[0](preprocess(images.astype(np.float32)))
    assert np.allclose(to_numpy(network.feature_map(model)(images)), to_numpy(expected),
                       atol=1e-5)


@pytest.mark.parametrize('name', ['GoogLeNet', 'mobilenet', '', 'Sequential'])
def test_an_unknown_backbone_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InputError, match=r'unknown backbone.*posenet, .*VGG16'):
        network.build(NetworkConfig(backbone=name))


def test_an_input_that_a_backbone_does_not_take_is_refused() -> None:
    with pytest.raises(InputError, match='InceptionV3 does not take this input'):
        network.build(NetworkConfig(backbone='InceptionV3', input_width=64, input_height=64))


# Pretrained EfficientNet-Lite0


@pytest.fixture(scope='module')
def lite0() -> tuple[keras.Model, dict[str, np.ndarray]]:
    model = network.build(SMALL)
    pretrained.load_lite0(model)
    return model, torch_file.read_torch(pretrained._lite0_file())


def test_the_first_layers_compute_what_the_file_says(
        lite0: tuple[keras.Model, dict[str, np.ndarray]]) -> None:
    model, file = lite0
    images = random_images(SMALL, 1)
    out = to_numpy(keras.Model(model.input, model.get_layer('bn0_relu6').output)(images))[0]
    # TensorFlow's 'SAME' at stride 2 pads an even input on the right and below only.
    x = np.pad((images[0] - 127.0) / 128, ((0, 1), (0, 1), (0, 0)))
    for i, j in ((0, 0), (15, 31), (7, 20)):
        window = x[2 * i:2 * i + 3, 2 * j:2 * j + 3]
        y = np.einsum('hwc,ochw->o', window, file['_conv_stem.weight'])
        y = (y - file['_bn0.running_mean']) / np.sqrt(file['_bn0.running_var'] + 1e-3)
        y = np.clip(y * file['_bn0.weight'] + file['_bn0.bias'], 0, 6)
        assert np.allclose(out[i, j], y, atol=1e-4)


def test_every_backbone_layer_is_pretrained(
        lite0: tuple[keras.Model, dict[str, np.ndarray]]) -> None:
    model, file = lite0
    count = sum(weights.size for weights in network.feature_map(model).get_weights())
    assert count == sum(array.size for name, array in file.items() if '_fc' not in name)
    last = model.get_layer('blocks_15_project_conv').get_weights()[0]
    assert np.array_equal(last[0, 0], file['_blocks.15._project_conv.weight'][..., 0, 0].T)


def test_features_tell_pictures_apart_and_bear_a_change_of_light() -> None:
    extractor = pretrained.feature_extractor(96, 96)
    rows, columns = np.mgrid[:96, :96]
    pictures = [rows // 12 % 2 * 200, (rows + columns) // 12 % 2 * 200, np.hypot(
        rows - 48, columns - 48) // 9 % 2 * 200]
    images = np.stack([np.stack([picture] * 3, -1) for picture in pictures]).astype(np.uint8)
    darker = (images * 0.8 + 10).astype(np.uint8)
    features, others = (to_numpy(extractor(batch)) for batch in (images, darker))
    assert features.shape == (3, 1280)
    distances = np.linalg.norm(features[:, None] - others[None], axis=-1)
    assert (distances.argmin(1) == range(3)).all()


class Evil:
    """Runs a command when it is unpickled by a careless reader."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


class Tensor:
    """A tensor header as PyTorch pickles it, with a given size and strides."""

    def __init__(self, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.size, self.stride = size, stride


def write_torch_file(path: Path, tensors: dict[str, Tensor]) -> Path:
    """Write a state dictionary as PyTorch did before 1.6, each of 4 floats."""
    # PyTorch's globals, which need not be installed, as protocol 0 spells them.
    with path.open('wb') as file:
        for value in (torch_file.TORCH_MAGIC, 1001, {}):
            pickle.dump(value, file, 2)
        headers = b'\x80\x02ccollections\nOrderedDict\n)R'
        for name, tensor in tensors.items():
            body = (b'ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\n'
                    b'FloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04NtQK\x00')
            for numbers in (tensor.size, tensor.stride):
                body += b'(' + b''.join(b'J' + n.to_bytes(4, 'little', signed=True)
                                        for n in numbers) + b't'
            headers += (b'X' + len(name).to_bytes(4, 'little') + name.encode() + body
                        + b'\x89ccollections\nOrderedDict\n)RtRs')
        file.write(headers + b'.')
        pickle.dump(['0'], file, 2)
        file.write((4).to_bytes(8, 'little') + np.arange(4, dtype='<f4').tobytes())
    return path


def test_torch_files_are_read_with_their_strides(tmp_path: Path) -> None:
    path = write_torch_file(tmp_path / 'good.pth', {'a': Tensor((2, 2), (1, 2))})
    assert np.array_equal(torch_file.read_torch(path)['a'], [[0, 2], [1, 3]])


@pytest.mark.parametrize('tensor', [Tensor((5,), (1,)), Tensor((2,), (9,)), Tensor((2,), (-1,))])
def test_a_tensor_that_reaches_beyond_its_values_is_refused(
        tensor: Tensor, tmp_path: Path) -> None:
    path = write_torch_file(tmp_path / 'bad.pth', {'a': tensor})
    with pytest.raises(InputError, match=r'bad\.pth'):
        torch_file.read_torch(path)


def test_no_pickle_runs_code(tmp_path: Path) -> None:
    victim = tmp_path / 'victim'
    path = tmp_path / 'evil.pth'
    path.write_bytes(pickle.dumps(OrderedDict(a=Evil(f'touch {victim}'))))
    with pytest.raises(InputError, match=r'wants to call posix\.system'):
        torch_file.read_torch(path)
    assert not victim.exists()
    pickle.loads(path.read_bytes())  # the check can fail: this reader is careless
    assert victim.exists()


@pytest.mark.parametrize('name', ['numpy load', 'builtins eval', 'builtins getattr', 'torch load',
                                  'collections Counter', 'torch._utils _rebuild_tensor',
                                  'other FloatStorage', 'other OrderedDict'])
def test_no_other_name_is_known_to_the_reader_of_torch_files(name: str, tmp_path: Path) -> None:
    path = tmp_path / 'evil.pth'
    path.write_bytes(b'c' + name.replace(' ', '\n').encode() + b'\n.')
    with pytest.raises(InputError, match=rf"wants to call {name.replace(' ', '.')}"):
        torch_file.read_torch(path)


@pytest.mark.parametrize('content', [b'', b'PK\x03\x04 a newer file', pickle.dumps(1) * 4])
def test_a_file_of_another_kind_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / 'other.pth'
    path.write_bytes(content)
    with pytest.raises(InputError, match=r'other\.pth'):
        torch_file.read_torch(path)


def test_weights_that_are_not_there_are_refused(tmp_path: Path) -> None:
    model = network.build(SMALL)
    before = model.get_weights()
    pretrained.load_initial_weights(model, SMALL, 'none')
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    with pytest.raises(InputError, match='posenet import-weights'):
        pretrained.load_initial_weights(model, POSENET, 'pretrained')
    for name in ('missing.weights.h5', 'damaged.weights.h5'):
        if name.startswith('damaged'):
            (tmp_path / name).write_bytes(b'no HDF5')
        with pytest.raises(InputError, match=name):
            pretrained.load_initial_weights(model, SMALL, str(tmp_path / name))


# Keras backends


@pytest.mark.long
def test_every_installed_backend_gives_the_same_outputs_and_trains(tmp_path: Path) -> None:
    probe = ROOT / 'test' / 'backend_probe.py'
    installed = [name for name in BACKENDS if find_spec(name)]
    results = []
    for backend in installed:
        subprocess.run(
            [sys.executable, str(probe), str(tmp_path)], check=True, timeout=500,
            env={**os.environ, 'KERAS_BACKEND': backend,
                 'PYTHONPATH': os.pathsep.join([str(probe.parents[1]), *sys.path])})
        results.append(np.load(tmp_path / f'{backend}.npz'))
    for other in results[1:]:
        for key in results[0].files:
            assert np.abs(results[0][key] - other[key]).max() < 1e-4, key
