"""Analysis records of invented numbers, as objects and as the files that hold them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from patchlaw.verification.analysis.record import (
    AnalysisRecord,
    EigenvalueRecord,
    Minimum,
    RunFacts,
)
from patchlaw.verification.claims.records import FORMAT, VERSION
from patchlaw.verification.sealed_record import digest
from patchlaw.verification.training import Evaluation


def solved(
    value: float, residual: float = 1e-4, rounding: float = 0.0, converged: bool = True
) -> EigenvalueRecord:
    return EigenvalueRecord(
        value, residual, rounding, converged, 20, 60_000, "float32", 1e-3, 0, 1.0
    )


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
    top: Mapping[str, float | EigenvalueRecord] | None = None,
    blocks: Sequence[float | EigenvalueRecord] = (),
    residual_blocks: Sequence[float | EigenvalueRecord] = (),
) -> AnalysisRecord:
    """A record with the eigenvalues named, and nothing else."""
    found: dict[str, float | EigenvalueRecord] = dict(top or {})
    found |= {f"G_{p}{p}": block for p, block in enumerate(blocks)}
    found |= {f"R_{p}{p}": block for p, block in enumerate(residual_blocks)}
    run_id = f"P{n_patches}_d{depth}_s{seed}{suffix}"
    return AnalysisRecord(
        path=Path(f"{run_id}.json"),
        reproduce=f"patchlaw analyse runs/{run_id}",
        run=RunFacts(run_id, n_patches, depth, seed, images, epochs, 10, 1000, "0" * 64),
        minimum=Minimum(
            36,
            Evaluation(loss, 0.99, curvature, 2 * curvature, images),
            Evaluation(3 * loss, 0.98, curvature, 2 * curvature, 10_000),
        ),
        eigenvalues={
            name: (value if isinstance(value, EigenvalueRecord) else solved(value),)
            for name, value in found.items()
        },
        alignment=None,
        shares={},
        traces=None,
        subset=None,
        density=None,
        outliers=None,
        outliers_by_gap=None,
        near_zero=None,
        along_training=(),
        trajectory=None,
        stages={},
    )


def write_analysis(folder: Path, record: AnalysisRecord) -> Path:
    """The record as a sealed file, with keys that the ledger does not know."""
    content: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "reproduce": record.reproduce,
        "run": asdict(record.run),
        "options": {"tol": 1e-3},
        "stages": {"evaluation": {"seconds": 1.0}},
        "minimum": asdict(record.minimum),
        "eigenvalues": {
            name: [asdict(value) for value in values] for name, values in record.eigenvalues.items()
        },
    }
    path = folder / f"{record.run.id}.json"
    path.write_text(json.dumps(content | {"sha256": digest(content)}), encoding="utf-8")
    return path
