"""One trained model at its minimum of the training loss, as every analysis of it is read.

Ours, another program's by the documented format (``verification.records.reading``), or what the
author recorded: what was not computed is None or empty.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from patchlaw.verification.records.author import author_results
from patchlaw.verification.records.eigenvalue import Eigenvalue
from patchlaw.verification.records.moments import SpectrumMoment, SplitMoment
from patchlaw.verification.records.run_facts import (
    AUTHOR_SEED,
    SCALE_EPOCHS,
    SCALE_IMAGES,
    RunFacts,
    Settings,
)
from patchlaw.verification.solvers import (
    Alignment,
    EigenvalueInterval,
    Estimate,
    OutlierCount,
    SpectralDensity,
    VectorShares,
)
from patchlaw.verification.store.json_files import Count, Fraction, NonNegative, PositiveCount
from patchlaw.verification.training.objective import KEYS_ON_DISK

# What each matrix is called on record. Ratios of the terms are held against the laws, the pixel
# bias' block is an input of those that level off.
TERMS = ("H", "G", "R", "G over the angles")
ANGLE_BLOCK, BIAS_BLOCK = "G over the angles", "G over the bias"

AUTHOR_TEST_IMAGES = 10_000

Along: TypeAlias = Literal["n_patches", "depth"]
Origin: TypeAlias = Literal["author", "record", "verify"]


class SampleMeans(msgspec.Struct, frozen=True, rename=KEYS_ON_DISK):
    """Means over samples; see ``verification.training.Evaluation``."""

    loss: NonNegative | None = None
    accuracy: Fraction | None = None
    mean_softmax_trace: float | None = None
    mean_abs_slope: NonNegative | None = None
    n_samples: PositiveCount | None = None


_NOT_ON_RECORD = SampleMeans()


@dataclass(frozen=True)
class Minimum:
    """The epoch end of least training loss: epochs done, means over both sets there."""

    epoch: Count | None = None
    train: SampleMeans = _NOT_ON_RECORD
    test: SampleMeans = _NOT_ON_RECORD


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
class GaussNewtonBounds:
    """Bounds on lambda_max(G) over all training images, from data and without an eigensolver.

    Attributes:
        output_ritz: lower bound from the class directions alone, no product.
        interval: lower bound by products with them, upper bounds with confidence, tr G, |G|_F.
    """

    output_ritz: float
    interval: EigenvalueInterval

    @property
    def lower(self) -> float:
        """The larger of the two lower bounds."""
        return max(self.output_ritz, self.interval.lower)


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
    seed: Count = 0
    top: tuple[Eigenvalue, ...] = ()
    bottom: tuple[Eigenvalue, ...] = ()
    others: Mapping[str, Eigenvalue] = field(default_factory=dict)


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
    n_points: Count | None = None
    pc_ratios_to_minimum: tuple[float, ...] = ()
    n_points_to_minimum: int | None = None
    largest_step: float | None = None


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """Everything on record about one trained model; None or empty where it is not.

    Attributes:
        eigenvalues: over all training images, by matrix, largest first: "H", "G", "R",
            "G over the angles", "G over the bias", "R over the bias", "G_00", .., "R_00", ..
        bias_share: squared norm of H's top eigenvector on the pixel bias.
        shares: of the top eigenvector, by matrix ("H", "G").
        subset: the spectrum on the subset; None if it is that over all images.
        density: spectral density of H on the subset.
        outliers: counted there by the stated rule.
        outliers_by_gap: by the widest relative gap.
        near_zero: share of H's eigenvalues within lambda_max / 100 of zero.
        settings: how it was trained and on what; None if not on record.
        misclassified: indices of the test images whose largest logit is not the label's.
        along_training: the split along training, epochs ascending.
        spectra_along_training: H's spectrum along training, epochs ascending.
        stages: environment and seconds of every stage, by name; "earlier" has those of the
            sessions before one that added to the stage, "begun_in" the other environments that it
            was begun in and interrupted, "incomplete" says that more is asked for than is there.
        origin: a record that was read, a model of ``patchlaw verify``, or the paper's author;
            models of different origin are never held against each other.
    """

    run: RunFacts
    reproduce: str
    minimum: Minimum = Minimum()
    eigenvalues: Mapping[str, tuple[Eigenvalue, ...]] = field(default_factory=dict)
    bias_share: float | None = None
    shares: Mapping[str, VectorShares] = field(default_factory=dict)
    traces: GaussNewtonTraces | None = None
    bounds: GaussNewtonBounds | None = None
    subset: SubsetSpectrum | None = None
    density: SpectralDensity | None = None
    outliers: OutlierCount | None = None
    outliers_by_gap: OutlierCount | None = None
    near_zero: Estimate | None = None
    misclassified: tuple[Count, ...] | None = None
    settings: Settings | None = None
    along_training: tuple[SplitMoment, ...] = ()
    spectra_along_training: tuple[SpectrumMoment, ...] = ()
    trajectory: Trajectory | None = None
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    path: Path | None = None
    origin: Origin = "record"

    @property
    def label(self) -> str:
        """What it is called in tables."""
        place = f"P {self.run.n_patches}, d {self.run.depth}"
        if self.origin != "record":
            return f"{self.origin}'s {place}"
        place += f", seed {self.run.seed}"
        as_the_paper = self.at_paper_scale and self.run.same_but_for()
        return place if as_the_paper else f"{place}, {self.run.protocol}"

    @property
    def name(self) -> str:
        """Of the run; the label where it has none."""
        return self.run.id or self.label

    @property
    def by_author_protocol(self) -> bool:
        """Whether training and data are the author's; by the run's name where nothing else says."""
        return self.settings.author_protocol if self.settings else not self.run.other_settings

    @property
    def at_paper_scale(self) -> bool:
        """Whether it is as deep and as long as the paper's, on as many images, by its protocol."""
        return self.run.of_paper_size and self.by_author_protocol

    def kind(self, along: Along = "n_patches") -> tuple[str, str, str]:
        """Origin, protocol and study, which models have in common that are compared along P (or d).

        At equal depth rates are settings too.
        """
        return self.origin, self.run.protocol, self.study(rate=along == "n_patches")

    def study(self, *, rate: bool = True, data: bool = True) -> str:
        """Training and data in words, the same for models that may be held against each other.

        The author's protocol is one study, whatever else is on record.

        Args:
            rate: whether those of other rates are others; the author's, which go with the depth,
                are one.
            data: whether those of other data are.
        """
        if self.by_author_protocol:
            return "the author's"
        known = self.settings
        if known is None:
            return "not on record"
        words = [f"{known.n_batches} batches, {known.dtype}, weight decay {known.weight_decay}"]
        words += [f"annealing over {known.annealing_epochs} epochs"]
        if rate:
            words += ["the author's rate" if known.author_rate else f"rate {known.learning_rate}"]
        if data:
            words += [f"data {known.data_sha256}"]
        return ", ".join(words)

    @property
    def environments(self) -> list[Mapping[str, Any]]:
        """Of every session that measured something here."""
        marks = [m for stage in self.stages.values() for m in (*stage.get("earlier", ()), stage)]
        return [
            e for mark in marks for e in (*mark.get("begun_in", ()), mark.get("environment", {}))
        ]

    def top(self, matrix: str) -> Eigenvalue | None:
        """Largest eigenvalue of a matrix over all training images, if it is known."""
        values = self.eigenvalues.get(matrix, ())
        return values[0] if values else None

    def blocks(self, term: str) -> tuple[Eigenvalue, ...]:
        """Top eigenvalue of every patch's block of "G" or "R"; empty unless all are there."""
        found = [self.top(f"{term}_{p}{p}") for p in range(self.run.n_patches)]
        known = tuple(value for value in found if value is not None)
        return known if len(known) == len(found) else ()

    @property
    def alignment(self) -> Alignment | None:
        """A = lambda_max(G over the angles) / sum_p lambda_max(G_pp), converged or not.

        None unless all are known and the sum is above its error.
        """
        top, blocks = self.top(ANGLE_BLOCK), self.blocks("G")
        if top is None or sum(b.value for b in blocks) <= sum(b.radius for b in blocks):
            return None
        return Alignment.of_values(
            (top.value, top.radius), [(block.value, block.radius) for block in blocks]
        )


def author_models() -> tuple[TrainedModel, ...]:
    """The author's Tables 1, 3 and 6 (seed 1001): not ours, and without error bounds."""
    return tuple(
        TrainedModel(
            RunFacts(r.n_patches, r.depth, AUTHOR_SEED, SCALE_IMAGES, SCALE_EPOCHS),
            reproduce="recorded: patchlaw.verification.records.author_results()",
            minimum=Minimum(
                r.epoch_of_min_train_loss + 1,  # counted from 0 there
                SampleMeans(r.train_loss, r.train_accuracy, n_samples=SCALE_IMAGES),
                SampleMeans(r.test_loss, r.test_accuracy, n_samples=AUTHOR_TEST_IMAGES),
            ),
            eigenvalues={"H": (Eigenvalue(r.top_hessian_eigenvalue, None, True, SCALE_IMAGES),)},
            trajectory=Trajectory((r.pca_ratio_1, r.pca_ratio_2), SCALE_EPOCHS + 1),
            origin="author",
        )
        for r in author_results()
    )


def alike_but_for(along: Along, models: Iterable[TrainedModel]) -> Iterator[list[TrainedModel]]:
    """Models of one origin, protocol, seed and depth (or P), by P (or depth); groups by the same.

    Those of other settings, such as data of one's own, are groups apart, and those without any on
    record. A P that occurs twice in a group is left out: the two runs differ in something that is
    not on record, so which of them another P belongs with is not known.
    """
    groups: dict[tuple[Any, ...], list[TrainedModel]] = {}
    for model in models:
        run, scale = model.run, (model.origin, model.at_paper_scale)
        other = run.depth if along == "n_patches" else run.n_patches
        groups.setdefault((*scale, *model.kind(along), other, run.seed), []).append(model)
    for key in sorted(groups):
        count = Counter(getattr(model.run, along) for model in groups[key])
        once = [model for model in groups[key] if count[getattr(model.run, along)] == 1]
        if once:
            yield sorted(once, key=lambda model: int(getattr(model.run, along)))


def indistinct(models: Iterable[TrainedModel]) -> list[str]:
    """Names of models that share origin, P, depth, seed and protocol with another."""
    models = list(models)
    known = {model.name for group in alike_but_for("n_patches", models) for model in group}
    return sorted(model.name for model in models if model.name not in known)
