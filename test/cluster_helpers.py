"""A worker of a cluster that is killed in the middle of its work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import signal
import subprocess
import threading

END_S = 10


@contextmanager
def killed_at_the_first(folder: Path, pattern: str,
                        worker: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill a worker when the first result is in a folder; check in the end that it was."""
    over = threading.Event()

    def kill() -> None:
        while not over.wait(0.02):
            if any(folder.glob(pattern)):
                worker.kill()
                return

    watcher = threading.Thread(target=kill)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    assert worker.wait(END_S) == -signal.SIGKILL
