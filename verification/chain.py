"""The whole chain of ``patchlaw verify``: derive, check exactly, train, measure, compare."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from scipy.sparse.linalg import LinearOperator
from torch import Tensor

from patchlaw.hessian_theory.proof.derivation import Derivation
from patchlaw.simulators import DistributedQNN, load_mnist
from patchlaw.verification.checks import CheckResult, exact_checks, random_instances
from patchlaw.verification.comparison import compare_author, compare_measured
from patchlaw.verification.measurement import (
    BIAS_BLOCK,
    TERMS,
    MinimumMeasurement,
    measure_curvature,
    top_eigenvalue,
)
from patchlaw.verification.operators import (
    GaussNewtonOperator,
    ResidualOperator,
    RestrictedOperator,
)
from patchlaw.verification.report import (
    Moment,
    ReportStore,
    SupportingEigenvalue,
    TheoremResult,
    VerifyConfig,
)
from patchlaw.verification.training import Objective, Trainer, TrainingConfig, stratified_subset

# Ours: enough for a ratio, few enough to cost seconds.
SUPPORTING_IMAGES, SUPPORTING_SHARE, SUPPORTING_TOL = 100, 1 / 4, 1e-2


class Progress(Protocol):
    """What a stage reports to while it runs."""

    def start(self, title: str, total: int) -> None:
        """A new stage of ``total`` units begins."""

    def advance(self, detail: str = "") -> None:
        """One unit is done."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Images (N, side, side) in radians with labels (N,), for training and for testing."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


def run_chain(store: ReportStore, progress: Progress, data: Path | None = None) -> None:
    """Run every stage; the store holds a valid report after each finding.

    Args:
        store: holds the configuration and receives the findings.
        progress: told of every unit of work.
        data: folder of IDX files in place of the embedded MNIST.
    """
    config = store.report.config
    with _stage(store, "derivation"):
        for result in re_prove(load_theorems(), config.seed, progress):
            store.update(theorems=(*store.report.theorems, result))
    with _stage(store, "exact checks"):
        for check in run_checks(config, progress):
            store.update(checks=(*store.report.checks, check))
    store.update(author_comparisons=tuple(compare_author()))
    samples = load_samples(config, data)
    for patches in config.patches:
        with _stage(store, f"training P={patches}"):
            model, trainer, start = train(patches, samples, config, progress)
        with _stage(store, f"eigenvalues P={patches}"):
            measured = measure(model, trainer, start, samples, config, progress)
            models = (*store.report.models, measured)
            store.update(models=models, comparisons=tuple(compare_measured(models)))
        with _stage(store, f"start and bias P={patches}"):
            for found in measure_for_claims(model, samples, config, progress):
                store.update(supporting=(*store.report.supporting, found))
    store.update(status="complete", stage="done")


@contextmanager
def _stage(store: ReportStore, name: str) -> Iterator[None]:
    store.update(stage=name)
    begin = time.perf_counter()
    yield
    seconds = time.perf_counter() - begin
    store.update(seconds=store.report.seconds | {name: seconds})


def load_theorems() -> Sequence[Derivation]:
    """Every theorem of ``hessian_theory``, Eqs. (4)-(6) first."""
    from patchlaw.hessian_theory.theorems import THEOREMS  # sympy: a second to import

    return THEOREMS


def re_prove(
    theorems: Sequence[Derivation], seed: int, progress: Progress
) -> Iterator[TheoremResult]:
    """Check every step of every theorem again."""
    progress.start("Re-proving theorems", len(theorems))
    for theorem in theorems:
        begin = time.perf_counter()
        report = theorem.report(seed=seed)
        error = next((step.error for step in report.steps if step.error), "")
        progress.advance(theorem.name)
        yield TheoremResult(
            name=theorem.name,
            title=theorem.title,
            source=theorem.source,
            status=report.status,
            steps=len(report.steps),
            error=error,
            seconds=time.perf_counter() - begin,
            numerical_test=theorem.numerical_test,
        )


def run_checks(config: VerifyConfig, progress: Progress) -> Iterator[CheckResult]:
    """The exact checks, one after another."""
    checks = exact_checks(random_instances(config.instances, config.seed), config.seed)
    progress.start("Exact checks on small circuits", len(checks))
    for title, check in checks:
        result = check()
        progress.advance(title)
        yield result


def load_samples(config: VerifyConfig, data: Path | None) -> Samples:
    """Stratified subsets of MNIST, the same for every P."""
    mnist = load_mnist(data)
    train = stratified_subset(mnist.train_labels.numpy(), config.images, config.seed)
    test = stratified_subset(mnist.test_labels.numpy(), config.test_images, config.seed)
    return Samples(
        mnist.train_images[train],
        mnist.train_labels[train],
        mnist.test_images[test],
        mnist.test_labels[test],
    )


def train(
    patches: int, samples: Samples, config: VerifyConfig, progress: Progress
) -> tuple[DistributedQNN, Trainer, float]:
    """Train one model by the author's protocol on the subset; the loss at the start comes along."""
    model = DistributedQNN(patches, config.depth)
    protocol = TrainingConfig(
        learning_rate=config.learning_rate,
        epochs=config.epochs,
        n_batches=max(2, round(config.images / config.batch_size)),
    )
    trainer = Trainer(model, samples.train_images, samples.train_labels, protocol)
    start = trainer.objective.evaluate(samples.train_images, samples.train_labels).loss
    progress.start(f"Training P={patches}", protocol.epochs * protocol.n_batches)
    for step in trainer.run():
        progress.advance(f"epoch {step.epoch + 1}/{protocol.epochs}, loss {step.loss:.3f}")
    return model, trainer, start


def measure(
    model: DistributedQNN,
    trainer: Trainer,
    start: float,
    samples: Samples,
    config: VerifyConfig,
    progress: Progress,
) -> MinimumMeasurement:
    """Evaluate and measure the model at its minimum."""
    minimum = trainer.minimum
    assert minimum is not None  # at least one epoch ran
    model.load_flat_parameters(minimum.parameters)
    whole = (*TERMS, BIAS_BLOCK)
    progress.start(f"Eigenvalues P={model.n_patches}", len(whole) + model.n_patches)
    top, blocks, bias_share = {}, [], 0.0
    for record, result in measure_curvature(
        model, samples.train_images, samples.train_labels, tol=config.tol, seed=config.seed
    ):
        if record.matrix in whole:
            top[record.matrix] = record
        else:
            blocks.append(record)
        if record.matrix == "H":
            bias_share = float(np.sum(result.vectors[model.angles.numel() :, 0] ** 2))
        progress.advance(f"lambda_max({record.matrix}) = {record.value:.4g}")
    objective = Objective(model)
    return MinimumMeasurement(
        n_patches=model.n_patches,
        depth=config.depth,
        n_parameters=model.n_parameters,
        epoch=minimum.epoch,
        start_loss=start,
        train=minimum.train,
        test=objective.evaluate(samples.test_images, samples.test_labels),
        top=top,
        blocks=tuple(blocks),
        bias_share=bias_share,
    )


def measure_for_claims(
    model: DistributedQNN, samples: Samples, config: VerifyConfig, progress: Progress
) -> Iterator[SupportingEigenvalue]:
    """What the ledger asks for besides: the bias block of R, and G and R before training.

    On a stratified part of the images and to 1 %, so that it takes a fraction of the time of
    ``measure``; start and minimum, compared at the smallest P only, share that part.

    Args:
        model: at its minimum.
        samples: the images to take a part of.
        config: seed and tolerance.
        progress: told of every eigenvalue.
    """
    count = min(SUPPORTING_IMAGES, int(config.images * SUPPORTING_SHARE))
    part = stratified_subset(samples.train_labels.numpy(), count, config.seed)
    images, labels = samples.train_images[part], samples.train_labels[part]
    bias = np.arange(model.angles.numel(), model.n_parameters)
    asked: list[tuple[Moment, str, LinearOperator]] = []
    if model.n_patches == min(config.patches):
        untrained = DistributedQNN(model.n_patches, config.depth)
        for name, kind in (("G", GaussNewtonOperator), ("R", ResidualOperator)):
            asked.append(("start", name, kind(untrained, images, labels)))
            asked.append(("minimum", name, kind(model, images, labels)))
    residual = ResidualOperator(model, images, labels)
    asked.append(("minimum", "R over the bias", RestrictedOperator(residual, bias)))
    progress.start(f"Start and bias P={model.n_patches}", len(asked))
    for moment, matrix, op in asked:
        top, _ = top_eigenvalue(matrix, op, max(config.tol, SUPPORTING_TOL), config.seed)
        progress.advance(f"lambda_max({matrix}) = {top.value:.4g}")
        yield SupportingEigenvalue(model.n_patches, moment, top)
