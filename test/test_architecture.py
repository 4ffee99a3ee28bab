"""The plan of the house: who may import what. Each check is shown to be able to fail."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
import subprocess
import sys

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = sorted((ROOT / 'posenet_ros').rglob('*.py'))
TRAINING = sorted((ROOT / 'training').rglob('*.py'))
ROS = {'rclpy', 'tf2_ros', 'cv_bridge', 'launch', 'ament_index_python', 'rosidl_runtime_py',
       'sensor_msgs', 'geometry_msgs', 'diagnostic_msgs', 'nav_msgs', 'std_msgs', 'std_srvs',
       'tf2_msgs', 'rosgraph_msgs', 'lifecycle_msgs', 'rcl_interfaces', 'builtin_interfaces'}
FRAMEWORKS = {'keras', 'tensorflow'}
KERAS_FREE = {'config', 'torch_file', 'weights_file', '__init__'}  # in networks/


def name_of(file: Path) -> str:
    """Return a module's dotted name."""
    return '.'.join(file.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__')


def may_use_ros(file: Path) -> bool:
    return file.parent.name == 'ros_node' or file.name == 'node.py'


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
    assert 'training' not in tops(file)


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


@pytest.mark.parametrize('package', ['posenet_ros', 'training'])
def test_imports_make_no_circle(package: str) -> None:
    files = LIBRARY if package == 'posenet_ros' else TRAINING
    names = {name_of(f) for f in files}
    graph = {name_of(f): imports(f) & names - {name_of(f)} for f in files}
    list(TopologicalSorter(graph).static_order())


def test_the_check_of_circles_can_fail() -> None:
    with pytest.raises(CycleError):
        list(TopologicalSorter({'a': {'b'}, 'b': {'a'}}).static_order())


@pytest.mark.parametrize('file', LIBRARY + TRAINING, ids=name_of)
def test_no_function_is_longer_than_60_lines(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef):
            docstring = ast.get_docstring(node, clean=False) or ''
            lines = node.end_lineno - node.lineno - docstring.count('\n')
            assert lines <= 60, node.name
