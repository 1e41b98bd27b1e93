"""The record of a run's spectra over the angles, measured and predicted."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patchlaw.hessian_theory.predictions import CircuitGroup
from patchlaw.verification.jobs.job import Execution
from patchlaw.verification.records import Eigenvalue, RunFacts
from patchlaw.verification.records.reading import refuse_repeated
from patchlaw.verification.store.json_files import Count, NonNegative, PositiveCount
from patchlaw.verification.store.seal import FileKind

KERNEL = FileKind(
    "patchlaw kernel",
    "restore it from a copy, or move it away and measure again with `patchlaw kernel`",
)

ENDS = ("start", "minimum")

# Versions of the formulas: predictions by another one are made anew, measured values are kept.
LAW = 2  # 1: unitary 2-designs; 2: those of the circuit's own group
COMMUTATOR_LAW = 1
WHOLE_LAW = 1  # draws of ``trace_sample``, see ``KernelMoment.whole``


@dataclass(frozen=True)
class KernelMoment:
    """G over the angles at one moment of training, on the record's images.

    Attributes:
        epoch: epochs done.
        mean_softmax_trace: <tr S> there.
        measured: largest eigenvalues by Lanczos on exact products, descending; none where the
            record has predictions only.
        predicted: from the tangent kernel's law.
        predicted_data_free: the same from the angles of the data-free blocks alone.
        predicted_trace: tr G by the law.
        predicted_alignment: lambda_max(G) / sum_p lambda_max(G_pp) by the law.
        seconds_measured: wall-clock time of the measured ones.
        seconds_predicted: of the predicted ones, softmax outputs and kernel included; without
            those of the data-free blocks and the alignment.
        group: of the law's 2-designs.
        law: version of the law's formulas, see ``LAW``; 0 where it has not predicted yet.
        commutator: eigenvalues of the kernel averaged over generators within each block only, see
            ``CommutatorKernel``.
        seconds_commutator: wall-clock time of these.
        commutator_law: version of their formula; 0 where they are not there.
        whole: the law's eigenvalues over all training images, means over draws of some 2,000 in
            proportion to tr S (``trace_sample``), three of them, or one of all where there are no
            more. What the few images of ``predicted`` miss at a minimum are hard ones.
        whole_error: standard error of its first, over it, from the draws.
        whole_law: version of how they are made; 0 where they are not there.
    """

    epoch: Count
    mean_softmax_trace: NonNegative
    measured: tuple[Eigenvalue, ...]
    predicted: tuple[float, ...]
    predicted_data_free: tuple[float, ...]
    predicted_trace: float
    predicted_alignment: float
    seconds_measured: NonNegative
    seconds_predicted: NonNegative
    group: CircuitGroup = "unitary"
    law: Count = 1
    commutator: tuple[float, ...] = ()
    seconds_commutator: NonNegative = 0.0
    commutator_law: Count = 0
    whole: tuple[float, ...] = ()
    whole_error: NonNegative = 0.0
    whole_law: Count = 0

    @classmethod
    def begun(cls, epoch: int) -> "KernelMoment":
        """Nothing measured or predicted yet."""
        return cls(epoch, 0.0, (), (), (), 0.0, 0.0, 0.0, 0.0, law=0)

    @property
    def errors(self) -> tuple[float, ...]:
        """predicted / measured - 1 of each eigenvalue; none where nothing is measured."""
        return self.errors_of("predicted")

    def errors_of(self, law: str) -> tuple[float, ...]:
        """The same of "predicted", "predicted_data_free" or "commutator", if it is there."""
        predicted: tuple[float, ...] = getattr(self, law)
        if not (predicted and self.measured):
            return ()
        pairs = zip(predicted, self.measured, strict=True)
        return tuple(value / found.value - 1 for value, found in pairs)


@dataclass(frozen=True)
class KernelRecord:
    """What was measured and predicted of one run.

    Attributes:
        reproduce: command that gives it again.
        run: which run.
        n_samples: training images of the stratified subset.
        subset_seed: of their draw.
        top: eigenvalues asked for.
        tol: relative tolerance of the measured ones.
        solver_seed: of the start vectors.
        execution: threads, device, samples a pass.
        moments: "start", "minimum" and "epoch 5", .., as far as they are measured.
        environments: of every session that measured one.
    """

    reproduce: str
    run: RunFacts
    n_samples: PositiveCount
    subset_seed: Count
    top: PositiveCount
    tol: float
    solver_seed: Count
    execution: Execution
    moments: Mapping[str, KernelMoment]
    environments: tuple[Mapping[str, Any], ...]

    def at(self, moment: str) -> tuple[KernelMoment, ...]:
        """Moment "start" or "minimum", or for "training" all others; none where none is there."""
        if moment in ENDS:
            return (self.moments[moment],) if moment in self.moments else ()
        return tuple(found for name, found in self.moments.items() if name not in ENDS)

    @classmethod
    def read(cls, path: Path) -> "KernelRecord":
        """Read a record, finished or not.

        Raises:
            RecordError: truncated, altered, another program's, or numbers of another kind.
            OSError: the file cannot be read.
        """
        return KERNEL.read_as(path, cls, exactly=True)


def read_kernels(folder: Path) -> tuple[KernelRecord, ...]:
    """Every record of a folder, by P, depth and seed.

    Raises:
        RecordError: two are of one run, or as ``KernelRecord.read``.
    """
    found = {path: KernelRecord.read(path) for path in sorted(folder.glob("*.json"))}
    refuse_repeated((record.run, path) for path, record in found.items())
    return tuple(sorted(found.values(), key=lambda r: (r.run.n_patches, r.run.depth, r.run.seed)))
