"""The command `posenet view`: its options, ports and one-line errors, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError
from pathlib import Path
import socket
from unittest.mock import MagicMock

from posenet_ros import view
from posenet_ros.errors import InputError, PoseNetError
from posenet_ros.evaluation.viewer import server as servers
from posenet_ros.evaluation.viewer.server import choose_port, how_to_open
from posenet_ros.utils.arguments import run_cli
import pytest
from viewer_helpers import write_place

HOST = '127.0.0.1'


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Listen on a port of this machine."""
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        listening.listen()
        yield listening


def test_a_port_in_use_is_an_error_where_it_was_asked_for(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with pytest.raises(InputError, match=rf'--port has to be free\. Received: {port}'):
        choose_port(HOST, port)


def test_else_the_next_free_port_is_taken_and_said(
        listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    port = listener.getsockname()[1]
    monkeypatch.setattr(servers, 'FIRST_PORT', port)
    chosen, note = choose_port(HOST, None)
    assert chosen > port
    assert note == f'port {port} is in use; this is port {chosen}'
    monkeypatch.setattr(servers, 'TRIED_PORTS', 1)
    with pytest.raises(InputError, match='choose one by --port'):
        choose_port(HOST, None)
    listener.close()
    assert choose_port(HOST, None) == (port, '')
    assert choose_port(HOST, port) == (port, '')


@pytest.mark.parametrize('host', ['203.0.113.7', 'no such host'])
def test_a_host_that_is_not_here_is_said(host: str) -> None:
    with pytest.raises(InputError, match='--host has to be an address of this machine'):
        choose_port(host, None)


def test_it_is_said_how_to_open_the_page() -> None:
    here = how_to_open(HOST, 8083)
    assert 'http://127.0.0.1:8083 ' in here
    assert f'ssh -L 8083:127.0.0.1:8083 {socket.gethostname()}' in here
    everywhere = how_to_open('0.0.0.0', 8080)
    assert f'http://{socket.gethostname()}:8080' in everywhere
    assert 'ssh' not in everywhere
    assert 'http://[::1]:8080' in how_to_open('::1', 8080)


def test_only_this_machine_unless_a_host_is_given() -> None:
    options = view.parser().parse_args(['model'])
    assert options.host == HOST
    assert options.port is None
    assert options.report is None


@pytest.mark.parametrize('port', ['0', '65536', 'http'])
def test_a_port_is_a_number(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        view.parser().parse_args(['model', '--port', port])
    assert '--port' in capsys.readouterr().err


def missing(_: str) -> str:
    raise PackageNotFoundError


@pytest.mark.parametrize(('found', 'message'), [
    (missing, 'the view needs viser. Install it'),
    (lambda _: '0.2.23', 'the view needs a newer viser. Received: 0.2.23')])
def test_a_missing_or_old_viser_is_one_line_with_the_command(
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], found: object,
        message: str) -> None:
    monkeypatch.setattr('importlib.metadata.version', found)
    assert run_cli(lambda: view.main(['model'])) == PoseNetError.exit_code
    error = capsys.readouterr().err
    assert error.startswith(f'error: {message}')
    assert "pip install 'viser>=1.1'" in error
    assert error.count('\n') == 1


def test_a_new_viser_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for found in ('1.1.1', '1.10.0', '2.0rc1'):
        monkeypatch.setattr('importlib.metadata.version', lambda _, found=found: found)
        view.check_viser()


def test_what_has_to_be_said_is_printed_and_ctrl_c_ends_cleanly(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:
    write_place(tmp_path, landmarks=False)
    ended = []

    @contextmanager
    def serve(*_: object) -> Iterator[MagicMock]:
        yield MagicMock()
        ended.append(True)

    monkeypatch.setattr('importlib.metadata.version', lambda _: '1.1.1')
    monkeypatch.setattr(servers, 'serve', serve)
    monkeypatch.setattr(view, 'Event', MagicMock(
        return_value=MagicMock(wait=MagicMock(side_effect=KeyboardInterrupt))))
    assert view.main([str(tmp_path / 'model'), '--data', str(tmp_path / 'data')]) == 0
    assert ended
    first, second, *_ = capsys.readouterr().out.splitlines()
    if 'in use' in first:
        first = second
    assert first.startswith('the model has no landmarks')
