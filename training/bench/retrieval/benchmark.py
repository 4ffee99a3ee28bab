"""
Benchmark retrieval: an index beside exact search, among as many views as asked for.

The descriptors are drawn like those of a map's views; see :mod:`.walks`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from functools import partial
from importlib.util import find_spec
from itertools import cycle
import time
from typing import Any

import numpy as np
from posenet_ros.arrays import Floats32
from posenet_ros.errors import InputError
from posenet_ros.inference.artifact import LANDMARKS_FILE
from posenet_ros.landmarks import landmark_file
from posenet_ros.landmarks.retrieval.search import (
    can_be_indexed,
    CODES,
    ExactSearch,
    IndexedSearch,
    Search,
)
from posenet_ros.training.bench.retrieval.walks import fit_walks, WalkModel
from posenet_ros.training.bench.suite import describe_machine
from posenet_ros.training.bench.timing import time_interleaved

RECALLED = 20  # best views, of which an index has to find most
QUERIES, QUICK_QUERIES = 200, 20
QUICK_VIEWS = 2_000
SEED = 0
COLUMNS = {'views': ('views', 'd'), 'numbers': ('numbers', 'd'),
           'exact_ms': ('exact, CPU ms', '.2f'), 'index_ms': ('index, CPU ms', '.2f'),
           'recall': (f'recall@{RECALLED}', '.4f'), 'exact_mb': ('exact, MB', '.1f'),
           'index_mb': ('index, MB', '.1f'), 'build_cpu_s': ('made in, CPU s', '.1f')}


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """
    Benchmark retrieval by the options of the command line.

    :raises InputError: without the folder of a map, without faiss, or for a map of few images.
    """
    if not options.model:
        raise InputError('bench retrieval draws descriptors like those of a map: give its folder '
                         'by --model')
    if not find_spec('faiss'):
        raise InputError("bench retrieval needs faiss: pip install 'posenet_ros[large]'")
    views = landmark_file.load(options.model / LANDMARKS_FILE).views
    size = views.global_descriptors.shape[1]
    if not can_be_indexed(size):
        raise InputError('the global descriptors of the map have to be of a multiple of '
                         f'{CODES} numbers. Received: {size}: take a map of more images')
    model = fit_walks(views)
    rows = [measure(model, views, QUICK_QUERIES if options.quick else QUERIES)
            for views in ([QUICK_VIEWS] if options.quick else options.views)]
    return {'machine': describe_machine(), 'rows': rows}


def measure(model: WalkModel, views: int, queries: int) -> dict[str, Any]:
    """
    Measure exact search and the index among so many views, by turns.

    :returns: without what is of the index where the descriptors cannot be indexed.
    """
    rng = np.random.default_rng(SEED)
    walked = model.walk(views, rng)
    descriptors = model.observe(walked, rng).astype(np.float16)  # as a map keeps them
    asked = model.observe(walked[rng.integers(views, size=queries)], rng)
    searches: dict[str, Search] = {'exact': ExactSearch(descriptors)}
    start = time.process_time()
    if can_be_indexed(descriptors.shape[1]):
        searches['index'] = IndexedSearch(descriptors)
    build_s = time.process_time() - start
    times = time_interleaved(
        {name: partial(_search_next, search, cycle(asked)) for name, search in searches.items()},
        queries)
    found = {'views': views, 'numbers': descriptors.shape[1],
             'exact_mb': 4 * descriptors.size / 1e6,
             **{f'{name}_ms': one['cpu'] for name, one in times.items()}}
    index = searches.get('index')
    if isinstance(index, IndexedSearch):
        found |= {'build_cpu_s': build_s, 'index_mb': index.code_bytes / 1e6,
                  'recall': recall_of(searches['exact'], index, asked)}
    return found


def _search_next(search: Search, asked: Iterator[Floats32]) -> None:
    search.nearest(next(asked), RECALLED)


def recall_of(exact: Search, search: Search, asked: Floats32) -> float:
    """Return the fraction of the best views by exact search that another finds, too."""
    return float(np.mean([
        np.isin(exact.nearest(one, RECALLED), search.nearest(one, RECALLED)).mean()
        for one in asked]))


def retrieval_rows(found: Mapping[str, Any]) -> list[list[str]]:
    """Return the table: head, and a row for each number of views."""
    return [[head for head, _ in COLUMNS.values()],
            *([format(one[key], form) if key in one else '-'
               for key, (_, form) in COLUMNS.items()] for one in found['rows'])]
