"""G's spectrum at a minimum of the training loss: from the loss alone, or from a pilot run."""

from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.hessian_theory.input_checks import finite_number
from patchlaw.hessian_theory.predictions import Architecture
from patchlaw.hessian_theory.predictions.kernel_flow import flow_to_loss, mean_loss
from patchlaw.simulators.patch_model import PatchModule
from patchlaw.verification.jobs.job import check_samples
from patchlaw.verification.kernels.of_model import logits_of
from patchlaw.verification.kernels.start import (
    Draw,
    DrawOptions,
    SpectrumPrediction,
    predict_spectrum,
    start_logits,
)
from patchlaw.verification.records.run_facts import depolarised
from patchlaw.verification.runs import Run, RunSamples

Logits = NDArray[np.float64]


def predict_minimum(
    architecture: Architecture,
    images: Tensor,
    labels: Tensor,
    loss: float,
    **options: Unpack[DrawOptions],
) -> SpectrumPrediction:
    """Predict G where the mean training loss is L, from images, sizes and L alone.

    The state: logits of the start, drawn from the Gaussian process, trained by gradient flow in the
    expected kernel until the mean loss of the draw's images is L (``kernel_flow``). So
    ``n_samples`` stands for all images that the model is trained on: with fewer, the same loss is
    spread more evenly over them, and lambda_max comes out too large (``half_the_images`` says which
    way). Arguments and errors are those of ``predict_spectrum``.

    Raises:
        ValueError: also where the flow does not reach L.
    """
    wanted = float(finite_number("loss", loss, what="the mean cross-entropy in nats", above=0))

    def trained(draw: Draw, n_classes: int) -> Logits:
        begin = start_logits(draw, n_classes)
        return flow_to_loss(draw.kernel.mean, begin, draw.labels, wanted)

    return predict_spectrum(architecture, images, labels, trained, trains=True, **options)


@dataclass(frozen=True, eq=False)
class Pilot:
    """A trained model whose logits stand for those of models with other P.

    Attributes:
        model: at its minimum.
        loss: its mean loss over all images that it was trained on.
        samples: its images.
        sizes: of it without noise, with c as the run has it.
        noise: p after every gate.
    """

    model: PatchModule
    loss: float
    samples: RunSamples
    sizes: Architecture
    noise: float = 0.0

    def resized(self, **sizes: Any) -> Architecture:
        """The sizes of a model that differs from it in these, its noise as a smaller c."""
        return depolarised(replace(self.sizes, **sizes), self.noise)

    @classmethod
    def of_run(cls, run: Run, samples: RunSamples) -> "Pilot":
        """A run at its minimum.

        Raises:
            ValueError: samples of another digest, a model that is not of the paper's kind.
            RunError: no epoch is done, or the parameters of the minimum are not there.
        """
        check_samples(samples.sha256, run.config.data.sha256)
        sizes = run.config.model
        squares = "the squared error" * (run.loss != "cross_entropy")
        shared = "shared angles" * sizes.shared_angles
        if other := sizes.family or sizes.circuit or shared or squares:
            raise ValueError(
                f"pilot: expected a run of the paper's circuit and loss, got {other}; give the "
                "quaternions of its encodings to TangentKernel"
            )
        architecture = Architecture(
            sizes.n_patches,
            sizes.depth,
            sizes.n_qubits,
            sizes.image_side,
            sizes.n_classes,
            sizes.scale,
            sizes.aggregation_exponent,
        )
        loss = run.history[run.minimum_epoch].train.loss
        return cls(run.model(run.minimum_epoch), loss, samples, architecture, sizes.noise)

    def logits(self, part: NDArray[np.int64]) -> Logits:
        """Of some of its training images, shape (N, C)."""
        images = self.samples.train_images[part]
        return np.asarray(logits_of(self.model, images).cpu().numpy())


def predict_from_pilot(
    pilot: Pilot,
    architecture: Architecture,
    loss: float | None = None,
    **options: Unpack[DrawOptions],
) -> SpectrumPrediction:
    """Predict G of another model at its minimum from a pilot's logits and that model's kernel.

    The state: the pilot's logits, moved to the other model's loss. On a draw's images the pilot's
    loss l differs from its loss over all; what is wanted there is l times the ratio of the losses.
    A larger one is met by scaling the logits down; a smaller one by gradient flow in the other
    model's expected kernel (no scale makes up for a wrong class).

    Args:
        pilot: trained.
        architecture: of the other model.
        loss: its mean training loss; None for that of the pilot, whose logits are taken as they
            are.
        options: see ``predict_spectrum``, likewise the errors.

    Raises:
        ValueError: also other qubits than the pilot's, whose pixels lie in another range.
    """
    if (n := pilot.sizes.n_qubits) != architecture.n_qubits:
        raise ValueError(
            f"n_qubits: expected {n}, the pilot's, got {architecture.n_qubits}; pixels of its "
            f"images are angles up to 2 pi / {n}"
        )
    ratio = 1.0
    if loss is not None:
        wanted = finite_number("loss", loss, what="the mean cross-entropy in nats", above=0)
        ratio = float(wanted) / pilot.loss

    def moved(draw: Draw, n_classes: int) -> Logits:
        logits = pilot.logits(draw.part)
        if loss is None:
            return logits
        wanted = ratio * mean_loss(logits, draw.labels)
        if ratio > 1:
            return scaled_to_loss(logits, draw.labels, wanted)
        return flow_to_loss(draw.kernel.mean, logits, draw.labels, wanted)

    samples = pilot.samples
    return predict_spectrum(
        architecture, samples.train_images, samples.train_labels, moved, **options
    )


def scaled_to_loss(logits: Logits, labels: NDArray[np.int64], loss: float) -> Logits:
    """Logits times the largest factor in (0, 1] at which the mean loss is as given.

    The loss is convex in the factor and log C at 0, so it is met once between 0 and 1 if it lies
    between.

    Raises:
        ValueError: a loss below that of the logits, or above log C.
    """
    from scipy.optimize import brentq

    least, most = mean_loss(logits, labels), float(np.log(logits.shape[1]))
    if not least <= loss < most:
        raise ValueError(
            f"loss: expected {least:.4g} to log C = {most:.4g}, got {loss:.4g}; logits that are "
            "scaled down are at most uniform"
        )
    factor = brentq(lambda b: mean_loss(b * logits, labels) - loss, 0.0, 1.0, xtol=1e-10)
    return np.asarray(factor * logits)
