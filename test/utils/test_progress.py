"""Progress: lines in a log by a clock of the test's own, a bar on a real pseudo-terminal."""

from __future__ import annotations

from collections.abc import Callable
import fcntl
import io
import os
import struct
import subprocess
import sys
import termios

from helpers import ROOT
from posenet_ros.utils.arguments import run_cli
from posenet_ros.utils.progress import (
    close_bars,
    describe_duration,
    LogTimer,
    progress,
    ProgressBar,
)
import pytest


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        """Return the time, seconds."""
        return self.now_s


class Log:
    """A log, and the progress that is written into it."""

    def __init__(self) -> None:
        self.stream, self.clock = io.StringIO(), Clock()
        self.timer = LogTimer(self.clock)

    def progress(self, total: int, unit: str, description: str, done: float = 0) -> ProgressBar:
        """Start a loop."""
        return ProgressBar(
            total, unit, description, done, stream=self.stream, timer=self.timer)

    @property
    def lines(self) -> list[str]:
        """Return what was written."""
        return self.stream.getvalue().splitlines()


@pytest.mark.parametrize(('seconds', 'text'), [
    (0, '0 s'), (89, '89 s'), (91, '2 min'), (31 * 60, '31 min'), (89 * 60, '89 min'),
    (91 * 60, '1.5 h'), (36000, '10.0 h')])
def test_durations_have_their_natural_unit(seconds: float, text: str) -> None:
    assert describe_duration(seconds) == text


def test_a_log_has_a_line_every_30_s_and_says_how_long_it_will_take() -> None:
    log = Log()
    with log.progress(100, 'epoch', 'network 1 of 2') as shown:
        for _ in range(100):
            log.clock.now_s += 20
            shown.advance(figures='median 1.4 m, 5 deg')
    assert log.lines[0] == 'network 1 of 2, epoch 2 of 100, median 1.4 m, 5 deg, 33 min left'
    assert log.lines[-1] == 'network 1 of 2, epoch 100 of 100, median 1.4 m, 5 deg, 0 s left'
    assert len(log.lines) == 50
    assert '\r' not in log.stream.getvalue()


def test_what_takes_less_than_30_s_says_nothing_in_a_log() -> None:
    log = Log()
    with log.progress(1000, 'image', 'features') as shown:
        for _ in range(1000):
            log.clock.now_s += 0.0299
            shown.advance()
    assert log.lines == []


def test_loops_one_after_the_other_share_the_30_s() -> None:
    log = Log()
    for name in ('a', 'b', 'c', 'd'):
        with log.progress(2, 'image', name) as shown:
            for _ in range(2):
                log.clock.now_s += 8
                shown.advance()
    assert [line.partition(',')[0] for line in log.lines] == ['b', 'd']


def test_what_came_before_the_loops_makes_no_line_due() -> None:
    log = Log()
    log.clock.now_s += 100  # libraries are imported
    with log.progress(9, 'image', 'images') as shown:
        log.clock.now_s += 1
        shown.advance()
    assert log.lines == []


def test_steps_have_parts_and_figures_stay_until_others_come() -> None:
    log = Log()
    with log.progress(4, 'epoch', 'training', done=1) as shown:
        for part in range(12):
            log.clock.now_s += 30
            shown.advance(1 / 4, f'median {part} m' if part % 4 == 3 else '')
    assert log.lines[3] == 'training, epoch 2 of 4, median 3 m, 4 min left'
    assert log.lines[4] == 'training, epoch 2 of 4, median 3 m, 4 min left'
    assert log.lines[2] == 'training, epoch 1 of 4, 4 min left'


def test_an_earlier_run_s_steps_do_not_make_it_look_faster() -> None:
    log = Log()
    with log.progress(100, 'epoch', 'training', done=90) as shown:
        for done in (91, 92):
            log.clock.now_s += 60
            shown.update(done)
    assert log.lines == ['training, epoch 91 of 100', 'training, epoch 92 of 100, 8 min left']


def test_the_start_of_a_loop_does_not_make_it_look_slower() -> None:
    log = Log()
    with log.progress(100, 'frame', 'scene') as shown:
        log.clock.now_s += 300  # processes are started
        for _ in range(2):
            shown.advance()
            log.clock.now_s += 29
        log.clock.now_s += 29
        shown.advance()
    assert log.lines == ['scene, frame 1 of 100', 'scene, frame 3 of 100, 70 min left']


def test_the_items_come_through_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(iter('abc'), 3, 'letter', 'letters')) == ['a', 'b', 'c']
    assert capsys.readouterr() == ('', '')


def on_terminal(code: str, columns: int = 100) -> tuple[str, int]:
    """Run code in a process whose stderr is a terminal. Returns what came there, and its code."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('4H', 24, columns, 0, 0))
    head = 'import sys\nfrom posenet_ros.utils.progress import progress, ProgressBar\n'
    process = subprocess.Popen([sys.executable, '-c', head + code], cwd=ROOT,
                               stdout=subprocess.DEVNULL, stderr=theirs,
                               env={**os.environ, 'PYTHONIOENCODING': 'utf-8'})
    os.close(theirs)
    written = b''
    try:
        while part := os.read(ours, 4096):
            written += part
    except OSError:  # the other end was closed
        pass
    os.close(ours)
    return written.decode(), process.wait(60)


def screen(written: str) -> list[str]:
    """Return the lines that a terminal shows after carriage returns and tqdm's erasing."""
    lines = []
    for line in written.replace('\r\n', '\n').split('\n'):
        cells: list[str] = []
        for part in line.split('\r'):
            cells[:len(part)] = part
        lines.append(''.join(cells).rstrip())
    return lines


def test_a_terminal_has_a_bar_with_the_time_left_and_at_last_the_sum() -> None:
    written, code = on_terminal(
        'import time\nwith ProgressBar(4, "epoch", "network 1 of 2") as shown:\n'
        '    for _ in range(4):\n        time.sleep(0.15)\n'
        '        shown.advance(figures="median 1.4 m")\n')
    assert code == 0
    shown = written.split('\r')
    bars = [part for part in shown if 'epoch 2 of 4, median 1.4 m, ' in part]
    assert bars, written
    assert bars[0].startswith('network 1 of 2:  50 %|')
    assert '█' in bars[0]
    assert bars[0].rstrip().endswith(' s left')
    assert all(len(part.rstrip('\n')) <= 100 for part in shown)
    last, after = screen(written)
    assert last.startswith('network 1 of 2: 4 epochs, median 1.4 m, ')
    assert last.endswith(' s')
    assert after == ''


INTERRUPTED = """
import signal, os
from posenet_ros.utils.arguments import run_cli

def main():
    frames = progress(range(100), 100, 'frame', 'evaluate')
    for i in {loop}:
        if i == 40:
            {raised}

sys.exit(run_cli(main))
"""


@pytest.mark.parametrize('loop', ['frames', "progress(range(100), 100, 'frame', 'evaluate')"])
@pytest.mark.parametrize(('raised', 'expected'), [
    ('os.kill(os.getpid(), signal.SIGINT)', 'interrupted'),
    ('raise KeyboardInterrupt("stopped: go on")', 'stopped: go on'),
    ('raise OSError("disk full")', 'error: disk full')])
def test_what_ends_a_bar_is_said_on_a_line_of_its_own(
        raised: str, expected: str, loop: str) -> None:
    written, code = on_terminal(INTERRUPTED.format(raised=raised, loop=loop))
    assert code == (2 if 'OSError' in raised else 1)
    bar, message, after = screen(written)
    assert bar.startswith('evaluate:  40 %|')
    assert 'frame 40 of 100' in bar
    assert (message, after) == (expected, '')


def test_a_bar_that_was_closed_stays_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    bar = log.progress(3, 'frame', 'evaluate')
    with close_bars():
        pass
    bar.close(finished=True)
    log.clock.now_s += 60
    assert log.lines == []


def raising(error: BaseException) -> Callable[[], int]:
    def main() -> int:
        raise error
    return main


def test_an_interrupt_may_say_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_cli(raising(KeyboardInterrupt())) == 1
    assert run_cli(raising(KeyboardInterrupt('make demo goes on'))) == 1
    assert capsys.readouterr().err == 'interrupted\nmake demo goes on\n'


def test_help_needs_no_tqdm() -> None:
    code = 'import sys\nimport posenet_ros.utils.arguments\nprint("tqdm" in sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True,
                          check=True, timeout=60)
    assert done.stdout == 'False\n'
