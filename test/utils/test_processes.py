"""Child processes: one interrupt, passed on by the parent, and time to clean up."""

from __future__ import annotations

import os
from pathlib import Path
import signal
import subprocess
import sys
import time

from helpers import python_path

CHILD = """
import os, pathlib, time
from posenet_ros.utils.arguments import run_cli

def main():
    try:
        pathlib.Path('ready').touch()
        time.sleep(60)
    except KeyboardInterrupt:
        time.sleep(1)  # cleans up
        pathlib.Path('clean').write_text(os.environ['POSENET_QUIET_INTERRUPT'])

run_cli(main)
"""
PARENT = """
from posenet_ros.utils.processes import start_module
with start_module('child', stop_timeout_s=20) as process:
    process.wait()
"""


def test_an_interrupt_of_all_reaches_a_child_once(tmp_path: Path) -> None:
    """Ctrl-C goes to all processes of a terminal; a second one would cut the cleaning up short."""
    (tmp_path / 'child.py').write_text(CHILD)
    process = subprocess.Popen(
        [sys.executable, '-c', PARENT], cwd=tmp_path, start_new_session=True,
        stderr=subprocess.PIPE, text=True, env={**os.environ, 'PYTHONPATH': python_path(tmp_path)})
    end_s = time.monotonic() + 60
    while not (tmp_path / 'ready').exists() and time.monotonic() < end_s:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (tmp_path / 'clean').read_text() == '1'
    assert errors.count('Traceback') == 1  # of the parent
