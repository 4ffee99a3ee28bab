"""Output folders: whole or not at all, and never over what exists."""

from __future__ import annotations

from pathlib import Path

from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.utils.arguments import run_cli
from posenet_ros.utils.atomic_folder import check_new, new_folder, resumable_folder
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


def test_what_exists_is_refused_without_force(tmp_path: Path) -> None:
    (tmp_path / 'out').mkdir()
    with pytest.raises(InputError, match=r'exists already.*--force'):
        check_new(tmp_path / 'out')


def test_force_replaces_only_once_the_new_one_is_whole(tmp_path: Path) -> None:
    out = tmp_path / 'out'
    out.mkdir()
    (out / 'old').touch()
    with pytest.raises(OSError, match='full'), new_folder(out, force=True):
        raise OSError(28, 'disk full')
    assert names(out) == ['old']
    with new_folder(out, force=True) as folder:
        (folder / 'new').touch()
        assert names(out) == ['old']
    assert names(out) == ['new']
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


def test_a_command_that_returns_nothing_succeeded() -> None:
    assert run_cli(lambda: None) == 0


def test_an_unfinished_folder_is_kept_for_the_same_content_alone(tmp_path: Path) -> None:
    def write(name: str, fingerprint: str, error: type[BaseException] | None = None) -> None:
        with resumable_folder(tmp_path / 'out', tmp_path / 'half', fingerprint) as folder:
            (folder / name).write_text('x')
            if error:
                raise error

    for name, fingerprint in (('a', 'one'), ('b', 'two'), ('c', 'two')):
        with pytest.raises(KeyboardInterrupt):
            write(name, fingerprint, KeyboardInterrupt)
        assert names(tmp_path) == ['half']
    write('d', 'two')
    assert names(tmp_path) == ['out']
    assert names(tmp_path / 'out') == ['b', 'c', 'd']
    with pytest.raises(InputError, match='--force'):
        write('e', 'two')
