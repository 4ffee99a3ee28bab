"""
Kill commands at random moments, and look at what is left: `python -m test.kill --kills 500`.

train, map, dataset and evaluate run on tiny data; each is killed by SIGKILL, SIGTERM or Ctrl-C,
goes on, is killed again, and in the end runs through. After each kill the output has to be absent
or whole, the one from before unchanged, the inputs too; SIGTERM and Ctrl-C leave no litter and no
traceback, and what SIGKILL leaves the next run removes. Exit code 1, and what was wrong, else.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
import contextlib
from dataclasses import dataclass, field
import hashlib
import os
from pathlib import Path
import random
import signal
import subprocess
import sys
import tempfile
import time

from posenet_ros.errors import PoseNetError
from posenet_ros.utils.arguments import run_cli

TEST = Path(__file__).resolve().parent
sys.path.insert(0, str(TEST))
from utils.test_signals import catches  # noqa: E402 - of the folder that is known only now

SIGNALS = signal.SIGKILL, signal.SIGTERM, signal.SIGINT
CHAIN = 4  # kills of one output, before a run to the end
END_S = 60.0  # within which a command ends after a signal
WHOLE_S = 300.0  # within which it is done
TRAIN_SETTINGS = (
    'weights=none', 'input_width=48', 'input_height=36', 'head_width=64', 'epochs=3', 'batch=8',
    'yaw_deg=3', 'dropout=0.2', 'validation=0.3', 'sigma_versions=0', 'landmarks=false')
TURNS = ('train', 'map', 'dataset', 'evaluate', 'dataset', 'map', 'dataset', 'evaluate')
SHARED_MEMORY = Path('/dev/shm')


@dataclass(frozen=True)
class Command:
    """
    A command that is killed.

    :param words: of it, but for --out.
    :param work: ending of its work folder, '' for none; it can be resumed where that has results.
    :param check: raises, where a finished output is not whole.
    """

    words: tuple[str, ...]
    work: str
    check: Callable[[Path], object]


@dataclass
class Tally:
    """What was seen; `problems` say what is not as it has to be."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def digest(path: Path) -> str:
    """Return the hash of a folder's names and contents; '' for none."""
    if not path.exists():
        return ''
    whole = hashlib.sha256()
    for file in sorted(path.rglob('*')):
        if file.is_file():
            whole.update(f'{file.relative_to(path)}\n'.encode() + file.read_bytes())
    return whole.hexdigest()


def check_model(folder: Path) -> None:
    """Load a model folder, its hashes and its map."""
    from posenet_ros.inference.artifact import LANDMARKS_FILE, load
    from posenet_ros.landmarks import landmark_file

    artifact = load(folder)
    if artifact.network is None:
        landmark_file.load(folder / LANDMARKS_FILE)


def check_dataset(folder: Path) -> None:
    """Read a dataset and its images."""
    from posenet_ros.training.data.datasets import read_dataset

    if read_dataset(folder, 'train').rejected:
        raise PoseNetError('rejected lines')


def check_report(folder: Path) -> None:
    """Read a report, and look for its page."""
    from posenet_ros.evaluation.viewer.frames_file import read_frames

    read_frames(folder)
    if '</html>' not in (folder / 'report.html').read_text():
        raise PoseNetError('the page is cut off')


def make_inputs(folder: Path) -> dict[str, Command]:
    """Make the tiny data and return the commands."""
    from map_helpers import write_map_model
    from training_helpers import write_wall_dataset

    write_wall_dataset(folder / 'small', 2, 8)
    write_map_model(folder / 'place', folder / 'wall')
    subprocess.run([sys.executable, '-m', 'posenet_ros.cli', 'bag', '--data', folder / 'small',
                    '--out', folder / 'bag'], check=True, capture_output=True)
    settings = [word for each in TRAIN_SETTINGS for word in ('--set', each)]
    return {
        'train': Command(('train', '--preset', 'smoke', '--data', f'{folder}/small', *settings),
                         'training', check_model),
        'map': Command(('map', '--data', f'{folder}/wall'), 'mapping', check_model),
        'dataset': Command(('dataset', '--bag', f'{folder}/bag', '--tf', 'map',
                            'ground_truth_camera'),
                           '', check_dataset),
        'evaluate': Command(('evaluate', '--model', f'{folder}/place', '--data', f'{folder}/wall'),
                            '', check_report)}


class Trial:
    """
    One output of a command, written again and again.

    :param place: an empty folder for it.
    """

    def __init__(self, name: str, command: Command, place: Path, tally: Tally) -> None:
        self.name, self.command, self.tally = name, command, tally
        self.place, self.scratch = place / 'here', place / 'tmp'
        self.out = self.place / "out #?% ü'$^"
        for path in (self.place, self.scratch):
            path.mkdir(parents=True)

    def start(self) -> subprocess.Popen[str]:
        """Start the command: new, over its output, or going on."""
        words = [*self.command.words, '--out', str(self.out)]
        if self.out.exists():
            words.append('--force')
        if self.can_resume():
            words.append('--resume')
        return subprocess.Popen(
            [sys.executable, TEST / 'tiny_posenet.py', *words], text=True, start_new_session=True,
            cwd=TEST.parent, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={**os.environ, 'PYTHONPATH': os.pathsep.join([str(TEST.parent), str(TEST)]),
                 'TMPDIR': str(self.scratch)})

    def can_resume(self) -> bool:
        """Return whether there are results to go on with."""
        from posenet_ros.training.pipelines.mapping.work import has_results

        work = self.out.with_name(f'{self.out.name}.{self.command.work}')
        if self.command.work == 'mapping':
            return has_results(work)
        return self.command.work == 'training' and any(work.rglob('checkpoint.npz'))

    def kill(self, after_s: float, number: signal.Signals) -> None:
        """Kill the command after a time, and check what is left."""
        before, resumed, found = digest(self.out), self.can_resume(), self.beside()
        process = self.start()
        with contextlib.suppress(FileNotFoundError, StopIteration):
            while process.poll() is None and not catches(process.pid, signal.SIGTERM):
                time.sleep(0.002)  # Python itself has to start before anything can be handled
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(after_s)
        ended = process.poll() is not None
        with contextlib.suppress(ProcessLookupError):  # Ctrl-C goes to all processes of a terminal
            (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
        error = self.end(process, f'{number.name} after {after_s:.2f} s')
        what = 'done before' if ended else number.name
        self.tally.counts[self.name, what] += 1
        self.tally.counts[self.name, 'resumed'] += resumed
        self.check(f'{what} after {after_s:.2f} s', before, error,
                   found=None if what == 'SIGKILL' else found)

    def end(self, process: subprocess.Popen[str], what: str) -> str:
        """Wait for the end, and return what was said."""
        try:
            return process.communicate(timeout=END_S)[1]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            self.problem(what, f'did not end within {END_S} s')
            return process.communicate()[1]

    def run_through(self) -> None:
        """Run the command to its end, and check that nothing else is left."""
        process = self.start()
        try:
            error = process.communicate(timeout=WHOLE_S)[1]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            error = process.communicate()[1]
        self.tally.counts[self.name, 'run through'] += 1
        if process.returncode:
            self.problem('the run to the end', f'exit code {process.returncode}: {error[-1500:]}')
        self.check('the run to the end', '', error, found=set())
        names = sorted(path.name for path in self.place.iterdir())
        if names != [self.out.name]:
            self.problem('the run to the end', f'left {names}')

    def beside(self) -> set[tuple[str, int]]:
        """Return names and inodes of what is hidden beside the output, and of temporary files."""
        hidden = [path for path in self.place.iterdir()
                  if path.name.startswith(f'.{self.out.name}')]
        return {(path.name, path.lstat().st_ino) for path in [*hidden, *self.scratch.iterdir()]}

    def check(self, what: str, before: str, error: str, *,
              found: set[tuple[str, int]] | None) -> None:
        """
        Check what is there.

        :param before: hash of the output before the run, '' where there was none.
        :param found: what was beside it before the run, which may have ended before it could
            clean up; None after SIGKILL, which leaves no time for that.
        """
        if 'Traceback' in error:
            self.problem(what, error[-2000:])
        hidden = [path for path in self.place.iterdir()
                  if path.name.startswith(f'.{self.out.name}')]
        if self.out.exists():
            if digest(self.out) != before:
                try:
                    self.command.check(self.out)
                except Exception as wrong:
                    self.problem(what, f'the output is not whole: {wrong!r}')
        elif before and not any((path / 'replaced').exists() for path in hidden):
            self.problem(what, 'the output from before is lost')
        if found is not None and (litter := self.beside() - found):
            self.problem(what, f'left {litter}; said {error[-300:]!r}')
        if found is None:  # the system's temporary folder is the system's to clean
            for path in self.scratch.iterdir():
                subprocess.run(['rm', '-rf', path], check=True)

    def problem(self, what: str, text: str) -> None:
        """Note what is wrong."""
        self.tally.problems.append(f'{self.name}: {what}: {text}')
        print(self.tally.problems[-1], flush=True)


def measure(commands: dict[str, Command], folder: Path) -> dict[str, float]:
    """Run each command once, undisturbed; return the seconds."""
    found = {}
    for name, command in commands.items():
        tally = Tally()
        trial, start = Trial(name, command, folder / name, tally), time.monotonic()
        trial.run_through()
        found[name] = time.monotonic() - start
        if tally.problems:
            raise PoseNetError(f'{name} does not run undisturbed, see above')
    return found


def kill_all(commands: dict[str, Command], kills: int, seed: int, jobs: int,
             folder: Path) -> Tally:
    """Kill the commands by turns, several at once."""
    seconds, tally = measure(commands, folder / 'whole'), Tally()
    print('undisturbed: ' + ', '.join(f'{name} {s:.1f} s' for name, s in seconds.items()),
          flush=True)
    # a training takes as long as all the others together
    names = [name for name in TURNS if name in commands]

    def chain(number: int) -> None:
        name, rng = names[number % len(names)], random.Random(seed * 100_000 + number)
        trial = Trial(name, commands[name], folder / str(number), tally)
        for _ in range(min(CHAIN, kills - number * CHAIN)):
            # when several run at once, each takes longer
            trial.kill(rng.uniform(0, (1.0 if jobs == 1 else 1.3) * seconds[name]),
                       rng.choice(SIGNALS))
        trial.run_through()
        subprocess.run(['rm', '-rf', folder / str(number)], check=True)
        if (number + 1) % 10 == 0:
            print(f'{(number + 1) * CHAIN} kills', flush=True)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(chain, range(-(-kills // CHAIN))))
    return tally


def show(tally: Tally, names: Sequence[str]) -> None:
    """Print the table."""
    columns = [*(each.name for each in SIGNALS), 'done before', 'resumed', 'run through']
    print(f'{"":10}' + ''.join(f'{column:>13}' for column in columns))
    for name in names:
        print(f'{name:10}' + ''.join(f'{tally.counts[name, column]:13}' for column in columns))
    print(f'{len(tally.problems)} not as they have to be')


def shared_memory() -> set[str]:
    """Return what is in shared memory, but for what other programs' DDS makes."""
    return {path.name for path in SHARED_MEMORY.iterdir()
            if 'fast' not in path.name} if SHARED_MEMORY.is_dir() else set()


def main(argv: Sequence[str] | None = None) -> int:
    """Kill, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--kills', type=int, default=500, help='default: %(default)s')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--jobs', type=int, default=2, help='at once (default: %(default)s)')
    parser.add_argument('--only', nargs='+', help='commands')
    options = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # for children, where it is ignored
    memory = shared_memory()
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        commands = {name: command for name, command in make_inputs(folder / 'inputs').items()
                    if name in (options.only or [name])}
        inputs = digest(folder / 'inputs')
        tally = kill_all(commands, options.kills, options.seed, options.jobs, folder)
        if digest(folder / 'inputs') != inputs:
            tally.problems.append('an input was changed')
    if left := shared_memory() - memory:
        tally.problems.append(f'left in {SHARED_MEMORY}: {sorted(left)}')
    show(tally, list(commands))
    return int(bool(tally.problems))


if __name__ == '__main__':
    sys.exit(run_cli(main))
