"""Locks: one owner at a time, none that a dead process keeps."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from pathlib import Path
import subprocess
import sys

from helpers import python_path
from posenet_ros.utils.files import lock as locks
from posenet_ros.utils.files.lock import (
    lock,
    LockedError,
    Owner,
    read_owner,
    remove_abandoned,
)
import pytest

HOLD = ('import sys; from pathlib import Path; from posenet_ros.utils.files.lock import lock\n'
        'with lock(Path("out")):\n    print("locked", flush=True); sys.stdin.read()')


def hold(folder: Path) -> subprocess.Popen[bytes]:
    """Start a process that keeps the lock of `out` until its stdin ends."""
    process = subprocess.Popen(
        [sys.executable, '-c', HOLD], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, 'PYTHONPATH': python_path()})
    assert process.stdout
    assert process.stdout.readline()
    return process


def test_another_process_is_named_and_a_killed_one_is_taken_over(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with hold(tmp_path) as process:
        owner = read_owner(tmp_path / '.out.lock')
        assert owner
        assert owner.pid == process.pid
        with pytest.raises(LockedError) as caught, lock(tmp_path / 'out'):
            pass
        assert f'process {process.pid} has been writing there since {owner.since}' in str(
            caught.value)
        content = (tmp_path / '.out.lock').read_text()
        (tmp_path / '.out.lock').write_text('')  # as before its owner has written its name
        with pytest.raises(LockedError, match='another process has just taken'), lock(
                tmp_path / 'out'):
            pass
        (tmp_path / '.out.lock').write_text(content)
        process.kill()
    assert (tmp_path / '.out.lock').exists()
    with lock(tmp_path / 'out'), lock(tmp_path / 'out'):
        assert f'process {process.pid}, which wrote there' in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_was_released_is_free(tmp_path: Path) -> None:
    with hold(tmp_path) as process:
        process.communicate(timeout=20)
    assert list(tmp_path.iterdir()) == []
    with lock(tmp_path / 'out'):
        assert (tmp_path / '.out.lock').exists()


@pytest.mark.parametrize('change', [{'host': 'elsewhere'}, {'namespace': 'pid:[1]'}])
def test_a_lock_of_another_machine_is_respected(tmp_path: Path, change: dict[str, str]) -> None:
    owner = Owner.of_this_process()._replace(pid=1, **change)
    file = tmp_path / '.out.lock'
    file.write_text(json.dumps(owner._asdict()))
    with pytest.raises(LockedError, match=f'machine {owner.host}.*remove {file}'), lock(
            tmp_path / 'out'):
        pass
    assert read_owner(file) == owner


def test_without_flock_the_process_number_counts(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.ENOLCK, 'no locks')

    monkeypatch.setattr(fcntl, 'flock', unsupported)
    file = tmp_path / '.out.lock'
    file.write_text(json.dumps(Owner.of_this_process()._asdict()))
    with pytest.raises(LockedError, match=f'process {os.getpid()}'), lock(tmp_path / 'out'):
        pass
    ended = subprocess.Popen([sys.executable, '-c', ''])
    ended.wait(20)
    file.write_text(json.dumps(Owner.of_this_process()._replace(pid=ended.pid)._asdict()))
    with lock(tmp_path / 'out'):
        assert locks.read_owner(file) is not None


@pytest.mark.parametrize('content', ['', '{', '[]', '{"pid": 1}', '{"host": 1, "pid": "x"}'])
def test_a_lock_that_is_damaged_is_no_lock(tmp_path: Path, content: str) -> None:
    (tmp_path / '.out.lock').write_text(content)
    with lock(tmp_path / 'out'):
        owner = read_owner(tmp_path / '.out.lock')
    assert owner
    assert owner.pid == os.getpid()


def test_a_lock_that_cannot_be_written_is_not_left(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, 'No space left on device')

    monkeypatch.setattr(os, 'pwrite', full)
    with pytest.raises(OSError, match=r'No space left.*\.out\.lock'), lock(tmp_path / 'out'):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_killed_process_goes_that_of_a_live_one_stays(tmp_path: Path) -> None:
    with hold(tmp_path) as process:
        remove_abandoned(tmp_path / 'out')
        assert (tmp_path / '.out.lock').exists()
        process.kill()
    remove_abandoned(tmp_path / 'out')
    assert list(tmp_path.iterdir()) == []
