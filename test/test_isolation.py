"""No test changes a module for the tests that come after it in the same process."""

from __future__ import annotations

import ast
from pathlib import Path

from helpers import ROOT
import pytest

OWN_PROCESS = {'mutants.py', 'image_life.py'}  # commands: their process ends with them
FILES = [f for f in sorted((ROOT / 'test').rglob('*.py')) if f.name not in OWN_PROCESS]
REASON = 'set it by monkeypatch.setattr or mock.patch.object, which take it back'


def imported_names(tree: ast.Module) -> set[str]:
    """Return the names that imports bind, anywhere in a file."""
    return {(alias.asname or alias.name).split('.')[0] for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}


def root_name(node: ast.expr) -> str:
    """Return the name that a chain of attributes and items begins with, or nothing."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ''


def changed_modules(source: str) -> list[str]:
    """Return the assignments to attributes or items of what a file imports."""
    tree = ast.parse(source)
    imported = imported_names(tree)
    targets = [target for node in ast.walk(tree)
               for target in (getattr(node, 'targets', None) or [getattr(node, 'target', None)])
               if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete)]
    return [ast.unparse(target) for target in targets
            if isinstance(target, ast.Attribute | ast.Subscript)
            and root_name(target) in imported]


@pytest.mark.parametrize('file', FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_no_test_changes_a_module_for_good(file: Path) -> None:
    assert not changed_modules(file.read_text()), REASON


@pytest.mark.parametrize('source', [
    'import a.b\na.b.c = 1', 'from a import b\nb.c = None', 'import os\nos.environ["A"] = "1"',
    'def f():\n    import a\n    del a.b'])
def test_the_check_can_fail(source: str) -> None:
    assert changed_modules(source)
