"""Collect the texts that a user can meet, from the code: errors, warnings, verdicts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
import re
from typing import NamedTuple

ERRORS = {'PoseNetError', 'InputError', 'ArgumentTypeError'}  # and those derived from them
WARNINGS = {'warn', '_warn'}  # called with what, and why
LOGGED = {'error', 'warning', 'fail'}  # called with the text
ENUMS = {'Verdict': 'pose {}: …', 'ImageFault': 'image {}: …'}  # as results.py reports them
# their functions return reasons
REASONS = {'gate.py', 'reasons.py', 'prior.py', 'localiser.py', 'localisation.py', 'quality.py',
           'no_image.py', 'no_pose.py'}
HIDDEN = '…'


class Message(NamedTuple):
    """A text, its variable parts as `…`, and where it stands."""

    text: str
    file: str
    line: int


def template(node: ast.expr | None) -> str:
    """Return the fixed parts of an expression that makes a text, and `…` for the others."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        text = node.value
    elif isinstance(node, ast.JoinedStr):
        text = ''.join(template(part) for part in node.values)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        text = template(node.left) + template(node.right)
    else:
        text = HIDDEN
    return re.sub(f'{HIDDEN}+', HIDDEN, ' '.join(text.split(' ')))


def name_of(function: ast.expr) -> str:
    """Return the last word of what is called."""
    return getattr(function, 'attr', '') or getattr(function, 'id', '')


def error_classes(trees: list[ast.Module]) -> set[str]:
    """Return the names of the errors a user can cause."""
    found = set(ERRORS)
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    while more := {c.name for c in classes if any(name_of(b) in found for b in c.bases)} - found:
        found |= more
    return found


def _of_call(node: ast.Call, errors: set[str]) -> str:
    name = name_of(node.func)
    if name in WARNINGS and len(node.args) == 2:
        return ': '.join(map(template, node.args))
    return template(node.args[0]) if name in errors or name in LOGGED else ''


def _of_enum(node: ast.ClassDef) -> Iterator[tuple[str, int]]:
    for item in node.body:
        if isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Name):
            name = item.targets[0].id
            if name != 'ACCEPTED':
                yield ENUMS[node.name].format(name.lower()), item.lineno


def _reasons(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for statement in ast.walk(tree):
        if isinstance(statement, ast.Return) and statement.value:
            value = statement.value
            parts = value.args if isinstance(value, ast.Call) else [
                value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
            for part in parts:
                if isinstance(part, ast.Constant | ast.JoinedStr):
                    yield template(part), statement.lineno


def texts_of(tree: ast.Module, name: str, errors: set[str]) -> Iterator[tuple[str, int]]:
    """Yield the texts of a module, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            yield _of_call(node, errors), node.lineno
        elif isinstance(node, ast.ClassDef) and node.name in ENUMS:
            yield from _of_enum(node)
        elif isinstance(node, ast.Assign) and name_of(node.targets[0]) == 'error':
            yield template(node.value), node.lineno
    if name in REASONS:
        yield from _reasons(tree)


def collect(root: Path) -> list[Message]:
    """
    Collect the messages below a folder, each text once.

    A text whose fixed parts have no word only hands another one on, and is left out.
    """
    files = [file for top in ('posenet_ros', 'training') for file in sorted(
        (root / top).rglob('*.py'))]
    trees = {file.relative_to(root): ast.parse(file.read_text()) for file in files}
    errors = error_classes(list(trees.values()))
    found: dict[str, Message] = {}
    for file, tree in trees.items():
        for text, line in texts_of(tree, file.name, errors):
            if re.search(r'[A-Za-z]{3}', text):
                found.setdefault(text, Message(text, str(file), line))
    return list(found.values())
