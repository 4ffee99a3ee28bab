"""Output folders: whole or not at all, and never over what exists."""

from __future__ import annotations

import errno
import os
from pathlib import Path
import subprocess
import sys

from helpers import python_path
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.utils.arguments import describe_os_error, run_cli
from posenet_ros.utils.atomic_folder import check_new, new_file, new_folder, resumable_folder
from posenet_ros.utils.files.kinds import FolderKind, MODEL, REPORT, SCENE, TABLE
import pytest


def names(folder: Path) -> list[str]:
    """Return what stands in a folder, hidden things too."""
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    with new_folder(tmp_path / 'deep' / 'out') as folder:
        (folder / 'file').write_text('x')
        assert not (tmp_path / 'deep' / 'out').exists()
    assert names(tmp_path / 'deep') == ['out']
    assert (tmp_path / 'deep' / 'out' / 'file').read_text() == 'x'


def test_who_may_read_a_result_is_for_the_umask_to_say(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with new_folder(tmp_path / 'out') as folder:
            (folder / 'file').touch()
        with new_file(tmp_path / 'file') as file:
            file.touch()
        (tmp_path / 'resumable').mkdir()
        write_part(tmp_path / 'resumable', SCENE.mark, 'one')
    finally:
        os.umask(before)
    modes = {name: (tmp_path / name).stat().st_mode & 0o777
             for name in ('out', 'out/file', 'file', 'resumable/out')}
    assert modes == {'out': 0o750, 'out/file': 0o640, 'file': 0o640, 'resumable/out': 0o750}


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt])
def test_an_error_or_interrupt_leaves_nothing(
        tmp_path: Path, error: type[BaseException]) -> None:
    def fail() -> None:
        with new_folder(tmp_path / 'out') as folder:
            (folder / 'file').write_text('x')
            raise error

    with pytest.raises(error):
        fail()
    assert names(tmp_path) == []


def finished(path: Path, kind: FolderKind = MODEL, *, more: str = 'old') -> Path:
    """Make a finished output."""
    path.mkdir(parents=True)
    (path / kind.mark).write_text(kind.marked_by[0])
    (path / more).touch()
    return path


def test_what_exists_is_refused_without_force(tmp_path: Path) -> None:
    out = finished(tmp_path / 'out')
    with pytest.raises(InputError, match=r'exists already.*--force'):
        check_new(out, MODEL)
    check_new(out, MODEL, force=True)


@pytest.mark.parametrize('force', [False, True])
def test_an_empty_folder_is_as_good_as_none(tmp_path: Path, force: bool) -> None:
    (tmp_path / 'out').mkdir()
    check_new(tmp_path / 'out', MODEL, force=force)
    with new_folder(tmp_path / 'out', force=force) as folder:
        (folder / 'file').touch()
    assert names(tmp_path / 'out') == ['file']


def test_a_folder_that_appeared_meanwhile_stays(tmp_path: Path) -> None:
    for force in (False, True):
        out = tmp_path / str(force) / 'out'
        check_new(out, MODEL, force=force)
        finished(out)
        with pytest.raises(PoseNetError, match=r'meanwhile.*the result is .*out\.2$'), new_folder(
                out, force=force) as folder:
            (folder / 'new').touch()
        assert names(out) == ['artifact.json', 'old']
        assert names(out.with_name('out.2')) == ['new']
        assert names(out.parent) == ['out', 'out.2']


def test_a_folder_that_was_exchanged_meanwhile_stays(tmp_path: Path) -> None:
    out = finished(tmp_path / 'out')
    check_new(out, MODEL, force=True)
    out.rename(tmp_path / 'mine')
    finished(out, more='other')
    with pytest.raises(PoseNetError, match='meanwhile'), new_folder(out, force=True) as folder:
        (folder / MODEL.mark).write_text(MODEL.marked_by[0])
    assert names(tmp_path) == ['mine', 'out', 'out.2']
    assert 'other' in names(out)


def test_the_new_folder_has_to_be_of_the_old_one_s_kind(tmp_path: Path) -> None:
    out = finished(tmp_path / 'out', REPORT)
    with pytest.raises(PoseNetError, match='the result is'), new_folder(out, force=True) as folder:
        (folder / MODEL.mark).write_text(MODEL.marked_by[0])
    assert names(out) == ['old', 'report.json']


def test_a_file_is_replaced_only_where_it_is_what_stood_there(tmp_path: Path) -> None:
    out = tmp_path / 'table.md'
    check_new(out, TABLE)
    with new_file(out) as file:
        file.write_text('| a |')
    check_new(out, TABLE, force=True)
    with new_file(out) as file:
        file.write_text('| b |')
    assert out.read_text() == '| b |'
    check_new(tmp_path / 'other.md', TABLE)
    (tmp_path / 'other.md').write_text('mine')
    with pytest.raises(PoseNetError, match=r'other\.md\.2'), new_file(
            tmp_path / 'other.md') as file:
        file.write_text('| c |')
    assert (tmp_path / 'other.md').read_text() == 'mine'


def killed_in(folder: Path, code: str) -> int:
    """Run Python in a folder until it prints a line; kill it then, and return its number."""
    process = subprocess.Popen([sys.executable, '-c', code], cwd=folder, stdout=subprocess.PIPE,
                               env={**os.environ, 'PYTHONPATH': python_path()})
    assert process.stdout
    assert process.stdout.readline()
    process.kill()
    process.wait(10)
    process.stdout.close()
    return process.pid


KILLED = """
import time
from pathlib import Path
from posenet_ros.utils.atomic_folder import new_folder
with new_folder(Path('out'), force=True) as folder:
    (folder / 'file').write_text('x')
    print('ready', flush=True)
    time.sleep(60)
"""


def test_what_a_killed_run_left_is_removed_and_named(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pid = killed_in(tmp_path, KILLED)
    strange = tmp_path / '.out.posenet-mine'
    strange.mkdir()
    assert len(names(tmp_path)) == 3  # the lock and both hidden folders
    check_new(tmp_path / 'out')
    assert f'process {pid}' in capsys.readouterr().err
    assert names(tmp_path) == ['.out.posenet-mine']
    with new_folder(tmp_path / 'out') as folder:
        check_new(tmp_path / 'out')  # does not touch what a living process writes
        assert folder.is_dir()
    assert names(tmp_path) == ['.out.posenet-mine', 'out']


def test_a_folder_that_was_being_replaced_when_its_run_was_killed_comes_back(
        tmp_path: Path) -> None:
    finished(tmp_path / 'out')
    killed_in(tmp_path, KILLED.replace(
        'print(', 'Path("out").rename(folder.parent / "replaced"); print('))
    assert not (tmp_path / 'out').exists()
    with pytest.raises(InputError, match='exists already'):
        check_new(tmp_path / 'out', MODEL)
    assert names(tmp_path / 'out') == ['artifact.json', 'old']


def test_force_replaces_only_once_the_new_one_is_whole(tmp_path: Path) -> None:
    out = finished(tmp_path / 'out')
    with pytest.raises(OSError, match='full'), new_folder(out, force=True):
        raise OSError(28, 'disk full')
    assert 'old' in names(out)
    with new_folder(out, force=True) as folder:
        (folder / MODEL.mark).write_text(MODEL.marked_by[0])
        assert 'old' in names(out)
    assert names(out) == [MODEL.mark]
    assert names(tmp_path) == ['out']


@pytest.mark.parametrize(('error', 'code'), [
    (InputError('bad'), 2), (PoseNetError('failed'), 1), (KeyboardInterrupt(), 1),
    (OSError(28, 'No space left on device', '/x'), 2)])
def test_errors_become_one_line_and_an_exit_code(
        error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise error

    assert run_cli(fail) == code
    printed = capsys.readouterr()
    assert printed.out == ''
    assert printed.err.count('\n') == 1


@pytest.mark.parametrize(('error', 'text'), [
    (OSError(errno.ENOSPC, 'No space left on device', '/x'),
     'No space left on device: /x: make room, then run it again, with --resume where the command '
     'has it'),
    (OSError(errno.EDQUOT, 'Disk quota exceeded'), 'Disk quota exceeded: make room, then run it '
     'again, with --resume where the command has it'),
    (OSError(errno.EACCES, 'Permission denied', '/x'), 'Permission denied: /x')])
def test_a_full_disk_is_told_with_what_to_do(error: OSError, text: str) -> None:
    assert describe_os_error(error) == text


def test_a_command_that_returns_nothing_succeeded() -> None:
    assert run_cli(lambda: None) == 0


def write_part(folder: Path, name: str, fingerprint: str,
               error: type[BaseException] | None = None) -> None:
    """Write a file into the unfinished folder of a scene, which ends with an error or whole."""
    with resumable_folder(folder / 'out', folder / 'half', fingerprint, SCENE,
                          force=fingerprint == 'forced') as new:
        (new / name).write_text(SCENE.marked_by[0])
        if error:
            raise error


def test_an_unfinished_folder_is_kept_for_the_same_content_alone(tmp_path: Path) -> None:
    for name, fingerprint in (('a', 'one'), ('b', 'two'), ('c', 'two')):
        with pytest.raises(KeyboardInterrupt):
            write_part(tmp_path, name, fingerprint, KeyboardInterrupt)
        assert names(tmp_path) == ['half']
    write_part(tmp_path, SCENE.mark, 'two')
    assert names(tmp_path) == ['out']
    assert names(tmp_path / 'out') == ['b', 'c', SCENE.mark]
    with pytest.raises(InputError, match='--force'):
        write_part(tmp_path, 'e', 'two')
    write_part(tmp_path, SCENE.mark, 'forced')
    assert names(tmp_path) == ['out']
    assert names(tmp_path / 'out') == [SCENE.mark]


def test_an_unfinished_folder_is_never_one_of_another_s(tmp_path: Path) -> None:
    finished(tmp_path / 'out', MODEL)
    with pytest.raises(InputError, match='is no synthetic scene'):
        write_part(tmp_path, 'a', 'forced')
    assert names(tmp_path) == ['out']
    (tmp_path / 'out').rename(tmp_path / 'half')
    with pytest.raises(InputError, match=r'half is needed .* but it holds artifact\.json, old'):
        write_part(tmp_path, 'a', 'one')
    assert names(tmp_path / 'half') == ['artifact.json', 'old']
    (tmp_path / 'half').rename(tmp_path / 'mine')
    finished(tmp_path / 'half', SCENE)  # killed when it was whole, before it had its name
    with pytest.raises(KeyboardInterrupt):
        write_part(tmp_path, 'a', 'one', KeyboardInterrupt)
    assert names(tmp_path / 'half') == ['.fingerprint', 'a']


def test_an_unfinished_folder_is_written_by_one_process(tmp_path: Path) -> None:
    code = ('import sys; from pathlib import Path; from posenet_ros.utils.files.lock import lock\n'
            'with lock(Path("out")):\n    print("locked", flush=True); sys.stdin.read()')
    with subprocess.Popen([sys.executable, '-c', code], cwd=tmp_path, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE,
                          env={**os.environ, 'PYTHONPATH': python_path()}) as other:
        assert other.stdout
        assert other.stdout.readline()
        with pytest.raises(PoseNetError, match=rf'process {other.pid} has been writing there'):
            write_part(tmp_path, 'a', 'one')
        other.kill()
    assert not (tmp_path / 'half').exists()
    write_part(tmp_path, SCENE.mark, 'one')


def test_a_full_disk_names_the_output_and_a_name_with_a_line_s_end_is_one_line(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / 'two\nlines'

    def fill() -> None:
        with new_folder(out):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def refuse() -> None:
        raise InputError(f'{out} is bad\x1b[31m')

    for main in (fill, refuse):
        assert run_cli(main) == 2
        error = capsys.readouterr().err
        assert error.count('\n') == 1
        assert r'two\nlines' in error
        assert '\x1b' not in error
    assert names(tmp_path) == []
