"""The plane of a trajectory's first two principal components, placed at a minimum."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

# Fewer epoch ends than this span no plane.
LEAST_POINTS = 3
# A start whose score is less than this part of the singular value lies on neither side.
_NO_SIGN = 1e-8

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrajectoryPlane:
    """The plane origin + x PC1 + y PC2, and where the trajectory's n points lie from it.

    Attributes:
        origin: the point that the plane goes through, shape (D,), radians.
        directions: PC1 and PC2, shape (2, D), orthonormal, so x and y are lengths in radians.
        ratios: contribution ratios of all components, shape (min(n, D),), descending; sum 1.
        coordinates: x and y of every point's projection, shape (n, 2).
        off_plane: distance of every point from the plane, shape (n,).
        from_origin: distance of every point from the origin, shape (n,).
    """

    origin: Float
    directions: Float
    ratios: Float
    coordinates: Float
    off_plane: Float
    from_origin: Float

    def at(self, x: float, y: float) -> Float:
        """The point of the plane at x and y, shape (D,); the origin's own bits at (0, 0)."""
        return np.asarray(self.origin + (x * self.directions[0] + y * self.directions[1]))


def trajectory_plane(points: NDArray[np.floating], origin: int) -> TrajectoryPlane:
    """Principal components of a trajectory and the plane of the first two through one point.

    The components are the right singular vectors of the centred points, the contribution ratios
    s_k^2 / sum_j s_j^2 (paper, Appendix B). Signs: the start, points[0], has a negative score on
    PC1 and PC2, so that training runs from the lower left; where its score vanishes, the entry of
    largest magnitude is positive.

    Computed in float64 on one BLAS thread, so that the number of threads does not change a bit.

    Args:
        points: shape (n, D), the start first.
        origin: index of the point that the plane goes through.

    Raises:
        ValueError: fewer than three points, numbers that are not finite, points that all
            coincide or lie on a line.
    """
    trajectory = np.asarray(points, dtype=np.float64)
    if trajectory.ndim != 2 or min(trajectory.shape) < 1:
        raise ValueError(f"points: expected shape (n, D), got {trajectory.shape}")
    if not np.isfinite(trajectory).all():
        raise ValueError("points: expected finite angles, got NaN or infinity")
    if len(trajectory) < LEAST_POINTS:
        raise ValueError(
            f"points: expected at least {LEAST_POINTS} to span a plane (the start and two epochs), "
            f"got {len(trajectory)}; train for more epochs"
        )
    if not 0 <= origin < len(trajectory):
        raise ValueError(f"origin: expected 0 to {len(trajectory) - 1}, got {origin}")
    # Relative to the origin first: points that coincide then do so exactly.
    moved = trajectory - trajectory[origin]
    if not moved.any():
        raise ValueError(
            f"points: expected a trajectory that moves, got {len(trajectory)} equal points; "
            "is the learning rate zero?"
        )
    with threadpool_limits(limits=1, user_api="blas"):
        centred = moved - moved.mean(axis=0)
        # left: the points' scores in units of their component's singular value
        left, sizes, components = np.linalg.svd(centred, full_matrices=False)
        rounding = np.finfo(np.float64).eps * max(centred.shape)
        if len(sizes) < 2 or sizes[1] <= rounding * max(sizes[0], np.abs(trajectory).max()):
            raise ValueError(
                f"points: expected a trajectory that spans a plane, got {len(trajectory)} points "
                "on a line; train for more epochs"
            )
        signs = [_sign(score, pc) for score, pc in zip(left[0, :2], components[:2], strict=True)]
        directions = np.array(signs)[:, None] * components[:2]
        coordinates = moved @ directions.T
        off_plane = np.linalg.norm(moved - coordinates @ directions, axis=1)
    return TrajectoryPlane(
        origin=trajectory[origin],
        directions=directions,
        ratios=sizes**2 / (sizes**2).sum(),
        coordinates=coordinates,
        off_plane=off_plane,
        from_origin=np.linalg.norm(moved, axis=1),
    )


def _sign(start_score: float, component: Float) -> float:
    """The factor that gives a component the sign that ``trajectory_plane`` promises."""
    if abs(start_score) > _NO_SIGN:
        return -1.0 if start_score > 0 else 1.0
    return 1.0 if component[np.abs(component).argmax()] > 0 else -1.0


def random_walk_ratios(n_points: int) -> NDArray[np.float64]:
    """Contribution ratios of a random walk's principal components, in the limit of many angles.

    In many dimensions the Gram matrix of the centred walk tends to C M C, M_ij = min(i, j), C the
    centring matrix, whatever the isotropic step; its eigenvalues are the contributions. For long
    walks the ratio of the k-th tends to 6 / (pi k)^2 (Antognini and Sohl-Dickstein 2018).

    Args:
        n_points: points of the walk, the start included.

    Returns:
        Shape (n_points,), the largest first.
    """
    steps = np.arange(n_points)
    centring = np.eye(n_points) - 1 / n_points
    values = np.linalg.eigvalsh(centring @ np.minimum.outer(steps, steps) @ centring)[::-1]
    return np.asarray(values / values.sum())


def random_walk_ratio(n_points: int, n_components: int) -> float:
    """Contribution ratio of a random walk's first components together; see random_walk_ratios."""
    return float(random_walk_ratios(n_points)[:n_components].sum())
