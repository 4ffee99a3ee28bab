"""Signals end a command as Ctrl-C does, at any time from its start, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

from helpers import python_path, ROOT
from posenet_ros import node
from posenet_ros.utils.signals import handle_signals, raise_interrupt, without_interrupts
import pytest

ENDING = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
TIMEOUT_S = 60.0


def start(*command: object, folder: Path = ROOT) -> subprocess.Popen[str]:
    """Start Python with these words."""
    return subprocess.Popen(
        [sys.executable, *map(str, command)], cwd=folder, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**os.environ, 'PYTHONPATH': python_path()})


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def catches(pid: int, number: signal.Signals) -> bool:
    """Return whether a process has a handler for a signal."""
    lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    mask = next(line.split()[1] for line in lines if line.startswith('SigCgt'))
    return bool(int(mask, 16) >> (number - 1) & 1)


def children(pid: int) -> list[int]:
    """Return the children of a process, and theirs."""
    try:
        own = [int(word) for word in Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]
    except FileNotFoundError:
        return []
    return own + [grandchild for child in own for grandchild in children(child)]


def runs(pid: int) -> bool:
    """Return whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize(('words', 'code'), [
    (('posenet_ros.cli', 'train', '--preset', 'smoke', '--data', 'none', '--out'), 1),
    (('posenet_ros.training.train', '--preset', 'smoke', '--data', 'none', '--out'), 1),
    (('posenet_ros.node', '--ros-args', '-p'), 0)])
@pytest.mark.parametrize('number', ENDING)
def test_signals_are_handled_before_anything_large_is_imported(
        tmp_path: Path, words: tuple[str, ...], code: int, number: signal.Signals) -> None:
    with start('-m', *words, f'model:={tmp_path}') as process:
        wait_for(lambda: all(catches(process.pid, item) for item in ENDING))
        assert 'numpy' not in Path(f'/proc/{process.pid}/maps').read_text()
        process.send_signal(number)
        _, error = process.communicate(timeout=TIMEOUT_S)
    assert 'Traceback' not in error
    assert process.returncode == code
    assert list(tmp_path.iterdir()) == []


def test_a_node_that_is_interrupted_between_two_handlers_has_done_its_work(
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(node, 'run', interrupted)
    assert node.main([]) == 0
    assert capsys.readouterr() == ('', '')


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_a_command_with_worker_processes_leaves_only_what_it_goes_on_with(
        tmp_path: Path, number: signal.Signals) -> None:
    with start('-m', 'posenet_ros.cli', 'scene', '--out', tmp_path / 'court', '--frames', 400,
               '--size', '64x64') as process:
        wait_for(lambda: any(tmp_path.rglob('*.jpg')))
        workers = children(process.pid)
        assert workers
        process.send_signal(number)
        _, error = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1
    assert error.rstrip().endswith('stopped: the same command goes on')
    assert 'Traceback' not in error
    assert [path.name for path in tmp_path.iterdir()] == ['court.rendering']
    wait_for(lambda: not any(map(runs, workers)))


PARENT = """
import sys, time
from pathlib import Path
from posenet_ros.utils.arguments import run_cli
from posenet_ros.utils.atomic_folder import new_folder
from posenet_ros.utils.processes import start_module

def main():
    with new_folder(Path('out')) as folder, start_module(
            'http.server', 0, '--bind', '127.0.0.1', stop_timeout_s=5):
        (folder / 'file').touch()
        print('ready', flush=True)
        time.sleep(60)

sys.exit(run_cli(main))
"""


@pytest.mark.parametrize('numbers', [
    (signal.SIGTERM,), (signal.SIGHUP, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM)])
def test_a_child_ends_with_its_parent_and_later_signals_do_not_spoil_that(
        tmp_path: Path, numbers: tuple[signal.Signals, ...]) -> None:
    with start('-c', PARENT, folder=tmp_path) as process:
        assert process.stdout
        assert process.stdout.readline() == 'ready\n'
        (child,) = children(process.pid)
        for number in numbers:
            process.send_signal(number)
        _, error = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1
    assert error.rstrip().endswith('interrupted')
    assert list(tmp_path.iterdir()) == []
    wait_for(lambda: not runs(child))


def test_a_signal_that_the_caller_ignores_stays_ignored() -> None:
    code = ('import signal, sys\nfrom posenet_ros.utils.arguments import run_cli\n'
            'def main():\n    signal.raise_signal(signal.SIGHUP)\n    print("whole")\n'
            'sys.exit(run_cli(main))')
    for ignored, expected in ((True, 0), (False, 1)):
        hang_up = "trap '' HUP; " if ignored else ''
        done = subprocess.run(['sh', '-c', f'{hang_up}exec "$0" -c "$1"', sys.executable, code],
                              cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == expected, done.stderr
        assert done.stdout == 'whole\n' * ignored


def test_a_short_block_is_done_whole() -> None:
    done = []

    def work() -> None:
        with without_interrupts():
            signal.raise_signal(signal.SIGINT)
            done.append('whole')
        done.append('after')

    with handle_signals(raise_interrupt), pytest.raises(KeyboardInterrupt):
        work()
    assert done == ['whole']
    for number in (signal.SIGTERM, signal.SIGHUP):  # as the interrupt leaves them
        signal.signal(number, signal.SIG_DFL)


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in ENDING]
    with handle_signals(raise_interrupt):
        assert [signal.getsignal(number) for number in ENDING] == [raise_interrupt] * 3
    assert [signal.getsignal(number) for number in ENDING] == before


DROPPED = """
import signal, sys, time, weakref
from posenet_ros.utils.arguments import run_cli

class Thing:
    pass

def interrupt(_):
    signal.raise_signal(getattr(signal, sys.argv[1]))

def main():
    thing = Thing()
    kept = weakref.ref(thing, interrupt)
    del thing  # Python runs the callback, and drops what it raises
    time.sleep(30)

sys.exit(run_cli(main))
"""
TURNED = """
import signal, sys
from posenet_ros.utils.arguments import run_cli

def main():
    try:
        signal.raise_signal(getattr(signal, sys.argv[1]))
    except KeyboardInterrupt as error:
        raise ImportError('as NumPy says, a page long') from error

sys.exit(run_cli(main))
"""


@pytest.mark.parametrize('code', [DROPPED, TURNED])
@pytest.mark.parametrize('number', ENDING)
def test_an_interrupt_that_python_or_a_library_drops_interrupts_all_the_same(
        code: str, number: signal.Signals) -> None:
    started = time.monotonic()
    with start('-c', code, number.name) as process:
        _, error = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, error) == (1, 'interrupted\n')
    assert time.monotonic() - started < 25
