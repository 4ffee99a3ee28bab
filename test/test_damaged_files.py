"""A hundred of the random edits of `make fuzz`; and no pickle is read anywhere."""

from __future__ import annotations

import ast
from pathlib import Path

from fuzz_files import make_subjects, try_edits, used
from helpers import ROOT
import pytest

EDITS = 105
SOURCES = [file for top in ('posenet_ros', 'training')
           for file in sorted((ROOT / top).rglob('*.py'))
           if 'posenet_ros/training' not in file.as_posix()]
RESTRICTED = {'posenet_ros/networks/torch_file.py', 'training/pipelines/weights_import.py'}
UNSAFE_MODULES = {'pickle', 'cPickle', '_pickle', 'dill', 'cloudpickle', 'joblib', 'shelve',
                  'marshal', 'torch'}
UNSAFE_CALLS = {'eval', 'exec', 'yaml.load', 'yaml.unsafe_load', 'yaml.full_load'}


def test_no_edit_of_any_file_is_a_traceback(tmp_path: Path) -> None:
    (tmp_path / 'scratch').mkdir()
    (tmp_path / 'subjects').mkdir()
    subjects = make_subjects(tmp_path / 'subjects')
    for subject in subjects:  # whole, they are read
        assert used(subject, subject.folder, '', '') == (subject.name, False, '')
    found = list(try_edits(subjects, EDITS, 7, tmp_path / 'scratch'))
    assert [outcome.problem for outcome in found if outcome.problem] == []
    assert EDITS / 3 < sum(outcome.refused for outcome in found) < EDITS


def dotted(node: ast.expr) -> str:
    """Return the name of what is called, as `np.load`."""
    if isinstance(node, ast.Attribute):
        return f'{dotted(node.value)}.{node.attr}'
    return node.id if isinstance(node, ast.Name) else ''


def unsafe(text: str) -> list[str]:
    """Return what a module does that may run what a file holds."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name != 'torch'  # to ask of a GPU
                      and name.name.partition('.')[0] in UNSAFE_MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module] if node.module.partition('.')[0] in UNSAFE_MODULES else []
        elif isinstance(node, ast.Call):
            name, words = dotted(node.func), {word.arg: word.value for word in node.keywords}
            allowed = words.get('allow_pickle')
            safe = isinstance(allowed, ast.Constant) and allowed.value is False
            if name in UNSAFE_CALLS or (allowed and not safe) or (
                    name in ('np.load', 'numpy.load') and not safe):
                found.append(name)
    return found


def test_nothing_that_a_file_holds_is_run() -> None:
    assert len(SOURCES) > 400
    for file in SOURCES:
        name = file.relative_to(ROOT).as_posix()
        found = unsafe(file.read_text())
        assert found == (['pickle'] if name in RESTRICTED else []), name


@pytest.mark.parametrize('code', [
    'import pickle', 'from pickle import load', 'import torch.serialization', 'np.load(file)',
    'np.load(file, allow_pickle=True)', 'yaml.load(text)', 'eval(text)',
    'np.lib.format.read_array(file, allow_pickle=kind)'])
def test_the_scan_can_fail(code: str) -> None:
    assert unsafe(code)
