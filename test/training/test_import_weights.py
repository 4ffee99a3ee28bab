"""Weights of other PoseNets are imported exactly, and never run code."""

from __future__ import annotations

from dataclasses import replace
import os
from pathlib import Path
import pickle

import h5py
import keras
import numpy as np
from posenet_ros.arrays import Floats32
from posenet_ros.errors import InputError
from posenet_ros.networks.googlenet import INPUT_SCALE, MEAN_RGB
from posenet_ros.networks.heads import RAW_IDENTITY
from posenet_ros.networks.initial_weights import IMPORTED_CONFIG, load_initial_weights
from posenet_ros.networks.network import build
from posenet_ros.training.import_weights import main
from posenet_ros.training.pipelines.weights_import import import_layers, read_h5, read_npy
import pytest

Layers = dict[str, dict[str, Floats32]]

THEIR_NAMES = {
    'fc': 'cls3_fc1_pose', 'xyz': 'cls3_fc_pose_xyz', 'rotation': 'cls3_fc_pose_wpqr',
    'aux1_reduction': 'cls1_reduction_pose', 'aux1_fc': 'cls1_fc1_pose',
    'aux1_xyz': 'cls1_fc_pose_xyz', 'aux1_rotation': 'cls1_fc_pose_wpqr',
    'aux2_reduction': 'cls2_reduction_pose', 'aux2_fc': 'cls2_fc1',
    'aux2_xyz': 'cls2_fc_pose_xyz', 'aux2_rotation': 'cls2_fc_pose_wpqr'}


@pytest.fixture(scope='module')
def model() -> keras.Model:
    return build(IMPORTED_CONFIG, auxiliary=True)


@pytest.fixture(scope='module')
def theirs(model: keras.Model) -> Layers:
    """Return random weights with the names and shapes of `posenet.npy`."""
    generator = np.random.default_rng(0)
    return {THEIR_NAMES.get(layer.name, layer.name): {
        key: generator.normal(size=variable.shape).astype(np.float32)
        for key, variable in zip(('weights', 'biases'), layer.weights, strict=True)}
        for layer in model.layers if layer.weights}


def write_npy(path: Path, layers: object) -> Path:
    np.save(path, np.array(layers, dtype=object), allow_pickle=True)
    return path


def write_h5(path: Path, layers: Layers) -> Path:
    """Write as Keras 2 does, batch normalisation included."""
    norm = {name: np.ones(64, np.float32) for name in ('beta:0', 'gamma:0', 'mean:0', 'var:0')}
    with h5py.File(path, 'w') as file:
        for name, arrays in [*layers.items(), ('norm1', norm)]:
            names = {'weights': 'kernel:0', 'biases': 'bias:0'}
            for key, array in arrays.items():
                file[f'model_weights/{name}/{name}/{names.get(key, key)}'] = array
        file.create_group('model_weights/pool1')
    return path


def write(path: Path, layers: Layers) -> Path:
    return (write_npy if path.suffix == '.npy' else write_h5)(path, layers)


@pytest.mark.parametrize('name', ['posenet.npy', 'port.h5'])
def test_files_are_read_as_they_were_written(name: str, theirs: Layers, tmp_path: Path) -> None:
    path = write(tmp_path / name, theirs)
    read = (read_npy if name.endswith('npy') else read_h5)(path)
    assert read.keys() == theirs.keys()
    for layer, (weights, biases) in read.items():
        assert np.array_equal(weights, theirs[layer]['weights'])
        assert np.array_equal(biases, theirs[layer]['biases'])


@pytest.mark.parametrize('protocol', [2, 3, 4])
def test_pickles_of_every_age_are_read(protocol: int, tmp_path: Path) -> None:
    fortran = np.asfortranarray(np.arange(6, dtype='>f8').reshape(2, 3))
    content = {b'conv1': {'weights': fortran, 'biases': np.float32([1, 2])},
               'pair': [np.ones((2, 2)), np.zeros(2)]}
    path = tmp_path / 'old.npy'
    with path.open('wb') as file:
        np.lib.format.write_array_header_1_0(
            file, {'descr': '|O', 'fortran_order': False, 'shape': ()})
        pickle.dump(np.array(content, dtype=object), file, protocol)
    read = read_npy(path)
    assert np.array_equal(read['conv1'][0], fortran)
    assert np.array_equal(read['pair'][0], np.ones((2, 2)))


def test_conv1_takes_their_images(model: keras.Model, theirs: Layers) -> None:
    their_mean_rgb = np.array([100.0, 110.0, 120.0])
    source = {name: (arrays['weights'], arrays['biases']) for name, arrays in theirs.items()}
    assert import_layers(model, source, their_mean_rgb) == []
    kernel, bias = model.get_layer('conv1').get_weights()
    rgb = np.random.default_rng(2).uniform(0, 255, (7, 7, 3))  # one window of the image
    their_window = (rgb - their_mean_rgb)[..., ::-1]
    expected = np.tensordot(their_window, theirs['conv1']['weights'], 3) + theirs['conv1'][
        'biases']
    ours = np.tensordot((rgb - MEAN_RGB) * INPUT_SCALE, kernel, 3) + bias
    assert np.abs(ours - expected).max() < 1e-2  # of values of about 1000


def test_positions_and_quaternions_are_theirs_in_any_scene(
        model: keras.Model, theirs: Layers, tmp_path: Path) -> None:
    out = tmp_path / 'places.weights.h5'
    assert main([str(write(tmp_path / 'posenet.npy', theirs)), '--out', str(out)]) == 0
    config = replace(IMPORTED_CONFIG, origin_m=(5.0, -3.0, 1.0), scale_m=(20.0, 10.0, 2.0))
    network = build(config, auxiliary=True)
    load_initial_weights(network, config, str(out))
    x = np.random.default_rng(3).uniform(0, 1, 2048)
    for prefix, size in (('', 2048), ('aux1_', 1024)):
        weights = theirs[THEIR_NAMES[f'{prefix}xyz']]
        kernel, bias = network.get_layer(f'{prefix}xyz').get_weights()
        position = (x[:size] @ kernel + bias) * config.scale_m + config.origin_m
        assert np.allclose(position, x[:size] @ weights['weights'] + weights['biases'], atol=1e-3)
        wpqr = theirs[THEIR_NAMES[f'{prefix}rotation']]
        kernel, bias = network.get_layer(f'{prefix}rotation').get_weights()
        xyzw = x[:size] @ kernel + bias + RAW_IDENTITY['quaternion']
        expected = x[:size] @ wpqr['weights'] + wpqr['biases']
        assert np.allclose(xyzw, np.roll(expected, -1), atol=1e-3)
    for name in ('icp9_out2', 'aux2_fc', 'reduction2'):
        assert np.array_equal(network.get_layer(name).get_weights()[0],
                              theirs[THEIR_NAMES.get(name, name)]['weights'])


def test_a_network_with_another_head_takes_the_backbone(theirs: Layers, tmp_path: Path) -> None:
    out = tmp_path / 'places.weights.h5'
    backbone = {name: arrays for name, arrays in theirs.items() if not name.startswith('cls')}
    assert main([str(write(tmp_path / 'posenet.npy', backbone)), '--out', str(out)]) == 0
    config = replace(IMPORTED_CONFIG, head_width=8, rotation='6d')
    network = build(config)
    load_initial_weights(network, config, str(out))
    assert np.array_equal(network.get_layer('conv2').get_weights()[0],
                          theirs['conv2']['weights'])
    other = replace(IMPORTED_CONFIG, backbone='efficientnet_lite0')
    with pytest.raises(InputError, match='holds a posenet'):
        load_initial_weights(build(other), other, str(out))


@pytest.mark.parametrize('name', ['posenet.npy', 'port.h5'])
def test_a_shape_that_differs_is_refused_by_name(
        name: str, theirs: Layers, tmp_path: Path) -> None:
    wrong = {**theirs, 'icp3_out1': {**theirs['icp3_out1'], 'weights': np.zeros((3, 3, 96, 7))}}
    path, out = write(tmp_path / name, wrong), tmp_path / 'new.weights.h5'
    with pytest.raises(InputError, match=r'icp3_out1 .*\(3, 3, 96, 208\)\. Received: .*7\)'):
        main([str(path), '--out', str(out)])
    assert sorted(file.name for file in tmp_path.iterdir()) == [name]


def test_a_missing_layer_and_nan_are_refused_by_name(model: keras.Model, theirs: Layers) -> None:
    source = {name: (arrays['weights'], arrays['biases']) for name, arrays in theirs.items()}
    with pytest.raises(InputError, match='no layer icp5_out0'):
        import_layers(model, {k: v for k, v in source.items() if k != 'icp5_out0'})
    weights, biases = source['conv2']
    with pytest.raises(InputError, match='conv2 holds values that are not finite'):
        import_layers(model, {**source, 'conv2': (weights, biases * np.nan)})


class Evil:
    """Runs a command when it is unpickled by a careless reader."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize('name', ['numpy load', 'numpy fromfile', 'builtins eval',
                                  'builtins getattr', '_codecs decode', 'numpy.core.multiarray x',
                                  'other ndarray', 'other encode'])
def test_no_other_name_is_known_to_the_reader_of_pickles(name: str, tmp_path: Path) -> None:
    path = write_npy(tmp_path / 'evil.npy', {})
    head = path.read_bytes()
    start = head.index(b'\x80')  # of the pickle, behind NumPy's header
    path.write_bytes(head[:start] + b'c' + name.replace(' ', '\n').encode() + b'\n.')
    with pytest.raises(InputError, match=rf"wants to call {name.replace(' ', '.')}"):
        read_npy(path)


def test_no_pickle_runs_code(tmp_path: Path) -> None:
    victim = tmp_path / 'victim'
    path = write_npy(tmp_path / 'evil.npy', {'conv1': Evil(f'touch {victim}')})
    with pytest.raises(InputError, match=r'wants to call posix\.system'):
        read_npy(path)
    assert not victim.exists()
    np.load(path, allow_pickle=True)  # the check can fail: this reader is careless
    assert victim.exists()


@pytest.mark.parametrize('content', [b'', b'no numpy file', b'\x93NUMPY\x01\x00', 'cut'])
def test_a_damaged_npy_file_is_named(
        content: bytes | str, theirs: Layers, tmp_path: Path) -> None:
    path = tmp_path / 'damaged.npy'
    if content == 'cut':
        write_npy(path, {'conv1': theirs['conv1']})
        content = path.read_bytes()[:5000]
    path.write_bytes(content)
    with pytest.raises(InputError, match=r'damaged\.npy has to be'):
        read_npy(path)


def test_bad_arguments_are_refused(tmp_path: Path) -> None:
    out = tmp_path / 'new.weights.h5'
    (tmp_path / 'damaged.h5').write_bytes(b'no HDF5')
    for file in ('missing.npy', 'damaged.h5', 'weights.pth'):
        with pytest.raises(InputError, match=file):
            main([str(tmp_path / file), '--out', str(out)])
    with pytest.raises(InputError, match=r'--out has to end'):
        main(['x.npy', '--out', str(tmp_path / 'new.h5')])
    out.write_bytes(b'')
    with pytest.raises(InputError, match='exists already'):
        main(['x.npy', '--out', str(out)])


def test_the_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['--help'])
    assert 'posenet.npy' in capsys.readouterr().out
