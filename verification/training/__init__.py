"""The author's training protocol and the loop that follows it."""

from patchlaw.simulators.datasets.subsets import stratified_subset
from patchlaw.verification.training.objective import Evaluation, Objective
from patchlaw.verification.training.protocol import TrainingConfig, epoch_batches
from patchlaw.verification.training.trainer import (
    DivergedError,
    EpochRecord,
    Lockstep,
    StepRecord,
    Trainer,
    TrainingMinimum,
)

__all__ = [
    "DivergedError",
    "EpochRecord",
    "Evaluation",
    "Lockstep",
    "Objective",
    "StepRecord",
    "Trainer",
    "TrainingConfig",
    "TrainingMinimum",
    "epoch_batches",
    "stratified_subset",
]
