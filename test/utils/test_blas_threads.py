"""Commands compute with one thread of NumPy's linear algebra."""

from __future__ import annotations

from collections.abc import Mapping
import os
import subprocess
import sys

from helpers import ROOT
import numpy as np
from posenet_ros.utils.blas_threads import BLAS, OPENMP, THREADS
import pytest

BLAS_OF_NUMPY = np.show_config(mode='dicts')['Build Dependencies']['blas']['name']
PROBE = """
import os
from posenet_ros.utils.arguments import run_cli

def threads():
    import numpy as np
    matrix = np.ones((400, 400))
    matrix @ matrix
    print(len(os.listdir('/proc/self/task')))

run_cli(threads)
"""


def threads_of_a_command(environment: Mapping[str, str]) -> int:
    """Return the threads of a command's process once it has multiplied matrices."""
    rest = {key: value for key, value in os.environ.items() if key not in THREADS}
    done = subprocess.run([sys.executable, '-c', PROBE], cwd=ROOT, text=True, check=True,
                          env={**rest, **environment}, capture_output=True, timeout=60)
    return int(done.stdout)


def test_numpy_has_one_thread() -> None:
    assert threads_of_a_command({}) == 1


@pytest.mark.skipif((os.cpu_count() or 1) < 2 or 'openblas' not in BLAS_OF_NUMPY,
                    reason='one core, or a BLAS without threads, as of Debian')
@pytest.mark.parametrize('environment', [dict.fromkeys(BLAS, '2'), {OPENMP: '2'}])
def test_a_number_that_the_user_chose_is_taken(environment: Mapping[str, str]) -> None:
    assert threads_of_a_command(environment) == 2
