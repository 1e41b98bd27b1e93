"""Spectra over the angles measured beside the tangent kernel's law: begun or resumed."""

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from patchlaw.hessian_theory.predictions import trace_sample
from patchlaw.hessian_theory.predictions.softmax_spectrum import curvature_traces
from patchlaw.simulators.distributed_qnn import DistributedQNN
from patchlaw.verification.jobs.job import Job, check_samples
from patchlaw.verification.jobs.progress import SILENT, Progress
from patchlaw.verification.kernels.commutator import CommutatorKernel
from patchlaw.verification.kernels.of_model import output_curvature, tangent_kernel_of
from patchlaw.verification.kernels.record import (
    COMMUTATOR_LAW,
    ENDS,
    KERNEL,
    LAW,
    WHOLE_LAW,
    KernelMoment,
    KernelRecord,
)
from patchlaw.verification.operators import CurvatureProblem, RestrictedOperator
from patchlaw.verification.records import Eigenvalue
from patchlaw.verification.runs import Run, RunError, RunSamples
from patchlaw.verification.settings import check_settings, command_of, setting
from patchlaw.verification.solvers import top_eigenpairs
from patchlaw.verification.store.json_files import plain
from patchlaw.verification.training import stratified_subset

# Ours: at (9, 50) and (9, 100) three draws of 2,000 give lambda_1 to 1 or 2 %
_DRAWS, _DRAWN = 3, 2000

Part: TypeAlias = Callable[[DistributedQNN, Tensor, KernelMoment], KernelMoment]


@dataclass(frozen=True)
class KernelSettings:
    """What a user may choose.

    Raises:
        TypeError: a count that is no integer.
        ValueError: a number out of range.
    """

    images: int = setting(1000, "--images", "Images of the stratified subset.", least=10)
    subset_seed: int = setting(0, "--subset-seed", "Seed of the subset's draw.", least=0)
    top: int = setting(12, "--top", "Largest eigenvalues.")
    tol: float = setting(1e-3, "--tol", "Relative tolerance of the residual norms.", least=0)
    seed: int = setting(0, "--seed", "Seed of start vectors.", least=0)
    epochs: tuple[int, ...] = setting(
        (),
        "--epoch",
        "Also after so many epochs, by the law and measured; may be given several times.",
        least=0,
    )

    def __post_init__(self) -> None:
        """Refuse at the door what would fail later."""
        check_settings(self)
        if not 0 < self.tol < 1:
            raise ValueError(f"tol: expected a number between 0 and 1, got {self.tol}")


def measure_kernel(
    run: Run,
    samples: RunSamples,
    out: Path,
    settings: KernelSettings | None = None,
    *,
    predict_only: bool = False,
    brief: bool = False,
    threads: int | None = None,
    device: str | None = None,
    progress: Progress = SILENT,
) -> KernelRecord:
    """Largest eigenvalues of G over the angles, at the start and at the minimum, and the law's.

    And at other moments of training that are asked for, which join those on record.

    What is on record is kept: measured values for good, predictions until the law has another
    version (``record.LAW``, ``record.COMMUTATOR_LAW``).

    Args:
        run: trained for at least one epoch.
        samples: must have the digest that the run's configuration names.
        out: folder of records; this one is ``out / <run id>.json``.
        settings: images and eigenvalues; None for the defaults.
        predict_only: the law alone, in seconds; leave the commutator kernel and the measurement,
            which take minutes, to another call.
        brief: the law and the measurement on the same images alone: no commutator kernel (which
            has no formula where patches share their angles), no law over all training images.
        threads: None for the recorded number or, in a new record, torch's.
        device: None for the recorded device or, in a new record, the CPU.
        progress: told of every moment.

    Raises:
        ValueError: samples of another digest, more images or epochs than there are.
        RunError: the run's model is none that the law speaks of, no epoch is done, or its
            parameters are not there.
        RecordError: the record on disk is damaged.
        StoreError: it is of another run or of other settings.
        InUseError: another process works on it.
    """
    check_samples(samples.sha256, run.config.data.sha256)
    settings = settings or KernelSettings()
    if beyond := [epoch for epoch in settings.epochs if not 0 <= epoch <= run.epochs_done]:
        raise ValueError(
            f"{run.path}: --epoch: expected 0 to {run.epochs_done}, the epochs of the run, got "
            f"{beyond[0]}; leave it out"
        )
    chosen = stratified_subset(samples.train_labels.numpy(), settings.images, settings.subset_seed)
    path = run.record_in(out)
    job = _KernelJob(
        run=run,
        settings=settings,
        predict_only=predict_only,
        brief=brief,
        every_image=samples.train_images,
        images=samples.train_images[chosen],
        labels=samples.train_labels[chosen],
        place=path,
        writes={out: re.escape(path.name)},
        threads=threads,
        device=device,
        progress=progress,
    )
    job.carry_out()
    return job.record


def recorded_settings(run: Run, out: Path, new: KernelSettings) -> KernelSettings:
    """Those of a run's record in a folder; ``new`` where there is none.

    Raises:
        RecordError: the record is damaged.
    """
    path = run.record_in(out)
    if not path.exists():
        return new
    record = KernelRecord.read(path)
    return KernelSettings(
        record.n_samples, record.subset_seed, record.top, record.tol, record.solver_seed
    )


@dataclass(kw_only=True)
class _KernelJob(Job):
    run: Run
    settings: KernelSettings
    predict_only: bool
    brief: bool
    every_image: Tensor
    images: Tensor
    labels: Tensor

    def open(self) -> bool:
        """Read the record, or begin one."""
        run, chosen = self.run, self.settings
        model = run.model(run.minimum_epoch)
        try:
            tangent_kernel_of(model, self.images[:1])  # type: ignore[arg-type]
        except TypeError as error:
            raise RunError(f"{run.path}: {error}") from None
        facts = replace(run.facts, n_parameters=model.n_parameters)
        begun = KernelRecord(
            reproduce=self._command(facts.id, ()),
            run=facts,
            n_samples=len(self.labels),
            subset_seed=chosen.subset_seed,
            top=chosen.top,
            tol=chosen.tol,
            solver_seed=chosen.seed,
            execution=self.execution(model),
            moments={},
            environments=(),
        )
        self.record = begun
        if not self.place.exists():
            return True
        self.record = record = KernelRecord.read(self.place)
        names = ("n_samples", "subset_seed", "top", "tol", "solver_seed")
        self.check_same(
            [
                *((k, v, getattr(facts, k)) for k, v in plain(record.run).items()),
                *((name, getattr(record, name), getattr(begun, name)) for name in names),
            ]
        )
        if not any(map(self._left, self._epochs)):
            done = "predicted" if self.predict_only else "measured"
            self.progress.say(f"{self.place}: finished, {', '.join(self._epochs)}: {done}")
            return False
        self.settle(record.execution)
        among = [found.epoch for found in record.at("training")]
        self.record = replace(record, reproduce=self._command(facts.id, among))
        return True

    @property
    def _epochs(self) -> dict[str, int]:
        """Moments asked for: by name the epochs done."""
        ends = dict(zip(ENDS, (0, self.run.minimum_epoch), strict=True))
        others = sorted({*self.settings.epochs} - {*ends.values()})
        return ends | {f"epoch {epoch}": epoch for epoch in others}

    def _command(self, run_id: str, among: Iterable[int]) -> str:
        """What makes the record, with the moments of training that are on it already."""
        others = {*among, *self._epochs.values()} - {0, self.run.minimum_epoch}
        settings = replace(self.settings, epochs=tuple(sorted(others)))
        return command_of(f"patchlaw kernel runs/{run_id}", settings)

    def _left(self, name: str) -> list[Part]:
        """What is to be done of a moment, in its order."""
        moment = self.record.moments.get(name) or KernelMoment.begun(0)
        return [
            part
            for part, done in (
                (self._law, moment.law == LAW),
                (self._whole, self.brief or name not in ENDS or moment.whole_law == WHOLE_LAW),
                (
                    self._commutator,  # before training the law itself holds
                    self.brief
                    or name != "minimum"
                    or self.run.config.model.shared_angles
                    or moment.commutator_law == COMMUTATOR_LAW,
                ),
                (self._measured, moment.measured),
            )[: 2 if self.predict_only else 4]
            if not done
        ]

    def work(self) -> None:
        """Predict and measure what is missing; write after each part."""
        environment = self.environment()
        for name, epoch in self._epochs.items():
            if not (left := self._left(name)):
                continue
            self.progress.begin(f"{self.record.run.id}, {name}")
            # the start is in the run's seed, so a thinned copy has it too
            device, config = self.device or "cpu", self.run.config.model
            model = self.run.model(epoch, device) if epoch else config.build(device)
            if not isinstance(model, DistributedQNN):
                raise TypeError(f"model: expected a DistributedQNN, got {type(model).__name__}")
            moment = self.record.moments.get(name, KernelMoment.begun(epoch))
            for part in left:
                moment = part(model, self.images.to(device), moment)
                seen = self.record.environments
                self.record = replace(
                    self.record,
                    moments={**self.record.moments, name: moment},
                    environments=(*seen, environment) if environment not in seen else seen,
                )
                KERNEL.write(self.place, self.record)
            self.progress.say(f"{self.record.run.id}, {name}: {_told(moment)}")

    def _law(self, model: DistributedQNN, images: Tensor, moment: KernelMoment) -> KernelMoment:
        begin = time.perf_counter()
        pi = output_curvature(model, images, self.run.loss)
        kernel = tangent_kernel_of(model, images)
        predicted = kernel.spectrum(pi, self.settings.top)
        seconds = time.perf_counter() - begin
        free = tangent_kernel_of(model, images, encoding_angles=False)
        return replace(
            moment,
            mean_softmax_trace=float(curvature_traces(pi).mean()),
            predicted=tuple(predicted.tolist()),
            predicted_data_free=tuple(free.spectrum(pi, self.settings.top).tolist()),
            predicted_trace=kernel.trace(pi),
            predicted_alignment=kernel.alignment(pi),
            seconds_predicted=seconds,
            group=kernel.group,
            law=LAW,
        )

    def _whole(self, model: DistributedQNN, _: Tensor, moment: KernelMoment) -> KernelMoment:
        every = self.every_image.to(model.pixel_bias.device)
        pi = output_curvature(model, every, self.run.loss)
        spectra = []
        for draw in range(_DRAWS if len(every) > _DRAWN else 1):
            rng = np.random.default_rng([self.settings.seed, draw])
            drawn, weights = trace_sample(pi, _DRAWN, rng)
            chosen = every[torch.from_numpy(drawn).to(every.device)]
            kernel = replace(tangent_kernel_of(model, chosen), weights=weights)
            spectra.append(kernel.spectrum(pi[drawn], self.settings.top))
        first = np.array([values[0] for values in spectra])
        error = first.std(ddof=1) / np.sqrt(len(first)) / first.mean() if len(first) > 1 else 0.0
        return replace(
            moment,
            whole=tuple(np.mean(spectra, axis=0).tolist()),
            whole_error=float(error),
            whole_law=WHOLE_LAW,
        )

    def _commutator(
        self, model: DistributedQNN, images: Tensor, moment: KernelMoment
    ) -> KernelMoment:
        begin = time.perf_counter()
        pi = output_curvature(model, images, self.run.loss)
        found = CommutatorKernel(model, images).spectrum(pi, self.settings.top)
        return replace(
            moment,
            commutator=tuple(found.tolist()),
            seconds_commutator=time.perf_counter() - begin,
            commutator_law=COMMUTATOR_LAW,
        )

    def _measured(
        self, model: DistributedQNN, images: Tensor, moment: KernelMoment
    ) -> KernelMoment:
        start = time.perf_counter()
        problem = CurvatureProblem(model, images, self.labels.to(images.device), loss=self.run.loss)
        found = top_eigenpairs(
            RestrictedOperator(problem.gauss_newton, "patches"),
            self.settings.top,
            tol=self.settings.tol,
            seed=self.settings.seed,
        )
        return replace(
            moment,
            measured=Eigenvalue.all_of(found),
            seconds_measured=time.perf_counter() - start,
        )


def _told(moment: KernelMoment) -> str:
    """The first eigenvalues with the law's errors, or the law's alone; and the times."""
    pairs = zip(moment.measured[:4], moment.errors[:4], strict=True)
    first = [f"{found.value:.4g} ({100 * error:+.1f} %)" for found, error in pairs]
    times = f"{moment.seconds_measured:.0f} s, law {moment.seconds_predicted:.2f} s"
    return f"{', '.join(first or [f'{value:.4g}' for value in moment.predicted[:4]])}; {times}"
