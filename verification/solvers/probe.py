"""Is the operator what the solvers need: symmetric, and the same at every product?

The one place of that check. What it costs each solver, in products beside its own:

- ``top_eigenpairs``: two in one pass at the start, one at the end, in the pass of the residuals;
  without the probe, the last one only.
- ``spectral_density``: two in one pass at the start, one at the end.
- ``estimate_trace``: one at the end; its probes show the symmetry for nothing.
- ``dense_matrix``, ``dense_residual``: one at the start, held against the matrix at the end, and
  the elements themselves.

Everything is compared within the rounding of the operator's dtype, see ``tolerance``.
"""

import numpy as np
from numpy.typing import NDArray

from patchlaw.verification.solvers.products import Products

Float = NDArray[np.float64]


def check_symmetric(products: Products, start: Float, seed: int) -> Float:
    """A start, after checking u . A v = v . A u for u = start and a random v.

    Two fresh products in one pass. They are compared within the rounding of the operator's
    dtype, so an asymmetry well above it is found, whatever its place.

    Returns:
        A start, shape (D,), for ``check_repeatable``.

    Raises:
        ValueError: not symmetric.
    """
    other = random_vector(len(start), seed)
    other *= np.linalg.norm(start) / np.linalg.norm(other)
    vectors = np.stack([start, other], axis=1)
    images = products.fresh(vectors)
    check_symmetric_forms(products, vectors, images)
    return images[:, 0].copy()  # alone, not with the other one behind it


def random_vector(size: int, seed: int) -> Float:
    """A Gaussian vector (D,) that no start vector or probe of that seed coincides with."""
    return np.random.default_rng([seed, 1]).standard_normal(size)


def check_symmetric_forms(
    products: Products,
    vectors: Float,
    images: Float,
    others: Float | None = None,
    images_of_others: Float | None = None,
) -> None:
    """Refuse an operator for which u . A v and v . A u of some pair of vectors differ.

    Args:
        products: of the operator.
        vectors: (D, m), in general position.
        images: A V.
        others: (D, n), paired with the vectors; the vectors with each other if left out.
        images_of_others: A of them.

    Raises:
        ValueError: not symmetric within rounding.
    """
    if others is None or images_of_others is None:
        others, images_of_others = vectors, images
    difference = np.abs(vectors.T @ images_of_others - images.T @ others)
    root = np.sqrt(len(vectors))
    entry, entry_of_others = (np.linalg.norm(v, axis=0) / root for v in (vectors, others))
    size, size_of_others = (np.linalg.norm(v, axis=0) for v in (images, images_of_others))
    scale = np.sqrt(np.outer(entry, entry_of_others)) * (size[:, None] + size_of_others)
    if (difference > tolerance(products) * scale).any():
        worst = np.unravel_index(np.argmax(difference), difference.shape)
        raise ValueError(
            f"op: expected a symmetric operator, got u.Av - v.Au = {difference[worst]:.3g} against "
            f"{scale[worst]:.3g}; a random loss (dropout, train mode) or a wrong backward shows "
            "like this"
        )


def check_unchanged(products: Products, vector: Float, image: Float, *, recalled: bool) -> None:
    """Multiply a vector once more: is the operator still that of its first product?

    Where that one came from a checkpoint this tells operators apart that have no identity.

    Args:
        products: of the operator.
        vector: v, shape (D,).
        image: A v.
        recalled: as in ``check_repeatable``.

    Raises:
        ValueError: another product.
    """
    again = products.fresh(vector[:, None])[:, 0]
    check_repeatable(products, image, again, recalled=recalled)


def check_repeatable(products: Products, first: Float, again: Float, *, recalled: bool) -> None:
    """Refuse an operator whose product with one vector came out differently the second time.

    Args:
        products: of the operator.
        first: A v, shape (D,).
        again: A v once more.
        recalled: whether one of them rests on a checkpoint, so that the message can say so.

    Raises:
        ValueError: not the same within rounding.
    """
    difference = float(np.linalg.norm(first - again))
    scale = float(np.linalg.norm(first) + np.linalg.norm(again))
    if difference > tolerance(products) * scale:
        if recalled:
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
