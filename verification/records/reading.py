"""The experiment records on disk: one JSON file for each analysed training run.

Version 1, the stable interface between the analysis of a run and all that reads it. ``format``,
``version``, ``run`` and ``reproduce`` are required; a section that was not computed is left out,
and the ledger then says that it was not measured. Keys that are not known are ignored::

    {"format": "patchlaw analysis", "version": 1,
     "reproduce": "patchlaw analyse RUN",           # command that gives this record again
     "run": {"n_patches": 4, "depth": 50, "seed": 1001, "images": 60000, "epochs": 50,
             "n_classes": 10, "id": "P4_d50_s1001"},    # the last two may be left out
     "settings": {"learning_rate": 0.01, ..,        # training and samples, see ``Settings``; may be
                  "data_sha256": ".."},             # left out
     "minimum": {"epoch": 36,                       # at the minimum of the training loss
                 "train": {"loss": .., "trace_s": .., "gradient_norm": .., "n_samples": 60000},
                 "test": {"loss": .., "accuracy": .., "n_samples": 10000}},
     "misclassified": [8, 217, ..],                 # test images there, counted from 0
     "eigenvalues": {"H": [EIGENVALUE, ..], ..},    # there, largest first; matrices: H, G, R,
                                                    # "G over the angles", "G over the bias",
                                                    # "R over the bias", G_00, G_11, ..
     "bias_share": ..,                              # of H's top eigenvector, squared norm
     "subset": {"n_samples": 6000, "top": [EIGENVALUE, ..]},    # images behind the next three, and
                                                    # H there; all images of the run if left out
     "outliers": {"count": 9, "low": 9, "high": 10, "rule": ".."},  # high: null if not known
     "outliers_by_gap": ..,                         # the same by a second rule, for the reader
     "bounds": {"output_ritz": .., "interval": {"ritz": [.., ..], "upper": .., "confidence": ..}},
                                                    # lambda_max(G) from class directions and probes
     "near_zero": {"share": .., "standard_error": ..},   # |lambda| <= lambda_max(H) / 100
     "along_training": [{"epoch": 0, "loss": .., "top": {"G": EIGENVALUE, "R": EIGENVALUE}}, ..],
     "spectra_along_training": [{"epoch": 0, "loss": .., "top": [EIGENVALUE, ..],    # of H
                                 "density": .., "outliers": .., "near_zero": ..}, ..],
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
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from patchlaw.verification.records.eigenvalue import Eigenvalue
from patchlaw.verification.records.moments import SpectrumMoment, SplitMoment
from patchlaw.verification.records.run_facts import SCALE_EPOCHS, RunFacts, Settings
from patchlaw.verification.records.trained_model import (
    GaussNewtonBounds,
    GaussNewtonTraces,
    Minimum,
    SampleMeans,
    SubsetSpectrum,
    TrainedModel,
    Trajectory,
)
from patchlaw.verification.solvers import Estimate, OutlierCount, SpectralDensity, VectorShares
from patchlaw.verification.store.errors import RecordError
from patchlaw.verification.store.json_files import Count, JsonFileError, read_json, typed
from patchlaw.verification.store.seal import FileKind

_AGAIN = "analyse the run again"
_ROUNDING = 1e-3  # of shares and of their sum, which others may give to three digits
ANALYSIS = FileKind("patchlaw analysis", f"restore it from a copy, or move it away and {_AGAIN}")


def read_model(path: Path) -> TrainedModel:
    """One record, of ours or of another program, whose checksum is checked if it has one.

    Raises:
        RecordError: truncated, altered, of another kind or version, or a section missing or of
            another form.
    """
    content = ANALYSIS.read(path, sealed=False)
    try:
        return _parse(content, path)
    except (KeyError, TypeError, ValueError) as error:
        text = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise RecordError(
            f"{path}: expected the sections of '{ANALYSIS.name}': {text}; {_AGAIN}"
        ) from error


def read_analyses(folder: Path) -> tuple[TrainedModel, ...]:
    """Every record in a folder, by P, depth, seed and name; other JSON files are passed over.

    Args:
        folder: may be missing or empty: then nothing was measured.

    Raises:
        RecordError: a file is not JSON, two are of one run, or as ``read_model``.
    """
    found = [read_model(path) for path in sorted(folder.glob("*.json")) if _is_analysis(path)]
    refuse_repeated((model.run, model.path) for model in found)
    return tuple(sorted(found, key=lambda m: (m.run.n_patches, m.run.depth, m.run.seed, m.run.id)))


def refuse_repeated(records: Iterable[tuple[RunFacts, Path | None]]) -> None:
    """RecordError where two are of one run: which of its epochs matters below the paper's only."""
    of_run: dict[tuple[str, int], Path | None] = {}
    for run, path in records:
        place = run.id, min(run.epochs, SCALE_EPOCHS)
        if run.id and place in of_run:
            raise RecordError(
                f"{path}: expected one record of run {run.id}, got another beside "
                f"{of_run[place]}; a run that counts twice turns verdicts: move one away"
            )
        of_run[place] = path


def _is_analysis(path: Path) -> bool:
    try:
        content = read_json(path)
    except JsonFileError as error:
        raise RecordError(f"{path}: {error}; write it again or remove it") from error
    return isinstance(content, dict) and content.get("format") == ANALYSIS.name


def _parse(content: Mapping[str, Any], path: Path) -> TrainedModel:
    def section(name: str, kind: Any, missing: Any = None) -> Any:
        return typed(content[name], kind) if content.get(name) is not None else missing

    spectra = section("spectra_along_training", list[dict[str, Any]], [])
    known = content.get("settings")  # a digest in records of former releases
    model = TrainedModel(
        run=typed(content["run"], RunFacts),
        reproduce=typed(content["reproduce"], str),
        settings=typed(known, Settings) if isinstance(known, dict) else None,
        minimum=(minimum := section("minimum", Minimum, Minimum())),
        misclassified=_indices(section("misclassified", tuple[Count, ...]), minimum.test),
        eigenvalues=section("eigenvalues", dict[str, tuple[Eigenvalue, ...]], {}),
        bias_share=section("bias_share", float),
        shares=section("shares", dict[str, VectorShares], {}),
        traces=section("traces", GaussNewtonTraces),
        bounds=section("bounds", GaussNewtonBounds),
        subset=section("subset", SubsetSpectrum),
        density=section("density", SpectralDensity),
        **_outstanding(content),
        along_training=section("along_training", tuple[SplitMoment, ...], ()),
        spectra_along_training=tuple(map(_spectrum, spectra)),
        trajectory=section("trajectory", Trajectory),
        stages=section("stages", dict[str, dict[str, Any]], {}),
        path=path,
    )
    for what, holds in _premises(model).items():
        if not holds:
            raise ValueError(f"expected {what}, got others")
    return model


def _premises(model: TrainedModel) -> dict[str, bool]:
    """What a reader takes for granted of numbers whose types are right."""
    run, trajectory = model.run, model.trajectory or Trajectory(())
    moments = model.spectra_along_training
    counts = [of for of in (model.outliers, *(each.outliers for each in moments)) if of]
    near = [of for of in (model.near_zero, *(each.near_zero for each in moments)) if of]
    shares = [model.bias_share or 0.0, *(estimate.value for estimate in near)]
    subset = model.subset or SubsetSpectrum(run.images)
    tops = [*model.eigenvalues.values(), subset.top]
    ratios = [trajectory.pc_ratios, trajectory.pc_ratios_to_minimum]
    all_images = {value.n_samples for values in model.eigenvalues.values() for value in values}
    return {
        "eigenvalues in descending order, at the bottom ascending": all(
            _descend([value.value for value in values]) for values in (*tops, subset.bottom[::-1])
        ),
        f"eigenvalues over all {run.images:,} images of the run": all_images <= {run.images},
        f"a subset of the {run.images:,} images": subset.n_samples <= run.images,
        f"a minimum at one of {run.epochs} epochs": (model.minimum.epoch or 0) <= run.epochs,
        "contribution ratios in descending order, of 1 in sum at most": all(
            _descend([*of, -_ROUNDING]) and math.fsum(of) <= 1 + _ROUNDING for of in ratios
        ),
        "low <= count <= high of outliers": all(
            of.low <= of.count <= (math.inf if of.high is None else of.high) for of in counts
        ),
        "shares near zero and of the bias from 0 to 1": all(
            -_ROUNDING <= x <= 1 + _ROUNDING for x in shares
        ),
    }


def _descend(numbers: Sequence[float]) -> bool:
    return all(one >= two for one, two in pairwise(numbers))


def _indices(found: tuple[int, ...] | None, test: SampleMeans) -> tuple[int, ...] | None:
    """Indices of misclassified images, if they are as many as the accuracy says."""
    if found is None:
        return None
    n, accuracy = test.n_samples, test.accuracy
    if n is None or accuracy is None:
        raise ValueError("misclassified: expected minimum.test with accuracy and n_samples beside")
    wrong = round(n * (1 - accuracy))
    if len(found) != wrong or list(found) != sorted({*found}) or found[-1:] >= (n,):
        raise ValueError(
            f"misclassified: expected {wrong} ascending indices below {n}, as accuracy {accuracy} "
            f"says, got {len(found)}"
        )
    return found


def _spectrum(entry: dict[str, Any]) -> SpectrumMoment:
    return SpectrumMoment(
        epoch=typed(entry["epoch"], Count),
        loss=typed(entry["loss"], float),
        top=typed(entry["top"], tuple[Eigenvalue, ...]),
        density=typed(entry["density"], SpectralDensity),
        **_outstanding({**entry, "outliers": entry["outliers"], "near_zero": entry["near_zero"]}),
    )


def _outstanding(content: Mapping[str, Any]) -> dict[str, Any]:
    """What is counted of a spectrum, by name; None where it is not there."""
    near = content.get("near_zero")
    known = near and typed(near, dict[str, float])
    return {
        "outliers": _outliers(content.get("outliers")),
        "outliers_by_gap": _outliers(content.get("outliers_by_gap")),
        "near_zero": known and Estimate(known["share"], known["standard_error"]),
    }


def _outliers(entry: Any) -> OutlierCount | None:
    """A count; null, or nothing, stands for an edge that is no number: nothing stands apart."""
    if entry is None:
        return None
    entry = typed(entry, dict[str, Any])
    edges = {name: math.nan for name in ("edge", "edge_error") if entry.get(name) is None}
    return typed({**entry, **edges}, OutlierCount)
