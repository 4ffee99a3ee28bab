"""What is said in two places is said alike."""

from __future__ import annotations

import ast
import re
import subprocess
import xml.etree.ElementTree as ET

from helpers import ROOT
import posenet_ros
import pytest


def test_the_version_is_one() -> None:
    package = ET.parse(ROOT / 'package.xml').getroot()
    setup = re.search(r"version='([^']+)'", (ROOT / 'setup.py').read_text())
    assert setup
    assert package.findtext('version') == setup[1] == posenet_ros.__version__
    assert setup[1] in (ROOT / 'CHANGELOG.rst').read_text()


def test_package_xml_names_every_ros_package_that_is_imported() -> None:
    package = ET.parse(ROOT / 'package.xml').getroot()
    named = {element.text for element in package if element.tag.endswith('depend')}
    source = '\n'.join(f.read_text() for f in [
        *(ROOT / 'posenet_ros').rglob('*.py'), *(ROOT / 'launch').glob('*.py')])
    used = set(re.findall(
        r'^\s*(?:from|import) (\w+_msgs|\w+_interfaces|rclpy|tf2_ros|launch|launch_ros|cv_bridge'
        r'|std_srvs|ament_index_python|rosidl_runtime_py)\b', source, re.MULTILINE))
    source = ''.join(file.read_text() for file in (ROOT / 'launch').glob('*.py'))
    used |= set(re.findall(r"package='(\w+)'", source)) - {'posenet_ros'}
    assert 'rviz2' in used
    assert 'rviz2' not in named  # it would come to every robot without a screen
    assert used - {'rviz2'} <= named, used - named


def test_package_xml_names_what_the_tests_import() -> None:
    package = ET.parse(ROOT / 'package.xml').getroot()
    named = {element.text for element in package.iter('test_depend')}
    source = '\n'.join(file.read_text() for file in (ROOT / 'test').rglob('*.py'))
    for module in ('hypothesis', 'pytest'):
        assert re.search(rf'^(?:from|import) {module}\b', source, re.MULTILINE), module
        assert f'python3-{module}' in named


def test_every_requirement_is_pinned() -> None:
    for file in ROOT.glob('requirements*.txt'):
        for line in file.read_text().splitlines():
            requirement = line.split('#')[0].strip()
            assert not requirement or '==' in requirement, f'{file.name}: {line}'


def test_every_requirement_of_a_build_is_pinned() -> None:
    for file in (ROOT / 'ros_from_pypi').glob('*/pyproject.toml'):
        listed = re.search(r'\nrequires = \[(.*?)\]', file.read_text(), re.DOTALL)
        assert listed
        requirements = re.findall(r'"(.*?)"', listed[1])
        assert requirements
        assert all('==' in requirement for requirement in requirements), file


def test_no_path_of_a_machine_and_no_large_file_is_tracked() -> None:
    listed = subprocess.run(['git', 'ls-files', '-z'], cwd=ROOT, capture_output=True, text=True,
                            check=False)
    for name in filter(None, listed.stdout.split('\0')):
        file = ROOT / name
        if file.is_file():
            assert file.stat().st_size < 1_500_000, name
            assert b'/work' + b'/main' not in file.read_bytes(), name


def defines(name: str) -> bool:
    """Tell whether a dotted name is a module of ours, or defined in one."""
    parts = name.removeprefix('posenet_ros.').split('.')
    top = ROOT / 'posenet_ros'
    for i in range(len(parts), 0, -1):
        path, rest = top.joinpath(*parts[:i]), parts[i:]
        files = [f for f in (path.with_suffix('.py'), path / '__init__.py') if f.is_file()]
        if files:
            return not rest or all(re.search(
                rf'^ *(?:(?:def|class) {word}\b|{word}\b.*=|{word}:)', files[0].read_text(),
                re.MULTILINE) for word in rest)
    return False


def test_what_docstrings_refer_to_exists() -> None:
    found = 0
    for top in ('posenet_ros', 'training', 'test'):
        for file in sorted((ROOT / top).rglob('*.py')):
            for name in re.findall(r':(?:func|class|meth|mod|data|exc):`(posenet_ros[\w.]*)`',
                                   file.read_text()):
                assert defines(name), f'{file.relative_to(ROOT)}: {name}'
                found += 1
    assert found > 20
    assert defines('posenet_ros.geometry.pose.Pose')
    assert not defines('posenet_ros.pose.Pose')


def test_the_documents_name_files_that_exist() -> None:
    for document in ('README.md', 'CONTRIBUTING.md', 'training/README.md', 'doc/architecture.md'):
        text = (ROOT / document).read_text()
        folders = 'posenet_ros|training|test|config|launch|doc'
        for name in re.findall(rf'`((?:{folders})/[\w./-]+)`', text):
            assert 'NAME' in name or (ROOT / name).exists(), f'{document}: {name}'


OURS = ('member.fit', 'training.fit', 'Training(', 'one.predict', 'litert.predict',
        'tensorflow.predict', 'engine.predict')  # no models of Keras


def bars_beside_ours(source: str) -> list[str]:
    """Return what shows progress in a source without our `utils/progress.py`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names]
            names += [node.module or ''] if isinstance(node, ast.ImportFrom) else []
            found += [name for name in names if name.split('.')[0] == 'tqdm']
        elif isinstance(node, ast.Attribute | ast.Name):
            name = ast.unparse(node)
            found += [name] if name.split('.')[-1] in ('Progbar', 'ProgbarLogger') else []
        elif isinstance(node, ast.Call):
            found += loud_call(node, uses_keras='import keras' in source)
    return found


def loud_call(call: ast.Call, *, uses_keras: bool) -> list[str]:
    """Return a call that lets Keras print: `verbose` is neither 0 nor False, or left at 1."""
    verbose = [ast.unparse(k.value) for k in call.keywords if k.arg == 'verbose']
    name = ast.unparse(call.func)
    if name.startswith('viser.'):  # its verbose is of a server
        return []
    silent = not uses_keras or name.startswith(OURS) or not name.endswith(
        ('.fit', '.evaluate', '.predict'))
    return [] if verbose in (['0'], ['False']) or (silent and not verbose) else [name]


def test_all_progress_is_shown_by_one_module() -> None:
    for top in ('posenet_ros', 'training'):
        for file in sorted((ROOT / top).rglob('*.py')):
            if file != ROOT / 'posenet_ros' / 'utils' / 'progress.py':
                assert not bars_beside_ours(file.read_text()), file


@pytest.mark.parametrize('source', [
    'from tqdm import tqdm', 'import tqdm', 'from tqdm.auto import trange',
    'import keras\nbar = keras.utils.Progbar(3)', 'from keras.utils import Progbar\nProgbar(3)',
    'import keras\nmodel.fit(x)', 'import keras\nmodel.fit(x, verbose=2)',
    'model.predict(x, verbose="auto")', 'import keras\nmodel.evaluate(x, y)',
    'import keras\nmodel.predict(x)'])
def test_the_check_of_progress_can_fail(source: str) -> None:
    assert bars_beside_ours(source)
