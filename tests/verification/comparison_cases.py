"""Analysis records of invented numbers, as objects and as the files that hold them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from patchlaw.verification.records import (
    ANALYSIS,
    Eigenvalue,
    Minimum,
    RunFacts,
    SampleMeans,
    SplitMoment,
    TrainedModel,
)


def solved(
    value: float, residual: float = 1e-4, rounding: float = 0.0, converged: bool = True
) -> Eigenvalue:
    return Eigenvalue(value, residual, converged, 60_000, rounding, "float32", 20, 1e-3, 0, 1.0)


def analysed(
    n_patches: int,
    *,
    depth: int = 50,
    seed: int = 1001,
    images: int = 60_000,
    epochs: int = 50,
    suffix: str = "",
    loss: float = 0.02,
    curvature: float = 0.02,
    top: Mapping[str, float | Eigenvalue] | None = None,
    blocks: Sequence[float | Eigenvalue] = (),
    residual_blocks: Sequence[float | Eigenvalue] = (),
    along_training: Sequence[SplitMoment] = (),
) -> TrainedModel:
    """A record with the eigenvalues named, and nothing else."""
    found: dict[str, float | Eigenvalue] = dict(top or {})
    found |= {f"G_{p}{p}": block for p, block in enumerate(blocks)}
    found |= {f"R_{p}{p}": block for p, block in enumerate(residual_blocks)}
    run_id = f"P{n_patches}_d{depth}_s{seed}{suffix}"
    return TrainedModel(
        path=Path(f"{run_id}.json"),
        reproduce=f"patchlaw analyse runs/{run_id}",
        run=RunFacts(n_patches, depth, seed, images, epochs, 10, run_id, 1000, "0" * 64),
        minimum=Minimum(
            min(36, epochs),
            SampleMeans(loss, 0.99, curvature, 2 * curvature, images),
            SampleMeans(3 * loss, 0.98, curvature, 2 * curvature, 10_000),
        ),
        eigenvalues={
            name: (value if isinstance(value, Eigenvalue) else solved(value),)
            for name, value in found.items()
        },
        along_training=tuple(along_training),
    )


def write_analysis(folder: Path, record: TrainedModel) -> Path:
    """The record as a sealed file, with keys that the ledger does not know."""
    content: dict[str, Any] = {
        "reproduce": record.reproduce,
        "run": record.run,
        "options": {"tol": 1e-3},
        "stages": {"evaluation": {"seconds": 1.0}},
        "minimum": record.minimum,
        "eigenvalues": record.eigenvalues,
        "bias_share": record.bias_share,
        "along_training": record.along_training,
    }
    path = folder / f"{record.run.id}.json"
    folder.mkdir(exist_ok=True)
    ANALYSIS.write(path, content)
    return path
