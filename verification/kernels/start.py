"""G's spectrum over the angles before training, from data and architecture: no circuit is run."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.hessian_theory.input_checks import bounded_integer
from patchlaw.hessian_theory.predictions import Architecture
from patchlaw.simulators.distributed_qnn import DistributedQNN
from patchlaw.verification.kernels.of_model import tangent_kernel_of
from patchlaw.verification.training import stratified_subset

OUTLIER_SHARE = 0.1  # ours: an outlier is at least this part of lambda_max


@dataclass(frozen=True)
class Spread:
    """A quantity over independent draws.

    Attributes:
        mean: of the draws.
        deviation: standard deviation of one draw; 0 for a single one.
        draws: every value.
    """

    mean: float
    deviation: float
    draws: tuple[float, ...]

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        """Of a draw's value each."""
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        return cls(float(np.mean(values)), deviation, tuple(values))


@dataclass(frozen=True)
class StartPrediction:
    """What the tangent kernel's law says of G over the angles at random angles.

    Attributes:
        architecture: sizes, c, alpha.
        n_samples: images a draw.
        seed: of the draws.
        eigenvalues: the largest, descending.
        alignment: lambda_max(G) / sum_p lambda_max(G_pp).
        trace: tr G.
        outliers: eigenvalues of at least ``OUTLIER_SHARE`` lambda_max.
        largest_rate: 2 / lambda_max, beyond which gradient descent on the quadratic model diverges
            (as far as G carries lambda_max of H).
        half_the_images: lambda_max with half of each draw's images over that with all, less 1: how
            far the finite number of images may move it.
    """

    architecture: Architecture
    n_samples: int
    seed: int
    eigenvalues: tuple[Spread, ...]
    alignment: Spread
    trace: Spread
    outliers: Spread
    largest_rate: Spread
    half_the_images: Spread


def predict_start(
    architecture: Architecture,
    images: Tensor,
    labels: Tensor,
    *,
    n_samples: int = 600,
    draws: int = 6,
    top: int = 12,
    seed: int = 0,
) -> StartPrediction:
    """Predict the start from images and sizes alone.

    A draw has its own stratified part of the images, its own encoding angles, uniform in [0, pi),
    pixel bias 0, and logits of the Gaussian process of covariance s^2 P u qbar (see
    ``TangentKernel``). 2-designs of the circuit's group stand in for the data-free blocks: within
    3 % from depth 20 or so on.

    Args:
        architecture: of the paper's kind.
        images: shape (N, side, side), radians.
        labels: shape (N,).
        n_samples: images a draw; time grows with its square.
        draws: independent ones.
        top: eigenvalues.
        seed: of all draws.

    Raises:
        TypeError: a count that is no integer.
        ValueError: a number out of range, patches that form no grid over the images.
    """
    for name, value in (("draws", draws), ("top", top), ("n_samples", n_samples)):
        bounded_integer(name, value)
    least = 2 * len(np.unique(labels.numpy()))
    if n_samples < least:
        raise ValueError(f"n_samples: expected at least {least}, two a class, got {n_samples}")
    found: dict[str, list[float]] = {name: [] for name in _QUANTITIES}
    spectra = []
    for draw in range(draws):
        rng = np.random.default_rng([seed, draw])
        seeds = [int(each) for each in rng.integers(0, 2**31, 3)]
        part = stratified_subset(labels.numpy(), n_samples, seeds[0])
        model = DistributedQNN(
            architecture.n_patches,
            architecture.depth,
            architecture.n_qubits,
            architecture.image_side,
            architecture.n_classes,
            float(architecture.scale),
            float(architecture.aggregation_exponent),
            seeds[1],
        )
        kernel = tangent_kernel_of(model, images[part])
        pi = _softmax(kernel.start_logits(architecture.n_classes, rng)[0])
        values = kernel.spectrum(pi, top, seed=seeds[2])
        largest = float(values[0])
        half = stratified_subset(labels.numpy()[part], n_samples // 2, seeds[2])
        smaller = kernel.subset(half).spectrum(pi[half], 1, seed=seeds[2])[0]
        spectra.append(values)
        found["alignment"].append(kernel.alignment(pi, seed=seeds[2]))
        found["trace"].append(kernel.trace(pi))
        outliers = kernel.n_outliers(pi, OUTLIER_SHARE * largest, seed=seeds[2])
        found["outliers"].append(float(outliers))
        found["largest_rate"].append(2 / largest)
        found["half_the_images"].append(float(smaller / largest - 1))
    spreads = {name: Spread.of(values) for name, values in found.items()}
    eigenvalues = tuple(Spread.of(list(map(float, each))) for each in np.array(spectra).T)
    return StartPrediction(architecture, n_samples, seed, eigenvalues, **spreads)


_QUANTITIES = ("alignment", "trace", "outliers", "largest_rate", "half_the_images")


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
