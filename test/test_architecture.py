"""The plan of the house: who may import what. Each check is shown to be able to fail."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
import re
import subprocess
import sys

from helpers import ROOT
import pytest

LIBRARY = sorted((ROOT / 'posenet_ros').rglob('*.py'))
TRAINING = sorted((ROOT / 'training').rglob('*.py'))
ROS = {'rclpy', 'tf2_ros', 'cv_bridge', 'launch', 'ament_index_python', 'rosidl_runtime_py',
       'sensor_msgs', 'geometry_msgs', 'diagnostic_msgs', 'nav_msgs', 'std_msgs', 'std_srvs',
       'visualization_msgs',
       'tf2_msgs', 'rosgraph_msgs', 'lifecycle_msgs', 'rcl_interfaces', 'builtin_interfaces'}
FRAMEWORKS = {'keras', 'tensorflow'}
CORE = {'errors', 'arrays'}  # the modules that every folder may import
# A folder may import from those named here, from itself and from CORE.
ALLOWED = {
    'evaluation': {'ros_node', 'visualization', 'ros_data', 'datasets', 'localisation',
                   'landmarks', 'uncertainty', 'inference', 'networks', 'imaging', 'geometry',
                   'utils'},
    'ros_node': {'visualization', 'ros_data', 'localisation', 'landmarks', 'inference', 'imaging',
                 'geometry', 'utils'},
    'visualization': {'localisation', 'landmarks', 'inference', 'imaging', 'geometry'},
    'ros_data': {'localisation', 'imaging', 'geometry', 'utils'},
    'localisation': {'landmarks', 'uncertainty', 'inference', 'imaging', 'geometry'},
    'landmarks': {'uncertainty', 'inference', 'imaging', 'geometry', 'utils'},
    'uncertainty': {'inference', 'geometry'},
    'inference': {'networks', 'imaging', 'geometry', 'utils'},
    'datasets': {'imaging', 'geometry', 'utils'},
    'imaging': {'geometry'},
    'networks': set(), 'geometry': set(), 'utils': set(),
}
# Of a folder that may be imported, only these files may do it, or only this module may be taken.
ONLY_FROM = {('evaluation', 'ros_node'): {'online'}}
ONLY_MODULE = {('ros_data', 'localisation'): {'gate'}}
ALLOWED_IN_TRAINING = {
    'pipelines': {'bench', 'map_report', 'map_update', 'uncertainty', 'landmarks', 'export',
                  'fitting', 'scene', 'metric', 'sfm', 'sources', 'checks', 'data'},
    'map_report': {'landmarks', 'data'},
    'map_update': {'landmarks', 'metric', 'data'},
    'checks': {'data'},
    'bench': {'uncertainty', 'landmarks', 'export', 'fitting', 'data', 'scene', 'sfm'},
    'uncertainty': {'landmarks', 'export', 'fitting', 'data'},
    'landmarks': {'fitting', 'data'},
    'sfm': {'data'},
    'export': {'fitting', 'data'},
    'fitting': {'data'},
    'scene': {'data'},
    'metric': {'data'},
    'sources': {'data'},
    'data': set(),
}
KERAS_FREE = {'config', 'torch_file', 'weights_file', '__init__'}  # in networks/


def name_of(file: Path) -> str:
    """Return a module's dotted name."""
    parts = file.relative_to(ROOT).with_suffix('').parts
    parts = ('posenet_ros', *parts) if parts[0] == 'training' else parts
    return '.'.join(parts).removesuffix('.__init__')


def may_use_ros(file: Path) -> bool:
    return 'ros_node' in file.parts or file.name == 'node.py'


def may_use_keras(file: Path) -> bool:
    return ((file.parent.name == 'networks' and file.stem not in KERAS_FREE)
            or file.stem == 'tensorflow_engine')


def imports(file: Path) -> set[str]:
    """Return the full names of everything a file imports, at any depth."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f'{node.module}.{alias.name}' for alias in node.names)
    return found


def tops(file: Path) -> set[str]:
    """Return the top-level packages a file imports."""
    return {name.split('.')[0] for name in imports(file)}


def loaded_after(statement: str) -> set[str]:
    """Return the top-level modules that a fresh process has after a statement."""
    code = f'import sys; {statement}; print(*{{m.split(".")[0] for m in sys.modules}})'
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True,
                          text=True, check=True, timeout=60)
    return set(done.stdout.split())


@pytest.mark.parametrize('file', LIBRARY, ids=name_of)
def test_ros_and_keras_are_imported_only_where_they_belong(file: Path) -> None:
    if not may_use_ros(file):
        assert not tops(file) & ROS
    if not may_use_keras(file):
        assert not tops(file) & FRAMEWORKS


def test_importing_the_core_loads_neither_ros_nor_a_framework() -> None:
    core = [name_of(f) for f in LIBRARY if not may_use_ros(f)
            and not (may_use_keras(f) and f.stem != 'tensorflow_engine')]
    statement = 'import ' + ', '.join(core)
    loaded = loaded_after(statement)
    assert 'posenet_ros' in loaded
    assert not loaded & (ROS | FRAMEWORKS)


def test_the_check_of_a_fresh_process_can_fail() -> None:
    assert 'keras' in loaded_after('import keras')


def test_the_check_of_imports_can_fail(tmp_path: Path) -> None:
    file = tmp_path / 'bad.py'
    file.write_text('def f():\n    from rclpy.node import Node\n')
    assert tops(file) & ROS


def forbidden_arrows(root: Path, package: str, allowed: dict[str, set[str]]) -> list[str]:
    """
    Return the imports between a package's folders that are not in its table.

    :param root: folder of the source tree.
    :param package: dotted name of the package; its files lie in `root` below the last part.
    """
    top = root / package.rpartition('.')[2]
    wrong = []
    for file in sorted(top.rglob('*.py')):
        here = file.relative_to(top).parts
        if len(here) == 1 and file.stem not in CORE:
            continue  # a command may import any folder; no folder may import a command
        for name in imports(file):
            if not name.startswith(f'{package}.'):
                continue
            there, *rest = name.removeprefix(f'{package}.').split('.')
            if len(here) == 1:
                good = False  # CORE imports nothing of ours
            elif (top / f'{there}.py').is_file():
                good = there in CORE
            elif (top / there).is_dir() and there != here[0]:
                arrow = here[0], there
                good = there in allowed[here[0]]
                good &= file.stem in ONLY_FROM.get(arrow, {file.stem})
                good &= not rest or rest[0] in ONLY_MODULE.get(arrow, {rest[0]})
            else:
                continue
            if not good:
                wrong.append(f'{file.relative_to(top)} -> {name}')
    return wrong


@pytest.mark.parametrize(('package', 'allowed'), [
    ('posenet_ros', ALLOWED), ('posenet_ros.training', ALLOWED_IN_TRAINING)])
def test_folders_import_only_what_the_table_allows(
        package: str, allowed: dict[str, set[str]]) -> None:
    assert forbidden_arrows(ROOT, package, allowed) == []


def test_the_table_of_arrows_makes_no_circle() -> None:
    list(TopologicalSorter(ALLOWED).static_order())
    list(TopologicalSorter(ALLOWED_IN_TRAINING).static_order())


@pytest.mark.parametrize(('file', 'line'), [
    ('geometry/pose.py', 'from posenet_ros.inference.artifact import load'),
    ('inference/engine.py', 'from posenet_ros.localisation import gate'),
    ('ros_data/bag.py', 'from posenet_ros.localisation.relocaliser import Relocaliser'),
    ('evaluation/runner.py', 'from posenet_ros.ros_node import listener'),
    ('localisation/gate.py', 'from posenet_ros.node import main'),
    ('errors.py', 'from posenet_ros.utils.parallel import ordered_map')])
def test_the_check_of_arrows_can_fail(tmp_path: Path, file: str, line: str) -> None:
    top = tmp_path / 'posenet_ros'
    for folder in ALLOWED:
        (top / folder).mkdir(parents=True)
    (top / 'node.py').write_text('')
    (top / file).write_text('import numpy\n')
    assert forbidden_arrows(tmp_path, 'posenet_ros', ALLOWED) == []
    (top / file).write_text(f'def f():\n    {line}\n')
    assert forbidden_arrows(tmp_path, 'posenet_ros', ALLOWED)


def test_the_library_does_not_import_training() -> None:
    for file in LIBRARY:
        assert not {n for n in imports(file) if n.startswith('posenet_ros.training')}, file


@pytest.mark.parametrize('allowed', [ALLOWED, ALLOWED_IN_TRAINING])
def test_the_document_shows_the_table(allowed: dict[str, set[str]]) -> None:
    text = (ROOT / 'doc' / 'architecture.md').read_text()
    rows = [re.findall(r'^\| `(\w+)` \|[^|]*\|([^|]*)\|$', part, re.MULTILINE)
            for part in text.split('folder of training')]
    shown = [{name: set(re.findall(r'`(\w+)`', cell)) for name, cell in part} for part in rows]
    assert allowed in shown


def test_folders_are_few_and_small() -> None:
    top = ROOT / 'posenet_ros'
    folders = [f for f in top.iterdir() if (f / '__init__.py').is_file() and f.name != 'training']
    assert {f.name for f in folders} == set(ALLOWED)
    assert len(folders) <= 13
    assert len([f for f in top.glob('*.py') if f.name != '__init__.py']) <= 9
    for file in LIBRARY + TRAINING:
        modules = [f for f in file.parent.glob('*.py') if f.name != '__init__.py']
        assert len(modules) <= 12, file.parent


@pytest.mark.parametrize('package', ['posenet_ros', 'training'])
def test_imports_make_no_circle(package: str) -> None:
    files = LIBRARY if package == 'posenet_ros' else TRAINING
    names = {name_of(f) for f in files}
    graph = {name_of(f): imports(f) & (names - {name_of(f)}) for f in files}
    list(TopologicalSorter(graph).static_order())


def test_the_check_of_circles_can_fail() -> None:
    with pytest.raises(CycleError):
        list(TopologicalSorter({'a': {'b'}, 'b': {'a'}}).static_order())


@pytest.mark.parametrize('file', LIBRARY + TRAINING, ids=name_of)
def test_no_function_is_longer_than_40_lines(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef):
            docstring = ast.get_docstring(node, clean=False) or ''
            lines = node.end_lineno - node.lineno - docstring.count('\n')
            assert lines <= 40, node.name
