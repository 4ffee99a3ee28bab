"""
Feed a model what it was not trained on: its own images spoilt, and other places.

For each corruption at five strengths, and for each other place: how far off the poses are, how
many are accepted, and whether the model knows. The gate is as the node's defaults have it: images
out of place or with a fault have no pose. How sure the model is counts for all answers, whatever
the gate says of them. Images are spoilt as the network sees them.

    python -m training.robustness --model MODEL --data DIR --others DIR... --out TABLE.md
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
import sys

import numpy as np
from posenet_ros.errors import InputError, run_cli
from posenet_ros.evaluation.metrics.ranks import auroc
from posenet_ros.evaluation.metrics.sparsification import KEPT, sparsification
from posenet_ros.evaluation.options import gate_config
from posenet_ros.evaluation.out_of_place import open_strays
from posenet_ros.evaluation.reliability import FALSE_POSE_M, scores_of, separation, sigmas
from posenet_ros.evaluation.report.content import calibration_of
from posenet_ros.evaluation.report.tables import markdown_table, number, percent, Row
from posenet_ros.evaluation.results import FrameResult, raw_errors
from posenet_ros.evaluation.runner import infer, judge, prepare, Prepared
from posenet_ros.evaluation.sources import open_dataset
from posenet_ros.imaging.quality import Inspector
from posenet_ros.inference.artifact import load, LoadedArtifact
from posenet_ros.inference.engine import ENGINES, load_engine
from posenet_ros.localisation.factory import warm_up
from posenet_ros.localisation.gate import Gate
from posenet_ros.localisation.relocaliser import Relocaliser
from posenet_ros.training.data.corruptions import corrupted, CORRUPTIONS, STRENGTHS
from posenet_ros.utils.atomic_folder import check_new
from tqdm import tqdm

NODE_GATE = ('max_place_score=1', 'reject_faulty_images=1')  # the node's defaults
FEWEST = 5  # wrong answers, below which an AUROC would mean nothing
SPOILT, WALKS = 0.2, 5  # share of the images that are spoilt in so many versions of the walk
SURE = 0.8  # share of the answers that is kept, the surest
HEAD: Row = ('images', 'strength', 'median (m)', 'within 1 sigma', '2 sigma', 'p95 (m)',
             f'of the surest {percent(SURE, 0)}', 'by an oracle', 'accepted', 'their median (m)',
             'over {limit:g} m', 'of these accepted', 'AUROC by place score', 'by sigma',
             'mostly rejected as')
BLANK = [''] * (HEAD.index('accepted') - 1)  # columns between that say nothing of other places


class Bench:
    """
    A model with its gate, and the results on the images as they are.

    :param settings: the gate's limits, KEY=VALUE, beside the node's defaults.
    :param limit_m: an answer that is further off is a false one.
    """

    def __init__(self, artifact: LoadedArtifact, engine: str, settings: Sequence[str],
                 limit_m: float) -> None:
        self._relocaliser = Relocaliser(load_engine(artifact, engine).predict, artifact)
        warm_up(self._relocaliser, artifact)
        self._gate = Gate(gate_config([*NODE_GATE, *settings]), artifact.scene)
        self.artifact, self.limit_m = artifact, limit_m
        self.good: list[FrameResult] = []

    def prepared(self, data: Path, split: str) -> list[Prepared]:
        """Return the images of a split, as the network sees them."""
        source = open_dataset(data, split)
        if source.camera is not None:
            self._relocaliser.check_camera(source.camera)
        found = [prepare(shot, self._relocaliser, source.camera) for shot in tqdm(
            source.shots, total=source.total, desc='read', unit='image', disable=None)]
        if not found or found[0].network_input is None:
            raise InputError(f'{data}: expected images that the model can be given. Received: '
                             f'{found[0].reason if found else "none"}')
        return found

    def strays(self, folder: Path) -> list[Prepared]:
        """Return images of another place, as the network sees them."""
        with open_strays(folder, self.artifact.camera) as source:
            return [prepare(shot, self._relocaliser, None) for shot in source.shots]

    def answered(self, images: Sequence[Prepared]) -> list[FrameResult]:
        """Return the answers to images, one walk after another."""
        results, sequence, inspect = [], None, Inspector()
        for image in images:
            if image.shot.sequence != sequence:
                self._gate.reset()
                sequence = image.shot.sequence
            results.append(judge(infer(image, self._relocaliser), self._gate, inspect))
        return results


def _spoilt(image: Prepared, name: str, strength: int, seed: tuple[int, ...]) -> Prepared:
    return image if image.network_input is None else replace(
        image, network_input=corrupted(image.network_input, name, strength, seed))


def spoilt(images: Sequence[Prepared], name: str, strength: int, seed: int) -> list[Prepared]:
    """Return the images with a corruption."""
    return [_spoilt(image, name, strength, (seed, i)) for i, image in enumerate(images)]


def partly_spoilt(images: Sequence[Prepared], names: Sequence[str], seed: int) -> list[Prepared]:
    """Return the images, of which some have a corruption: which, how and how much is by chance."""
    rng = np.random.default_rng(seed)
    count = len(images)
    bad, ways = rng.random(count) < SPOILT, rng.choice(names, count)
    strengths = rng.choice(STRENGTHS, count)
    return [_spoilt(image, ways[i], strengths[i], (seed, i)) if bad[i] else image
            for i, image in enumerate(images)]


def _aurocs(good: Sequence[FrameResult], wrong: Sequence[FrameResult]) -> tuple[str, str]:
    """Return how well score and sigma tell wrong answers from those to the images as they are."""
    if len(wrong) < FEWEST:
        return '', ''
    pairs = ((scores_of(good), scores_of(wrong)), (sigmas(good)[0], sigmas(wrong)[0]))
    by_score, by_sigma = (
        f'{auroc(low, high):.3f}' if low.size and high.size and np.ptp(low) > 1e-9 else '-'
        for low, high in pairs)
    return by_score, by_sigma


def _wrong(frames: Sequence[FrameResult], limit_m: float) -> list[FrameResult]:
    return [f for f, metres in zip(frames, raw_errors(frames)[0], strict=True)
            if f.estimate is not None and metres > limit_m]


def _why(frames: Sequence[FrameResult]) -> str:
    """Return the commonest reason why frames were not accepted."""
    outcomes = Counter(f.outcome for f in frames if not f.accepted)
    return outcomes.most_common(1)[0][0].replace('_', ' ') if outcomes else ''


def _sureness(frames: Sequence[FrameResult]) -> tuple[str, ...]:
    """Return the answers' coverage, and their p95: of all, of the surest, of the best."""
    answers = [f for f in frames if f.estimate is not None]
    known = calibration_of(answers)
    coverage = (percent(known['pose']['coverage'][f'{k}_sigma']) for k in (1, 2)) if known else (
        '-', '-')
    curves, i = sparsification(raw_errors(answers)[0], sigmas(answers)[0]), KEPT.index(SURE)
    p95s = (curves['p95'][-1], curves['p95'][i], curves['oracle_p95'][i]) if curves else (
        None,) * 3
    return (*coverage, *map(number, p95s))


def row(bench: Bench, name: str, strength: str, frames: Sequence[FrameResult]) -> Row:
    """Return the table's row of images that were taken in the trained place."""
    metres = raw_errors(frames)[0]
    accepted = np.array([f.accepted for f in frames])
    wrong = _wrong(frames, bench.limit_m)
    return (name.replace('_', ' '), strength, number(float(np.median(metres))),
            *_sureness(frames), percent(accepted.mean()),
            number(float(np.median(metres[accepted])) if accepted.any() else None),
            str(len(wrong)), str(sum(f.accepted for f in wrong)), *_aurocs(bench.good, wrong),
            _why(frames))


def stray_row(bench: Bench, name: str, frames: Sequence[FrameResult]) -> Row:
    """Return the table's row of another place, where every accepted pose is a false one."""
    accepted = sum(f.accepted for f in frames)
    return (name, *BLANK, percent(accepted / len(frames)), '', str(len(frames)), str(accepted),
            *_aurocs(bench.good, frames), _why(frames))


def rows(bench: Bench, options: argparse.Namespace) -> Iterator[Row]:
    """Yield the head and the rows of the table, and at last those that sum up."""
    yield [cell.format(limit=bench.limit_m) for cell in HEAD]
    images = bench.prepared(options.data, options.split)
    frames = bench.answered(images)
    bench.good = [f for f in frames if f.estimate is not None]
    yield row(bench, 'as they are', '', frames)
    strongest: list[FrameResult] = []
    plan = [(name, strength) for name in options.corruptions for strength in STRENGTHS]
    for name, strength in tqdm(plan, unit='set', desc='spoilt', disable=None, dynamic_ncols=True):
        found = bench.answered(spoilt(images, name, strength, options.seed))
        strongest += found if strength == max(STRENGTHS) else []
        yield row(bench, name, str(strength), found)
    if strongest:
        yield row(bench, 'all of strength 5', '5', strongest)
        yield row(bench, f'{percent(SPOILT, 0)} of them spoilt', '1 to 5', [
            frame for walk in range(WALKS) for frame in bench.answered(
                partly_spoilt(images, options.corruptions, options.seed + walk))])
    strays: list[FrameResult] = []
    for folder in options.others:
        found = bench.answered(bench.strays(folder))
        strays += found
        yield stray_row(bench, folder.resolve().name, found)
    if len(options.others) > 1:
        yield stray_row(bench, 'all other places', strays)
    inside, outside = scores_of(bench.good), scores_of(strays)
    if inside.size and outside.size:
        share = separation(inside, outside)['out_of_place_at_95']
        yield ('other places that pass a score that lets 95 % of the images as they are pass',
               *BLANK, percent(share), *[''] * (len(HEAD) - len(BLANK) - 2))


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(
        prog='python -m training.robustness', description='Feed a model its own images, spoilt, '
        'and images of other places; write a table of what it makes of them.')
    result.add_argument('--model', type=Path, required=True, metavar='FOLDER', help='model folder')
    result.add_argument('--data', type=Path, required=True, metavar='DIR',
                        help='dataset of the place that the model was trained in')
    result.add_argument('--split', choices=('train', 'test'), default='test',
                        help='default %(default)s')
    result.add_argument('--others', nargs='*', type=Path, default=[], metavar='PATH',
                        help='folders of images, or bags, of other places')
    result.add_argument('--corruptions', nargs='*', choices=list(CORRUPTIONS),
                        default=list(CORRUPTIONS), metavar='NAME',
                        help=f'default: all, {", ".join(CORRUPTIONS)}')
    result.add_argument('--false-pose', type=float, default=FALSE_POSE_M, metavar='M',
                        help='an answer further off than this is a false one, metres '
                        '(default %(default)s)')
    result.add_argument('--gate', action='append', default=[], metavar='KEY=VALUE',
                        help=f'a limit of the gate, beside {", ".join(NODE_GATE)}')
    result.add_argument('--engine', choices=ENGINES, default='auto', help='default %(default)s')
    result.add_argument('--seed', type=int, default=0, help='of the randomness (default 0)')
    result.add_argument('--out', type=Path, required=True, metavar='FILE',
                        help='the table, in Markdown')
    result.add_argument('--force', action='store_true', help='replace an existing file')
    return result


def main(argv: Sequence[str] | None = None) -> int:
    """Write the table."""
    options = parser().parse_args(argv)
    check_new(options.out, force=options.force)
    bench = Bench(load(options.model), options.engine, options.gate, options.false_pose)
    table = markdown_table(list(rows(bench, options)))
    options.out.write_text(table + '\n', encoding='utf-8')
    print(table)
    return 0


if __name__ == '__main__':
    sys.exit(run_cli(main))
