"""What is installed is what is in the tree: wheel, sdist, and both ways of colcon."""

from __future__ import annotations

from pathlib import Path
import shutil
import subprocess
import sys
import tarfile
import zipfile

from helpers import ROOT
import pytest

COLCON = Path(sys.prefix, 'colcon', 'bin', 'python')  # made by `make test`
BUILD = ('import sys; from setuptools import build_meta; '
         'print(getattr(build_meta, sys.argv[1])(sys.argv[2]))')
USE = ('import posenet_ros.training.fitting.presets as presets, posenet_ros.node; '
       "print(presets.__file__); print(presets.load_preset('smoke').network.members)")
DATA = {'.py', '.json', '.css', '.yaml', '.typed'}


def run(*command: object, cwd: Path) -> str:
    """Run a command and return its output."""
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True,
                          check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def package_files(root: Path) -> set[str]:
    """Return what a package has to hold: its code and data, the link to training followed."""
    found: set[str] = set()
    for top, name in ((root / 'posenet_ros', 'posenet_ros'),
                      (root / 'training', 'posenet_ros/training')):
        found |= {f'{name}/{file.relative_to(top)}' for file in top.rglob('*')
                  if file.suffix in DATA and not file.is_symlink()}
    return found


@pytest.fixture(scope='module')
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tree as a clone would have it."""
    folder = tmp_path_factory.mktemp('packaging') / 'posenet_ros'
    names = ['posenet_ros', 'training', 'launch', 'config', 'scripts', 'resource', 'setup.py',
             'pyproject.toml', 'package.xml', 'README.md', 'LICENSE', 'CHANGELOG.rst']
    folder.mkdir()
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, symlinks=True,
                            ignore=shutil.ignore_patterns('__pycache__'))
        else:
            shutil.copy2(ROOT / name, folder)
    return folder


def built(source: Path, kind: str, out: Path) -> Path:
    """Build a `wheel` or an `sdist` without the network."""
    out.mkdir()
    last = run(sys.executable, '-c', BUILD, f'build_{kind}', out, cwd=source).splitlines()[-1]
    return out / last


def wheel_files(wheel: Path) -> set[str]:
    """Return the names of a wheel's files, without its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if name.startswith('posenet_ros/')}


def test_the_wheel_holds_every_module_and_its_data(source: Path, tmp_path: Path) -> None:
    expected = package_files(source)
    assert 'posenet_ros/training/presets/best.yaml' in expected
    assert 'posenet_ros/evaluation/report/report.schema.json' in expected
    assert wheel_files(built(source, 'wheel', tmp_path / 'wheel')) == expected


def test_the_sdist_builds_the_same_wheel(source: Path, tmp_path: Path) -> None:
    with tarfile.open(built(source, 'sdist', tmp_path / 'sdist')) as archive:
        archive.extractall(tmp_path, filter='data')
    unpacked = next(tmp_path.glob('posenet_ros-*'))
    assert (unpacked / 'package.xml').is_file()
    wheel = built(unpacked, 'wheel', tmp_path / 'wheel')
    assert wheel_files(wheel) == package_files(source)


def test_an_editable_install_imports_training_by_one_name(
        source: Path, tmp_path: Path) -> None:
    run(sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--no-build-isolation',
        '--no-index', '--disable-pip-version-check', '--target', tmp_path / 'site', '-e', source,
        cwd=tmp_path)
    (tmp_path / 'use.py').write_text(
        'import site, sys\n'
        f'site.addsitedir({str(tmp_path / "site")!r})\n'
        'sys.meta_path.insert(0, sys.meta_path.pop())  # before the one that is installed here\n'
        f'{USE}\n')
    said = run(sys.executable, '-P', tmp_path / 'use.py', cwd=tmp_path).splitlines()
    assert said[-1] == '1'
    assert Path(said[-2]).resolve() == source / 'training' / 'fitting' / 'presets.py'


@pytest.mark.parametrize('options', [[], ['--symlink-install']])
def test_the_real_colcon_installs_it(
        source: Path, tmp_path: Path, options: list[str]) -> None:
    if not COLCON.exists():
        pytest.skip('colcon is not installed: make test brings it where PyPI is reached')
    shutil.copytree(source, tmp_path / 'src' / 'posenet_ros', symlinks=True)
    run(COLCON, '-m', 'colcon', '--log-base', 'log', 'build', '--paths', 'src/posenet_ros',
        *options, cwd=tmp_path)
    prefix = tmp_path / 'install' / 'posenet_ros'
    assert (prefix / 'lib' / 'posenet_ros' / 'relocaliser').exists()
    assert (prefix / 'share' / 'posenet_ros' / 'launch' / 'relocalise.launch.py').exists()
    said = run('sh', '-c', f'. {prefix}/share/posenet_ros/package.sh && cd / && '
               f'exec "{sys.executable}" -c "{USE}"', cwd=tmp_path).splitlines()
    assert said[-1] == '1'
    assert Path(said[-2]).is_relative_to(tmp_path)


def test_the_wheel_brings_the_command_and_its_page(source: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(built(source, 'wheel', tmp_path / 'wheel')) as archive:
        about = next(name for name in archive.namelist() if name.endswith('METADATA'))
        page = archive.read(about).decode()
        assert 'Description-Content-Type: text/markdown' in page
        assert '\n\n# posenet_ros\n' in page
        for extra in ('training', 'gpu', 'view', 'completion'):
            assert f'Provides-Extra: {extra}\n' in page
        points = next(name for name in archive.namelist() if name.endswith('entry_points.txt'))
        assert 'posenet = posenet_ros.cli:main' in archive.read(points).decode()
        assert any(name.endswith('/lib/posenet_ros/posenet') for name in archive.namelist())
