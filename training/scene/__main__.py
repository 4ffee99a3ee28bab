"""
Render a synthetic place as a dataset in the layout of Cambridge Landmarks.

The folder gets `dataset_train.txt`, `dataset_test.txt`, `seqN/frameNNNNN.jpg`, `camera.json`
(posenet_ros.geometry.camera.Camera) and `scene.json` (settings and their digest); that of a place
that repeats `copies.txt`, the other poses from which the place looks the same as from a test
image's.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
import re
import sys
import time

from posenet_ros.errors import InputError
from posenet_ros.training.scene.sensors.options import DEFAULT_BASELINE_M, SensorOptions
from posenet_ros.training.scene.settings import (
    FRAMES_RANGE,
    PLACES,
    Settings,
    TEST_RATE_HZ,
    TRAIN_RATE_HZ,
)
from posenet_ros.utils.arguments import CommandParser, run_cli
from posenet_ros.utils.atomic_folder import check_new
from posenet_ros.utils.files.kinds import SCENE


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r'(\d+)x(\d+)', text)
    if not match:
        raise InputError(f'--size has to be WIDTHxHEIGHT such as 640x480. Received: {text!r}')
    return int(match[1]), int(match[2])


def parser() -> CommandParser:
    """Make the parser of the command line."""
    result = CommandParser(
        description=(__doc__ or '').strip().partition('\n')[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    result.add_argument('--out', type=Path, required=True, help='folder of the dataset')
    result.add_argument('--place', choices=PLACES, default=Settings.place,
                        help='court: four sides, each unlike the others; arcade: equal bays, a '
                             'front of two equal wings and two equal rooms, to try whether a '
                             'localiser tells what can be told apart, and nothing else; campus: '
                             'six courts along a street, walked as far as the images reach')
    result.add_argument('--frames', type=int, default=Settings.frames,
                        help=f'images, {FRAMES_RANGE[0]} to {FRAMES_RANGE[1]}; those for the test '
                             f'at {TEST_RATE_HZ:g} a second of walking at most, those to train '
                             f'on at {TRAIN_RATE_HZ:g}')
    result.add_argument('--test-frames', type=int, default=0, metavar='N',
                        help='images for the test among them; 0: a quarter')
    result.add_argument('--size', default=f'{Settings.width}x{Settings.height}',
                        help='WIDTHxHEIGHT of the images, pixels')
    result.add_argument('--seed', type=int, default=Settings.seed,
                        help='another seed is another day: walks, people, materials, noise; '
                             'of the arcade and the campus another arrangement as well')
    result.add_argument('--sensors', action='store_true',
                        help='write odometry, IMU and satellite fixes of each walk, with noise')
    result.add_argument('--stereo', type=float, nargs='?', const=DEFAULT_BASELINE_M, default=0.0,
                        metavar='M', help='render the images of a second camera so many metres '
                        f'to the right as well (M: {DEFAULT_BASELINE_M:g}); with --sensors')
    result.add_argument('--depth', action='store_true',
                        help='write depth images as well; with --sensors')
    result.add_argument('--force', action='store_true', help='replace the folder if it exists')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = parser().parse_args(argv)
    sensors = SensorOptions(stereo_baseline_m=options.stereo, depth=options.depth) if (
        options.sensors or options.stereo or options.depth) else None
    settings = Settings(options.frames, *_size(options.size), options.seed, sensors,
                        options.place, options.test_frames)
    check_new(options.out, SCENE, force=options.force)
    from posenet_ros.training.scene.dataset import write_scene
    start = time.monotonic()
    try:
        write_scene(options.out, settings, force=options.force)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt('stopped: the same command goes on') from interrupt
    print(f'{options.out}: {settings.frames} images of {settings.width}x{settings.height} '
          f'in {time.monotonic() - start:.0f} s')
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
