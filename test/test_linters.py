"""The linters are tests: ruff, mypy, and those of ament."""

from __future__ import annotations

from itertools import filterfalse
import re
import subprocess
import sys

from helpers import ROOT
import pytest

FOLDERS = ['posenet_ros', 'training', 'test', 'launch', 'ros_from_pypi', 'scripts', 'setup.py']
PYTHON_FILES = [str(f.relative_to(ROOT)) for folder in FOLDERS
                for f in sorted((ROOT / folder).rglob('*.py'))] + ['setup.py']
LINTERS = 'ament_flake8', 'ament_pep257'
STARTED_BY_ROS = re.compile(r'launch/|setup\.py|posenet_ros/(ros_node/|ros_data/|[^/]*$)').match


def run(*command: str) -> None:
    """Run a linter of this environment and show what it says when it fails."""
    done = subprocess.run([sys.executable, '-m', *command], cwd=ROOT, capture_output=True,
                          text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff() -> None:
    run('ruff', 'check', '--no-cache', *FOLDERS)


def test_mypy_strict_on_everything() -> None:
    run('mypy')


@pytest.mark.parametrize('linter', LINTERS)
def test_ament_on_what_ros_starts(linter: str) -> None:
    run(f'{linter}.main', *filter(STARTED_BY_ROS, PYTHON_FILES))


@pytest.mark.long
@pytest.mark.parametrize('linter', LINTERS)
def test_ament_on_the_rest(linter: str) -> None:
    """Ruff has the same rules, and is always run on it."""
    run(f'{linter}.main', *filterfalse(STARTED_BY_ROS, PYTHON_FILES))
