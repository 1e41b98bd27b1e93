"""One trained model at its minimum of the training loss, as every analysis of it is read.

Ours, another program's by the documented format (``verification.records.reading``), or what the
author recorded: what was not computed is None or empty.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from patchlaw.hessian_theory.predictions import Architecture
from patchlaw.simulators import Ansatz
from patchlaw.simulators.output_losses import LossName
from patchlaw.verification.records.author import author_results
from patchlaw.verification.records.eigenvalue import Eigenvalue
from patchlaw.verification.records.moments import SpectrumMoment, SplitMoment
from patchlaw.verification.solvers import (
    Alignment,
    EigenvalueInterval,
    Estimate,
    OutlierCount,
    SpectralDensity,
)
from patchlaw.verification.store.json_files import (
    Count,
    Depth,
    Patches,
    PositiveCount,
    without_defaults,
)
from patchlaw.verification.training.objective import KEYS_ON_DISK

# What each matrix is called on record. Ratios of the terms are held against the laws, the pixel
# bias' block is an input of those that level off.
TERMS = ("H", "G", "R", "G over the angles")
ANGLE_BLOCK, BIAS_BLOCK = "G over the angles", "G over the bias"

# What counts as the paper's scale: its shallowest circuits, its images, its epochs (Sec. 3.1).
SCALE_DEPTH, SCALE_IMAGES, SCALE_EPOCHS = 50, 60_000, 50
AUTHOR_SEED, AUTHOR_TEST_IMAGES = 1001, 10_000

Along: TypeAlias = Literal["n_patches", "depth"]
Origin: TypeAlias = Literal["author", "record", "verify"]


def _said(words: str) -> dict[str, str]:
    """An axis of model and data: how ``protocol`` says that it is another than the paper's."""
    return {"words": words}


OTHER = "another model"  # of no study


@dataclass(frozen=True)
class RunFacts:
    """Which training run it is.

    Attributes:
        n_patches: P.
        depth: d.
        seed: of the initial angles.
        images: training images of the run.
        epochs: epochs done when it was analysed.
        n_classes: C.
        id: the run's name.
        n_parameters: D; 0 where it is not on record, likewise the next.
        configuration_sha256: hash of the run's configuration.
        family: what its patches hold, in words, if no circuit of this package.
        circuit: name of the circuit and of its observables, if not the paper's.
        n_qubits: n of a circuit.
        aggregation_exponent: alpha of the mean over the patches.
        scale: c.
        pixel_bias: whether there is one.
        shared_angles: whether all patches have the same angles.
        loss: of the logits.
        dataset: name of the data in the package, if not MNIST.
        noise: p of global depolarising after every gate.
    """

    n_patches: Patches
    depth: Depth
    seed: Count
    images: PositiveCount
    epochs: Count
    n_classes: PositiveCount = 10
    id: str = ""
    n_parameters: Count = 0
    configuration_sha256: str = ""
    family: str = field(default="", metadata=_said("{}"))
    circuit: str = field(default="", metadata=_said("{}"))
    n_qubits: PositiveCount = field(default=8, metadata=_said("{} qubits"))
    aggregation_exponent: float = field(default=1.0, metadata=_said("alpha = {:g}"))
    scale: float = field(default=100.0, metadata=_said("c = {:g}"))
    pixel_bias: bool = field(default=True, metadata=_said("no pixel bias"))
    shared_angles: bool = field(default=False, metadata=_said("shared angles"))
    noise: float = field(default=0.0, metadata=_said("noise {:g} a gate"))
    loss: LossName = field(default="cross_entropy", metadata=_said("loss {}"))
    dataset: str = field(default="", metadata=_said("{}"))

    def as_plain(self) -> dict[str, Any]:
        """As JSON; of the paper's model what former releases wrote."""
        return without_defaults(self, *AXES)

    def same_but_for(self, *axes: str) -> bool:
        """Whether model and data are the paper's but for some of ``AXES``."""
        others = set(AXES) - set(axes)
        return all(getattr(self, name) == getattr(RunFacts, name) for name in others)

    @property
    def has_modules(self) -> bool:
        """Whether torch modules stand on its patches, in place of circuits."""
        return ":" in self.family  # the import path of what makes them

    @property
    def axis(self) -> str:
        """Which study of other models it belongs to, by what differs; "" for the paper's model.

        Its circuits may be of another size and c; another alpha, for one, makes another model.
        """
        studies = {
            "shared angles": self.shared_angles,
            OTHER: self.has_modules,
            "one QNN": self.n_patches == 1,
            "data": bool(self.dataset),
            "pixel bias": not self.pixel_bias,
            "alpha": self.aggregation_exponent != 1,
            "noise": bool(self.noise),
        }
        rest = "" if self.same_but_for("family", "n_qubits", "scale") else OTHER
        return next((name for name, differs in studies.items() if differs), rest)

    @property
    def architecture(self) -> Architecture | None:
        """Sizes, c and alpha of the paper's circuit on MNIST; None for what is not sized by them.

        Noise is a smaller c: (1 - p)^m of the run's.

        That is another circuit, angles that patches share, or images of another data set.
        """
        sized_by = ("n_qubits", "scale", "noise", "aggregation_exponent", "pixel_bias")
        if not self.same_but_for(*sized_by):
            return None
        return Architecture(
            self.n_patches,
            self.depth,
            self.n_qubits,
            n_classes=self.n_classes,
            scale=self.scale * Ansatz(self.n_qubits, self.depth).retention(self.noise),
            aggregation_exponent=Fraction(str(self.aggregation_exponent)),
        )

    @property
    def place(self) -> dict[str, Any]:
        """What tells a run apart in the numbers of a figure."""
        names = ("n_patches", "depth", "seed")
        return {"run": self.id, **{name: getattr(self, name) for name in names}}

    @property
    def where(self) -> str:
        """P, d and seed in a label."""
        return f"P {self.n_patches}, d {self.depth}, seed {self.seed}"

    @property
    def protocol(self) -> str:
        """Data and training in words, the same for runs that may be held against each other.

        A run whose name has a suffix is not by the author's protocol.
        """
        other = re.fullmatch(r"P\d+_d\d+_s\d+_[0-9a-f]{8}", self.id) is not None
        length = f"{self.epochs} epochs" if self.epochs else "before training"
        words = [f"{self.images:,} images, {length}", *["other settings"] * other]
        return ", ".join((*words, *self.changes))

    @property
    def changes(self) -> tuple[str, ...]:
        """What is not the paper's in model and data, in words."""
        axes = ((axis, getattr(self, axis.name)) for axis in fields(self) if axis.name in AXES)
        return tuple(
            axis.metadata["words"].format(value) for axis, value in axes if value != axis.default
        )

    @property
    def at_paper_scale(self) -> bool:
        """Whether it is as deep and as long as the paper's, on as many images."""
        return (
            self.depth >= SCALE_DEPTH
            and self.images >= SCALE_IMAGES
            and self.epochs >= SCALE_EPOCHS
        )


# of model and data, in which a run may be another than the paper's
AXES = tuple(axis.name for axis in fields(RunFacts) if axis.metadata)


class SampleMeans(msgspec.Struct, frozen=True, rename=KEYS_ON_DISK):
    """Means over samples; see ``verification.training.Evaluation``."""

    loss: float | None = None
    accuracy: float | None = None
    mean_softmax_trace: float | None = None
    mean_abs_slope: float | None = None
    n_samples: PositiveCount | None = None


_NOT_ON_RECORD = SampleMeans()


@dataclass(frozen=True)
class Minimum:
    """The epoch end of least training loss: epochs done, means over both sets there."""

    epoch: Count | None = None
    train: SampleMeans = _NOT_ON_RECORD
    test: SampleMeans = _NOT_ON_RECORD


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
    shares: Mapping[str, Shares] = field(default_factory=dict)
    traces: GaussNewtonTraces | None = None
    bounds: GaussNewtonBounds | None = None
    subset: SubsetSpectrum | None = None
    density: SpectralDensity | None = None
    outliers: OutlierCount | None = None
    outliers_by_gap: OutlierCount | None = None
    near_zero: Estimate | None = None
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
        as_the_paper = self.run.at_paper_scale and self.run.same_but_for()
        return place if as_the_paper else f"{place}, {self.run.protocol}"

    @property
    def name(self) -> str:
        """Of the run; the label where it has none."""
        return self.run.id or self.label

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
            reproduce="recorded: verification.records.author_results()",
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

    A P that occurs twice in a group is left out: the two runs differ in something that is not on
    record, so which of them another P belongs with is not known.
    """
    other = "depth" if along == "n_patches" else "n_patches"
    groups: dict[tuple[Any, ...], list[TrainedModel]] = {}
    for model in models:
        run = model.run
        key = model.origin, run.at_paper_scale, run.protocol, getattr(run, other), run.seed
        groups.setdefault(key, []).append(model)
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
