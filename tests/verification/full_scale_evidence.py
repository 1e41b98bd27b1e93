"""Dense H, G, R and certified eigenvalues of P = 4, n = 8, d = 3 over 2,000 MNIST images.

``python -m tests.verification.full_scale_evidence FOLDER [IMAGES]`` computes, compares, prints,
writes FOLDER/evidence.json and exits with 1 if anything is off; too long for the test suite
(some 30 minutes of one core for 2,000 images, half of it where two are free). Killed at any time,
it goes on from FOLDER, with as many threads as before (OMP_NUM_THREADS).

What is compared: R from structured products of the fast engine, G from its tangent passes, and
H = G + R, with double backward through the torch model, which shares none of that code; the
eigenpairs found by Lanczos on products with H, with numpy.linalg.eigvalsh of the dense H.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from patchlaw.simulators import DistributedQNN, load_mnist
from patchlaw.verification.operators import CurvatureProblem
from patchlaw.verification.solvers import (
    DenseResult,
    EigenResult,
    dense_gauss_newton,
    dense_residual,
    top_eigenpairs,
)
from patchlaw.verification.solvers.products import Products
from patchlaw.verification.store.atomic_write import write_atomically

N_IMAGES = 2000
AGREEMENT = 1e-9  # relative to the largest element
# An element that errs by delta shows as delta or more in (E v)_i for at least half of all sign
# vectors v, so with eight of them it is missed with probability 1/256 at most.
N_PROBES = 8
# Our timing: samples whose autograd graph stays in the caches of one core.
AUTODIFF_CHUNK = 125
ENDS = (("LA", 10, 40), ("SA", 5, 60))  # which, k, Krylov vectors between restarts

T = TypeVar("T")


def timed(name: str, compute: Callable[[], T]) -> T:
    """The result, with a line on what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = compute()
    spent = f"{time.perf_counter() - wall:.0f} s, {time.process_time() - cpu:.0f} s of CPU"
    print(f"{name}: {spent}", flush=True)
    return result


def full_scale_problem(n_images: int) -> CurvatureProblem:
    """The model away from the special point b = 0, on images drawn without replacement."""
    rng = np.random.default_rng(0)
    data = load_mnist()
    chosen = np.sort(rng.choice(len(data.train_images), n_images, replace=False))
    model = DistributedQNN(4, 3, dtype=torch.float64)
    with torch.no_grad():
        model.pixel_bias.copy_(torch.from_numpy(rng.uniform(-0.1, 0.1, (14, 14))))
    return CurvatureProblem(model, data.train_images[chosen].double(), data.train_labels[chosen])


def kept_gauss_newton(problem: CurvatureProblem, path: Path) -> np.ndarray:
    """G, from the file of an earlier start if it is of this problem."""
    identity = problem.gauss_newton.identity()["problem"]
    if path.exists():
        from safetensors import safe_open

        with safe_open(path, "np") as file:
            if (file.metadata() or {}).get("problem") == identity:
                return load_file(path)["G"]
    result: DenseResult = dense_gauss_newton(problem)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file({"G": np.array(result.matrix)}, partial, {"problem": identity})
    os.replace(partial, path)
    return result.matrix


def against_autodiff(
    problem: CurvatureProblem, matrices: dict[str, np.ndarray], folder: Path
) -> dict[str, float]:
    """max |(A - A_autodiff) V| over max |A| for random sign vectors V, of each matrix."""
    images, labels = problem.images, problem.labels
    model, size = problem.model, problem.layout.size
    signs = np.random.default_rng(1).choice([-1.0, 1.0], (size, N_PROBES))
    autodiff = CurvatureProblem(
        model, images, labels, backend="autodiff", chunk_size=AUTODIFF_CHUNK
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # many small operations: more threads wait for each other
    try:
        gaps = {}
        for name, op in (
            ("H", autodiff.hessian),
            ("G", autodiff.gauss_newton),
            ("R", autodiff.residual),
        ):
            products = Products(op, {"solver": "oracle"}, folder / f"autodiff-{name}", save_every=1)
            expected = timed(f"{name} by autodiff", lambda products=products: products(signs))
            difference = np.abs(matrices[name] @ signs - expected).max()
            gaps[name] = float(difference / np.abs(matrices[name]).max())
    finally:
        torch.set_num_threads(threads)
    return gaps


def eigenvalue_rows(result: EigenResult, exact: np.ndarray) -> list[dict[str, Any]]:
    """Each value with its interval, beside the dense eigenvalue of the same rank."""
    expected = exact[::-1] if result.which == "LA" else exact
    rows = []
    for i, (low, high) in enumerate(result.intervals()):
        rows.append(
            {
                "which": result.which,
                "rank": i + 1,
                "printed": str(result).splitlines()[i],
                "interval": [float(low), float(high)],
                "eigh": float(expected[i]),
                "inside": bool(low <= expected[i] <= high),
                "converged": bool(result.converged[i]),
            }
        )
    return rows


def gather(problem: CurvatureProblem, folder: Path) -> dict[str, Any]:
    """Everything compared, as plain data; resumable from the folder."""
    pairs = [
        timed(
            f"eigenpairs {which}",
            lambda which=which, k=k, subspace=subspace: top_eigenpairs(
                problem.hessian,
                k=k,
                which=which,
                tol=1e-5,
                checkpoint=folder / which,
                subspace=min(subspace, problem.layout.size),
            ),
        )
        for which, k, subspace in ENDS
    ]
    gauss_newton = timed("G", lambda: kept_gauss_newton(problem, folder / "G.safetensors"))
    residual = timed("R", lambda: dense_residual(problem, together=8, checkpoint=folder / "R"))
    hessian = gauss_newton + residual.matrix
    exact = np.linalg.eigvalsh(hessian)
    matrices = {"H": hessian, "G": gauss_newton, "R": residual.matrix}
    return {
        "n_images": problem.hessian.n_samples,
        "size": problem.layout.size,
        "problem": problem.hessian.identity()["problem"],
        "torch": torch.__version__,
        "numpy": np.__version__,
        "products": {result.which: result.matvecs for result in pairs} | {"R": residual.matvecs},
        "relative_difference": against_autodiff(problem, matrices, folder),
        "probes": N_PROBES,
        "eigenvalues": [row for result in pairs for row in eigenvalue_rows(result, exact)],
    }


def holds(evidence: dict[str, Any]) -> bool:
    """Whether matrices agree and every eigenvalue converged and lies in its interval."""
    return all(gap < AGREEMENT for gap in evidence["relative_difference"].values()) and all(
        row["inside"] and row["converged"] for row in evidence["eigenvalues"]
    )


def main(folder: Path, n_images: int = N_IMAGES) -> int:
    """Compute, compare, print, write; the exit status."""
    evidence = timed("all", lambda: gather(full_scale_problem(n_images), folder))
    evidence["holds"] = holds(evidence)
    write_atomically(folder / "evidence.json", json.dumps(evidence, indent=1) + "\n")
    for row in evidence["eigenvalues"]:
        where = "inside" if row["inside"] else "OUTSIDE"
        name = f"{row['which']} {row['rank']}"
        print(f"{name}: {row['printed']}   eigh {row['eigh']:.12f} {where}")
    for name, gap in evidence["relative_difference"].items():
        print(f"{name} against autodiff on {N_PROBES} sign vectors: {gap:.1e} relative")
    print("holds" if evidence["holds"] else "DOES NOT HOLD")
    return 0 if evidence["holds"] else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *map(int, sys.argv[2:3])))
