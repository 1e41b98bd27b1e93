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
    vectors = np.stack([start, other], axis=1)
    images = products.fresh(vectors)
    check_symmetric_forms(products, vectors, images)
    return np.asarray(images[:, 0])


def check_symmetric_forms(
    products: Products, vectors: NDArray[np.float64], images: NDArray[np.float64]
) -> None:
    """Refuse an operator for which u . A v and v . A u of some pair of vectors differ.

    Args:
        products: of the operator.
        vectors: (D, m), in general position.
        images: A V.

    Raises:
        ValueError: not symmetric within rounding.
    """
    forms = vectors.T @ images
    difference = np.abs(forms - forms.T)
    entry = np.linalg.norm(vectors, axis=0) / np.sqrt(len(vectors))  # an entry of u
    size = np.linalg.norm(images, axis=0)
    scale = np.sqrt(np.outer(entry, entry)) * (size[:, None] + size)
    if (difference > tolerance(products) * scale).any():
        worst = np.unravel_index(np.argmax(difference), difference.shape)
        raise ValueError(
            f"op: expected a symmetric operator, got u.Av - v.Au = {difference[worst]:.3g} against "
            f"{scale[worst]:.3g}; a random loss (dropout, train mode) or a wrong backward shows "
            "like this"
        )


def check_replayed(
    products: Products, vectors: NDArray[np.float64], images: NDArray[np.float64]
) -> None:
    """Where products came from a checkpoint, compute one again: is it this operator's?

    An operator with an identity is told apart by it; others by this product alone.

    Raises:
        ValueError: another product than the checkpoint's.
    """
    if products.replayed:
        check_repeatable(products, products.fresh(vectors[:, :1])[:, 0], images[:, 0])


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
