"""What the stages of an analysis share: run, samples, curvature problems, two-level solves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.simulators.patch_model import PatchModule
from patchlaw.verification.analysis.options import AnalysisOptions
from patchlaw.verification.jobs.progress import Progress
from patchlaw.verification.operators import CurvatureProblem, SymmetricOperator
from patchlaw.verification.ranks.ranks import ALONE, Ranks
from patchlaw.verification.records import Eigenvalue
from patchlaw.verification.runs import Run, RunSamples
from patchlaw.verification.solvers import EigenResult, top_eigenpairs
from patchlaw.verification.solvers.lanczos import Which
from patchlaw.verification.solvers.result import format_value
from patchlaw.verification.store.json_files import typed
from patchlaw.verification.training import Objective, stratified_subset

Matrix: TypeAlias = Callable[[CurvatureProblem], SymmetricOperator]

# Ours, for starts near the wanted vectors: Krylov vectors beyond two a pair, more where the wanted
# eigenvalue stands in no gap, and the share of noise that keeps every direction within reach.
_EXTRA_VECTORS = 3
_EXTRA_VECTORS_WITHOUT_GAP = 10
_NOISE = 0.1
_SHOWN = 3  # values of a solve on its line


class WatchedOperator(SymmetricOperator):
    """The same matrix; ``told`` is called after every pass with the vectors multiplied so far."""

    def __init__(self, op: SymmetricOperator, told: Callable[[int], None]) -> None:
        self._op = op
        self._told = told
        super().__init__(op.dtype, op.shape[0], op.n_samples, op.ranks)

    def identity(self) -> dict[str, Any]:
        """That of the operator: checkpoints do not depend on who watches."""
        return self._op.identity()

    @property
    def caveats(self) -> tuple[str, ...]:
        """The operator's."""
        return self._op.caveats

    def product(self, vectors: NDArray[np.floating]) -> NDArray[np.floating]:
        """The operator's."""
        result = self._op.matmat(vectors)
        self._told(self.matvecs + vectors.shape[1])
        return np.asarray(result)


@dataclass(frozen=True, eq=False)
class TwoLevels:
    """Eigenpairs on the subset and, from there, over all training images (the same if it is)."""

    subset: EigenResult
    whole: EigenResult


@dataclass(kw_only=True)
class Workbench:
    """A run at its minimum, ready for curvature products over all images and over the subset.

    Attributes:
        run: trained for at least one epoch.
        work: folder for the solvers' checkpoints.
        memory_budget: bytes of states that a problem may keep between products.
        section: gives a section of the record as it stands, None if there is none.
        device: torch device that multiplies; the eigensolvers' vectors stay on the CPU.
        ranks: who share the samples.
    """

    run: Run
    samples: RunSamples
    options: AnalysisOptions
    work: Path
    memory_budget: float
    progress: Progress
    section: Callable[[str], Any] = field(default=lambda name: None)
    device: str = "cpu"
    ranks: Ranks = ALONE

    @cached_property
    def model(self) -> PatchModule:
        """The model at the minimum of the training loss."""
        return self.model_after(self.run.minimum_epoch)

    def model_after(self, epoch: int) -> PatchModule:
        """The model after some epochs, where the products are done."""
        return self.run.model(epoch, self.device)

    @cached_property
    def subset_data(self) -> tuple[Tensor, Tensor]:
        """Images and labels of the subset."""
        return self.stratified(self.options.subset)

    def stratified(self, size: int) -> tuple[Tensor, Tensor]:
        """Images and labels of a stratified part of the training set, all if it is no larger."""
        images, labels = self.samples.train_images, self.samples.train_labels
        if size >= len(labels):
            return images, labels
        chosen = stratified_subset(labels.numpy(), size, self.options.subset_seed)
        return images[chosen], labels[chosen]

    @property
    def has_subset(self) -> bool:
        """Whether the subset is smaller than the training set."""
        return self.options.subset < len(self.samples.train_labels)

    @cached_property
    def subset(self) -> CurvatureProblem:
        """H, G and R on the subset."""
        return self.problem(self.model, *self.subset_data)

    @cached_property
    def whole(self) -> CurvatureProblem:
        """H, G and R over all training images."""
        if not self.has_subset:
            return self.subset
        return self.problem(self.model, self.samples.train_images, self.samples.train_labels)

    def problem(self, model: PatchModule, images: Tensor, labels: Tensor) -> CurvatureProblem:
        """A problem with the analysis' memory budget."""
        return CurvatureProblem(
            *(model, images, labels),
            loss=self.run.loss,
            memory_budget=self.memory_budget,
            group=self.ranks,
        )

    def objective(self, model: PatchModule) -> Objective:
        """The run's loss of a model, by all ranks."""
        return Objective(model, self.run.loss, self.ranks)

    def watched(self, name: str, op: SymmetricOperator) -> WatchedOperator:
        """The operator, telling of the vectors it has multiplied."""
        shown = f"{name}, {op.n_samples or 0:,} images: "
        return WatchedOperator(op, lambda n: self.progress.advance(n, f"{shown}{n} vectors"))

    def on_record(self, matrix: str) -> Eigenvalue:
        """Largest eigenvalue over all images that an earlier stage found."""
        return typed(self.section("eigenvalues")[matrix][0], Eigenvalue)

    def solve(
        self,
        name: str,
        op: SymmetricOperator,
        k: int = 1,
        which: Which = "LA",
        tol: float | None = None,
        start: NDArray[np.float64] | None = None,
        folder: str = "",
        max_matvecs: int = 1000,
        *,
        gap: bool = True,
    ) -> EigenResult:
        """Eigenpairs of one operator, resumable; with a start, in a small subspace.

        Args:
            name: what the matrix is called.
            op: the matrix.
            k: pairs.
            which: end of the spectrum.
            tol: relative; the options' if left out.
            start: near the wanted vectors.
            folder: of the checkpoint, below the work folder; from name and samples if left out.
            max_matvecs: products at most.
            gap: whether the wanted eigenvalues stand apart from the next one; without, a start
                gets a larger subspace.
        """
        samples = op.n_samples or 0
        k = min(k, op.shape[0] - 1)
        width = 2 * k + (_EXTRA_VECTORS if gap else _EXTRA_VECTORS_WITHOUT_GAP)
        result = top_eigenpairs(
            self.watched(name, op),
            k,
            which,
            self.options.tol if tol is None else tol,
            self.options.seed,
            max_matvecs,
            checkpoint=self.work / (folder or f"{name} {samples}".replace(" ", "-")),
            # with a start at hand a product of the same code was probed before
            probe=start is None,
            start=None if start is None else self._with_noise(start),
            subspace=None if start is None else min(op.shape[0], width),
        )
        self.progress.say(solved_line(name, result))
        return result

    def two_levels(
        self,
        name: str,
        matrix: Matrix,
        k: int = 1,
        k_subset: int | None = None,
        problems: tuple[CurvatureProblem, CurvatureProblem] | None = None,
        folder: str = "",
        *,
        gap: bool = True,
    ) -> TwoLevels:
        """Largest pairs on the subset, then over all images from a start in their span.

        Args:
            name: what the matrix is called.
            matrix: the operator of a problem.
            k: pairs over all images.
            k_subset: pairs on the subset; k if left out.
            problems: (subset, whole) in place of the run's own, such as a patch's blocks.
            folder: of the whole solve's checkpoint, as in ``solve``.
            gap: as in ``solve``; R has none and is small beside G where the loss is, so without
                one the coarse tolerance does.
        """
        small, large = problems or (self.subset, self.whole)
        tol = None if gap else self.options.coarse_tol
        subset = self.solve(name, matrix(small), k_subset or k, tol=tol)
        if not self.has_subset:
            return TwoLevels(subset, subset)
        start = subset.vectors[:, :k].sum(axis=1)
        whole = self.solve(name, matrix(large), k, tol=tol, start=start, folder=folder, gap=gap)
        return TwoLevels(subset, whole)

    def _with_noise(self, start: NDArray[np.float64]) -> NDArray[np.float64]:
        noise = np.random.default_rng([self.options.seed, 2]).standard_normal(len(start))
        noise *= _NOISE * np.linalg.norm(start) / np.linalg.norm(noise)
        return start + noise


def solved_line(matrix: str, result: EigenResult) -> str:
    """The first values of a solve with their error bounds, for the log."""
    values = ", ".join(format_value(*row) for row in result.rows[:_SHOWN])
    more = f" and {len(result.values) - _SHOWN} more" if len(result.values) > _SHOWN else ""
    end = "" if result.which == "LA" else " (smallest)"
    return (
        f"  {matrix}{end}, {result.n_samples or 0:,} images: {values}{more}; "
        f"{result.matvecs} vectors, {result.seconds:.0f} s"
    )
