"""Is the operator what the solvers need: symmetric, and the same at every product?"""

import numpy as np
from numpy.typing import NDArray

from verification.solvers.products import Products


def check_symmetric(
    products: Products, start: NDArray[np.float64], seed: int
) -> NDArray[np.float64]:
    """A start, after checking u . A v = v . A u for u = start and a random v.

    Two fresh products in one pass. They are compared within the rounding of the operator's
    dtype, so an asymmetry well above it is found, whatever its place.

    Returns:
        A start, shape (D,), for ``check_repeatable``.

    Raises:
        ValueError: not symmetric.
    """
    other = np.random.default_rng([seed, 1]).standard_normal(len(start))
    other *= np.linalg.norm(start) / np.linalg.norm(other)
    a_start, a_other = products.fresh(np.stack([start, other], axis=1)).T
    difference = abs(start @ a_other - other @ a_start)
    size = np.linalg.norm(start) / np.sqrt(len(start))  # an entry of u or v
    scale = size * (np.linalg.norm(a_start) + np.linalg.norm(a_other))
    if difference > tolerance(products) * scale:
        raise ValueError(
            f"op: expected a symmetric operator, got u.Av - v.Au = {difference:.3g} against "
            f"{scale:.3g}; a random loss (dropout, train mode) or a wrong backward shows like this"
        )
    return np.asarray(a_start)


def check_repeatable(
    products: Products, first: NDArray[np.float64], again: NDArray[np.float64]
) -> None:
    """Refuse an operator whose product with one vector came out differently the second time.

    Raises:
        ValueError: not the same within rounding.
    """
    difference = float(np.linalg.norm(first - again))
    scale = float(np.linalg.norm(first) + np.linalg.norm(again))
    if difference > tolerance(products) * scale:
        if products.replayed:
            raise ValueError(
                "op: expected the operator whose products the checkpoint holds, got another: they "
                f"differ by {difference / scale:.2g} of their norm"
            )
        raise ValueError(
            "op: expected the same product of the same vector every time, got a difference of "
            f"{difference / scale:.2g} of its norm; call model.eval(), fix the mini-batch and its "
            "augmentation, and seed or remove every random draw"
        )


def tolerance(products: Products) -> float:
    """Relative size of differences taken for rounding: 2e-3 in float32, 6e-7 in float64 (ours)."""
    return float(np.finfo(products.op.dtype).eps ** 0.4)
