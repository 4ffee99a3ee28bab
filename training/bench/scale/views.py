"""How the search for similar views grows with the views: exact search, and an index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posenet_ros.inference.artifact import LANDMARKS_FILE
from posenet_ros.landmarks import landmark_file
from posenet_ros.training.bench.retrieval.benchmark import measure, QUERIES
from posenet_ros.training.bench.retrieval.walks import fit_walks
from posenet_ros.training.data.datasets import Dataset
from posenet_ros.utils.progress import progress


def measure_views(place: Path, queries: Dataset, numbers: Sequence[int],
                  work: Path) -> list[dict[str, Any]]:
    """
    Measure the search among so many views, drawn like those of a map.

    :param place: folder of the map; `queries` and `work` are not needed.
    :raises InputError: without faiss.
    """
    model = fit_walks(landmark_file.load(place / LANDMARKS_FILE).views)
    return [measure(model, views, QUERIES)
            for views in progress(sorted(numbers), len(numbers), 'size', 'views')]
