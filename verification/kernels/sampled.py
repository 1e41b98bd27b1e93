"""The law over a large data set, from parts of it, with what the parts leave open."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.hessian_theory.input_checks import bounded_integer
from patchlaw.simulators.distributed_qnn import DistributedQNN
from patchlaw.verification.kernels.of_model import softmax_outputs, tangent_kernel_of
from patchlaw.verification.training import stratified_subset

Float = NDArray[np.float64]

_SIZES = (4, 2, 1)  # parts of a quarter, half and the whole size


@dataclass(frozen=True, eq=False)
class SampledSpectrum:
    """Largest eigenvalues of G over the angles by the law, for more images than fit in a kernel.

    Those of a part are too large by about a constant over its size m; so the estimate is
    2 lambda(m) - lambda(m/2), means over the parts. At a minimum few images carry S, the
    constant is large and does not settle: take ``heaviest_spectrum`` there.

    Attributes:
        values: the estimate, shape (k,).
        standard_error: of it, over the parts, shape (k,).
        by_size: mean over the parts at each size, each of shape (k,).
    """

    values: Float
    standard_error: Float
    by_size: Mapping[int, Float]

    @property
    def extrapolated(self) -> Float:
        """|values - by_size[m]|: what the extrapolation moved, an error where it does not hold."""
        return np.abs(self.values - self.by_size[max(self.by_size)])


def sampled_spectrum(
    model: DistributedQNN,
    images: Tensor,
    labels: Tensor,
    k: int = 12,
    *,
    size: int = 1000,
    parts: int = 4,
    seed: int = 0,
) -> SampledSpectrum:
    """The law's spectrum over all images from stratified parts of them.

    Args:
        model: gives encodings and softmax outputs.
        images: shape (N, side, side), radians.
        labels: shape (N,).
        k: eigenvalues.
        size: m, images of a part; time ~ parts m^2.
        parts: independent draws, at least two.
        seed: of them.

    Raises:
        TypeError: a model that the law does not speak of, a count that is no integer.
        ValueError: a part larger than the data or with fewer than four images a class.
    """
    for name, value in (("k", k), ("size", size)):
        bounded_integer(name, value)
    if bounded_integer("parts", parts) < 2:
        raise ValueError("parts: expected at least 2, got 1; one part has no standard error")
    targets = labels.cpu().numpy()
    least = 4 * len(np.unique(targets))
    if not least <= size <= len(targets):
        raise ValueError(
            f"size: expected from {least} (four images a class) to {len(targets)}, got {size}"
        )
    found: dict[int, list[Float]] = {size // share: [] for share in _SIZES}
    for part in range(parts):
        seeds = np.random.default_rng([seed, part]).integers(0, 2**31, 2)
        chosen = stratified_subset(targets, size, int(seeds[0]))
        kernel = tangent_kernel_of(model, images[chosen])
        pi = softmax_outputs(model, images[chosen]).cpu().numpy()
        for m, values in found.items():
            inside = stratified_subset(targets[chosen], m, int(seeds[1]))
            smaller = kernel if m == size else kernel.subset(inside)
            values.append(np.asarray(smaller.spectrum(pi if m == size else pi[inside], k)))
    whole, half = np.array(found[size]), np.array(found[size // 2])
    estimates = 2 * whole - half
    return SampledSpectrum(
        estimates.mean(axis=0),
        estimates.std(axis=0, ddof=1) / np.sqrt(parts),
        {m: np.mean(values, axis=0) for m, values in found.items()},
    )


@dataclass(frozen=True, eq=False)
class HeaviestSpectrum:
    """Largest eigenvalues of G over the angles by the law, from the images of largest tr S.

    With kept and dropped images G has the non-zero spectrum of X_1 X_1^T + X_2 X_2^T, so Weyl's
    inequality gives lambda_j(kept) <= lambda_j <= lambda_j(kept) + tr(dropped): proven of the law.

    Attributes:
        low: lambda_j(kept), shape (k,).
        high: the upper ends, shape (k,).
        n_kept: images kept.
        n_samples: N.
        curvature_kept: their share of <tr S>.
    """

    low: Float
    high: Float
    n_kept: int
    n_samples: int
    curvature_kept: float


def heaviest_spectrum(
    model: DistributedQNN, images: Tensor, k: int = 12, *, size: int = 3000
) -> HeaviestSpectrum:
    """The law's spectrum over all images from those that carry the softmax curvature.

    Args:
        model: gives encodings and softmax outputs, these for all images.
        images: shape (N, side, side), radians.
        k: eigenvalues.
        size: images kept at most; time and memory grow with its square.

    Raises:
        TypeError: a model that the law does not speak of, a count that is no integer.
        ValueError: a count below 1.
    """
    bounded_integer("k", k)
    n, size = len(images), min(bounded_integer("size", size), len(images))
    pi = softmax_outputs(model, images).cpu().numpy()
    curvature = 1 - (pi * pi).sum(axis=1)
    kept = np.sort(np.argsort(-curvature, kind="stable")[:size])
    kernel = tangent_kernel_of(model, images[kept])
    low = np.asarray(kernel.spectrum(pi[kept], k) * (size / n))
    share = float(curvature[kept].sum() / curvature.sum())
    dropped = kernel.trace(pi[kept]) * (size / n) * (1 / share - 1)
    return HeaviestSpectrum(low, low + dropped, size, n, share)
