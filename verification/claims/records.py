"""The experiment records that the ledger reads: one JSON file for each analysed training run.

Version 1, the stable interface between the analysis of a run and the ledger. ``format``,
``version``, ``run`` and ``reproduce`` are required; a section that was not computed is left out,
and the ledger then says that it was not measured. Keys it does not know are ignored::

    {"format": "patchlaw analysis", "version": 1,
     "reproduce": "patchlaw analyse RUN",           # command that gives this record again
     "run": {"n_patches": 4, "depth": 50, "seed": 1001, "images": 60000, "epochs": 50,
             "n_classes": 10, "id": "P4_d50_s1001"},    # the last two may be left out
     "minimum": {"epoch": 36,                       # at the minimum of the training loss
                 "train": {"loss": .., "trace_s": .., "gradient_norm": .., "n_samples": 60000},
                 "test": {"loss": .., "accuracy": .., "n_samples": 10000}},
     "eigenvalues": {"H": [EIGENVALUE, ..], ..},    # there, largest first; matrices: H, G, R,
                                                    # "G over the angles", "G over the bias",
                                                    # "R over the bias", G_00, G_11, ..
     "bias_share": ..,                              # of H's top eigenvector, squared norm
     "subset": {"n_samples": 6000, "top": [EIGENVALUE, ..]},    # images behind the next three, and
                                                    # H there; all images of the run if left out
     "outliers": {"count": 9, "low": 9, "high": 10, "rule": ".."},  # high: null if not known
     "outliers_by_gap": ..,                         # the same by a second rule, for the reader
     "near_zero": {"share": .., "standard_error": ..},   # |lambda| <= lambda_max(H) / 100
     "along_training": [{"epoch": 0, "loss": .., "top": {"G": EIGENVALUE, "R": EIGENVALUE}}, ..],
     "trajectory": {"pc_ratios": [.., ..], "n_points": 51,
                    "pc_ratios_to_minimum": [.., ..], "n_points_to_minimum": 38},
     "sha256": ".."}                                # of all the rest; checked where it is there

with EIGENVALUE = {"value": .., "residual_norm": .., "converged": true, "n_samples": 60000,
"rounding": ..}: an eigenvalue lies within residual_norm + rounding of the value; rounding may be
left out. Runs are held against each other only where images, epochs and the seed agree; an id
with a suffix (P4_d50_s1001_0123abcd) says that the run is not by the author's protocol, and such
runs are held against their like.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from patchlaw.verification.claims.evidence import Grade
from patchlaw.verification.claims.findings import (
    Eigenvalue,
    ModelFindings,
    OutlierCount,
    TrainingPoint,
)
from patchlaw.verification.json_files import Depth, JsonFileError, Patches, read_json, typed
from patchlaw.verification.sealed_record import SEAL, digest

FORMAT = "patchlaw analysis"
VERSION = 1

# What counts as the paper's scale: its shallowest circuits, its images, its epochs (Sec. 3.1).
SCALE_DEPTH, SCALE_IMAGES, SCALE_EPOCHS = 50, 60_000, 50


def read_records(folder: Path) -> tuple[ModelFindings, ...]:
    """Every analysis record in a folder, by file name; other JSON files are passed over.

    Args:
        folder: may be missing or empty: then nothing was measured.

    Raises:
        ValueError: a file is not JSON, or an analysis record of another version, altered since it
            was sealed, with a section missing or with a number that is none.
    """
    paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
    found = []
    for path in paths:
        try:
            content = read_json(path)
        except JsonFileError as error:
            raise ValueError(f"{path}: {error}; write it again or remove it") from error
        if isinstance(content, dict) and content.get("format") == FORMAT:
            found.append(_checked(content, path))
    return tuple(found)


def protocol_text(images: int, epochs: int, run_id: str = "") -> str:
    """Data and training of a run in words, the same for runs that may be held against each other.

    Args:
        images: training images.
        epochs: epochs done.
        run_id: the run's name, whose suffix tells other settings from the author's protocol.
    """
    other = re.fullmatch(r"P\d+_d\d+_s\d+_[0-9a-f]{8}", run_id) is not None
    return f"{images:,} images, {epochs} epochs" + (", other settings" if other else "")


def _checked(content: dict[str, Any], path: Path) -> ModelFindings:
    if content.get("version") != VERSION:
        raise ValueError(
            f"{path}: expected version {VERSION} of '{FORMAT}', got {content.get('version')!r}; "
            "analyse the run again with this release"
        )
    _check_seal(content, path)
    try:
        return parse_record(content)
    except KeyError as error:
        raise ValueError(
            f"{path}: expected the key {error}, got none; analyse the run again"
        ) from error
    except (TypeError, AttributeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"{path}: expected a record as verification.claims.records describes, got {error}; "
            "analyse the run again"
        ) from error


def _check_seal(content: Mapping[str, Any], path: Path) -> None:
    """Compare a record with its checksum, if it carries one."""
    if SEAL not in content:
        return
    found = digest({name: value for name, value in content.items() if name != SEAL})
    if found != content[SEAL]:
        raise ValueError(
            f"{path}: checksum mismatch: expected sha256 {content[SEAL]}, got {found}; the "
            "file was altered: restore it from a copy or analyse the run again"
        )


def parse_record(content: Mapping[str, Any]) -> ModelFindings:
    """Findings of one record.

    Raises:
        KeyError: a required key is missing.
        TypeError, ValueError: a value is of the wrong kind.
    """
    run, minimum = content["run"], content.get("minimum", {})
    typed(run["n_patches"], Patches)
    typed(run["depth"], Depth)
    train, test = minimum.get("train", {}), minimum.get("test", {})
    at_scale = (
        run["depth"] >= SCALE_DEPTH
        and run["images"] >= SCALE_IMAGES
        and run["epochs"] >= SCALE_EPOCHS
    )
    near_zero = content.get("near_zero")
    trajectory, subset = content.get("trajectory", {}), content.get("subset", {})
    images, epochs = int(run["images"]), int(run["epochs"])
    protocol = protocol_text(images, epochs, str(run.get("id", "")))
    label = f"P {run['n_patches']}, d {run['depth']}, seed {run['seed']}"
    return ModelFindings(
        label=label if at_scale else f"{label}, {protocol}",
        grade=Grade.SCALE if at_scale else Grade.SMALL,
        reproduce=str(content["reproduce"]),
        n_patches=int(run["n_patches"]),
        depth=int(run["depth"]),
        seed=int(run["seed"]),
        protocol=protocol,
        n_train=images,
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
        n_subset=_count(subset.get("n_samples")),
        subset_top=next((parse_eigenvalue(v) for v in subset.get("top", ())), None),
        outliers=_outliers(content.get("outliers")),
        outliers_by_gap=_outliers(content.get("outliers_by_gap")),
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
        pc_ratios_to_minimum=tuple(float(r) for r in trajectory.get("pc_ratios_to_minimum", ())),
        n_points_to_minimum=_count(trajectory.get("n_points_to_minimum")),
    )


def parse_eigenvalue(entry: Mapping[str, Any]) -> Eigenvalue:
    """One eigenvalue with its evidence; one that is not finite counts as not converged."""
    value, residual = float(entry["value"]), float(entry["residual_norm"])
    rounding = float(entry.get("rounding", 0.0))
    if not isinstance(entry["converged"], bool):
        raise TypeError(f"converged: expected true or false, got {entry['converged']!r}")
    for name, number in (("residual_norm", residual), ("rounding", rounding)):
        if number < 0:
            raise ValueError(f"{name}: expected a number >= 0, got {number}")
    sound = all(math.isfinite(number) for number in (value, residual, rounding))
    converged = entry["converged"] and sound
    return Eigenvalue(value, residual, converged, int(entry["n_samples"]), rounding)


def _outliers(entry: Mapping[str, Any] | None) -> OutlierCount | None:
    if entry is None:
        return None
    return OutlierCount(
        int(entry["count"]), int(entry["low"]), _count(entry["high"]), str(entry["rule"])
    )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _count(value: Any) -> int | None:
    return None if value is None else int(value)
