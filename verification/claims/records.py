"""The experiment records that the ledger reads: one JSON file for each analysed training run.

Version 1, the stable interface between the analysis of a run and the ledger. ``format``,
``version``, ``run`` and ``reproduce`` are required; a section that was not computed is left out,
and the ledger then says that it was not measured. Keys it does not know are ignored::

    {"format": "patchlaw analysis", "version": 1,
     "reproduce": "patchlaw analyse RUN",           # command that gives this record again
     "run": {"n_patches": 4, "depth": 50, "seed": 1001, "images": 60000, "epochs": 50,
             "n_classes": 10},                      # n_classes may be left out
     "minimum": {"epoch": 36,                       # at the minimum of the training loss
                 "train": {"loss": .., "trace_s": .., "gradient_norm": .., "n_samples": 60000},
                 "test": {"loss": .., "accuracy": .., "n_samples": 10000}},
     "eigenvalues": {"H": [EIGENVALUE, ..], ..},    # there, largest first; matrices: H, G, R,
                                                    # "G over the angles", "G over the bias",
                                                    # "R over the bias", G_00, G_11, ..
     "bias_share": ..,                              # of H's top eigenvector, squared norm
     "outliers": {"count": 9, "low": 9, "high": 10, "rule": ".."},  # high: null if not known
     "near_zero": {"share": .., "standard_error": ..},   # |lambda| <= lambda_max(H) / 100
     "along_training": [{"epoch": 0, "loss": .., "top": {"G": EIGENVALUE, "R": EIGENVALUE}}, ..],
     "trajectory": {"pc_ratios": [.., ..], "n_points": 51}}

with EIGENVALUE = {"value": .., "residual_norm": .., "converged": true, "n_samples": 60000}.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from verification.claims.evidence import Grade
from verification.claims.findings import (
    Eigenvalue,
    ModelFindings,
    OutlierCount,
    TrainingPoint,
)

FORMAT = "patchlaw analysis"
VERSION = 1

# What counts as the paper's scale: its shallowest circuits, its images, its epochs (Sec. 3.1).
SCALE_DEPTH, SCALE_IMAGES, SCALE_EPOCHS = 50, 60_000, 50


def read_records(folder: Path) -> tuple[ModelFindings, ...]:
    """Every analysis record in a folder, by file name; other JSON files are passed over.

    Args:
        folder: may be missing or empty: then nothing was measured.

    Raises:
        ValueError: a file is not JSON, or an analysis record of another version, with a section
            missing or with a number that is none.
    """
    paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
    found = []
    for path in paths:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(
                f"{path}: expected a JSON record, got {error}; write it again or remove it"
            ) from error
        if isinstance(content, dict) and content.get("format") == FORMAT:
            found.append(_checked(content, path))
    return tuple(found)


def _checked(content: Mapping[str, Any], path: Path) -> ModelFindings:
    if content.get("version") != VERSION:
        raise ValueError(
            f"{path}: expected version {VERSION} of '{FORMAT}', got {content.get('version')!r}; "
            "analyse the run again with this release"
        )
    try:
        return parse_record(content)
    except KeyError as error:
        raise ValueError(
            f"{path}: expected the key {error}, got none; analyse the run again"
        ) from error
    except (TypeError, AttributeError, ValueError) as error:
        raise ValueError(
            f"{path}: expected a record as verification.claims.records describes, got {error}; "
            "analyse the run again"
        ) from error


def parse_record(content: Mapping[str, Any]) -> ModelFindings:
    """Findings of one record.

    Raises:
        KeyError: a required key is missing.
        TypeError, ValueError: a value is of the wrong kind.
    """
    run, minimum = content["run"], content.get("minimum", {})
    train, test = minimum.get("train", {}), minimum.get("test", {})
    at_scale = (
        run["depth"] >= SCALE_DEPTH
        and run["images"] >= SCALE_IMAGES
        and run["epochs"] >= SCALE_EPOCHS
    )
    outliers, near_zero = content.get("outliers"), content.get("near_zero")
    trajectory = content.get("trajectory", {})
    return ModelFindings(
        label=f"P {run['n_patches']}, d {run['depth']}, seed {run['seed']}",
        grade=Grade.SCALE if at_scale else Grade.SMALL,
        reproduce=str(content["reproduce"]),
        n_patches=int(run["n_patches"]),
        depth=int(run["depth"]),
        seed=int(run["seed"]),
        n_train=int(run["images"]),
        n_test=_count(test.get("n_samples")),
        n_classes=int(run.get("n_classes", 10)),
        train_loss=_number(train.get("loss")),
        test_loss=_number(test.get("loss")),
        test_accuracy=_number(test.get("accuracy")),
        trace_s=_number(train.get("trace_s")),
        gradient_norm=_number(train.get("gradient_norm")),
        eigenvalues={
            name: tuple(parse_eigenvalue(v) for v in values)
            for name, values in content.get("eigenvalues", {}).items()
        },
        bias_share=_number(content.get("bias_share")),
        outliers=outliers
        and OutlierCount(
            int(outliers["count"]),
            int(outliers["low"]),
            _count(outliers["high"]),
            str(outliers["rule"]),
        ),
        near_zero=near_zero and (float(near_zero["share"]), float(near_zero["standard_error"])),
        training=tuple(
            TrainingPoint(
                int(point["epoch"]),
                float(point["loss"]),
                {name: parse_eigenvalue(v) for name, v in point["top"].items()},
            )
            for point in content.get("along_training", ())
        ),
        pc_ratios=tuple(float(r) for r in trajectory.get("pc_ratios", ())),
        n_points=_count(trajectory.get("n_points")),
    )


def parse_eigenvalue(entry: Mapping[str, Any]) -> Eigenvalue:
    """One eigenvalue with its evidence; one that is not finite counts as not converged."""
    value, residual = float(entry["value"]), float(entry["residual_norm"])
    if not isinstance(entry["converged"], bool):
        raise TypeError(f"converged: expected true or false, got {entry['converged']!r}")
    if residual < 0:
        raise ValueError(f"residual_norm: expected a number >= 0, got {residual}")
    sound = math.isfinite(value) and math.isfinite(residual)
    return Eigenvalue(value, residual, entry["converged"] and sound, int(entry["n_samples"]))


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _count(value: Any) -> int | None:
    return None if value is None else int(value)
