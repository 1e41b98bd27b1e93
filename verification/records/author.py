"""What the paper's author recorded: seven training runs and the results of Tables 1-3 and 6.

Source: figures printed by the author's own training and analysis runs for Kawase, "The effect of
the number of parameters and the number of local feature patches on loss landscapes in distributed
quantum neural networks" (arXiv 2504.19239). They are facts, not code. All runs use seed 1001,
float32, 8 qubits and 50 epochs of 60 mini-batches of 1,000 MNIST images.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FOLDER = Path(__file__).parent
_SERIES = (
    "iteration_train_loss",
    "iteration_train_accuracy",
    "epoch_test_loss",
    "epoch_test_accuracy",
)


@dataclass(frozen=True, eq=False)
class AuthorRun:
    """One recorded training run. Arrays are read-only float64.

    Losses are the mean softmax cross-entropy, printed to 5 decimals; accuracies are fractions,
    printed to 3.

    Attributes:
        iteration_train_loss: Shape (3000,), epoch by epoch: the mini-batch's loss before the
            update.
        iteration_train_accuracy: Shape (3000,), likewise.
        epoch_test_loss: Shape (50,), over the 10,000 test images after each epoch.
        epoch_test_accuracy: Shape (50,), likewise.
    """

    n_patches: int
    depth: int
    iteration_train_loss: NDArray[np.float64]
    iteration_train_accuracy: NDArray[np.float64]
    epoch_test_loss: NDArray[np.float64]
    epoch_test_accuracy: NDArray[np.float64]


@dataclass(frozen=True)
class AuthorResult:
    """The author's results for one (P, d), at the epoch of least loss over the training set.

    Attributes:
        n_parameters: P (48 d + 128) + 196 (Table 2).
        epoch_of_min_train_loss: Counted from 0.
        train_loss: Over the 60,000 training images (Table 1, as are the next three).
        train_accuracy: Fraction of the training images.
        test_loss: Over the 10,000 test images.
        test_accuracy: Fraction of the test images.
        top_hessian_eigenvalue: Largest Hessian eigenvalue over the training images; power
            iteration stopped when the estimate changed by less than 1e-3, float32 (Table 3).
        pca_ratio_1: Contribution ratio of the first principal component of the 51 epoch-end angle
            vectors, pixel bias left out (Table 6).
        landscape_grid_400_seconds_rtx4090: Seconds one RTX 4090 took for the 20x20 grid of losses;
            None where it was not recorded.
    """

    n_patches: int
    depth: int
    learning_rate: float
    n_parameters: int
    epoch_of_min_train_loss: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    top_hessian_eigenvalue: float
    pca_ratio_1: float
    pca_ratio_2: float
    landscape_grid_400_seconds_rtx4090: int | None


@cache
def author_runs() -> MappingProxyType[tuple[int, int], AuthorRun]:
    """Return the seven recorded runs, keyed by (P, d), as a read-only mapping.

    They are (4, 50), (4, 100), (4, 200), (9, 100), (9, 150), (16, 50) and (16, 200); the author's
    other five configurations have no record of this kind.
    """
    runs = {}
    for entry in _load("author_runs.json", "runs"):
        series = {name: np.array(entry[name], dtype=np.float64) for name in _SERIES}
        for array in series.values():
            array.flags.writeable = False
        run = AuthorRun(n_patches=entry["n_patches"], depth=entry["depth"], **series)
        runs[run.n_patches, run.depth] = run
    return MappingProxyType(runs)


@cache
def author_results() -> tuple[AuthorResult, ...]:
    """Return the results for P = 4, 9, 16 and d = 50, 100, 150, 200, sorted by P, then d."""
    return tuple(AuthorResult(**entry) for entry in _load("author_results.json", "results"))


def _load(name: str, key: str) -> list[dict[str, Any]]:
    content = json.loads((_FOLDER / name).read_text(encoding="utf-8"))
    entries: list[dict[str, Any]] = content[key]
    return entries
