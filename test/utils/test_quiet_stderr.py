"""Chatter of native libraries is left out; everything else is seen, even when they abort."""

from __future__ import annotations

import os
import subprocess
import sys

from helpers import ROOT

XNNPACK = 'INFO: Created TensorFlow Lite XNNPACK delegate for CPU.'
ONEDNN = 'I0000 00:00:1795.2 1 port.cc:153] oneDNN custom operations are on. You may see'


def run(body: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a body of lines in quiet_stderr in a process of its own."""
    lines = ''.join(f'    {line}\n' for line in body.splitlines())
    code = (f'import os, sys\nfrom posenet_ros.utils.quiet_stderr import quiet_stderr\n'
            f'with quiet_stderr():\n{lines}os.write(2, b"after\\n")\n')
    kept = {key: value for key, value in os.environ.items() if key != 'TF_CPP_MIN_LOG_LEVEL'}
    return subprocess.run([sys.executable, '-c', code], cwd=ROOT, text=True, check=False,
                          env={**kept, **environment}, capture_output=True)


def test_chatter_is_left_out_and_errors_come_through() -> None:
    result = run(f'os.write(2, b"{XNNPACK}\\nE0000 an error\\n{ONEDNN}\\n")\n'
                 'print("from Python", file=sys.stderr)')
    assert result.stderr.splitlines() == ['E0000 an error', 'from Python', 'after']
    assert result.returncode == 0


def test_an_abort_is_seen() -> None:
    result = run('os.write(2, b"F0000 no AVX here\\n")\nos.abort()')
    assert 'no AVX here' in result.stderr
    assert result.returncode < 0


def test_an_exception_is_seen() -> None:
    result = run('os.write(2, b"why\\n")\nraise ValueError("this")')
    assert result.stderr.startswith('why\n')
    assert 'ValueError: this' in result.stderr


def test_everything_is_seen_on_request() -> None:
    result = run(f'os.write(2, b"{XNNPACK}\\n")', TF_CPP_MIN_LOG_LEVEL='0')
    assert result.stderr.splitlines() == [XNNPACK, 'after']


def test_without_grep_nothing_is_lost() -> None:
    result = run('os.write(2, b"line\\n")', PATH='/nowhere')
    assert result.stderr.splitlines() == ['line', 'after']
    assert result.returncode == 0


def test_litert_and_tensorflow_load_without_a_word() -> None:
    code = ('from posenet_ros.utils.quiet_stderr import quiet_stderr\n'
            'with quiet_stderr():\n    import tensorflow\n')
    kept = {key: value for key, value in os.environ.items() if key != 'TF_CPP_MIN_LOG_LEVEL'}
    result = subprocess.run([sys.executable, '-c', code], cwd=ROOT, text=True, env=kept,
                            capture_output=True, check=True)
    assert result.stderr == ''
