"""What the comparison needs of a trained model, whatever it was read from."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from patchlaw.hessian_theory.predictions import MeasuredModel
from patchlaw.verification.analysis.record import AnalysisRecord
from patchlaw.verification.claims.records import protocol_text
from patchlaw.verification.measurement import BIAS_BLOCK, TERMS, MinimumMeasurement
from patchlaw.verification.records import AuthorResult


class SolvedEigenvalue(Protocol):
    """A largest eigenvalue with its evidence."""

    @property
    def value(self) -> float:
        """Rayleigh quotient."""

    @property
    def interval(self) -> tuple[float, float] | None:
        """Contains an eigenvalue; None where no error bound is known."""

    @property
    def converged(self) -> bool:
        """Whether the solver vouches for it."""


@dataclass(frozen=True)
class RecordedEigenvalue:
    """An eigenvalue of somebody else's, taken at its word: no error bound came with it."""

    value: float
    interval: tuple[float, float] | None = None
    converged: bool = True


@dataclass(frozen=True, eq=False)
class ComparedModel:
    """One trained model at its minimum of the training loss.

    Attributes:
        label: what it is called.
        n_patches: P.
        depth: d.
        seed: of the initial angles, where it tells models apart.
        protocol: data and training in words, the same for models that may be compared.
        theory: the inputs of the laws, from converged eigenvalues only.
        top: top eigenvalue by matrix, of those of TERMS that were computed.
        blocks: top eigenvalue of every G_pp; empty unless all P are there.
        residual_blocks: of every R_pp, likewise.
        parts: lambda_max of G over the angles and over the bias; None unless both converged and
            one is above zero.
    """

    label: str
    n_patches: int
    depth: int
    seed: int | None
    protocol: str
    theory: MeasuredModel
    top: Mapping[str, SolvedEigenvalue]
    blocks: tuple[SolvedEigenvalue, ...] = ()
    residual_blocks: tuple[SolvedEigenvalue, ...] = ()
    parts: tuple[float, float] | None = None

    @classmethod
    def of_measurement(cls, model: MinimumMeasurement) -> "ComparedModel":
        """From ``patchlaw verify``: one run's models differ in P only."""
        label = f"P {model.n_patches}, d {model.depth}"
        top = {term: model.top[term] for term in TERMS if term in model.top}
        return cls(
            label=label,
            n_patches=model.n_patches,
            depth=model.depth,
            seed=None,
            protocol="",
            theory=_theory(
                label,
                model.n_patches,
                model.train.loss,
                model.train.trace_s,
                top.get("G over the angles"),
                model.blocks,
                (),
            ),
            top=top,
            blocks=model.blocks,
            parts=_parts(model.top.get("G over the angles"), model.top.get(BIAS_BLOCK)),
        )

    @classmethod
    def of_record(cls, record: AnalysisRecord) -> "ComparedModel":
        """From ``patchlaw analyse``, eigenvalues over all training images of the run.

        Raises:
            ValueError: numbers that contradict each other, such as <tr S> above its ceiling at
                that loss.
        """
        run, train = record.run, record.minimum.train
        top = {term: found for term in TERMS if (found := record.top(term)) is not None}
        blocks, residual_blocks = record.blocks("G"), record.blocks("R")
        return cls(
            label=run.id,
            n_patches=run.n_patches,
            depth=run.depth,
            seed=run.seed,
            protocol=protocol_text(run.images, run.epochs, run.id),
            theory=_theory(
                str(record.path),
                run.n_patches,
                train.loss,
                train.trace_s,
                top.get("G over the angles"),
                blocks,
                residual_blocks,
            ),
            top=top,
            blocks=blocks,
            residual_blocks=residual_blocks,
            parts=_parts(record.top("G over the angles"), record.top(BIAS_BLOCK)),
        )

    @classmethod
    def of_author(cls, result: AuthorResult) -> "ComparedModel":
        """From the author's tables: lambda_max(H) and the training loss, nothing else."""
        return cls(
            label=f"author's P {result.n_patches}, d {result.depth}",
            n_patches=result.n_patches,
            depth=result.depth,
            seed=1001,
            protocol=protocol_text(60_000, 50),
            theory=MeasuredModel(result.n_patches, loss=result.train_loss),
            top={"H": RecordedEigenvalue(result.top_hessian_eigenvalue)},
        )


def alike_but_for_patches(models: Sequence[ComparedModel]) -> Iterator[list[ComparedModel]]:
    """Models of equal protocol, depth and seed, by P; groups by protocol, depth and seed.

    A P that occurs twice in a group is left out (``indistinct``): the two runs differ in something
    that is not on record, so which of them another P belongs with is not known.
    """
    groups: dict[tuple[str, int, int], list[ComparedModel]] = {}
    for model in models:
        seed = -1 if model.seed is None else model.seed
        groups.setdefault((model.protocol, model.depth, seed), []).append(model)
    for key in sorted(groups):
        count = Counter(model.n_patches for model in groups[key])
        once = [model for model in groups[key] if count[model.n_patches] == 1]
        yield sorted(once, key=lambda model: model.n_patches)


def indistinct(models: Sequence[ComparedModel]) -> list[str]:
    """Labels of models that share P, depth, seed and protocol with another."""

    def key(model: ComparedModel) -> tuple[object, ...]:
        return model.n_patches, model.depth, model.seed, model.protocol

    count = Counter(key(model) for model in models)
    return sorted(model.label for model in models if count[key(model)] > 1)


def _parts(
    angles: SolvedEigenvalue | None, bias: SolvedEigenvalue | None
) -> tuple[float, float] | None:
    """The two parts of lambda_max(G); one that is zero may come out negative by its rounding."""
    if angles is None or bias is None or not (angles.converged and bias.converged):
        return None
    parts = max(0.0, angles.value), max(0.0, bias.value)
    return parts if max(parts) > 0 else None


def _theory(
    label: str,
    n_patches: int,
    loss: float,
    curvature: float,
    angles: SolvedEigenvalue | None,
    blocks: Sequence[SolvedEigenvalue],
    residual_blocks: Sequence[SolvedEigenvalue],
) -> MeasuredModel:
    """The laws' inputs: blocks only if all of them converged, A only if G over the angles did."""
    sound = bool(blocks) and all(b.converged for b in blocks)
    alignment, total = None, sum(b.value for b in blocks)
    if sound and total > 0 and angles is not None and angles.converged:
        alignment = angles.value / total
        low = total if angles.interval is None else angles.interval[0]
        if low <= total:  # A = 1 but for the eigenvalues' error
            alignment = min(alignment, 1.0)
    try:
        return MeasuredModel(
            n_patches,
            loss=loss,
            curvature=curvature,
            blocks=tuple(b.value for b in blocks) if sound else None,
            residual_blocks=(
                tuple(b.value for b in residual_blocks)
                if residual_blocks and all(b.converged for b in residual_blocks)
                else None
            ),
            alignment=alignment,
        )
    except ValueError as error:
        raise ValueError(f"{label}: {error}") from error
