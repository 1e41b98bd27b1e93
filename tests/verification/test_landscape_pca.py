"""The plane of a trajectory: components, signs, projections, distances."""

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from patchlaw.verification.landscape.pca import (
    random_walk_ratio,
    random_walk_ratios,
    trajectory_plane,
)
from tests.strategies import real_arrays
from tests.verification.landscape_cases import independent_components


@st.composite
def trajectories(draw: st.DrawFn, rank: st.SearchStrategy[int] | None = None) -> np.ndarray:
    """Points (n, D) that stray from one place in a few drawn directions, some more than others."""
    r = draw(st.integers(2, 4) if rank is None else rank)
    n = draw(st.integers(r + 1, 9))
    d = draw(st.integers(r, 12))
    lengths = draw(real_arrays((n, r), bound=3.0)) * 2.0 ** -np.arange(r)
    return draw(real_arrays(d)) + lengths @ draw(real_arrays((r, d), bound=1.0))


def spread(points: np.ndarray) -> np.ndarray:
    """Singular values of the centred points."""
    return np.linalg.svd(points - points.mean(axis=0), compute_uv=False)


def spans_a_clear_plane(points: np.ndarray) -> bool:
    """The first two components are each determined to about 1e-12: no two sizes nearly equal."""
    sizes = np.append(spread(points), 0.0)
    return bool(sizes[1] > 1e-2 and (sizes[:2] - sizes[1:3] > 1e-2 * sizes[0]).all())


@given(trajectories(), st.integers(0, 8))
def test_components_and_projections_are_those_of_scikit_learn(points, origin):
    """Only this catches points that are not centred, swapped components and projected signs."""
    assume(spans_a_clear_plane(points))
    origin %= len(points)
    pca, components, scores = independent_components(points)
    assume((np.abs(scores[0]) > 1e-3).all())
    plane = trajectory_plane(points, origin)
    # errors are eps |points| / gap: 1e-16 * 1e1 / 1e-4 at most
    np.testing.assert_allclose(plane.ratios, pca.explained_variance_ratio_, atol=1e-12)
    np.testing.assert_allclose(plane.directions, components, atol=1e-10)
    np.testing.assert_allclose(plane.coordinates, scores - scores[origin], atol=1e-10)


@given(trajectories(), st.integers(0, 8))
def test_distances_are_those_of_least_squares(points, origin):
    """The nearest point of the plane, found without using that the components are orthonormal."""
    assume(spans_a_clear_plane(points))
    origin %= len(points)
    components = independent_components(points)[1]
    plane = trajectory_plane(points, origin)
    for point, distance, from_origin in zip(
        points, plane.off_plane, plane.from_origin, strict=True
    ):
        moved = point - points[origin]
        weights = np.linalg.lstsq(components.T, moved, rcond=None)[0]
        assert distance == pytest.approx(np.linalg.norm(moved - weights @ components), abs=1e-10)
        assert from_origin == pytest.approx(np.linalg.norm(moved), abs=1e-12)
    np.testing.assert_allclose(plane.directions @ plane.directions.T, np.eye(2), atol=1e-13)
    assert plane.off_plane[origin] == plane.from_origin[origin] == 0.0
    assert (plane.coordinates[origin] == 0.0).all()


@given(trajectories(rank=st.just(2)), st.integers(0, 8))
def test_a_planar_trajectory_is_rebuilt_from_its_coordinates(points, origin):
    """Only this ties ``at`` to the coordinates: x with PC1, y with PC2, signs as projected."""
    assume(spread(points)[1] > 1e-2)
    plane = trajectory_plane(points, origin % len(points))
    assert plane.ratios[:2].sum() == pytest.approx(1.0, abs=1e-12)
    for point, (x, y) in zip(points, plane.coordinates, strict=True):
        np.testing.assert_allclose(plane.at(x, y), point, atol=1e-11)
    np.testing.assert_allclose(plane.off_plane, 0.0, atol=1e-11)
    assert (plane.at(0.0, 0.0) == plane.origin).all()


@given(trajectories(), st.permutations(range(12)))
def test_the_start_is_at_the_lower_left_however_the_angles_are_ordered(points, order):
    """The sign rule looks at the trajectory: not at the angles' order, nor at their signs."""
    assume(spans_a_clear_plane(points))
    plane = trajectory_plane(points, len(points) - 1)
    start = plane.coordinates[0] - plane.coordinates.mean(axis=0)
    assume((np.abs(start) > 1e-3).all())
    assert (start < 0).all()
    columns = [column for column in order if column < points.shape[1]]
    turned = trajectory_plane(-points[:, columns], len(points) - 1)
    np.testing.assert_allclose(turned.coordinates, plane.coordinates, atol=1e-10)
    np.testing.assert_allclose(turned.directions, -plane.directions[:, columns], atol=1e-10)


@pytest.mark.parametrize("turn", [1.0, -1.0])
def test_a_start_on_neither_side_leaves_the_sign_to_the_largest_entry(turn):
    points = np.array([[-2.0, 0.0, 0.0], [1.0, turn, 0.1 * turn], [1.0, -turn, -0.1 * turn]])
    plane = trajectory_plane(points, 0)
    np.testing.assert_allclose(plane.directions[0], [1, 0, 0], atol=1e-15)
    np.testing.assert_allclose(plane.directions[1] * np.hypot(1, 0.1), [0, 1, 0.1], atol=1e-15)


@given(real_arrays(4), real_arrays(4), st.lists(st.floats(-3, 3), min_size=3, max_size=6))
@example(np.full(4, 0.1), np.full(4, 0.3), [0.1, 0.2, 0.7])
def test_points_on_a_line_span_no_plane(place, direction, lengths):
    points = place + np.outer(lengths, direction)
    with pytest.raises(ValueError, match=r"points: expected a trajectory that (moves|spans)"):
        trajectory_plane(points, 0)


@pytest.mark.parametrize(
    ("points", "origin", "message"),
    [
        (np.eye(2), 0, "points: expected at least 3 .* got 2; train for more epochs"),
        (np.full((4, 3), 0.1), 1, "expected a trajectory that moves, got 4 equal points"),
        (np.ones(5), 0, r"points: expected shape \(n, D\), got \(5,\)"),
        (np.ones((5, 0)), 0, r"points: expected shape \(n, D\), got \(5, 0\)"),
        (np.arange(4.0)[:, None], 0, "points: expected a trajectory that spans a plane"),
        (np.array([[0.0, 1.0], [1.0, np.nan], [2.0, 0.0]]), 0, "points: expected finite angles"),
        (np.eye(3), 3, "origin: expected 0 to 2, got 3"),
    ],
)
def test_what_has_no_plane_is_refused(points, origin, message):
    with pytest.raises(ValueError, match=message):
        trajectory_plane(points, origin)


def test_arguments_stay_as_they_are():
    points = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
    before = points.copy()
    trajectory_plane(points, 2)
    assert (points == before).all()


def test_a_walk_in_many_angles_has_the_ratios_of_a_random_walk():
    """Independent of the formula: drawn walks. Their Gram matrix strays by 1 / sqrt(D)."""
    rng = np.random.default_rng(5)
    steps = rng.standard_normal((51, 30_000))
    walk = np.cumsum(steps, axis=0)
    ratios = random_walk_ratios(51)
    np.testing.assert_allclose(trajectory_plane(walk, 30).ratios, ratios, atol=0.01)
    assert ratios[:2].sum() == pytest.approx(random_walk_ratio(51, 2), rel=1e-15)
    assert ratios.sum() == pytest.approx(1.0, rel=1e-12)
    assert (np.diff(ratios) <= 0).all()
