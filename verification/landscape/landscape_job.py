"""A landscape carried out: begin or resume it, compute losses, keep the record on disk."""

import hashlib
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.simulators import PatchModel
from patchlaw.simulators.output_losses import LossName
from patchlaw.verification.jobs.job import Job, check_samples
from patchlaw.verification.jobs.progress import SILENT, Pace, Progress
from patchlaw.verification.landscape.pca import (
    TrajectoryPlane,
    random_walk_ratios,
    trajectory_plane,
)
from patchlaw.verification.landscape.record import (
    LandscapeRecord,
    LossGrid,
    PrincipalComponents,
    ProjectedTrajectory,
    Resumption,
)
from patchlaw.verification.landscape.settings import LandscapeSettings
from patchlaw.verification.ranks.ranks import ALONE, Ranks
from patchlaw.verification.records import RunFacts
from patchlaw.verification.runs import Run, RunSamples
from patchlaw.verification.settings import command_of
from patchlaw.verification.store.errors import RecordError
from patchlaw.verification.store.json_files import plain
from patchlaw.verification.training import Objective, stratified_subset

# Ours: what a kill may cost; a write takes milliseconds.
SAVE_SECONDS = 5.0
# Positions of a trajectory computed twice differ by rounding on another machine, far less than this
# part of its extent; a component with its sign turned differs by more.
_SAME_PLANE = 1e-6
_LINES = 10  # of the log


Float = NDArray[np.float64]


def grid_axis(coordinates: Float, points: int, margin: float) -> Float:
    """Equally spaced positions over a coordinate's range and a margin on both sides.

    Args:
        coordinates: of the trajectory's points along one component, radians.
        points: how many positions, at least 2.
        margin: added on either side, radians (paper: 5).

    Returns:
        Shape (points,), ascending.
    """
    low, high = float(coordinates.min()) - margin, float(coordinates.max()) + margin
    return np.linspace(low, high, points)


class PlaneLoss:
    """L(theta_min + x PC1 + y PC2), shared parameters held at the minimum's; mean over images.

    Args:
        model: at the minimum; its patches' parameters are moved by every call, its bias never.
        plane: of the patches' parameter vectors in the model's order; its origin is the minimum.
        images: shape (N, side, side), radians.
        labels: shape (N,), int64.
        loss: of the logits.
        ranks: who share the images.
    """

    def __init__(
        self,
        model: PatchModel,
        plane: TrajectoryPlane,
        images: Tensor,
        labels: Tensor,
        loss: LossName = "cross_entropy",
        ranks: Ranks = ALONE,
    ) -> None:
        self._model, self._plane = model, plane
        self._images, self._labels = model.check_images(images), labels
        self._objective = Objective(model, loss, ranks)
        self._own = torch.from_numpy(model.layout.own)
        self._flat = model.flat_parameters().cpu().double()

    def __call__(self, x: float, y: float) -> float:
        """Mean loss, summed in float64; the parameters are rounded to the model's dtype."""
        self._flat[self._own] = torch.from_numpy(self._plane.at(x, y))
        self._model.load_flat_parameters(self._flat)
        return self._objective.evaluate(self._images, self._labels).loss


def compute_landscape(
    run: Run,
    samples: RunSamples,
    out: Path,
    settings: LandscapeSettings | None = None,
    *,
    threads: int | None = None,
    device: str | None = None,
    progress: Progress = SILENT,
    save_seconds: float = SAVE_SECONDS,
    ranks: Ranks = ALONE,
) -> LandscapeRecord:
    """The loss over the plane of the run's trajectory, from wherever the record on disk is.

    The plane is that of PC1 and PC2 of the angle vectors at the start and at every epoch's end
    (pixel bias left out), through the minimum of the training loss; the grid covers the
    trajectory's projection and a margin; the pixel bias is held at its value at the minimum.

    Interrupted at any moment and called again, it ends with the numbers of one that was not, to
    the last bit on the same machine and versions.

    Args:
        run: with two epochs done at least.
        samples: must have the digest that the run's configuration names.
        out: folder of records; this one is ``out / <run id>.json``.
        settings: grid and images; None for the paper's.
        threads: None for the recorded number or, in a new record, torch's.
        device: None for the recorded device or, in a new record, the CPU.
        progress: told of every loss.
        save_seconds: least time between two writes of the record.
        ranks: as for ``execute_run``.

    Raises:
        ValueError: samples of another digest, more images than there are, a trajectory without a
            plane, a device that torch does not have here.
        RunError: the run has no epoch done.
        RecordError: a file of the run or the record on disk is damaged, or of another plane.
        StoreError: the record is of another run, grid or image set, or unfinished with other
            threads or another device; it is left as it is.
        InUseError: another process works on the record.
        FloatingPointError: a loss is NaN or infinite; the record stays without it.
    """
    check_samples(samples.sha256, run.config.data.sha256, ranks)
    settings = settings or LandscapeSettings()
    path = run.record_in(out)
    job = _LandscapeJob(
        run=run,
        minimum=run.minimum_epoch,
        settings=settings,
        data=_chosen(samples, settings),
        save_seconds=save_seconds,
        place=path,
        writes={out: re.escape(path.name)},
        threads=threads,
        device=device,
        progress=progress,
        ranks=ranks,
    )
    job.carry_out()
    return job.record


@dataclass(kw_only=True)
class _LandscapeJob(Job):
    run: Run
    minimum: int
    settings: LandscapeSettings
    data: tuple[Tensor, Tensor, int | None]
    save_seconds: float

    def open(self) -> bool:
        """Read the record if there is one."""
        self._begun = self.place.exists()
        if not self._begun:
            return True
        self.record = record = LandscapeRecord.read(self.place)
        facts, settings, (_, labels, subset_seed) = _facts(self.run), self.settings, self.data
        self.check_same(
            [
                *((k, v, getattr(facts, k)) for k, v in plain(record.run).items()),
                ("minimum_epoch", record.minimum_epoch, self.minimum),
                ("images used", record.n_samples, len(labels)),
                ("subset seed", record.subset_seed, subset_seed),
                ("points", len(record.grid.x), settings.points),
                ("margin", record.grid.margin, settings.margin),
            ]
        )
        if record.complete:
            n_losses = record.grid.loss.size
            self.progress.say(f"{self.place}: finished, {n_losses} losses are computed")
            return False
        self.settle(record.execution)
        return True

    def work(self) -> None:
        """Compute what is missing, row by row; write at the start, now and then, and at the end."""
        model = self.run.model(self.minimum, self.device or "cpu")
        angles = self.run.trajectory()[:, model.layout.own].double().numpy()
        plane = trajectory_plane(angles, self.minimum)
        loss_at = PlaneLoss(model, plane, *self.data[:2], self.run.loss, self.ranks)
        execution, environment = self.execution(model), self.environment()
        if self._begun:
            self._check_plane(plane)
            record = self.record
            resumed = Resumption(record.grid.n_done, environment)
            last = record.resumed[-1].environment if record.resumed else record.environment
            self.note_changes(
                {**last, "max_chunk": record.execution.max_chunk},
                {**environment, "max_chunk": execution.max_chunk},
            )
            facts = _facts(self.run)  # those of former releases did not say what model
            self.record = replace(record, run=facts, resumed=(*record.resumed, resumed))
        else:
            begin = time.perf_counter()
            self.record = LandscapeRecord(
                **self._plane_facts(plane),
                loss_at_minimum=loss_at(0.0, 0.0),
                execution=execution,
                environment=environment,
                resumed=(),
                seconds=time.perf_counter() - begin,
            )
        self._fill(loss_at)

    def _fill(self, loss_at: PlaneLoss) -> None:
        grid, before, begin = self.record.grid, self.record.seconds, time.perf_counter()
        loss, total, done = grid.loss.copy(), grid.loss.size, grid.n_done
        self.progress.say(self._opening())
        self.progress.begin(self.record.run.id, total, done)
        pace = Pace(total, done)

        def save() -> float:
            seconds = before + time.perf_counter() - begin
            self.record = replace(
                self.record, grid=replace(grid, loss=loss.copy()), seconds=seconds
            )
            self.record.write(self.place)
            return time.perf_counter()

        saved = save()
        try:
            for i, j in np.argwhere(np.isnan(loss)):
                value = loss_at(grid.x[j], grid.y[i])
                if not np.isfinite(value):
                    raise FloatingPointError(
                        f"loss: expected a finite number, got {value} at x {grid.x[j]}, "
                        f"y {grid.y[i]}"
                    )
                loss[i, j] = value
                done += 1
                self.progress.advance(done, f"{done}/{total}, loss {value:.4f}")
                if done * _LINES // total > (done - 1) * _LINES // total:
                    self.progress.say(
                        f"{done:>4}/{total}  loss {value:.4f}  {pace.seconds(done):.2f} s a loss  "
                        f"left {pace.left(done)}"
                    )
                if time.perf_counter() - saved >= self.save_seconds:
                    saved = save()
        finally:  # also after Ctrl-C
            if self.record.grid.n_done != np.isfinite(loss).sum():
                save()

    def _opening(self) -> str:
        record, n_losses = self.record, self.record.grid.loss.size
        state = f"resumed after {record.grid.n_done} of" if record.resumed else "started,"
        part = f"a stratified subset of {record.run.images}"
        kind = "all the" if record.covers_training_set else part
        return (
            f"{self.place}: {state} {n_losses} losses, each over {record.n_samples} images ({kind} "
            "training images)"
        )

    def _plane_facts(self, plane: TrajectoryPlane) -> dict[str, Any]:
        """The parts of a record that no loss decides."""
        run, settings, (x, y) = self.run, self.settings, plane.coordinates.T
        points, margin = settings.points, settings.margin
        return {
            "reproduce": self._command(),
            "run": _facts(run),
            "n_samples": len(self.data[1]),
            "subset_seed": self.data[2],
            "minimum_epoch": self.minimum,
            "pca": PrincipalComponents(
                plane.ratios, plane.off_plane, plane.from_origin, random_walk_ratios(len(x))[:2]
            ),
            "trajectory": ProjectedTrajectory(
                x, y, np.array([entry.train.loss for entry in run.history])
            ),
            "grid": LossGrid(
                margin,
                grid_axis(x, points, margin),
                grid_axis(y, points, margin),
                np.full((points, points), np.nan),
            ),
        }

    def _command(self) -> str:
        """That of this record; a run's folder is named as `patchlaw train` does by default."""
        settings = self.settings
        if self.data[2] is None:  # all images
            settings = replace(settings, images=None, seed=LandscapeSettings.seed)
        return command_of(f"patchlaw landscape runs/{self.run.config.run_id}", settings)

    def _check_plane(self, plane: TrajectoryPlane) -> None:
        """The plane computed anew must be the recorded one, signs too, or the grid would tear."""
        recorded = np.stack([self.record.trajectory.x, self.record.trajectory.y], axis=1)
        apart = float(np.abs(recorded - plane.coordinates).max())
        if apart > _SAME_PLANE * float(np.abs(recorded).max()):
            raise RecordError(
                f"{self.place}: trajectory: expected the recorded positions, got others, up to "
                f"{apart:.1e} apart; another version of patchlaw wrote it: move it away"
            )


def _chosen(samples: RunSamples, settings: LandscapeSettings) -> tuple[Tensor, Tensor, int | None]:
    """Images, labels and the seed of the draw, None where all of the run's images are used."""
    images, labels = samples.train_images, samples.train_labels
    if settings.images is None or settings.images == len(labels):
        return images, labels, None
    try:
        kept = stratified_subset(labels.numpy(), settings.images, settings.seed)
    except ValueError as error:
        raise ValueError(f"images: {error}") from None
    return images[kept], labels[kept], settings.seed


def _facts(run: Run) -> RunFacts:
    files = "".join(file.sha256 for file in run.checkpoint.parameter_files)
    return replace(run.facts, parameters_sha256=hashlib.sha256(files.encode()).hexdigest())
