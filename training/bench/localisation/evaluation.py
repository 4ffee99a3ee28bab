"""Localise images whose poses are known, and sum up the results: right, silent, or false."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
import math
import time
from typing import Any

import numpy as np
from posenet_ros.arrays import Floats
from posenet_ros.geometry.lie import pose_difference
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import detect
from posenet_ros.landmarks.localisation import Localisation, Outcome, Refusal
from posenet_ros.training.bench.localisation.methods import Method, Request
from posenet_ros.training.bench.localisation.queries import Query
from posenet_ros.training.bench.localisation.variants import Variant
from posenet_ros.training.bench.mapping.queries import (
    absolute_pose_error,
    accuracy,
    FALSE_DEG,
    FALSE_M,
)
from posenet_ros.uncertainty.covariance import scale_covariance

FEATURES = 'features'
SIGMAS = 1, 2, 3
FAR_COPY_M = 3.0  # a copy that a prior of 1 m tells from the truth


@dataclass(frozen=True, eq=False)
class EvaluatedQuery:
    """
    The result of localising an image, against the truth.

    :param error_m: of the pose, metres; `error_deg` degrees; infinite without a pose, and where
        the image is of another place.
    :param refusal: why there is no pose.
    :param truth_named: whether a pose that is not false is among the ambiguous ones.
    :param normalised: (6,) error of the pose divided by its standard deviations; NaN without.
    :param sigma_m: standard deviation of the position that was claimed, metres; NaN without.
    :param evidence: of the likeliest hypothesis; likewise `inlier_ratio`.
    :param nearest_m: distance of the hypothesis nearest to the truth that is turned by 10 deg at
        most, metres; infinite without.
    :param cpu_ms: of each stage.
    """

    name: str
    outcome: Outcome
    error_m: float = math.inf
    error_deg: float = math.inf
    refusal: Refusal | None = None
    truth_named: bool = False
    normalised: Floats = field(default_factory=lambda: np.full(6, np.nan))
    sigma_m: float = math.nan
    evidence: float = 0.0
    inlier_ratio: float = 0.0
    nearest_m: float = math.inf
    hypotheses: int = 0
    rivals: int = 0
    copy_m: float = math.inf
    cpu_ms: Mapping[str, float] = field(default_factory=dict)

    def to_mapping(self) -> dict[str, Any]:
        """Return what a reader of the file asks for, as JSON types."""
        return {'name': self.name, 'outcome': self.outcome.value,
                'refusal': self.refusal and self.refusal.name.lower(),
                'error_m': _finite(self.error_m), 'error_deg': _finite(self.error_deg),
                'truth_named': self.truth_named, 'sigma_m': _finite(self.sigma_m),
                'evidence': round(self.evidence, 2),
                'inlier_ratio': round(self.inlier_ratio, 3),
                'nearest_m': _finite(self.nearest_m), 'hypotheses': self.hypotheses,
                'rivals': self.rivals, 'cpu_ms': round(sum(self.cpu_ms.values()), 1)}


def evaluate_queries(method: Method, queries: Sequence[Query], variants: Sequence[Variant],
                     seeds: Iterable[int] = (0,)) -> dict[str, list[EvaluatedQuery]]:
    """
    Localise images in all ways, each image's features being detected once.

    :returns: of each variant, by its name, the results of all images and seeds.
    """
    results: dict[str, list[EvaluatedQuery]] = {variant.name: [] for variant in variants}
    seeds = list(seeds)
    for query in queries:
        image = query.read()
        start = time.process_time()
        features = detect(image, query.camera, method.features)
        features_s = time.process_time() - start
        for seed in seeds:
            without: Localisation | None = None
            for variant in variants:
                request = Request(
                    features, variant.exclude(query, method.positions_m),
                    variant.prior(query, method.positions_m, seed, without), seed)
                cpu_s = {FEATURES: features_s}
                found = method.localise(request, cpu_s)
                results[variant.name].append(evaluated(method, query, found, cpu_s))
                if variant.noise is None:
                    without = found
    return results


def evaluated(method: Method, query: Query, found: Localisation,
              cpu_s: Mapping[str, float]) -> EvaluatedQuery:
    """Compare a result with the truth."""
    best = found.hypotheses[0] if found.hypotheses else None
    result = EvaluatedQuery(
        query.name, found.outcome, refusal=found.refusal, evidence=best.evidence if best else 0.0,
        inlier_ratio=best.inlier_ratio if best else 0.0, hypotheses=len(found.hypotheses),
        rivals=len(found.rivals), copy_m=query.copy_m,
        cpu_ms={stage: 1e3 * value for stage, value in cpu_s.items()})
    if query.truth is None:
        return result
    result = replace(result, truth_named=any(
        _is_right(absolute_pose_error(one.map_from_camera, query.truth))
        for one in found.rivals), nearest_m=nearest_m(found, query.truth))
    if found.pose is None:
        return result
    pose = found.pose.map_from_camera
    sigmas = np.sqrt(np.diag(scale_covariance(found.pose.covariance, method.sigma_scale)))
    error_m, error_deg = absolute_pose_error(pose, query.truth)
    return replace(result, error_m=error_m, error_deg=error_deg,
                   normalised=pose_difference(pose, query.truth) / sigmas,
                   sigma_m=float(np.linalg.norm(sigmas[:3])))


def nearest_m(found: Localisation, truth: Pose) -> float:
    """Return the distance of the nearest hypothesis that is turned by 10 deg at most."""
    errors = [absolute_pose_error(one.map_from_camera, truth) for one in found.hypotheses]
    return min((metres for metres, degrees in errors if degrees <= FALSE_DEG), default=math.inf)


def _is_right(errors: tuple[float, float]) -> bool:
    return errors[0] <= FALSE_M and errors[1] <= FALSE_DEG


def summary(results: Sequence[EvaluatedQuery]) -> dict[str, Any]:
    """
    Sum up the results of images of the place; see :func:`.mapping.queries.accuracy`.

    :returns: accuracy, and the proportions: `ambiguous`; `named`, of the ambiguous those with the
        truth among their poses; `answered_or_named`; `coverage`, of errors within 1 to 3 standard
        deviations.
    """
    errors = np.array([(one.error_m, one.error_deg) for one in results])
    ambiguous = np.array([one.outcome is Outcome.AMBIGUOUS for one in results])
    named = np.array([one.truth_named for one in results])
    return {**accuracy(errors), **_silent(results),
            'named': float(named.sum() / ambiguous.sum()) if ambiguous.any() else None,
            'answered_or_named': float((np.isfinite(errors[:, 0]) | named).mean()),
            'coverage': coverage(results), 'false_poses': false_poses(results),
            **cpu_figures(results)}


def by_copies(results: Sequence[EvaluatedQuery]) -> dict[str, list[EvaluatedQuery]]:
    """Divide images by how near the nearest pose is that looks the same; none without any."""
    parts: dict[str, list[EvaluatedQuery]] = {}
    if any(math.isfinite(one.copy_m) for one in results):
        for one in results:
            name = ('without a copy' if math.isinf(one.copy_m) else
                    f'with copies over {FAR_COPY_M:g} m away' if one.copy_m > FAR_COPY_M else
                    f'with a copy within {FAR_COPY_M:g} m')
            parts.setdefault(name, []).append(one)
    return parts


def summary_elsewhere(results: Sequence[EvaluatedQuery]) -> dict[str, Any]:
    """Sum up the results of images of other places: every pose is a false one."""
    accepted = sum(one.outcome is Outcome.LOCALISED for one in results)
    return {'queries': len(results), 'answered': accepted / len(results), 'false': accepted,
            'false_poses': [one.to_mapping() for one in results
                            if one.outcome is Outcome.LOCALISED],
            **_silent(results), **cpu_figures(results)}


def _silent(results: Sequence[EvaluatedQuery]) -> dict[str, Any]:
    outcomes = Counter(one.outcome for one in results)
    refusals = Counter(one.refusal.name.lower() for one in results if one.refusal)
    return {'ambiguous': outcomes[Outcome.AMBIGUOUS] / len(results), 'refusals': dict(refusals),
            'max_evidence_of_none': max(
                (one.evidence for one in results if one.outcome is Outcome.NOT_LOCALISED),
                default=0.0)}


def false_poses(results: Sequence[EvaluatedQuery]) -> list[dict[str, Any]]:
    """Return the poses that are off by 1 m or 10 deg, the worst first."""
    false = [one for one in results
             if math.isfinite(one.error_m) and not _is_right((one.error_m, one.error_deg))]
    return [one.to_mapping() for one in sorted(false, key=lambda one: -one.error_m)]


def coverage(results: Sequence[EvaluatedQuery]) -> list[float] | None:
    """Return the proportions of errors, of all axes, within 1, 2 and 3 standard deviations."""
    errors = np.array([one.normalised for one in results])
    known = np.abs(errors[np.isfinite(errors).all(axis=1)])
    return [float((known <= k).mean()) for k in SIGMAS] if len(known) else None


def cpu_figures(results: Sequence[EvaluatedQuery]) -> dict[str, Any]:
    """Return the CPU time of an image: its median and 95th percentile, and medians by stage."""
    sums = [sum(one.cpu_ms.values()) for one in results]
    stages = dict.fromkeys(stage for one in results for stage in one.cpu_ms)
    return {'cpu_ms': float(np.median(sums)), 'cpu_ms_p95': float(np.percentile(sums, 95)),
            'stages_ms': {stage: float(np.median([one.cpu_ms.get(stage, 0.0) for one in results]))
                          for stage in stages}}


def _finite(value: float) -> float | None:
    return round(float(value), 5) if math.isfinite(value) else None
