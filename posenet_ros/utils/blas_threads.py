"""The threads of NumPy's linear algebra; imports no NumPy, which reads them when it is loaded."""

from __future__ import annotations

import os

OPENMP = 'OMP_NUM_THREADS'
BLAS = 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS', 'BLIS_NUM_THREADS'
THREADS = OPENMP, *BLAS  # of a process that has one core, as the nanny of a Dask worker sets them


def use_one_blas_thread() -> None:
    """
    Let NumPy, which is loaded later, compute with one thread, unless the user chose a number.

    Matrices here are small: a second thread gives nothing, and waits for its next one by
    spinning, on a core that others need.
    """
    if OPENMP not in os.environ:  # which OpenBLAS and MKL read, too
        for name in BLAS:
            os.environ.setdefault(name, '1')
