"""The command `posenet VERB`: quick help, suggestions, and one line where something is missing."""

from __future__ import annotations

from dataclasses import fields
import os
from pathlib import Path
import re
import subprocess
import sys

from helpers import ROOT
import posenet_ros
from posenet_ros import info
from posenet_ros.cli import VERBS
from posenet_ros.datasets.pose_files import Format
from posenet_ros.evaluation.estimates.association import AssociationKey
from posenet_ros.geometry.trajectory import DEFAULT_MAX_GAP_S
from posenet_ros.localisation.gate_config import GateConfig
from posenet_ros.ros_data.bag_writer import STORAGES
from posenet_ros.training.data.corruptions import CORRUPTIONS
from posenet_ros.training.fitting.presets import preset_names
from posenet_ros.utils import choices
import pytest

HEAVY = {'numpy', 'cv2', 'keras', 'tensorflow', 'ai_edge_litert', 'rosbags', 'matplotlib', 'h5py',
         'rclpy'}
RUN = ('import sys; sys.path.insert(0, ""); from posenet_ros.cli import main\n'
       'try: code = main()\n'
       'except SystemExit as error: code = error.code\n'
       'print("LOADED", *{name.split(".")[0] for name in sys.modules})\n'
       'sys.exit(code)')
MODULES = [verb.module.removesuffix('.__main__') for verb in VERBS.values()]
# in the repository, training is a folder beside posenet_ros
MODULES += [name.removeprefix('posenet_ros.') for name in MODULES if '.training.' in name]


def posenet(*words: str, before: str = '', **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `posenet` with these words; the last line of stdout names the loaded modules."""
    return subprocess.run([sys.executable, '-c', before + RUN, *words], cwd=ROOT, text=True,
                          capture_output=True, check=False, timeout=60,
                          env={**os.environ, **environment})


def loaded(done: subprocess.CompletedProcess[str]) -> set[str]:
    line = done.stdout.splitlines()[-1]
    assert line.startswith('LOADED')
    return set(line.split()[1:])


@pytest.mark.parametrize('words', [[], ['--help'], ['help']])
def test_help_lists_every_verb(words: list[str]) -> None:
    done = posenet(*words)
    assert done.returncode == 0, done.stderr
    for verb, (_, summary) in VERBS.items():
        assert re.search(rf'^  {verb} +{re.escape(summary)}$', done.stdout, re.MULTILINE)
    assert not loaded(done) & HEAVY


@pytest.mark.parametrize('verb', VERBS)
def test_help_of_a_verb_loads_no_heavy_library(verb: str) -> None:
    done = posenet(verb, '--help')
    assert done.returncode == 0, done.stderr
    assert f'usage: posenet {verb}' in done.stdout
    assert not loaded(done) & HEAVY
    assert posenet('help', verb).stdout.rpartition('LOADED')[0] == (
        done.stdout.rpartition('LOADED')[0])


def test_the_check_of_loaded_libraries_can_fail() -> None:
    assert 'numpy' in loaded(posenet('--help', before='import numpy\n'))


def test_a_mistyped_verb_is_one_line_with_a_suggestion() -> None:
    done = posenet('trian')
    assert done.returncode == 2
    assert done.stderr == ("error: posenet has no verb 'trian'; did you mean train? "
                           '"posenet help" lists all\n')
    assert not loaded(done) & HEAVY


@pytest.mark.parametrize(('words', 'message'), [
    (('train', '--prest', 'best'), 'unknown option --prest; did you mean --preset?'),
    (('evaluate', '--modle=m'), 'unknown option --modle; did you mean --model?'),
    (('bag', '--data', 'd', '--out', 'o', '--split', 'tests'), 'did you mean test?'),
    (('corrupt', '--corruption', 'fogg'), 'did you mean fog?'),
    (('bench', 'egines'), 'did you mean engines?'),
    (('scene', '--zzz'), 'unknown option --zzz; see "posenet scene --help"')])
def test_a_mistyped_option_or_choice_is_one_line_with_a_suggestion(
        words: tuple[str, ...], message: str) -> None:
    done = posenet(*words)
    assert done.returncode == 2
    assert done.stderr.startswith(f'posenet {words[0]}: error: ')
    assert message in done.stderr
    assert done.stderr.count('\n') == 1
    assert f'"posenet {words[0]} --help"' in done.stderr
    assert not loaded(done) & HEAVY


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    done = subprocess.run(['bash', '-c', f'set -o pipefail; "{sys.executable}" -c "from '
                           'posenet_ros.cli import VERBS, main; import sys; '
                           "VERBS.update({str(i): VERBS['demo'] for i in range(20000)}); "
                           'sys.argv[1:] = [\'help\']; sys.exit(main())" | head -1'],
                          cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout == 'usage: posenet VERB [OPTIONS]\n'
    assert done.stderr == ''


def test_the_version_is_the_package_s() -> None:
    assert posenet('--version').stdout.startswith(f'posenet_ros {posenet_ros.__version__}\n')


@pytest.mark.parametrize(('library', 'words', 'remedy'), [
    ('tensorflow', ('int8', '--model', 'm', '--data', 'd'), "pip install 'posenet_ros[training]'"),
    ('numpy', ('fuse', '--frames', 'f'), "pip install 'posenet_ros'"),
    ('rclpy', ('node',), 'source /opt/ros/DISTRO/setup.bash'),
    ('rosbags', ('bag', '--data', 'd', '--out', 'o'), "pip install 'posenet_ros'")])
def test_a_missing_library_is_one_line_with_a_remedy(
        library: str, words: tuple[str, ...], remedy: str) -> None:
    block = (f'import sys\nclass Blocked:\n    def find_spec(self, name, *_):\n'
             f'        if name.split(".")[0] == {library!r}:\n'
             '            raise ModuleNotFoundError(name, name=name)\n'
             'sys.meta_path.insert(0, Blocked())\n')
    done = posenet(*words, before=block)
    assert done.returncode == 1
    assert done.stderr == (f'error: posenet {words[0]} needs {library}: {remedy}, or make install '
                           'and use .venv/bin/posenet\n')


def test_a_module_of_ours_that_is_missing_is_not_explained_away() -> None:
    done = posenet('fuse', '--frames', 'f', before=(
        'import sys; sys.modules["posenet_ros.training.pipelines.fusion"] = None\n'))
    assert 'Traceback' in done.stderr


@pytest.mark.parametrize('module', MODULES)
def test_python_m_loads_no_module_under_two_names(module: str) -> None:
    """`training.train` in the repository and `posenet_ros.training.train` are one file."""
    code = (
        'import atexit, runpy, sys\n'
        'def show():\n'
        '    files = [m.__file__ for name, m in sys.modules.items() if name != "__mp_main__"\n'
        '             and getattr(m, "__file__", None) and not m.__file__.endswith(\n'
        '             "__init__.py") and "training" in m.__file__]\n'
        '    print("TWICE", *{f for f in map(__import__("os").path.realpath, files)\n'
        '          if list(map(__import__("os").path.realpath, files)).count(f) > 1})\n'
        'atexit.register(show)\n'
        f'sys.argv[1:] = ["--help"]\n'
        f'runpy.run_module({module!r}, run_name="__main__", alter_sys=True)\n')
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, text=True, check=False,
                          capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == 'TWICE'
    assert f'usage: python -m {module}' in done.stdout


def test_no_file_imports_training_by_its_folder_s_name() -> None:
    for folder in ('posenet_ros', 'training', 'test'):
        for file in (ROOT / folder).rglob('*.py'):
            found = re.search(r'^ *(from|import) training\b', file.read_text(), re.MULTILINE)
            assert not found, file


def test_choices_are_those_of_the_code() -> None:
    assert set(choices.CORRUPTIONS) == set(CORRUPTIONS)
    assert set(choices.BAG_STORAGES) == set(STORAGES)
    assert tuple(item.value for item in Format) == choices.POSE_FORMATS
    assert tuple(item.value for item in AssociationKey) == choices.ASSOCIATION_KEYS
    assert list(choices.PRESETS) == preset_names()
    assert choices.MAX_POSE_GAP_S == DEFAULT_MAX_GAP_S
    assert tuple(item.name for item in fields(GateConfig)) == choices.GATE_LIMITS


@pytest.mark.parametrize(('line', 'expected'), [
    ('posenet ro', {'robustness '}), ('posenet in', {'info', 'int8'}),
    ('posenet scene --fr', {'--frames '}), ('posenet bag --split t', {'train', 'test'}),
    ('posenet bench g', {'gpu '})])
def test_the_shell_completes_verbs_options_and_choices(
        tmp_path: Path, line: str, expected: set[str]) -> None:
    pytest.importorskip('argcomplete')
    answer = tmp_path / 'answer'
    done = subprocess.run(
        ['bash', '-c', f'{sys.executable} -m posenet_ros.cli 8>"$0" 9>/dev/null', answer],
        cwd=ROOT, check=False, capture_output=True, text=True, timeout=60, env={
            **os.environ, '_ARGCOMPLETE': '1', '_ARGCOMPLETE_IFS': '\n', 'COMP_LINE': line,
            'COMP_POINT': str(len(line)), 'COMP_TYPE': '9', '_ARGCOMPLETE_SHELL': 'bash'})
    assert set(answer.read_text().split('\n')) == expected, done.stderr


def test_processor_and_gpu_are_read_from_the_kernel(tmp_path: Path) -> None:
    text = 'model name\t: Fast CPU\nflags\t\t: fpu avx avx2 sse\n'
    assert info.processor(text) == 'Fast CPU; avx avx2'
    assert info.processor('').endswith('no AVX')
    assert info.gpu(tmp_path) == 'no NVIDIA driver is loaded'
    (tmp_path / '0').mkdir()
    (tmp_path / '0' / 'information').write_text('Model: \t\t NVIDIA X\nIRQ: 3\n')
    assert info.gpu(tmp_path) == 'NVIDIA X'
