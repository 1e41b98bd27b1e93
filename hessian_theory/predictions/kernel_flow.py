r"""Linearised training: gradient flow of the logits in a fixed tangent kernel.

With the kernel Theta of a model's outputs, the same for every class and without terms between
classes, gradient flow on the mean softmax cross-entropy moves the logits z of the N training
samples by

    dz/dt = -(1/N) Theta (pi - y),    pi = softmax(z), y one-hot,

which stops where the mean loss is L. Source: Jacot et al., arXiv 1806.07572; Lee et al.,
arXiv 1902.06720. Assumed: the kernel stays what it was, the optimiser goes where gradient flow
goes, and the N samples are all that the model is trained on: fewer are learned more evenly.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchlaw.hessian_theory.input_checks import finite_number

Array = NDArray[np.floating]
Logits = NDArray[np.float64]

MAX_STEPS = 20_000  # ours: a hundred times what a loss of 0.01 takes
_TOLERANCE = 1e-2  # of a step, relative and in logits: moves lambda_max by less than 1 %


def softmax(logits: Logits) -> Logits:
    """pi of each row."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def mean_loss(logits: Logits, labels: NDArray[np.integer[Any]]) -> float:
    """Mean softmax cross-entropy in nats."""
    largest = logits.max(axis=1)
    total = np.log(np.exp(logits - largest[:, None]).sum(axis=1)) + largest
    return float((total - logits[np.arange(len(labels)), labels]).mean())


def flow_to_loss(
    kernel: Array,
    logits: Logits,
    labels: NDArray[np.integer[Any]],
    loss: float,
    *,
    tolerance: float = _TOLERANCE,
) -> Logits:
    """Logits where gradient flow from given ones reaches a mean loss.

    Args:
        kernel: Theta, shape (N, N), symmetric and positive semi-definite; products are done in its
            precision. Its scale is that of time and does not matter.
        logits: where it begins, shape (N, C).
        labels: classes, shape (N,).
        loss: L.
        tolerance: of each step of the integrator (Bogacki-Shampine), relative and in logits.

    Returns:
        Shape (N, C), of mean loss L; the given ones if theirs is L already.

    Raises:
        ValueError: shapes that do not fit, labels out of range, a loss that the flow begins below,
            or does not reach: samples that the kernel does not tell apart have different labels.
    """
    wanted = float(finite_number("loss", loss, what="the mean cross-entropy in nats", above=0))
    n = len(labels)
    if kernel.shape != (n, n) or logits.ndim != 2 or len(logits) != n:
        raise ValueError(
            f"kernel, logits: expected shapes ({n}, {n}) and ({n}, C) for {n} labels, got "
            f"{kernel.shape} and {logits.shape}"
        )
    c = logits.shape[1]
    if n == 0 or labels.min() < 0 or labels.max() >= c:
        raise ValueError(f"labels: expected classes 0 to {c - 1}, got others or none")
    begin = mean_loss(logits, labels)
    if begin < wanted:
        raise ValueError(
            f"loss: expected at most {begin:.4g}, where training begins, got {wanted:.4g}"
        )
    if begin == wanted:
        return logits
    # scipy takes a while to import, and ratio laws have no use for it
    from scipy.integrate import RK23
    from scipy.optimize import brentq

    hot = np.eye(c)[labels]
    scaled = kernel / np.asarray(n * kernel.diagonal().mean(), kernel.dtype)

    def velocity(_: float, flat: Logits) -> Logits:
        slope = (softmax(flat.reshape(n, c)) - hot).astype(scaled.dtype)
        return np.asarray(-(scaled @ slope), dtype=np.float64).ravel()

    ode = RK23(velocity, 0.0, logits.ravel(), np.inf, rtol=tolerance, atol=tolerance)
    for _ in range(MAX_STEPS):
        ode.step()
        if mean_loss(ode.y.reshape(n, c), labels) > wanted:
            continue
        between = ode.dense_output()
        excess = partial(_excess, between, labels, wanted)
        # the interpolation meets the step's ends up to rounding
        met = brentq(excess, ode.t_old, ode.t) if excess(ode.t_old) > 0 > excess(ode.t) else ode.t
        return np.asarray(between(met).reshape(n, c))
    reached = mean_loss(ode.y.reshape(n, c), labels)
    raise ValueError(
        f"loss: expected one that {MAX_STEPS:,} steps reach, got {wanted:.4g} where they come to "
        f"{reached:.4g}; give a larger loss, or look for equal images with different labels"
    )


def _excess(
    path: Callable[[float], Logits], labels: NDArray[np.integer[Any]], loss: float, time: float
) -> float:
    return mean_loss(path(time).reshape(len(labels), -1), labels) - loss
