"""Dense H and G of a tanh network by curvlinops: a program for an interpreter that has it.

``python -m tests.verification.curvlinops_oracle FOLDER`` reads FOLDER/problem.npz and writes
FOLDER/matrices.npz. It imports numpy, torch and curvlinops alone, so that it runs in the peers'
environment (``python -m benchmarks.peers.install``), which does not have this package.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from tests.verification.curvature_cases import Case


def write_problem(folder: Path, case: Case) -> None:
    """The layers' weights, images and labels of ``mlp_case``."""
    parameters = {n: p.detach().numpy() for n, p in case.model.named_parameters()}
    images, labels = case.images.numpy(), case.labels.numpy()
    np.savez(folder / "problem.npz", images=images, labels=labels, **parameters)


def main(folder: Path) -> None:
    """Build the network again and let curvlinops multiply the identity."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*torch.jit.*", DeprecationWarning)  # theirs
        from curvlinops import GGNLinearOperator, HessianLinearOperator

    problem = np.load(folder / "problem.npz")
    images, labels = (torch.from_numpy(problem[name]) for name in ("images", "labels"))
    shapes = {int(n.partition(".")[0]): problem[n].shape for n in problem if n.endswith("weight")}
    first, second = (shapes[i] for i in sorted(shapes))
    network = torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(first[1], first[0]),
        torch.nn.Tanh(),
        torch.nn.Linear(second[1], second[0]),
    ).double()
    network.load_state_dict(
        {name: torch.from_numpy(problem[name]) for name in network.state_dict()}
    )
    uneven = [(images[:4], labels[:4]), (images[4:], labels[4:])]
    loss = torch.nn.CrossEntropyLoss(reduction="mean")
    identity = torch.eye(sum(p.numel() for p in network.parameters()), dtype=torch.float64)
    matrices = {
        name: (kind(network, loss, list(network.parameters()), uneven) @ identity).detach().numpy()
        for name, kind in (("hessian", HessianLinearOperator), ("gauss_newton", GGNLinearOperator))
    }
    np.savez(folder / "matrices.npz", **matrices)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
