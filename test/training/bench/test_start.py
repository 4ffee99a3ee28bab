"""The start-up of the commands: ratios to an empty Python, and what keeps them low."""

from __future__ import annotations

from collections.abc import Sequence
import json
from pathlib import Path
import subprocess
import sys

from helpers import ROOT
from posenet_ros.cli import VERBS
from posenet_ros.errors import PoseNetError
from posenet_ros.training.bench import __main__ as bench
from posenet_ros.training.bench.parts import images, start
import pytest

# of the standard library: each would cost a tenth of a command's help or more
SLOW = {'difflib', 'email', 'subprocess', 'importlib.metadata', 'importlib.resources', 'tempfile',
        'ctypes', 'inspect', 'multiprocessing', 'concurrent', 'asyncio', 'pkg_resources'}
DATACLASSES = {  # these show the defaults of a dataclass, which imports inspect
    'demo', 'map', 'scene', 'node'}
LOADED = ('import sys; before = set(sys.modules); from posenet_ros.cli import main\n'
          'try: main(sys.argv[1:])\n'
          'except SystemExit: pass\n'
          'print("LOADED", *(set(sys.modules) - before))')


def loaded(*words: str) -> set[str]:
    """Return the modules that a command imports."""
    done = subprocess.run([sys.executable, '-S', '-c', LOADED, *words], cwd=ROOT, check=True,
                          capture_output=True, text=True, timeout=60)
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_a_ratio_is_of_medians_taken_by_turns() -> None:
    order = []

    def run(arguments: Sequence[str]) -> float:
        order.append(arguments)
        cost = 10.0 if arguments == ['pass'] else 30.0
        return 1000.0 if len(order) < len(start.commands()) else cost  # the first are disturbed

    found = start.command_startup(3, run)
    assert order == [*start.commands().values()] * 3
    assert found[start.BASELINE] == {'cpu_ms': 10.0, 'ratio': 1.0, 'limit': 1.0}
    assert found['posenet --help'] == {'cpu_ms': 30.0, 'ratio': 3.0, 'limit': 5.0}
    assert found['posenet evaluate --modle m']['limit'] == 5.0
    assert {found[f'posenet {verb} --help']['limit'] for verb in VERBS} == {10.0}


def test_what_is_slower_than_its_limit_is_named() -> None:
    good = {'posenet --help': {'ratio': 5.0, 'limit': 5.0}}
    start.check_ratios(good)
    with pytest.raises(PoseNetError, match=r'^posenet a takes 5\.2 times as long .* at most 5 '):
        start.check_ratios({**good, 'posenet a': {'ratio': 5.2, 'limit': 5.0}})


def test_the_processor_time_is_the_process_s_own() -> None:
    idle = start.process_cpu_ms(['import time; time.sleep(0.3)'])
    busy = start.process_cpu_ms(['import time\nwhile time.process_time() < 0.6: pass'])
    assert 1 < idle < 300
    assert busy >= 600


def test_no_model_is_made_to_start_the_commands() -> None:
    for words, needed in (('start', False), ('start --of node', True), ('images', True),
                          ('images --model m', False), ('training', False)):
        assert bench.needs_model(bench.parser().parse_args(words.split())) == needed


@pytest.mark.parametrize(('strict', 'ratio', 'code'), [
    (False, 7.0, 0), (True, 7.0, 1), (True, 4.0, 0)])
def test_the_table_is_printed_and_strict_fails(
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path,
        strict: bool, ratio: float, code: int) -> None:
    found = {'posenet --help': {'cpu_ms': 1.0, 'ratio': ratio, 'limit': 5.0}}
    monkeypatch.setattr(start, 'command_startup', lambda rounds: found)
    file = tmp_path / 'out.json'
    words = ['start', *['--strict'] * strict, *['--out', str(file)] * strict]
    assert bench.run_cli(lambda: bench.main(words)) == code
    assert not strict or json.loads(file.read_text()) == found
    printed = capsys.readouterr()
    assert f'posenet --help                               1.0    {ratio}      5' in printed.out
    assert '{' not in printed.out
    assert bool(printed.err) == bool(code)


@pytest.mark.parametrize('out', [[], ['--out', 'out.json']])
def test_another_part_prints_its_figures_or_writes_them(
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path,
        out: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(images, 'benchmark', lambda options: {'a': 1})
    bench.main(['images', '--model', 'm', *out])
    written = (tmp_path / 'out.json').read_text() if out else ''
    printed = capsys.readouterr().out
    assert json.loads(written or printed) == {'a': 1}
    assert not (written and printed)


@pytest.mark.parametrize('verb', VERBS)
def test_help_of_a_verb_loads_nothing_slow(verb: str) -> None:
    allowed = {'inspect'} if verb in DATACLASSES else set()
    assert not loaded(verb, '--help') & SLOW - allowed


def test_an_answer_loads_nothing_slow() -> None:
    assert not loaded('--help') & SLOW
    assert loaded('evaluate', '--modle', 'm') & SLOW == {'difflib'}
    assert 'inspect' in loaded('scene', '--help')
