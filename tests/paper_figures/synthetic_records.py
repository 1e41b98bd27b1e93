"""Records of runs that never were, in the files and formats of real ones, for what reads them.

Values follow simple laws with a little noise, so that drawings look like drawings; nothing here
claims anything about the model.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import to_builtins

from patchlaw.verification.jobs.job import Execution
from patchlaw.verification.kernels.record import KERNEL, LAW, WHOLE_LAW, KernelMoment, KernelRecord
from patchlaw.verification.landscape.pca import random_walk_ratios
from patchlaw.verification.landscape.record import (
    LandscapeRecord,
    LossGrid,
    PrincipalComponents,
    ProjectedTrajectory,
)
from patchlaw.verification.records import Eigenvalue, RunFacts, Trajectory
from patchlaw.verification.runs import DataConfig, EpochEntry, RunConfig
from patchlaw.verification.runs.checkpoint import CHECKPOINT, CHECKPOINT_FILE, Checkpoint
from patchlaw.verification.runs.run import RunHeader
from patchlaw.verification.solvers import SpectralDensity
from patchlaw.verification.store.seal import digest
from patchlaw.verification.store.tensors import FileRecord
from patchlaw.verification.training import Evaluation

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ENVIRONMENT = {"commit": COMMIT, "versions": {"python": "3"}, "machine": "Linux"}
IMAGES, TEST_IMAGES, SUBSET = 60_000, 10_000, 6_000


def config_of(n_patches: int, depth: int, seed: int = 1001, epochs: int = 50) -> RunConfig:
    """The author's protocol."""
    return RunConfig.paper(n_patches, depth, seed, epochs)


def small_config(n_patches: int, depth: int, seed: int = 7, epochs: int = 6) -> RunConfig:
    """The same on samples of another digest, so that its name has a suffix."""
    return replace(
        RunConfig.paper(n_patches, depth, seed, epochs), data=DataConfig("0" * 64, images=200)
    )


def _rng(config: RunConfig) -> np.random.Generator:
    model = config.model
    return np.random.default_rng([model.n_patches, model.depth, model.seed])


def losses(config: RunConfig) -> tuple[np.ndarray, np.ndarray]:
    """Training and test loss at every epoch end: a decay that the annealing makes swing."""
    rng, model, epochs = _rng(config), config.model, config.training.epochs
    e = np.arange(epochs + 1)
    floor = 0.09 / np.sqrt(model.n_patches * model.depth / 4)
    swing = 1 + 1.2 * np.cos(np.pi * e / 10) ** 2 * (e > 2)
    train = floor * swing + 5.5 * np.exp(-2.2 * np.minimum(e, 4)) + 0.15 * np.exp(-e / 8)
    train = train * np.exp(0.04 * rng.standard_normal(len(e)))
    test = 0.04 + 0.8 * train + 0.002 * e
    return train, test


def minimum_epoch(config: RunConfig) -> int:
    return 1 + int(losses(config)[0][1:].argmin())


def evaluation(loss: float, n_samples: int) -> Evaluation:
    return Evaluation(
        loss=float(loss),
        accuracy=float(np.exp(-0.3 * loss)),
        mean_softmax_trace=float(min(0.9, 1.2 * loss)),
        mean_abs_slope=float(min(2.0, 1.5 * loss)),
        n_samples=n_samples,
    )


def write_run(folder: Path, config: RunConfig, *, epochs_done: int | None = None) -> Path:
    """A run's two JSON files; as of a run committed without its epoch files."""
    rng = _rng(config)
    train, test = losses(config)
    n_train = config.data.images or IMAGES
    done = config.training.epochs if epochs_done is None else epochs_done
    history = []
    for epoch in range(done + 1):
        rate = config.training.learning_rate * (1 + np.cos(np.pi * (epoch - 1) / 5)) / 2
        steps = np.linspace(train[epoch - 1], train[epoch], config.training.n_batches)
        steps = np.abs(steps * np.exp(0.25 * rng.standard_normal(len(steps))))
        history.append(
            EpochEntry(
                epoch=epoch,
                learning_rate=float(rate) if epoch else None,
                step_losses=tuple(steps.tolist()) if epoch else (),
                train=evaluation(train[epoch], n_train),
                test=evaluation(test[epoch], TEST_IMAGES),
                seconds=1.0,
            )
        )
    path = folder / "runs" / config.run_id
    path.mkdir(parents=True, exist_ok=True)
    RunHeader(config, Execution(1, 1040), ENVIRONMENT).write(path)
    files = tuple(FileRecord(f"epochs/{e:03d}.safetensors", "0" * 64, 1) for e in range(done + 1))
    checkpoint = Checkpoint(
        configuration=config.sha256,
        history=tuple(history),
        parameter_files=files,
        optimiser_file=FileRecord(f"optimiser-{done:03d}.safetensors", "0" * 64, 1),
        scheduler={},
        learning_rate=0.0,
        sessions=({"from_epoch": 0, "max_chunk": 1040, "environment": ENVIRONMENT},),
    )
    CHECKPOINT.write(path / CHECKPOINT_FILE, checkpoint)
    return path


def n_parameters(config: RunConfig) -> int:
    return config.model.n_patches * (48 * config.model.depth + 128) + 196


def facts(config: RunConfig) -> RunFacts:
    return RunFacts(
        id=config.run_id,
        n_patches=config.model.n_patches,
        depth=config.model.depth,
        seed=config.model.seed,
        images=config.data.images or IMAGES,
        epochs=config.training.epochs,
        n_classes=10,
        n_parameters=n_parameters(config),
        configuration_sha256=config.sha256,
    )


def eigenvalue(value: float, n_samples: int, error: float = 4e-3) -> dict[str, Any]:
    return asdict(
        Eigenvalue(
            value=float(value),
            residual_norm=float(abs(value) * error),
            rounding=1e-6,
            converged=True,
            matvecs=30,
            n_samples=n_samples,
            dtype="float32",
            tol=1e-3,
            seed=0,
            seconds=1.0,
        )
    )


def spectrum(config: RunConfig) -> tuple[np.ndarray, SpectralDensity]:
    """The twenty largest eigenvalues and a quadrature of the whole spectrum that agrees."""
    rng, size = _rng(config), n_parameters(config)
    top = top_values(config)["H"]
    outliers = top * np.concatenate([[1.0], np.sort(rng.uniform(0.12, 0.45, 9))[::-1]])
    bulk = np.sort(rng.uniform(0.02, 0.05, 10))[::-1] * top
    values = np.concatenate([outliers, bulk])
    probes, steps = 8, 60
    nodes = np.empty((probes, steps))
    weights = np.empty((probes, steps))
    for j in range(probes):
        spread = np.linspace(-1, 1, steps - len(outliers))
        inner = 0.06 * top * np.sign(spread) * np.abs(spread) ** 3
        nodes[j] = np.sort(np.concatenate([inner, outliers]))
        heavy = np.exp(-np.abs(nodes[j]) / (0.004 * top)) * rng.chisquare(8, steps) / 8
        heavy /= heavy.sum()
        spikes = np.isin(nodes[j], outliers) * rng.chisquare(1, steps) / size
        weights[j] = heavy * (1 - spikes.sum()) * ~np.isin(nodes[j], outliers) + spikes
        weights[j] /= weights[j].sum()
    n_samples = min(SUBSET, config.data.images or IMAGES)
    density = SpectralDensity(
        nodes,
        weights,
        size,
        "rademacher",
        seed=0,
        matvecs=482,
        n_samples=n_samples,
        dtype="float32",
        seconds=1.0,
    )
    return values, density


def top_values(config: RunConfig) -> dict[str, float]:
    """Largest eigenvalues over all training images: they fall with P and grow with depth."""
    rng, (p, d) = _rng(config), (config.model.n_patches, config.model.depth)
    loss = float(losses(config)[0][minimum_epoch(config)])
    angles = 1.3 * loss * (48 * d + 128) / p * float(np.exp(0.1 * rng.standard_normal()))
    bias = 0.02 * angles * p**0.8
    g = angles + 0.9 * bias
    return {
        "G over the angles": angles,
        "G over the bias": bias,
        "G": g,
        "H": 1.03 * g,
        "R": 0.12 * g,
        "R over the bias": 0.3 * bias,
    }


def shares(config: RunConfig, matrix: str) -> dict[str, Any]:
    rng = np.random.default_rng([config.model.n_patches, len(matrix)])
    tops = top_values(config)
    bias = tops["G over the bias"] / tops["G"]
    parts = rng.dirichlet(np.full(config.model.n_patches, 6.0)) * (1 - bias)
    return {"patches": parts.tolist(), "bias": float(bias)}


def analysis_content(config: RunConfig) -> dict[str, Any]:
    """Every section of an analysis, without the checksum."""
    p, run = config.model.n_patches, facts(config)
    train, test = losses(config)
    epoch = minimum_epoch(config)
    tops, (values, density) = top_values(config), spectrum(config)
    subset = min(SUBSET, run.images)
    aligned = 0.45 + 1.2 / p
    blocks = {f"G_{q}{q}": tops["G over the angles"] / aligned / p for q in range(p)}
    blocks |= {f"R_{q}{q}": 0.9 * tops["R"] / (1 + 0.1 * q) for q in range(p)}
    eigenvalues = {name: [eigenvalue(v, run.images)] for name, v in (tops | blocks).items()}
    eigenvalues["H"] = [eigenvalue(v, run.images) for v in values[:12]]
    moments = sorted({0, 1, 2, 5, 10, 20, epoch} & set(range(run.epochs + 1)))
    scale = tops["G"] / train[epoch]
    environment = {"seconds": 1.0, "environment": ENVIRONMENT}
    return {
        "format": "patchlaw analysis",
        "version": 1,
        "reproduce": f"patchlaw analyse runs/{run.id}",
        "run": run.as_plain(),
        "options": {},
        "stages": {"evaluation": environment, "hessian": environment},
        "minimum": {
            "epoch": epoch,
            "train": to_builtins(evaluation(train[epoch], run.images)),
            "test": to_builtins(evaluation(test[epoch], TEST_IMAGES)),
        },
        "eigenvalues": eigenvalues,
        "alignment": {"value": aligned, "low": 0.97 * aligned, "high": 1.03 * aligned},
        "shares": {"H": shares(config, "H"), "G": shares(config, "G")},
        "bias_share": shares(config, "H")["bias"],
        "traces": {
            "total": {"value": 9 * tops["G"], "standard_error": 0.1 * tops["G"]},
            "patches": [{"value": 8 * tops["G"] / p, "standard_error": 0.1}] * p,
            "bias": {"value": 4 * tops["G over the bias"], "standard_error": 0.05},
            "n_probes": 16,
            "n_samples": run.images,
            "seed": 0,
        },
        "subset": {
            "n_samples": subset,
            "seed": 0,
            "top": [eigenvalue(v, subset) for v in values],
            "bottom": [eigenvalue(-v, subset) for v in values[-5:]],
            "others": {"G": eigenvalue(tops["G"], subset)},
        },
        **standing(density, float(values[:10].min() * 0.6)),
        "along_training": [
            {
                "epoch": e,
                "loss": float(train[e]),
                "top": {
                    "H": eigenvalue(1.03 * scale * train[e] ** 0.7, subset),
                    "G": eigenvalue(scale * train[e] ** 0.7, subset),
                    "R": eigenvalue(0.12 * scale * train[e] ** 0.9, subset),
                },
                "bias_share": 0.1,
            }
            for e in moments
        ],
        "spectra_along_training": [
            {
                "epoch": e,
                "loss": float(train[e]),
                "top": [eigenvalue(v * (train[e] / train[epoch]) ** 0.7, subset) for v in values],
                **standing(density, float(values[:10].min() * (train[e] / train[epoch]) ** 0.7)),
            }
            for e in moments
        ],
        "trajectory": plain(
            Trajectory((0.86, 0.08, 0.02), run.epochs + 1, (0.9, 0.07, 0.01), epoch + 1, 0.2)
        ),
    }


def standing(density: SpectralDensity, edge: float) -> dict[str, Any]:
    """A density, and what is counted beyond an edge of its bulk."""
    counted = {"count": 10, "low": 9, "high": 10, "edge": edge, "edge_error": 0.01}
    return {
        "density": asdict(density)
        | {"nodes": density.nodes.tolist(), "weights": density.weights.tolist()},
        "outliers": {**counted, "rule": "made up"},
        "near_zero": {"share": 0.99, "standard_error": 0.001},
    }


def plain(record: Any) -> Any:
    """A dataclass as JSON has it."""
    return json.loads(json.dumps(asdict(record)))


def write_analysis(folder: Path, config: RunConfig, *, without: tuple[str, ...] = ()) -> Path:
    """An analysis, some of its sections left out."""
    content = analysis_content(config)
    for name in without:
        del content[name]
    return seal(folder / "analyses" / f"{config.run_id}.json", content)


def seal(path: Path, content: dict[str, Any]) -> Path:
    """Write an analysis' content under its checksum."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content | {"sha256": digest(content)}, allow_nan=False))
    return path


def write_landscape(
    folder: Path,
    config: RunConfig,
    *,
    points: int = 20,
    done: int | None = None,
    images: int | None = None,
) -> Path:
    """A landscape: a bowl with ripples around a curled trajectory; ``done`` losses of it.

    Over all of the run's images, or over so many.
    """
    rng, run = _rng(config), facts(config)
    epochs = config.training.epochs
    epoch = minimum_epoch(config)
    t = np.linspace(0, 1, epochs + 1)
    x = 14 * (1 - np.exp(-4 * t)) + 0.4 * rng.standard_normal(epochs + 1).cumsum() / 5
    y = 4 * np.sin(3 * t) + 0.4 * rng.standard_normal(epochs + 1).cumsum() / 5
    x, y = x - x[epoch], y - y[epoch]
    train = losses(config)[0]
    gx, gy = (np.linspace(v.min() - 5, v.max() + 5, points) for v in (x, y))
    radius = np.hypot(*np.meshgrid(gx / 3, gy / 2))
    loss = train[epoch] + 5.5 * (1 - np.exp(-(radius**2) / 6)) + 0.5 * np.cos(radius * 2)
    loss = np.maximum(loss, train[epoch])
    if done is not None:
        loss.ravel()[done:] = np.nan
    ratios = np.concatenate([[0.86, 0.08], np.full(epochs - 1, 0.06 / (epochs - 1))])
    record = LandscapeRecord(
        reproduce=f"patchlaw landscape runs/{run.id}",
        run=replace(run, n_parameters=0, parameters_sha256="0" * 64),
        n_samples=images or run.images,
        subset_seed=0 if images else None,
        minimum_epoch=epoch,
        pca=PrincipalComponents(
            ratios=ratios,
            off_plane=np.abs(rng.standard_normal(epochs + 1)),
            from_minimum=np.hypot(x, y) + 1,
            random_walk_ratios=random_walk_ratios(epochs + 1)[:2],
        ),
        trajectory=ProjectedTrajectory(x, y, train),
        grid=LossGrid(5.0, gx, gy, loss),
        loss_at_minimum=float(train[epoch]),
        execution=Execution(1, 1040),
        environment=ENVIRONMENT,
        resumed=(),
        seconds=1.0,
    )
    path = folder / "landscapes" / f"{config.run_id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    record.write(path)
    return path


def write_kernel(folder: Path, config: RunConfig, *, measured: bool = True) -> Path:
    """Spectra at start and minimum, with laws that are off by up to a tenth."""
    rng, run = _rng(config), facts(config)
    top = top_values(config)["G over the angles"]
    moments = {}
    for name, epoch, largest in (("start", 0, 20 * top), ("minimum", minimum_epoch(config), top)):
        values = largest * np.concatenate([[1.0], np.sort(rng.uniform(0.1, 0.6, 11))[::-1]])
        laws = values * rng.uniform(0.9, 1.1, (3, 12))
        moments[name] = KernelMoment(
            epoch=epoch,
            mean_softmax_trace=0.4,
            measured=tuple(Eigenvalue(**eigenvalue(v, 1000)) for v in values) if measured else (),
            predicted=tuple(laws[0].tolist()),
            predicted_data_free=tuple(laws[0].tolist()),
            predicted_trace=3 * top,
            predicted_alignment=0.9,
            seconds_measured=40.0,
            seconds_predicted=0.1,
            commutator=tuple(laws[1].tolist()),
            law=LAW,
            whole=tuple(laws[2].tolist()),
            whole_error=0.01,
            whole_law=WHOLE_LAW,
        )
    record = KernelRecord(
        reproduce=f"patchlaw kernel runs/{run.id}",
        run=run,
        n_samples=min(1000, run.images),
        subset_seed=0,
        top=12,
        tol=1e-3,
        solver_seed=0,
        execution=Execution(1, 1040),
        moments=moments,
        environments=(ENVIRONMENT,),
    )
    path = folder / "kernels" / f"{run.id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    KERNEL.write(path, record)
    return path


def write_everything(folder: Path, config: RunConfig) -> None:
    """Run, analysis, landscape and kernel."""
    write_run(folder, config)
    write_analysis(folder, config)
    write_landscape(folder, config)
    write_kernel(folder, config)
