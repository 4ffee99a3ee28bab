"""The command line of the benchmark of the localiser."""

from __future__ import annotations

import argparse

from posenet_ros.utils.arguments import count
from posenet_ros.utils.choices import CORRUPTIONS, SEVERITIES
from posenet_ros.utils.tasks.arguments import add_scheduler

SOME, EACH = 'some', 'each'  # walks that are left out: in one map, or one after another
ALL = 'all'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that only this part has."""
    group = parser.add_argument_group(
        'with the part localise', 'and --data, --camera, --every, --without-peer of the part map; '
        '--model: a map of the training images, in place of a new one')
    group.add_argument('--leave-walks-out', nargs='?', const=SOME, metavar='HOW',
                       help='localise training images that the map does not have, to choose '
                       f'settings by: {SOME} walks, {EACH} walk in turn, or every Nth image')
    group.add_argument('--max-queries', type=count, metavar='N', help='localise at most N images '
                       'of each place, chosen evenly (default: all)')
    group.add_argument('--unmapped', type=float, metavar='M', help='also without the views within '
                       'M metres of the image: the true place is not in the map')
    group.add_argument('--prior', nargs='+', default=[], metavar='M,DEG', help='also with a prior '
                       'pose of these standard deviations, drawn by them, and with a wrong one')
    group.add_argument('--seeds', type=count, default=1, metavar='N',
                       help='seeds of RANSAC and of the priors, one after another (default: 1)')
    group.add_argument('--other-places', nargs='+', default=[], metavar='DIR[=CAMERA]',
                       help='datasets of other places: none of their test images may be localised')
    group.add_argument('--corruptions', nargs='*', metavar='NAME[=SEVERITY]',
                       help=f'corrupted images: {", ".join(CORRUPTIONS)}, each at severities '
                       f'{SEVERITIES[0]} to {SEVERITIES[-1]} unless one is given (default: all of '
                       'them, on some images)')
    group.add_argument('--cameras', action='store_true', help='images of other cameras: turned, '
                       'cropped, resized; of a synthetic scene also rendered with them')
    group.add_argument('--tracked', type=count, metavar='N', help='also track a camera at 30 Hz, '
                       "for N images of a synthetic scene's test walk")
    add_scheduler(group, 'make the maps and localise, in place of --jobs; they have to see '
                  '--data and the folder of --out')
