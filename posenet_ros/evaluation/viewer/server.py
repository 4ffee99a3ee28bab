"""Serve the viewer's page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
import errno
import io
import socket
from typing import TYPE_CHECKING

from posenet_ros.errors import InputError

if TYPE_CHECKING:
    import viser

FIRST_PORT, TRIED_PORTS = 8080, 100
ANY_HOST = ('0.0.0.0', '::')


def is_free(host: str, port: int) -> bool:
    """
    Tell whether a port can be listened on.

    :raises InputError: when the host is no address of this machine, or the port is not allowed.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return False
        if error.errno == errno.EACCES:
            raise InputError(f'--port has to be one that you may use, from 1024. Received: {port}'
                             ) from error
        raise InputError('--host has to be an address of this machine, as 127.0.0.1, or 0.0.0.0 '
                         f'for all. Received: {host}') from error
    return True


def choose_port(host: str, port: int | None) -> tuple[int, str]:
    """
    Choose the port to serve at.

    :param port: the one that was asked for; None takes the first free one from FIRST_PORT.
    :returns: the port, and a line about it, empty where it is as asked.
    :raises InputError: when the port that was asked for is in use.
    """
    if port is not None:
        if not is_free(host, port):
            raise InputError(f'--port has to be free. Received: {port}, which is in use; without '
                             '--port a free one is taken')
        return port, ''
    for candidate in range(FIRST_PORT, FIRST_PORT + TRIED_PORTS):
        if is_free(host, candidate):
            note = f'port {FIRST_PORT} is in use; this is port {candidate}'
            return candidate, note if candidate != FIRST_PORT else ''
    raise InputError(f'expected a free port from {FIRST_PORT}. Received: {TRIED_PORTS} in use; '
                     'choose one by --port')


def address(host: str, port: int) -> str:
    """Return the address to open in a browser."""
    name = socket.gethostname() if host in ANY_HOST else f'[{host}]' if ':' in host else host
    return f'http://{name}:{port}'


def how_to_open(host: str, port: int) -> str:
    """Say how to open the page, here and over SSH."""
    lines = [f'open {address(host, port)} in a browser; Ctrl-C ends']
    if host not in ANY_HOST:
        lines.append(f'over SSH: ssh -L {port}:{host}:{port} {socket.gethostname()}, then open '
                     f'http://127.0.0.1:{port}')
    return '\n'.join(lines)


@contextmanager
def serve(host: str, port: int, title: str) -> Iterator[viser.ViserServer]:
    """Serve an empty page; what is added to the server appears on it."""
    import viser  # an extra: the rest works without it
    with redirect_stdout(io.StringIO()):  # it prints a table of its own
        server = viser.ViserServer(host=host, port=port, label=title, verbose=False)
    try:
        yield server
    finally:
        with redirect_stdout(io.StringIO()):
            server.stop()
