"""Carrying out a landscape: begin or resume it, compute losses, keep the record on disk."""

import hashlib
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.simulators.engine_choice import default_max_chunk
from patchlaw.verification.environment import current_environment
from patchlaw.verification.file_lock import file_lock
from patchlaw.verification.landscape.grid import PlaneLoss, grid_axis
from patchlaw.verification.landscape.pca import TrajectoryPlane, trajectory_plane
from patchlaw.verification.landscape.random_walk import random_walk_ratios
from patchlaw.verification.landscape.record import (
    LandscapeExecution,
    LandscapeRecord,
    LandscapeRun,
    LossGrid,
    PrincipalComponents,
    ProjectedTrajectory,
)
from patchlaw.verification.landscape.settings import LandscapeSettings
from patchlaw.verification.runs import Run, RunSamples
from patchlaw.verification.sealed_record import RecordError
from patchlaw.verification.torch_devices import check_device
from patchlaw.verification.torch_threads import torch_threads
from patchlaw.verification.training import stratified_subset

# Ours: what a kill may cost; a write takes milliseconds.
SAVE_SECONDS = 5.0
# Positions of a trajectory computed twice differ by rounding on another machine, far less than this
# part of its extent; a component with its sign turned differs by more.
_SAME_PLANE = 1e-6


class Reporter(Protocol):
    """What a landscape reports to."""

    def begin(self, path: Path, record: LandscapeRecord) -> None:
        """The landscape starts, goes on, or was complete before."""

    def point(self, n_done: int, loss: float) -> None:
        """A loss is computed; ``n_done`` of them are."""

    def note(self, message: str) -> None:
        """Something that the user should know."""


class Silent:
    """Reports nothing."""

    def begin(self, path: Path, record: LandscapeRecord) -> None:
        """Nothing."""

    def point(self, n_done: int, loss: float) -> None:
        """Nothing."""

    def note(self, message: str) -> None:
        """Nothing."""


def compute_landscape(
    run: Run,
    samples: RunSamples,
    out: Path,
    settings: LandscapeSettings | None = None,
    *,
    threads: int | None = None,
    device: str | None = None,
    reporter: Reporter | None = None,
    save_seconds: float = SAVE_SECONDS,
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
        reporter: told of every loss.
        save_seconds: least time between two writes of the record.

    Raises:
        ValueError: samples of another digest, more images than there are, a trajectory without a
            plane, a device that torch does not have here.
        RunError: the run has no epoch done, or a file of it is damaged.
        RecordError: the record on disk is damaged, of another run, plane, grid or image
            set, or unfinished with other threads or another device; it is left as it is.
        FileInUseError: another process works on the record.
        FloatingPointError: a loss is NaN or infinite; the record stays without it.
    """
    settings, reporter = settings or LandscapeSettings(), reporter or Silent()
    if samples.sha256 != run.config.data.sha256:
        raise ValueError(
            f"samples: expected digest {run.config.data.sha256} (the run's), got "
            f"{samples.sha256}; use the data set that the run was trained on"
        )
    images, labels, subset_seed = _chosen(samples, settings)
    minimum = run.minimum_epoch
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{run.config.run_id}.json"
    with file_lock(path):
        _remove_leftovers(path)
        record = LandscapeRecord.read(path) if path.exists() else None
        if record is not None:
            _check_same(path, record, _identity(run, settings, len(labels), subset_seed))
            if record.complete:
                reporter.begin(path, record)
                return record
            _check_execution(path, record.execution, threads, device)
            threads, device = record.execution.threads, record.execution.device
        place = check_device(device)
        plane = trajectory_plane(_angles(run), minimum)
        with torch_threads(threads):
            environment = asdict(current_environment(place))
            model = run.model(minimum, place)
            execution = LandscapeExecution(torch.get_num_threads(), default_max_chunk(model), place)
            loss_at = PlaneLoss(model, plane, images, labels)
            if record is None:
                record = _begun(
                    run, settings, plane, loss_at, execution, environment, subset_seed, len(labels)
                )
            else:
                _check_plane(path, record, plane)
                record = _resumed(record, execution.max_chunk, environment, reporter)
            reporter.begin(path, record)
            return _fill(path, record, loss_at, reporter, save_seconds)


def _fill(
    path: Path, record: LandscapeRecord, loss_at: PlaneLoss, reporter: Reporter, pause: float
) -> LandscapeRecord:
    """Compute what is missing, row by row; write at the start, now and then, and at the end."""
    before, begin = record.seconds, time.perf_counter()
    grid, loss = record.grid, record.grid.loss.copy()

    def save() -> LandscapeRecord:
        seconds = before + time.perf_counter() - begin
        current = replace(record, grid=replace(grid, loss=loss.copy()), seconds=seconds)
        current.write(path)
        return current

    current, saved = save(), time.perf_counter()
    try:
        for i, j in _missing(loss):
            value = loss_at(grid.x[j], grid.y[i])
            if not np.isfinite(value):
                raise FloatingPointError(
                    f"loss: expected a finite number, got {value} at x {grid.x[j]}, y {grid.y[i]}"
                )
            loss[i, j] = value
            reporter.point(int(np.isfinite(loss).sum()), value)
            if time.perf_counter() - saved >= pause:
                current, saved = save(), time.perf_counter()
    finally:  # also after Ctrl-C
        if current.grid.n_done != np.isfinite(loss).sum():
            current = save()
    return current


def _missing(loss: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """(row, column) of the losses that are not computed, row by row."""
    for i, j in np.argwhere(np.isnan(loss)):
        yield int(i), int(j)


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


def _angles(run: Run) -> NDArray[np.float64]:
    """Angle vectors at the start and at every epoch's end, shape (epochs + 1, D - pixels)."""
    n_angles = run.config.model.build().angles.numel()
    return np.stack(
        [run.parameters(epoch)[:n_angles].double().numpy() for epoch in range(run.epochs_done + 1)]
    )


def _run_facts(run: Run) -> LandscapeRun:
    model = run.config.model
    files = "".join(file.sha256 for file in run.checkpoint.parameter_files)
    return LandscapeRun(
        id=run.config.run_id,
        n_patches=model.n_patches,
        depth=model.depth,
        seed=model.seed,
        images=run.history[0].train.n_samples,
        epochs=run.epochs_done,
        n_classes=model.n_classes,
        configuration_sha256=run.config.sha256,
        parameters_sha256=hashlib.sha256(files.encode()).hexdigest(),
    )


def _identity(
    run: Run, settings: LandscapeSettings, n_samples: int, subset_seed: int | None
) -> dict[str, Any]:
    """What a record must say to be of this landscape; names as in ``_check_same``."""
    return asdict(_run_facts(run)) | {
        "minimum_epoch": run.minimum_epoch,
        "images used": n_samples,
        "subset seed": subset_seed,
        "points": settings.points,
        "margin": settings.margin,
    }


def _check_same(path: Path, record: LandscapeRecord, wanted: dict[str, Any]) -> None:
    recorded = asdict(record.run) | {
        "minimum_epoch": record.minimum_epoch,
        "images used": record.n_samples,
        "subset seed": record.subset_seed,
        "points": len(record.grid.x),
        "margin": record.grid.margin,
    }
    different = [
        f"{name} {value!r}, got {wanted[name]!r}"
        for name, value in recorded.items()
        if value != wanted[name]
    ]
    if different:
        raise RecordError(
            f"{path}: the record of another landscape: expected {'; '.join(different)}; use its "
            "run and options, or another --out, or move it away"
        )


def _check_execution(
    path: Path, recorded: LandscapeExecution, threads: int | None, device: str | None
) -> None:
    """Refuse other threads or another device than the first session's; None asks for neither."""
    for name, ours, theirs in (
        ("threads", threads, recorded.threads),
        ("device", device, recorded.device),
    ):
        if ours is not None and ours != theirs:
            raise RecordError(
                f"{path}: {name}: expected {theirs}, as in the first session, got {ours}; rounding "
                f"would differ: leave --{name} out or use another --out"
            )


def _check_plane(path: Path, record: LandscapeRecord, plane: TrajectoryPlane) -> None:
    """The plane computed anew must be the recorded one, signs included, or the grid would tear."""
    recorded = np.stack([record.trajectory.x, record.trajectory.y], axis=1)
    apart = float(np.abs(recorded - plane.coordinates).max())
    if apart > _SAME_PLANE * float(np.abs(recorded).max()):
        raise RecordError(
            f"{path}: trajectory: expected the recorded positions, got others, up to {apart:.1e} "
            "apart; another version of patchlaw wrote it: move it away"
        )


def _begun(
    run: Run,
    settings: LandscapeSettings,
    plane: TrajectoryPlane,
    loss_at: PlaneLoss,
    execution: LandscapeExecution,
    environment: dict[str, Any],
    subset_seed: int | None,
    n_samples: int,
) -> LandscapeRecord:
    """The record without a loss of the grid."""
    x, y = plane.coordinates.T
    begin = time.perf_counter()
    at_minimum = loss_at(0.0, 0.0)
    return LandscapeRecord(
        reproduce=_command(run, settings, subset_seed),
        run=_run_facts(run),
        n_samples=n_samples,
        subset_seed=subset_seed,
        minimum_epoch=run.minimum_epoch,
        pca=PrincipalComponents(
            plane.ratios,
            plane.off_plane,
            plane.from_origin,
            random_walk_ratios(len(x))[:2],
        ),
        trajectory=ProjectedTrajectory(x, y, np.array([entry.train.loss for entry in run.history])),
        grid=LossGrid(
            settings.margin,
            grid_axis(x, settings.points, settings.margin),
            grid_axis(y, settings.points, settings.margin),
            np.full((settings.points, settings.points), np.nan),
        ),
        loss_at_minimum=at_minimum,
        execution=execution,
        environment=environment,
        resumed=(),
        seconds=time.perf_counter() - begin,
    )


def _command(run: Run, settings: LandscapeSettings, subset_seed: int | None) -> str:
    """The command of this record; a run's folder is named as `patchlaw train` does by default."""
    words = [f"patchlaw landscape runs/{run.config.run_id}"]
    if subset_seed is not None:
        words.append(f"--images {settings.images} --seed {subset_seed}")
    default = LandscapeSettings()
    if settings.points != default.points:
        words.append(f"--points {settings.points}")
    if settings.margin != default.margin:
        words.append(f"--margin {settings.margin}")
    return " ".join(words)


def _resumed(
    record: LandscapeRecord, max_chunk: int, environment: dict[str, Any], reporter: Reporter
) -> LandscapeRecord:
    """The record with this session on it; says where the last bits may differ."""
    last = record.resumed[-1]["environment"] if record.resumed else record.environment
    changed = [
        f"{key}: {last.get(key)} then, {environment[key]} now"
        for key in ("versions", "commit", "machine", "cpus", "accelerator")
        if last.get(key) != environment[key]
    ]
    if record.execution.max_chunk != max_chunk:
        changed.append(f"max_chunk: {record.execution.max_chunk} then, {max_chunk} now")
    if changed:
        reporter.note(
            "the landscape goes on in another environment, so its last bits may differ from those "
            f"of an uninterrupted one ({'; '.join(changed)})"
        )
    session = {"from_point": record.grid.n_done, "environment": environment}
    return replace(record, resumed=(*record.resumed, session))


def _remove_leftovers(path: Path) -> None:
    """Delete what a killed process had begun to write."""
    temporary = re.compile(rf"\.{re.escape(path.name)}\.[a-z0-9_]{{8}}")
    for other in path.parent.glob(f".{path.name}.*"):
        if temporary.fullmatch(other.name):
            other.unlink()
