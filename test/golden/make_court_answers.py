"""
Write court_answers.csv: what the demo's network says on the test walk, with three bad stretches.

    make demo && python -m test.golden.make_court_answers demo

Another training gives other answers: say in the commit why they were made anew.
"""

from __future__ import annotations

from pathlib import Path
import sys

from posenet_ros.evaluation.report.folder import write_csv
from posenet_ros.evaluation.results import FrameTable
from posenet_ros.inference.artifact import load
from posenet_ros.training.pipelines.robustness.bench import RobustnessBench
from posenet_ros.training.pipelines.robustness.sets import corrupt_images

FILE = Path(__file__).with_name('court_answers.csv')
# frames from and to, corruption, strength: people in the way, fog, out of focus
STRETCHES = ((60, 100, 'occlusion', 5), (130, 150, 'fog', 5), (180, 230, 'defocus_blur', 5))
# the filter is to weigh the bad poses by their covariance, so the gate lets them pass
GATE = ('max_place_score=0', 'reject_faulty_images=0')


def main(demo: Path) -> None:
    """Answer the walk's images."""
    bench = RobustnessBench(load(demo / 'model'), 'auto', GATE, limit_m=5.0)
    images = bench.load_images(demo / 'court', 'test')
    for start, end, name, strength in STRETCHES:
        images[start:end] = corrupt_images(images, name, strength, 0)[start:end]
    write_csv(FILE, FrameTable.from_frames(bench.localise(images)))


if __name__ == '__main__':
    main(Path(sys.argv[1]))
