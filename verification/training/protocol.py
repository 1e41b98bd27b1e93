"""The author's training protocol as data: who sees which sample when, and at which rate."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from patchlaw.hessian_theory.input_checks import one_of
from patchlaw.simulators.output_losses import LossName
from patchlaw.verification.settings import check_integer
from patchlaw.verification.store.json_files import MAX_RATE, without_defaults

# Paper, Sec. 4 and the recorded runs: Adam's initial rate for each depth.
LEARNING_RATES = {50: 1e-2, 100: 5e-3, 150: 2.5e-3, 200: 1e-3}


def default_learning_rate(depth: int) -> float:
    """The author's rate for the nearest recorded depth at or above ``depth``.

    Raises:
        ValueError: depth below 1.
    """
    check_integer("depth", depth)
    return next((LEARNING_RATES[d] for d in sorted(LEARNING_RATES) if d >= depth), 1e-3)


def _from(source: str) -> dict[str, str]:
    return {"source": source}


@dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides a training run besides the model and the samples.

    Every field's ``metadata["source"]`` says where its default comes from.

    Attributes:
        learning_rate: Adam's initial rate.
        epochs: passes over the training samples.
        n_batches: mini-batches an epoch; each holds about N / n_batches samples.
        weight_decay: L2 term added to the gradient (Adam, not AdamW).
        annealing_epochs: T_max of the cosine annealing, stepped once an epoch; the rate is 0 in
            epochs T_max, 3 T_max, 5 T_max, ... (counted from 0).
        batch_seed: seed of the epochs' shuffles.
        loss: of the logits; see ``simulators.output_losses``.

    Raises:
        ValueError: a number out of range.
    """

    learning_rate: float = field(metadata=_from("paper, Sec. 4: by depth, LEARNING_RATES"))
    epochs: int = field(default=50, metadata=_from("paper, Sec. 4"))
    n_batches: int = field(default=60, metadata=_from("paper, Sec. 4: 60 batches of 1,000"))
    weight_decay: float = field(default=5e-5, metadata=_from("author's recorded runs"))
    annealing_epochs: int = field(default=5, metadata=_from("author's recorded runs"))
    batch_seed: int = field(default=1001, metadata=_from("author's recorded runs"))
    loss: LossName = field(default="cross_entropy", metadata=_from("paper, Eq. (3)"))

    def __post_init__(self) -> None:
        """Refuse rates and counts that make no sense."""
        for name in ("learning_rate", "weight_decay"):
            value = getattr(self, name)
            if not 0 <= value <= MAX_RATE:
                raise ValueError(
                    f"{name}: expected a finite number >= 0, at most {MAX_RATE:g}, got {value}"
                )
        for name, least in (("epochs", 1), ("n_batches", 2), ("annealing_epochs", 1)):
            check_integer(name, getattr(self, name), least)
        one_of("loss", self.loss, get_args(LossName))

    def as_plain(self) -> dict[str, Any]:
        """As JSON; of the paper's loss what former releases wrote."""
        return without_defaults(self, "loss")

    def shuffle_seeds(self) -> NDArray[np.int64]:
        """Seed of every epoch's shuffle, shape (epochs,).

        RandomState(batch_seed).randint(0, 2^32), as the author drew them; the first e seeds do
        not depend on how many are drawn.
        """
        generator = np.random.RandomState(self.batch_seed)
        return generator.randint(0, 2**32, size=self.epochs, dtype=np.int64)


def epoch_batches(
    labels: NDArray[np.integer], n_batches: int, shuffle_seed: int
) -> Iterator[NDArray[np.int64]]:
    """Sample indices of one epoch's mini-batches, in order: the test sides of stratified folds.

    Args:
        labels: shape (N,).
        n_batches: number of folds.
        shuffle_seed: ``random_state`` of scikit-learn's StratifiedKFold.

    Raises:
        ValueError: a class has fewer samples than there are batches.
    """
    from sklearn.model_selection import StratifiedKFold  # takes a second to import

    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < n_batches:
        raise ValueError(
            f"n_batches: expected at most {counts.min()}, the samples of class "
            f"{classes[counts.argmin()]}, so that every batch can hold one, got {n_batches}; "
            "use fewer batches or more samples"
        )
    folds = StratifiedKFold(n_splits=n_batches, shuffle=True, random_state=int(shuffle_seed))
    for _, batch in folds.split(np.zeros(len(labels)), labels):
        yield batch
