"""The field's names: no definition and no module bears a name that only its author understood."""

from __future__ import annotations

import ast
from pathlib import Path

from helpers import ROOT
import pytest

COINED = {
    'resection', 'Resection', 'resect', 'rays', 'spots', 'pulls', 'once', '_settled', '_fit',
    '_alike', '_grouped', 'Refiner', 'refiner_of', 'refine', '_tries', '_verified',
    'views_near', 'views_like', 'only', 'instead', 'without', 'misfit', 'misfit_power',
    'size_of', 'largest_reduction', 'MOST', 'match', 'certainty', 'ignorance', 'bounded',
    'stretched', 'enlargement', 'unlikeness', 'witness', 'places', 'strays', 'smoothing',
    'pose_error', 'pose_moved', 'rotation_from_vector', 'vector_from_rotation', 'turned',
    'Track', 'TrackedPose', 'scoring', 'Match', 'trust', 'relations', 'KEPT', 'Job', 'Answer',
    'answer', 'Look', 'looked_at', 'Inspector', 'Shot', 'Prepared', 'Album', 'Line', 'Parts',
    'Said', 'Heard', 'Judged', 'Session', '_tell', '_drop', '_era', 'Inputs', 'Outputs',
    'Transforms', 'Located', 'loading', 'dropout_of', 'describer', 'mended', 'MendedPath',
    'whole_length', 'lost', 'loop', 'kept_versions', 'KeptBatches', 'keep_features',
    'folds_of', 'held_answers', 'answering', 'said_of_split', 'Looker', 'Seen', 'Material',
    'Views', 'look', 'together', 'stronger', 'fit_sigma', 'scales', 'power_of', 'principal',
    'described', 'taught', 'Taught', 'teach', 'with_outputs', 'left_out', 'across_walks',
    'compared', 'ratios', 'spoilt_features', 'helpers', 'walked', 'Walked', 'meeting_points',
    'agreeing', 'stage', 'Stage', 'spoilt', 'sentence', 'words', 'looking',
}
KEPT = {
    'refine',  # parameter of the node and option of the commands
    'keep_features', 'kept_versions',  # keys of the presets
    'misfit_power',  # key of artifact.json
    'Views',  # of a landmark map: the images that it was made from
}
FILES = [f for top in ('posenet_ros', 'training') for f in sorted((ROOT / top).rglob('*.py'))]


def defined_names(tree: ast.Module) -> set[str]:
    """Return what a module defines: functions, classes, constants, attributes of classes."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.Module | ast.ClassDef):
            for statement in node.body:
                targets = getattr(statement, 'targets', [getattr(statement, 'target', None)])
                found |= {name.id for target in targets if target is not None
                          for name in ast.walk(target) if isinstance(name, ast.Name)}
    return found


@pytest.mark.parametrize('file', FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_names_are_those_of_the_field(file: Path) -> None:
    names = defined_names(ast.parse(file.read_text())) | {file.stem}
    assert not names & (COINED - KEPT)


@pytest.mark.parametrize('source', [
    'def taught(): pass', 'class Album: pass', 'KEPT = 0.8', 'class A:\n    misfit: float = 1.0'])
def test_the_check_of_names_can_fail(source: str) -> None:
    assert defined_names(ast.parse(source)) & COINED
