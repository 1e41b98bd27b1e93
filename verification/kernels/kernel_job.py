"""Spectra over the angles measured beside the tangent kernel's law: begun or resumed."""

import re
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path

from torch import Tensor

from patchlaw.simulators.distributed_qnn import DistributedQNN
from patchlaw.verification.jobs.job import Job, check_samples
from patchlaw.verification.jobs.progress import SILENT, Progress
from patchlaw.verification.kernels.of_model import softmax_outputs, tangent_kernel_of
from patchlaw.verification.kernels.record import KERNEL, KernelMoment, KernelRecord
from patchlaw.verification.operators import CurvatureProblem, RestrictedOperator
from patchlaw.verification.records import Eigenvalue, RunFacts
from patchlaw.verification.runs import Run, RunSamples
from patchlaw.verification.settings import check_settings, setting
from patchlaw.verification.solvers import top_eigenpairs
from patchlaw.verification.store.json_files import plain
from patchlaw.verification.training import stratified_subset

MOMENTS = ("start", "minimum")


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
    threads: int | None = None,
    device: str | None = None,
    progress: Progress = SILENT,
) -> KernelRecord:
    """Largest eigenvalues of G over the angles, at the start and at the minimum, and the law's.

    Args:
        run: trained for at least one epoch.
        samples: must have the digest that the run's configuration names.
        out: folder of records; this one is ``out / <run id>.json``.
        settings: images and eigenvalues; None for the defaults.
        threads: None for the recorded number or, in a new record, torch's.
        device: None for the recorded device or, in a new record, the CPU.
        progress: told of every moment.

    Raises:
        TypeError: the run's model is none that the law speaks of.
        ValueError: samples of another digest, more images than there are.
        RunError: the run has no epoch done, or its parameters are not there.
        RecordError: the record on disk is damaged.
        StoreError: it is of another run or of other settings.
        InUseError: another process works on it.
    """
    check_samples(samples.sha256, run.config.data.sha256)
    settings = settings or KernelSettings()
    chosen = stratified_subset(samples.train_labels.numpy(), settings.images, settings.subset_seed)
    path = out / f"{run.config.run_id}.json"
    job = _KernelJob(
        run=run,
        settings=settings,
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


@dataclass(kw_only=True)
class _KernelJob(Job):
    run: Run
    settings: KernelSettings
    images: Tensor
    labels: Tensor

    def open(self) -> bool:
        """Read the record, or begin one."""
        run, chosen = self.run, self.settings
        size = len(run.parameters(run.minimum_epoch))
        facts = RunFacts(**run.facts, n_parameters=size, **run.config.axes)
        words = [f"patchlaw kernel runs/{facts.id}"]
        for option in fields(chosen):
            if (value := getattr(chosen, option.name)) != option.default:
                words.append(f"{option.metadata['argument']} {value}")
        begun = KernelRecord(
            reproduce=" ".join(words),
            run=facts,
            n_samples=len(self.labels),
            subset_seed=chosen.subset_seed,
            top=chosen.top,
            tol=chosen.tol,
            solver_seed=chosen.seed,
            execution=self.execution(run.model(run.minimum_epoch)),
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
                *((k, v, plain(facts)[k]) for k, v in plain(record.run).items()),
                *((name, getattr(record, name), getattr(begun, name)) for name in names),
            ]
        )
        if all(moment in record.moments for moment in MOMENTS):
            self.progress.say(f"{self.place}: finished, start and minimum are measured")
            return False
        self.settle(record.execution)
        return True

    def work(self) -> None:
        """Measure the moments that are missing; write after each."""
        environment = self.environment()
        epochs = {"start": 0, "minimum": self.run.minimum_epoch}
        for name in MOMENTS:
            if name in self.record.moments:
                continue
            self.progress.begin(f"{self.record.run.id}, {name}")
            moment = self._measured(epochs[name])
            seen = self.record.environments
            self.record = replace(
                self.record,
                moments={**self.record.moments, name: moment},
                environments=(*seen, environment) if environment not in seen else seen,
            )
            KERNEL.write(self.place, self.record)
            first = ", ".join(
                f"{found.value:.4g} ({100 * error:+.1f} %)"
                for found, error in zip(moment.measured[:4], moment.errors[:4], strict=True)
            )
            self.progress.say(
                f"{self.record.run.id}, {name}: {first}; {moment.seconds_measured:.0f} s, law "
                f"{moment.seconds_predicted:.2f} s"
            )

    def _measured(self, epoch: int) -> KernelMoment:
        # the start is in the run's seed, so a thinned copy has it too
        device, config = self.device or "cpu", self.run.config.model
        model = self.run.model(epoch, device) if epoch else config.build(device)
        if not isinstance(model, DistributedQNN):
            raise TypeError(f"model: expected a DistributedQNN, got {type(model).__name__}")
        images = self.images.to(device)
        begin = time.perf_counter()
        pi = softmax_outputs(model, images).cpu().numpy()
        kernel = tangent_kernel_of(model, images)
        predicted = kernel.spectrum(pi, self.settings.top)
        predicted_at = time.perf_counter()
        free = tangent_kernel_of(model, images, encoding_angles=False)
        alignment = kernel.alignment(pi)
        problem = CurvatureProblem(model, images, self.labels.to(device))
        start = time.perf_counter()
        found = top_eigenpairs(
            RestrictedOperator(problem.gauss_newton, "patches"),
            self.settings.top,
            tol=self.settings.tol,
            seed=self.settings.seed,
        )
        return KernelMoment(
            epoch=epoch,
            mean_softmax_trace=float((1 - (pi * pi).sum(axis=1)).mean()),
            measured=Eigenvalue.all_of(found),
            predicted=tuple(predicted.tolist()),
            predicted_data_free=tuple(free.spectrum(pi, self.settings.top).tolist()),
            predicted_trace=kernel.trace(pi),
            predicted_alignment=alignment,
            seconds_measured=time.perf_counter() - start,
            seconds_predicted=predicted_at - begin,
        )
