"""The life of one image, measured: the folders that it enters in node and evaluator, in order."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import cv2
from helpers import ROOT, scene
import pytest
from ros_helpers import environment, write_mean_colour_model
from test_architecture import ALLOWED

DOMAIN = 148
# Functions that are handed down, and so called back from below: `decode` to localise, and
# `reduction` to the decoder of a JPEG.
HANDED_DOWN = {'node': {('localisation', 'ros_node')},
               'evaluator': {('localisation', 'evaluation'), ('imaging', 'localisation')}}
FOLDERS = {'node': ['ros_node', 'localisation', 'ros_data', 'imaging', 'geometry', 'inference',
                    'uncertainty'],
           'evaluator': ['evaluation', 'utils', 'localisation', 'imaging', 'geometry',
                         'inference', 'uncertainty']}


@pytest.fixture(scope='module')
def lives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp('life')
    model = write_mean_colour_model(folder / 'tiny')
    cv2.imwrite(str(folder / 'image.jpg'), scene(size=(64, 48)))
    done = subprocess.run(
        [sys.executable, ROOT / 'test' / 'image_life.py', model, folder / 'image.jpg'], cwd=ROOT,
        env=environment(DOMAIN), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout[done.stdout.index('{\n'):])


@pytest.mark.parametrize('way', ['node', 'evaluator'])
def test_the_folders_that_an_image_enters(lives: dict[str, Any], way: str) -> None:
    assert lives[way]['folders'] == FOLDERS[way]


@pytest.mark.parametrize('way', ['node', 'evaluator'])
def test_no_folder_calls_one_above_it(lives: dict[str, Any], way: str) -> None:
    upward = {(caller, called): first for caller, called, first in lives[way]['arrows']
              if caller != called and called not in ALLOWED[caller]}
    assert set(upward) == HANDED_DOWN[way], upward


def test_node_and_evaluator_go_the_same_way(lives: dict[str, Any]) -> None:
    """The chain from the decoded image to the verdict is the same, function by function."""
    chain, reduced = [], 'imaging/preprocess.py: reduction'
    for way in ('node', 'evaluator'):
        functions = [name for name in lives[way]['functions']
                     if name.split('/')[0] in ('localisation', 'inference', 'uncertainty')
                     or name.startswith('imaging/quality')]
        # the node has a clock and time jumps, the evaluator none
        functions = [name for name in functions if not name.startswith('localisation/stamps')]
        chain.append([name for name in functions if name not in (
            reduced, 'localisation/pipeline.py: factor',
            'inference/engine_pool.py: predict', 'inference/engine_pool.py: _borrowed',
            'localisation/relocaliser.py: reduction', 'localisation/gate.py: reset',
            'localisation/gate.py: accepted',
            # prepare and infer in one; the node asks in between what is known before
            'localisation/pipeline.py: localise', 'localisation/gating/prior.py: expect',
            'localisation/gating/prior.py: _prior', 'localisation/gating/prior.py: reset')])
    assert chain[0] == chain[1]
    stages = [chain[0].index(name) for name in (
        'localisation/pipeline.py: prepare', 'imaging/quality.py: image_statistics',
        'localisation/relocaliser.py: estimate', 'localisation/pipeline.py: judge')]
    assert stages == sorted(stages)
