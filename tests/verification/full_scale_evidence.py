"""Dense G, R, H and certified eigenvalues of P = 4, n = 8, d = 3 over 2,000 MNIST images.

``python -m tests.verification.full_scale_evidence FOLDER`` prints the comparison; too long for the
test suite (about half an hour on one core). Interrupted, it goes on from FOLDER. Independent are:
double backward through the torch model for the matrices, on twelve columns over all images, and
numpy.linalg.eigh of G + R, built from tangent passes and structured products, for the eigenvalues.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from simulators import DistributedQNN, load_mnist
from tests.verification.curvature_cases import relative_difference
from verification.operators import CurvatureProblem
from verification.solvers import dense_gauss_newton, dense_residual, top_eigenpairs

N_IMAGES = 2000


def main(folder: Path) -> None:
    """Compute, compare, print."""
    rng = np.random.default_rng(0)
    data = load_mnist()
    chosen = np.sort(rng.choice(len(data.train_images), N_IMAGES, replace=False))
    images, labels = data.train_images[chosen].double(), data.train_labels[chosen]
    model = DistributedQNN(4, 3, dtype=torch.float64)
    with torch.no_grad():  # away from the special point b = 0
        model.pixel_bias.copy_(torch.from_numpy(rng.uniform(-0.1, 0.1, (14, 14))))
    problem = CurvatureProblem(model, images, labels)
    layout = problem.layout

    pairs = {
        which: top_eigenpairs(
            problem.hessian, k=k, which=which, tol=1e-5, checkpoint=folder / which
        )
        for which, k in (("LA", 10), ("SA", 5))
    }
    residual = dense_residual(problem, together=8, checkpoint=folder / "R")
    gauss_newton = dense_gauss_newton(problem)
    print(f"G: {gauss_newton.seconds:.0f} s; R: {residual.matvecs} products of D = {layout.size}")
    hessian = gauss_newton.matrix + residual.matrix

    exact = np.linalg.eigvalsh(hessian)
    for which, expected in (("LA", exact[::-1][:10]), ("SA", exact[:5])):
        result = pairs[which]
        low, high = result.intervals().T
        inside = (low <= expected) & (expected <= high)
        print(f"{which}: {result.matvecs} products, {inside.sum()} of {len(inside)} inside")
        for line, value in zip(str(result).splitlines(), expected, strict=True):
            print(f"  {line}   eigh {value:.10f}")

    picked = [rng.choice(layout.patch(p), 2, replace=False) for p in range(4)]
    columns = np.concatenate([*picked, rng.choice(layout.bias, 4, replace=False)])
    vectors = np.eye(layout.size)[:, columns]
    autodiff = CurvatureProblem(model, images, labels, backend="autodiff", chunk_size=250)
    for name, op, matrix in (
        ("H", autodiff.hessian, hessian),
        ("G", autodiff.gauss_newton, gauss_newton.matrix),
        ("R", autodiff.residual, residual.matrix),
    ):
        difference = relative_difference(matrix[:, columns], op @ vectors)
        print(f"{name} against autodiff on 12 columns: {difference:.1e} relative")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
