"""What a principal component analysis says of a trajectory that goes nowhere in particular."""

import numpy as np
from numpy.typing import NDArray


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
    """Contribution ratio of a random walk's first components together; see random_walk_ratios.

    Args:
        n_points: points of the walk, the start included.
        n_components: components taken, the largest first.
    """
    return float(random_walk_ratios(n_points)[:n_components].sum())
