"""
Build, run and train a tiny network on the Keras backend of KERAS_BACKEND.

Called by test_network.py: `python backend_probe.py FOLDER`. The first backend writes the weights
and the images into FOLDER, the others read them; each writes its outputs.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
import sys

import keras
import numpy as np
from posenet_ros.networks.config import NetworkConfig
from posenet_ros.networks.ensemble import make_ensemble
from posenet_ros.networks.initial_weights import load_lite0, load_place_backbone
from posenet_ros.networks.network import build

LITE = NetworkConfig(input_width=64, input_height=32, pooling='spatial', head_width=8)
CONFIGS = {
    'lite': LITE,
    'pair': replace(LITE, members=2, sigma_width=4, descriptor_size=6, descriptor_of='pretrained',
                    shared_before='blocks_3_expand_conv'),
    'posenet': NetworkConfig(backbone='posenet', input_width=96, input_height=80,
                             rotation='quaternion', head_width=8)}


def made(config: NetworkConfig) -> keras.Model:
    """Return a network; random weights let hardly anything through the many layers of lite0."""
    if config.members > 1:
        alone = replace(config, members=1, sigma_width=0, descriptor_size=0, shared_before='')
        several = make_ensemble([made(alone) for _ in range(config.members)], config)
        load_place_backbone(several, config)
        return several
    model = build(config, auxiliary=True)
    if config.backbone == 'efficientnet_lite0':
        load_lite0(model)
    return model


def outputs(name: str, config: NetworkConfig, folder: Path) -> dict[str, np.ndarray]:
    """Return the outputs for the shared weights and images, by name."""
    keras.utils.set_random_seed(1)
    model = made(config)
    weights = folder / f'{name}.weights.h5'
    if not weights.exists():
        model.save_weights(weights)
    model.load_weights(weights)
    shape = (2, config.input_height, config.input_width, 3)
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    results = {key: keras.ops.convert_to_numpy(value)
               for key, value in model(images, training=False).items()}
    if config.backbone == 'posenet':  # training one takes long enough
        train(model, images, results)
    return {f'{name}_{key}': value for key, value in results.items()}


def train(model: keras.Model, images: np.ndarray, results: dict[str, np.ndarray]) -> None:
    """Take two steps; stop the process when a loss is not finite."""
    model.compile(keras.optimizers.SGD(1e-4), dict.fromkeys(results, 'mse'))
    targets = {key: np.ones_like(value) for key, value in results.items()}
    losses = model.fit(images, targets, epochs=2, verbose=0).history['loss']
    if not np.isfinite(losses).all():
        raise SystemExit(f'losses are not finite. Received: {losses}')


def main() -> int:
    """Write the outputs of every configuration."""
    folder = Path(sys.argv[1])
    results: dict[str, np.ndarray] = {}
    for name, config in CONFIGS.items():
        results |= outputs(name, config, folder)
    np.savez(folder / f'{keras.backend.backend()}.npz', **results)
    return 0


if __name__ == '__main__':
    sys.exit(main())
