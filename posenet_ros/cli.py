# PYTHON_ARGCOMPLETE_OK
"""
The command `posenet VERB`: the table of all verbs.

A verb's module is imported when it is called, and imports NumPy, OpenCV, Keras and the like only
when its options have been read: help and mistyped words are answered at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
import os
import sys
from typing import NamedTuple

import posenet_ros
from posenet_ros.errors import InputError
from posenet_ros.utils.arguments import run_cli
from posenet_ros.utils.suggestions import did_you_mean


class Verb(NamedTuple):
    """A command: the module whose `main` runs it, and a line about it."""

    module: str
    summary: str


VERBS = {
    'demo': Verb('posenet_ros.training.demo', 'run everything on a synthetic scene'),
    'map': Verb('posenet_ros.training.map', 'map a place from a walk'),
    'train': Verb('posenet_ros.training.train', 'train a network on a dataset'),
    'dataset': Verb('posenet_ros.training.make_dataset', 'convert bags to a dataset'),
    'bag': Verb('posenet_ros.training.make_bag', 'convert a dataset to a bag'),
    'evaluate': Verb('posenet_ros.evaluate', 'evaluate a model, or poses of any method'),
    'compare': Verb('posenet_ros.compare', 'compare reports side by side'),
    'replay': Verb('posenet_ros.replay', 'play a bag to a live node'),
    'view': Verb('posenet_ros.view', 'show the map of a place in the browser'),
    'node': Verb('posenet_ros.node', 'run the ROS 2 node'),
    'info': Verb('posenet_ros.info', 'show versions, ROS, hardware and a model folder'),
    'scene': Verb('posenet_ros.training.scene.__main__', 'render the synthetic scene'),
    'corrupt': Verb('posenet_ros.training.corrupt', 'corrupt the images of a dataset'),
    'robustness': Verb('posenet_ros.training.robustness',
                       'measure a model on corrupted images and other places'),
    'fuse': Verb('posenet_ros.training.fuse', 'fuse the poses of a report with odometry'),
    'landmarks': Verb('posenet_ros.training.landmarks.__main__',
                      'add landmarks to a model, to refine its poses'),
    'uncertainty': Verb('posenet_ros.training.uncertainty.__main__',
                        'add covariance and place score to a model'),
    'int8': Verb('posenet_ros.training.int8', 'quantise a model to 8-bit weights'),
    'bench': Verb('posenet_ros.training.bench.__main__', 'benchmark all stages and engines'),
    'import-weights': Verb('posenet_ros.training.import_weights',
                           'import the weights of another PoseNet'),
}


def usage() -> str:
    """Return the table of all verbs."""
    width = max(map(len, VERBS))
    rows = '\n'.join(f'  {name:{width}}  {verb.summary}' for name, verb in VERBS.items())
    return ('usage: posenet VERB [OPTIONS]\n\nRelocalise a camera with PoseNet.\n\n'
            f'{rows}\n\n"posenet help VERB" shows the options of a verb, "posenet --version" the '
            'version.')


def run(words: Sequence[str]) -> int:
    """
    Run a verb with its options.

    :raises InputError: when there is no such verb.
    """
    first, *rest = words or ['help']
    if first in ('-h', '--help') or (first == 'help' and not rest):
        print(usage())
        return 0
    if first in ('-V', '--version'):
        print(f'posenet_ros {posenet_ros.__version__}')
        return 0
    if first == 'help':
        first, rest = rest[0], ['--help']
    if first not in VERBS:
        raise InputError(f'posenet has no verb {first!r}{did_you_mean(first, VERBS)} '
                         '"posenet help" lists all')
    sys.argv = [f'posenet {first}', *rest]
    return int(import_module(VERBS[first].module).main() or 0)


def complete(line: str) -> int:
    """
    Complete a command line: the verb here, its options by its own parser.

    :param line: all words up to the cursor, from the shell by way of argcomplete.
    """
    _, *words = line.split(' ')
    if len(words) > 1 and words[0] in VERBS:
        # argcomplete numbers the word that stands for the program: the verb
        os.environ['_ARGCOMPLETE'] = str(int(os.environ['_ARGCOMPLETE']) + 1)
        return run(words[:1])
    found = [verb for verb in VERBS if verb.startswith(words[-1])]
    if len(found) == 1:
        found = [f'{found[0]} ']  # the word is whole
    with os.fdopen(8, 'w') as answer:  # where argcomplete's shell function reads
        answer.write(os.environ.get('_ARGCOMPLETE_IFS', '\n').join(found))
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; errors of the user's are one line."""
    words = sys.argv[1:] if argv is None else argv
    if '_ARGCOMPLETE' in os.environ:
        return complete(os.environ['COMP_LINE'])
    return run_cli(lambda: run(words))


if __name__ == '__main__':
    sys.exit(main())
