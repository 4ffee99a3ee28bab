"""Matches, tracks and their triangulation, on scenes with a known answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from posenet_ros.geometry.pose import Pose
from posenet_ros.landmarks.features import Features
from posenet_ros.landmarks.matching import match_mutual, unit_rows
from posenet_ros.training.landmarks.options import MatchOptions, pixels, TriangulationOptions
from posenet_ros.training.landmarks.reconstruction.pairs import Cameras, cameras_of
from posenet_ros.training.landmarks.reconstruction.tracks import (
    connected_components,
    make_tracks,
    Tracks,
)
from posenet_ros.training.landmarks.reconstruction.triangulation import triangulate, Triangulated
from posenet_ros.training.landmarks.reconstruction.verified_matches import (
    epipolar_errors,
    essential_matrix,
    match_pairs,
    match_views,
    PairMatches,
    verify,
)

from .scene import AHEAD, disturbed, make_dataset, observe, scene_points

ANY = MatchOptions(max_epipolar_error=1e9, min_matches=1)
EXACT = TriangulationOptions()


def cameras_at(*positions: tuple[float, float, float]) -> Cameras:
    return Cameras(np.array(positions, float), np.tile(AHEAD, (len(positions), 1, 1)))


def project(cameras: Cameras, points: np.ndarray) -> np.ndarray:
    """Project points (N, 3) into V cameras: (V, N, 2) normalised image coordinates."""
    seen = np.einsum('vji,vnj->vni', cameras.rotations,
                     points[np.newaxis] - cameras.positions_m[:, np.newaxis])
    return seen[..., :2] / seen[..., 2:]


def whole_tracks(rays: np.ndarray) -> tuple[Tracks, list[Features]]:
    """Make tracks of points that all V views see, of their projections (V, N, 2)."""
    views, count = rays.shape[:2]
    tracks = Tracks(np.tile(np.arange(views), count), np.repeat(np.arange(count), views),
                    np.arange(count + 1) * views)
    return tracks, [Features(one, np.zeros((count, 128), np.uint8)) for one in rays]


def run(cameras: Cameras, rays: np.ndarray,
        options: TriangulationOptions = EXACT) -> Triangulated:
    tracks, features = whole_tracks(rays)
    return triangulate(tracks, features, cameras, options)


def test_the_epipolar_error_of_the_same_point_is_zero() -> None:
    data = make_dataset(2, 3)
    cameras, points = cameras_of(data), scene_points(50)
    rays = project(cameras, points)
    for first, second in ((0, 2), (1, 4), (5, 0)):
        essential = essential_matrix(cameras, first, second)
        assert epipolar_errors(rays[first], rays[second], essential).max() < 1e-9
        away = epipolar_errors(rays[first], rays[second] + 0.02, essential)
        assert np.median(away) > 0.01
    assert not essential_matrix(cameras, 1, 1).any()


def test_matches_are_mutual_pass_the_ratio_test_and_lie_on_their_lines() -> None:
    data = make_dataset(1, 2)
    features = [one.features for one in observe(data, scene_points(300))]
    descriptors = [unit_rows(one.descriptors) for one in features]
    essential = essential_matrix(cameras_of(data), 0, 1)
    for ratio in (0.99, 0.8):
        plain = np.column_stack(match_mutual(*descriptors, ratio))
        found = match_views(descriptors[0], features[0].points_normalized, features[1],
                            essential, replace(ANY, max_ratio=ratio))
        assert np.array_equal(found, plain)
    wrong = features[1].points_normalized.copy()
    moved = found[::3, 1]
    wrong[moved] += (0, 8 / 400)
    spoilt = features[1]._replace(points_normalized=wrong)
    left = match_views(
        descriptors[0], features[0].points_normalized, spoilt, essential, MatchOptions())
    assert len(left) >= 0.95 * (len(found) - len(moved))
    assert not np.isin(left[:, 1], moved).any()


def test_pairs_are_matched_and_verified_anew_by_other_poses() -> None:
    data = make_dataset(1, 4)
    features = [one.features for one in observe(data, scene_points(300))]
    pairs = np.array([[0, 1], [0, 3], [2, 3]])
    matches = match_pairs(features, cameras_of(data), pairs, MatchOptions())
    assert [(one.first, one.second) for one in matches] == [(0, 1), (0, 3), (2, 3)]
    assert min(len(one.keypoints) for one in matches) > 50
    off = cameras_of(disturbed(data, 0.1, 1.0))
    wide = match_pairs(features, off, pairs, ANY)
    again = verify(wide, features, cameras_of(data), MatchOptions())
    for ours, theirs in zip(again, matches, strict=True):
        assert np.array_equal(ours.keypoints, theirs.keypoints)
    fewer = verify(wide, features, off, MatchOptions())
    assert sum(len(one.keypoints) for one in fewer) < 0.7 * sum(
        len(one.keypoints) for one in matches)
    assert match_pairs(features, off, np.empty((0, 2), np.intp), ANY) == []


def test_components_are_those_of_a_graph_search() -> None:
    rng = np.random.default_rng(0)
    edges = rng.integers(0, 300, (180, 2))
    labels = connected_components(300, *edges.T)
    for node in range(300):
        reached, todo = {node}, [node]
        while todo:
            here = todo.pop()
            near = set(edges[edges[:, 0] == here, 1]) | set(edges[edges[:, 1] == here, 0])
            todo += near - reached
            reached |= near
        assert labels[node] == min(reached)
    chain = np.arange(999)
    assert not connected_components(1000, chain, chain + 1).any()


def test_tracks_join_matches_over_views() -> None:
    matches = [PairMatches(0, 1, np.array([[2, 0], [1, 1]])),
               PairMatches(1, 2, np.array([[0, 3], [2, 2]]))]
    tracks = make_tracks([3, 3, 4], matches)
    found = [list(zip(tracks.views[a:b].tolist(), tracks.keypoints[a:b].tolist(), strict=True))
             for a, b in zip(tracks.starts, tracks.starts[1:], strict=False)]
    assert found == [[(0, 1), (1, 1)], [(0, 2), (1, 0), (2, 3)], [(1, 2), (2, 2)]]
    assert tracks.subset(np.array([1])).keypoints.tolist() == [2, 0, 3]
    kept, chosen = tracks.where(tracks.views != 0, min_length=2)
    assert (chosen.tolist(), kept.starts.tolist()) == ([1, 2], [0, 2, 4])
    assert len(make_tracks([3, 3], [])) == 0


def test_exact_rays_meet_in_the_points() -> None:
    cameras = cameras_at((0, 0, 0), (0.5, 0, 0.1), (1, 0.2, 0), (-0.5, 0, 0))
    points = scene_points(500)
    found = run(cameras, project(cameras, points))
    assert len(found.points_m) == 500
    assert np.allclose(found.points_m, points, atol=1e-5)
    assert found.errors.max() < 1e-6
    small = run(cameras, project(cameras, points), replace(EXACT, chunk=7))
    assert np.allclose(small.points_m, found.points_m, atol=1e-6)


def test_a_wrong_ray_is_left_out_and_parallel_rays_do_not_meet() -> None:
    cameras = cameras_at((0, 0, 0), (1, 0, 0), (2, 0, 0), (-1.5, 0, 0))
    points = np.array([[0.3, 6.0, 0.5], [-1.0, 9.0, 2.0], [0.0, 9000.0, 0.0], [0, -5, 0.0]])
    rays = project(cameras, points)
    rays[3, 0] += 0.1
    found = run(cameras, rays)
    assert np.allclose(found.points_m, points[:2], atol=1e-5), 'not far away, not behind'
    assert found.tracks.lengths.tolist() == [3, 4]
    assert found.tracks.views[:3].tolist() == [0, 1, 2]


def test_rays_have_to_meet_at_a_wide_enough_angle() -> None:
    points = np.array([[0.0, 10.0, 0.0]])
    for angle_deg, count in ((1.3, 0), (1.7, 1)):
        cameras = cameras_at((0, 0, 0), (10 * np.tan(np.radians(angle_deg)), 0, 0))
        assert len(run(cameras, project(cameras, points)).points_m) == count


def test_noise_is_averaged_over_the_rays() -> None:
    cameras = cameras_at(*((0.1 * i, 0, 0.02 * i) for i in range(12)))
    points = scene_points(300)
    rays = project(cameras, points)
    noisy = rays + np.random.default_rng(0).normal(0, pixels(0.5), rays.shape)
    errors = []
    for views in (slice(None), [0, 11]):
        part = Cameras(cameras.positions_m[views], cameras.rotations[views])
        found = run(part, noisy[views])
        assert len(found.points_m) == 300
        errors.append(np.median(np.linalg.norm(found.points_m - points, axis=1)))
    assert errors[0] < 0.75 * errors[1]


def test_two_spots_that_one_wrong_match_joined_are_both_found() -> None:
    cameras = cameras_at(*((0.3 * i, 0, 0) for i in range(8)))
    points = np.array([[0.3, 6.0, 0.5], [-1.0, 5.0, 1.0]])
    rays = project(cameras, points)
    features = [Features(one, np.zeros((2, 128), np.uint8)) for one in rays]
    views = np.concatenate([np.arange(8), np.arange(3)])
    both = Tracks(views, np.repeat([0, 1], [8, 3]), np.array([0, 11]))
    found = triangulate(both, features, cameras, EXACT)
    assert np.allclose(found.points_m, points, atol=1e-5)
    assert found.tracks.lengths.tolist() == [8, 3]
    once = triangulate(both, features, cameras, replace(EXACT, rounds=1))
    assert len(once.points_m) == 1


def test_a_view_has_one_keypoint_of_a_landmark_the_nearest() -> None:
    cameras = cameras_at(*((0.3 * i, 0, 0) for i in range(4)))
    rays = project(cameras, np.array([[0.3, 6.0, 0.5]]))
    rays = np.concatenate([rays, rays + pixels(1)], axis=1)  # a second keypoint a pixel beside
    features = [Features(one, np.zeros((2, 128), np.uint8)) for one in rays]
    tracks = Tracks(np.array([0, 1, 1, 2, 3]), np.array([0, 1, 0, 0, 0]), np.array([0, 5]))
    found = triangulate(tracks, features, cameras, EXACT)
    assert found.tracks.views.tolist() == [0, 1, 2, 3]
    assert found.tracks.keypoints.tolist() == [0, 0, 0, 0]


def test_nothing_to_triangulate_gives_nothing() -> None:
    cameras = cameras_at((0, 0, 0), (1, 0, 0))
    found = triangulate(make_tracks([2, 2], []), whole_tracks(np.zeros((2, 2, 2)))[1], cameras,
                        EXACT)
    assert (len(found.points_m), len(found.errors), len(found.tracks)) == (0, 0, 0)


def test_a_camera_pose_is_map_from_camera() -> None:
    data = make_dataset(1, 3)
    cameras = cameras_of(data)
    pose: Pose = data.samples[1].map_from_camera
    assert np.allclose(cameras.rotations[1] @ (0, 0, 1), pose.rotation[:, 2])
    assert np.allclose(cameras.positions_m[1], pose.translation_m)
