"""What ``patchlaw analyse`` found about one run, typed, as read from its record.

The file is the JSON object that ``verification.claims.records`` describes, with more sections:
whatever was computed of a run is there, and a section that is missing was not computed. The
ledger reads the file on its own, so that a record of another program can serve it too.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from patchlaw.verification.claims.records import FORMAT, VERSION
from patchlaw.verification.json_files import (
    Count,
    Depth,
    NonNegative,
    Patches,
    PositiveCount,
    typed,
)
from patchlaw.verification.sealed_record import RecordError, read_folder, read_record
from patchlaw.verification.solvers import (
    Alignment,
    EigenResult,
    Estimate,
    OutlierCount,
    SpectralDensity,
)
from patchlaw.verification.training import Evaluation


@dataclass(frozen=True)
class RunFacts:
    """Which run was analysed.

    Attributes:
        id: the run's name.
        n_patches: P.
        depth: d.
        seed: of the initial angles.
        images: training images of the run.
        epochs: epochs done when it was analysed.
        n_classes: C.
        n_parameters: D.
        configuration_sha256: hash of the run's configuration.
    """

    id: str
    n_patches: Patches
    depth: Depth
    seed: Count
    images: PositiveCount
    epochs: Count
    n_classes: PositiveCount
    n_parameters: PositiveCount
    configuration_sha256: str


@dataclass(frozen=True)
class EigenvalueRecord:
    """One eigenvalue with its evidence; see EigenResult.

    Attributes:
        value: Rayleigh quotient.
        residual_norm: |H v - value v|, from a fresh product at the end.
        rounding: allowance for the products' rounding.
        converged: residual_norm <= tol * max |values| of its solve, or within rounding.
        matvecs: products of the whole solve.
        n_samples: samples behind the matrix.
        dtype: of the products.
        tol: relative tolerance asked for.
        seed: of the start vector.
        seconds: wall-clock time of the whole solve.
        caveats: what was not known of the products; none in records that do not say.
    """

    value: float
    residual_norm: NonNegative
    rounding: NonNegative
    converged: bool
    matvecs: Count
    n_samples: Count
    dtype: str
    tol: float
    seed: int
    seconds: float
    caveats: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """JSON has lists."""
        object.__setattr__(self, "caveats", tuple(self.caveats))

    @classmethod
    def all_of(cls, result: EigenResult) -> "tuple[EigenvalueRecord, ...]":
        """Every pair of a solve, in its order."""
        return tuple(
            cls(
                value=float(value),
                residual_norm=float(residual),
                rounding=result.rounding,
                converged=bool(converged),
                matvecs=result.matvecs,
                n_samples=result.n_samples or 0,
                dtype=result.dtype,
                tol=result.tol,
                seed=result.seed,
                seconds=result.seconds,
                caveats=result.caveats,
            )
            for value, residual, converged in zip(
                result.values, result.residual_norms, result.converged, strict=True
            )
        )

    @property
    def radius(self) -> float:
        """Half the interval's length: residual norm plus rounding."""
        return self.residual_norm + self.rounding

    @property
    def interval(self) -> tuple[float, float]:
        """Contains an eigenvalue: value -+ radius."""
        return self.value - self.radius, self.value + self.radius


@dataclass(frozen=True)
class Minimum:
    """The epoch end of least training loss: epochs done, evaluations over both sets there."""

    epoch: Count
    train: Evaluation
    test: Evaluation


@dataclass(frozen=True)
class Shares:
    """Squared norm of a top eigenvector on each patch's angles and on the bias, summing to 1."""

    patches: tuple[float, ...]
    bias: float


@dataclass(frozen=True)
class GaussNewtonTraces:
    """Traces of G by Hutchinson's estimate, with standard errors over the probes.

    Attributes:
        total: tr G.
        patches: tr G_pp of every patch.
        bias: trace of the bias block.
        n_probes: Rademacher probes.
        n_samples: samples behind G.
        seed: of the probes.
        caveats: what was not known of the products; none in records that do not say.
    """

    total: Estimate
    patches: tuple[Estimate, ...]
    bias: Estimate
    n_probes: int
    n_samples: int
    seed: int
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True)
class SubsetSpectrum:
    """H on the fixed stratified subset of the training images.

    Attributes:
        n_samples: its size.
        seed: of its draw.
        top: largest eigenvalues, descending; empty if not computed.
        bottom: smallest, ascending; empty if not computed.
        others: top eigenvalue there of the other matrices, by name.
    """

    n_samples: PositiveCount
    seed: Count
    top: tuple[EigenvalueRecord, ...] = ()
    bottom: tuple[EigenvalueRecord, ...] = ()
    others: Mapping[str, EigenvalueRecord] = field(default_factory=dict)


@dataclass(frozen=True)
class SplitMoment:
    """The split at one moment of training: top eigenvalues of H, G and R on the subset.

    Attributes:
        epoch: epochs done.
        loss: mean loss over the subset.
        top: by matrix.
        bias_share: share of H's top eigenvector on the bias.
    """

    epoch: Count
    loss: float
    top: Mapping[str, EigenvalueRecord]
    bias_share: float


@dataclass(frozen=True)
class Trajectory:
    """Contribution ratios of the epoch-end angle vectors' principal components, descending.

    Attributes:
        pc_ratios: of all epoch ends, as in the paper's Table 6.
        n_points: epoch ends, the start included.
        pc_ratios_to_minimum: of those up to the minimum of the training loss, which a later jump
            of the trajectory does not touch; empty if they span no plane.
        n_points_to_minimum: how many those are.
        largest_step: longest way between neighbouring epoch ends, over the sum of all such ways.
    """

    pc_ratios: tuple[float, ...]
    n_points: Count
    pc_ratios_to_minimum: tuple[float, ...]
    n_points_to_minimum: int
    largest_step: float


@dataclass(frozen=True, eq=False)
class AnalysisRecord:
    """Everything on record about one run at its minimum; None or empty where not computed.

    Attributes:
        path: the file.
        reproduce: command that gives it again.
        run: which run.
        minimum: where, with losses and accuracies.
        eigenvalues: over all training images, by matrix, largest first: "H", "G", "R",
            "G over the angles", "G over the bias", "R over the bias", "G_00", .., "R_00", ..
        alignment: A of G's blocks.
        shares: of the top eigenvector, by matrix ("H", "G").
        traces: of G.
        subset: the spectrum on the subset.
        density: spectral density of H on the subset.
        outliers: counted there by the stated rule.
        outliers_by_gap: by the widest relative gap.
        near_zero: share of H's eigenvalues within lambda_max / 100 of zero.
        along_training: the split along training, epochs ascending.
        trajectory: principal components.
        stages: environment and seconds of every stage, by name; "earlier" has those of the
            sessions before one that added to the stage, "incomplete" says that more is asked for
            than is there.
    """

    path: Path
    reproduce: str
    run: RunFacts
    minimum: Minimum
    eigenvalues: Mapping[str, tuple[EigenvalueRecord, ...]]
    alignment: Alignment | None
    shares: Mapping[str, Shares]
    traces: GaussNewtonTraces | None
    subset: SubsetSpectrum | None
    density: SpectralDensity | None
    outliers: OutlierCount | None
    outliers_by_gap: OutlierCount | None
    near_zero: Estimate | None
    along_training: tuple[SplitMoment, ...]
    trajectory: Trajectory | None
    stages: Mapping[str, Mapping[str, Any]]

    @property
    def environments(self) -> list[Mapping[str, Any]]:
        """Of every session that measured something here."""
        marks = [m for stage in self.stages.values() for m in (*stage.get("earlier", ()), stage)]
        return [mark.get("environment", {}) for mark in marks]

    def top(self, matrix: str) -> EigenvalueRecord | None:
        """Largest eigenvalue of a matrix over all training images, if it was computed."""
        values = self.eigenvalues.get(matrix, ())
        return values[0] if values else None

    def blocks(self, term: str) -> tuple[EigenvalueRecord, ...]:
        """Top eigenvalue of every patch's block of "G" or "R"; empty unless all are there."""
        found = [self.top(f"{term}_{p}{p}") for p in range(self.run.n_patches)]
        known = tuple(value for value in found if value is not None)
        return known if len(known) == len(found) else ()

    @classmethod
    def read(cls, path: Path) -> "AnalysisRecord":
        """Read a record.

        Raises:
            RecordError: truncated, altered since it was written, of another kind or version, or
                without the run and its minimum.
        """
        content = read_content(path)
        try:
            return _parse(path, content)
        except (KeyError, TypeError, ValueError) as error:
            text = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise RecordError(
                f"{path}: expected the sections of '{FORMAT}': {text}; analyse the run again"
            ) from error


def read_content(path: Path) -> dict[str, Any]:
    """The JSON object of a record, checked against its checksum.

    Raises:
        RecordError: truncated, altered, of another kind or version.
    """
    return read_record(path, FORMAT, VERSION, "analyse the run again")


def read_analyses(folder: Path) -> tuple[AnalysisRecord, ...]:
    """Every record in a folder, by P, depth, seed and name; an empty or missing folder has none.

    Raises:
        RecordError: see ``AnalysisRecord.read``.
    """
    return read_folder(folder, AnalysisRecord.read)


def _parse(path: Path, content: Mapping[str, Any]) -> AnalysisRecord:
    def section(name: str, kind: Any, missing: Any = None) -> Any:
        return typed(content[name], kind) if content.get(name) is not None else missing

    near_zero = section("near_zero", dict[str, float])
    return AnalysisRecord(
        path=path,
        reproduce=typed(content["reproduce"], str),
        run=typed(content["run"], RunFacts),
        minimum=typed(content["minimum"], Minimum),
        eigenvalues=section("eigenvalues", dict[str, tuple[EigenvalueRecord, ...]], {}),
        alignment=section("alignment", Alignment),
        shares=section("shares", dict[str, Shares], {}),
        traces=section("traces", GaussNewtonTraces),
        subset=section("subset", SubsetSpectrum),
        density=_density(content.get("density")),
        outliers=_outliers(section("outliers", dict[str, Any])),
        outliers_by_gap=_outliers(section("outliers_by_gap", dict[str, Any])),
        near_zero=near_zero and Estimate(near_zero["share"], near_zero["standard_error"]),
        along_training=section("along_training", tuple[SplitMoment, ...], ()),
        trajectory=section("trajectory", Trajectory),
        stages=section("stages", dict[str, dict[str, Any]], {}),
    )


def _outliers(entry: dict[str, Any] | None) -> OutlierCount | None:
    """A count; JSON has null for an edge that is no number, where nothing stands apart."""
    if entry is None:
        return None
    edges = {name: math.nan for name in ("edge", "edge_error") if entry[name] is None}
    return typed({**entry, **edges}, OutlierCount)


def _density(entry: Any) -> SpectralDensity | None:
    if entry is None:
        return None
    plain = typed(entry, dict[str, Any])
    arrays = {
        name: np.array(typed(plain[name], list[float | list[float]]), dtype=np.float64)
        for name in ("nodes", "weights")
    }
    caveats = typed(plain.get("caveats", ()), tuple[str, ...])
    return SpectralDensity(**{**plain, **arrays, "caveats": caveats})
