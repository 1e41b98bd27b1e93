"""G's spectrum from data, architecture and a state of training: no circuit of it is run."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.hessian_theory.input_checks import bounded_integer
from patchlaw.hessian_theory.predictions import Architecture, TangentKernel
from patchlaw.hessian_theory.predictions.kernel_flow import mean_loss, softmax
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


@dataclass(frozen=True, eq=False)
class Draw:
    """What one draw has before its logits: images, labels and the kernel of random encodings.

    Attributes:
        kernel: of ``part``.
        part: which images.
        labels: of them.
        rng: for what more is drawn.
    """

    kernel: TangentKernel
    part: NDArray[np.int64]
    labels: NDArray[np.int64]
    rng: np.random.Generator


class DrawOptions(TypedDict, total=False):
    """Of every prediction; see ``predict_spectrum``."""

    n_samples: int
    draws: int
    top: int
    seed: int
    include_bias: bool


State: TypeAlias = Callable[[Draw, int], NDArray[np.float64]]
"""Logits (N, C) of a draw's images in a state of training, from the draw and C."""


@dataclass(frozen=True)
class SpectrumPrediction:
    """What the tangent kernel's law says of G.

    Attributes:
        architecture: sizes, c, alpha.
        n_samples: images a draw.
        seed: of the draws.
        includes_bias: whether G is over all parameters; else over the angles.
        loss: mean cross-entropy of the state.
        curvature: its <tr S>.
        eigenvalues: the largest, descending.
        alignment: lambda_max(G) / sum_p lambda_max(G_pp), of half of each draw's images: every
            patch's kernel is made for it, and it hardly depends on their number.
        trace: tr G.
        outliers: eigenvalues of at least ``OUTLIER_SHARE`` lambda_max.
        largest_rate: 2 / lambda_max, beyond which gradient descent on the quadratic model diverges
            (as far as G carries lambda_max of H).
        half_the_images: lambda_max with half of each draw's images over that with all, less 1: how
            far the finite number of images may move it.
        seconds: wall-clock time.
    """

    architecture: Architecture
    n_samples: int
    seed: int
    includes_bias: bool
    loss: Spread
    curvature: Spread
    eigenvalues: tuple[Spread, ...]
    alignment: Spread
    trace: Spread
    outliers: Spread
    largest_rate: Spread
    half_the_images: Spread
    seconds: float


def predict_start(
    architecture: Architecture,
    images: Tensor,
    labels: Tensor,
    **options: Unpack[DrawOptions],
) -> SpectrumPrediction:
    """Predict the start from images and sizes alone.

    Logits are those of the Gaussian process of covariance s^2 P u qbar (see ``TangentKernel``).
    2-designs of the circuit's group stand in for the data-free blocks: within 3 % from depth 20 or
    so on. Arguments and errors are those of ``predict_spectrum``, but for 6 draws of 600 images.
    """
    chosen = DrawOptions(n_samples=600, draws=6) | options
    return predict_spectrum(architecture, images, labels, start_logits, **chosen)


def start_logits(draw: Draw, n_classes: int) -> NDArray[np.float64]:
    """The state before training."""
    return np.asarray(draw.kernel.start_logits(n_classes, draw.rng)[0])


def predict_spectrum(
    architecture: Architecture,
    images: Tensor,
    labels: Tensor,
    state: State,
    *,
    n_samples: int = 1000,
    draws: int = 3,
    top: int = 12,
    seed: int = 0,
    include_bias: bool = False,
    trains: bool = False,
) -> SpectrumPrediction:
    """G in a state of training, by the tangent kernel's law.

    A draw has its own stratified part of the images and its own encoding angles, uniform in
    [0, pi), with pixel bias 0.

    Args:
        architecture: of the paper's kind.
        images: shape (N, side, side), radians.
        labels: shape (N,).
        state: of training.
        n_samples: images a draw; time grows with its square.
        draws: independent ones.
        top: eigenvalues.
        seed: of all draws.
        include_bias: of G over all parameters, with the pixel bias.
        trains: whether the state depends on the number of images, so that half of them are a
            state of their own.

    Raises:
        TypeError: a count that is no integer.
        ValueError: a number out of range, patches that form no grid over the images, more classes
            than the architecture has, a state that cannot be.
    """
    begin = time.perf_counter()
    for name, value in (("draws", draws), ("top", top), ("n_samples", n_samples)):
        bounded_integer(name, value)
    if len(labels) != len(images) or labels.is_floating_point():
        raise ValueError(
            f"labels: expected {len(images)} integers, one an image, got {len(labels)} of "
            f"{labels.dtype}; give labels of the same images, as int64"
        )
    all_labels, c = labels.numpy(), architecture.n_classes
    least = 2 * len(np.unique(all_labels))
    if n_samples < least:
        raise ValueError(f"n_samples: expected at least {least}, two a class, got {n_samples}")
    if all_labels.max() >= c:
        raise ValueError(
            f"n_classes: expected more than the largest label, {all_labels.max()}, got {c}"
        )
    found = defaultdict[str, list[float]](list)
    spectra = []
    for number in range(draws):
        rng = np.random.default_rng([seed, number])
        seeds = [int(each) for each in rng.integers(0, 2**31, 3)]
        part = stratified_subset(all_labels, n_samples, seeds[0])
        model = DistributedQNN(
            architecture.n_patches,
            architecture.depth,
            architecture.n_qubits,
            architecture.image_side,
            c,
            float(architecture.scale),
            float(architecture.aggregation_exponent),
            seeds[1],
        )
        kernel = tangent_kernel_of(model, images[part], bias=include_bias)
        draw = Draw(kernel, part, all_labels[part], rng)
        logits = state(draw, c)
        pi = softmax(logits)
        values = kernel.spectrum(pi, top, seed=seeds[2])
        largest = float(values[0])
        half = stratified_subset(draw.labels, n_samples // 2, seeds[2])
        fewer = Draw(kernel.subset(half), part[half], draw.labels[half], rng)
        pi_half = softmax(state(fewer, c)) if trains else pi[half]
        smaller = fewer.kernel.spectrum(pi_half, 1, seed=seeds[2])[0]
        spectra.append(values)
        found["loss"].append(mean_loss(logits, draw.labels))
        found["curvature"].append(float((1 - (pi * pi).sum(axis=1)).mean()))
        found["alignment"].append(fewer.kernel.alignment(pi_half, seed=seeds[2]))
        found["trace"].append(kernel.trace(pi))
        outliers = kernel.n_outliers(pi, OUTLIER_SHARE * largest, seed=seeds[2])
        found["outliers"].append(float(outliers))
        found["largest_rate"].append(2 / largest)
        found["half_the_images"].append(float(smaller / largest - 1))
    spreads = {name: Spread.of(values) for name, values in found.items()}
    return SpectrumPrediction(
        architecture,
        n_samples,
        seed,
        include_bias,
        eigenvalues=tuple(Spread.of(list(map(float, each))) for each in np.array(spectra).T),
        seconds=time.perf_counter() - begin,
        **spreads,
    )
