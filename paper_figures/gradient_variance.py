"""Mean square slope of the loss over random circuits: one large QNN beside the distributed model.

``python -m patchlaw.paper_figures.gradient_variance``

Barren plateaus are said of it. For the circuit's logits z = s sum_p f_p and g = pi - e_y,

.. math:: E |grad L|^2 = s^2 v N^{-2} sum_{n,m} g_n^T g_m sum_p K_p(x_n, x_m)

over the angles, if the data-free blocks are 2-designs whose slopes are independent of g: the
tangent kernel's quadratic form at the recorded g (``TangentKernel``). McClean et al., Nat. Commun.
9, 4812 (2018) have the decay in n, which v holds.
"""

import sys
from dataclasses import replace

import click
import numpy as np
import torch

from patchlaw.console import PlainConsole
from patchlaw.paper_figures.study import axis_study
from patchlaw.simulators.distributed_qnn import DistributedQNN
from patchlaw.simulators.engine_choice import training_engine
from patchlaw.verification.kernels.of_model import softmax_outputs, tangent_kernel_of
from patchlaw.verification.runs import RunRequest, RunSamples, load_samples
from patchlaw.verification.tables import Table, print_table
from patchlaw.verification.training import stratified_subset


def mean_square_slopes(
    request: RunRequest, samples: RunSamples, n_images: int
) -> tuple[float, float]:
    """Mean over a model's angles of (dL/d theta)^2 at its start, and the law's.

    Args:
        request: the model; cross-entropy, angles of their own.
        samples: its data.
        n_images: of a stratified subset of its training images.

    Raises:
        ValueError: a model without a tangent kernel, more images than there are.
    """
    chosen = stratified_subset(samples.train_labels.numpy(), n_images, seed=0)
    images, labels = samples.train_images[chosen], samples.train_labels[chosen]
    model = request.config(samples).model.build().to(torch.float64)
    assert isinstance(model, DistributedQNN)  # as no plan names a factory
    images = images.to(torch.float64)
    _, gradient = training_engine(model).loss_and_gradient(images, labels)
    over_angles = gradient[: model.angles.numel()]
    kernel = tangent_kernel_of(model, images)
    g = softmax_outputs(model, images).numpy() - np.eye(model.n_classes)[labels]
    form = np.einsum("nk,nm,mk->", g, kernel.mean, g) * kernel.n_patches / n_images**2
    law = kernel.output_scale**2 * kernel.variance * form
    return float(np.mean(over_angles**2)), float(law) / len(over_angles)


@click.command()
@click.option("--plan", default="one_qnn", show_default=True, help="A study's plan, by name.")
@click.option("--seeds", type=click.IntRange(2), default=20, show_default=True)
@click.option("--images", type=click.IntRange(10), default=200, show_default=True)
def main(plan: str, seeds: int, images: int) -> None:
    """Print both for every model of a plan, in the mean over seeds with its standard error."""
    rows = []
    for run in axis_study(plan).representatives():
        request = run.request
        assert request is not None
        samples = load_samples(request.source(), request.images, n_qubits=request.qubits)
        drawn = np.array(
            [
                mean_square_slopes(replace(request, seed=seed), samples, images)
                for seed in range(1001, 1001 + seeds)
            ]
        )
        mean, error = drawn.mean(axis=0), drawn.std(axis=0, ddof=1) / np.sqrt(seeds)
        ratio = np.log(drawn[:, 0] / drawn[:, 1])
        rows.append(
            (
                run.label,
                f"{mean[0]:.3g} ± {error[0]:.1g}",
                f"{mean[1]:.3g} ± {error[1]:.1g}",
                f"{np.exp(ratio.mean()):.2f}",
            )
        )
    header = ("model", "mean (dL/dθ)²", "law", "over law")
    title = f"Slopes over the angles at the start: {seeds} seeds, {images} images"
    print_table(Table(title, header, tuple(rows), right=header[1:]), PlainConsole())


if __name__ == "__main__":
    sys.exit(main())
