"""Which training run it is: sizes, seed, data and every axis of the model."""

import re
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from typing import Any

from patchlaw.hessian_theory.predictions import Architecture
from patchlaw.simulators import Ansatz
from patchlaw.simulators.output_losses import LossName
from patchlaw.verification.store.json_files import (
    Count,
    Depth,
    Patches,
    PositiveCount,
    without_defaults,
)

# What counts as the paper's scale: its shallowest circuits, its images, its epochs (Sec. 3.1).
SCALE_DEPTH, SCALE_IMAGES, SCALE_EPOCHS = 50, 60_000, 50
AUTHOR_SEED = 1001


def _said(words: str) -> dict[str, str]:
    """An axis of model and data: how ``protocol`` says that it is another than the paper's."""
    return {"words": words}


OTHER = "another model"  # of no study


def depolarised(sizes: Architecture, noise: float) -> Architecture:
    """The sizes with c (1 - p)^m in the place of c, m the gates of the paper's circuit.

    Raises:
        ValueError: p below 0, or 1 and more.
    """
    if not noise:
        return sizes
    left = Ansatz(sizes.n_qubits, sizes.depth).retention(noise)
    return replace(sizes, scale=float(sizes.scale) * left)


@dataclass(frozen=True)
class Settings:
    """How a run was trained and on what, beside P, depth, seed and what ``AXES`` names.

    Attributes:
        learning_rate: the optimiser's initial rate.
        n_batches: mini-batches an epoch.
        weight_decay: L2 term added to the gradient.
        annealing_epochs: T_max of the cosine annealing.
        dtype: of parameters and outputs.
        data_sha256: digest of all images and labels, those of the tests included.
        author_rate: whether the rate is the author's of this depth.
        author_protocol: whether all this is the author's, on the whole of a data set that is here.
        whole_image: whether a patch is the whole image.
    """

    learning_rate: float
    n_batches: PositiveCount
    weight_decay: float
    annealing_epochs: PositiveCount
    dtype: str
    data_sha256: str
    author_rate: bool
    author_protocol: bool
    whole_image: bool = False


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
        n_parameters: D; 0 where it is not on record, likewise the next two.
        configuration_sha256: hash of the run's configuration.
        parameters_sha256: hash of the hashes of its epoch ends' parameter files.
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
    n_classes: PositiveCount = field(default=10, metadata=_said("{} classes"))
    id: str = ""
    n_parameters: Count = 0
    configuration_sha256: str = ""
    parameters_sha256: str = ""
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
        """As JSON; of the paper's model what former releases wrote, C always."""
        left_out = {*AXES, "n_parameters", "parameters_sha256"} - {"n_classes"}
        return without_defaults(self, *left_out)

    def same_but_for(self, *axes: str) -> bool:
        """Whether model and data are the paper's but for some of ``AXES``."""
        return all(getattr(self, n) == getattr(RunFacts, n) for n in {*AXES} - {*axes})

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
        rest = "" if self.same_but_for("n_qubits", "scale") else OTHER
        return next((name for name, differs in studies.items() if differs), rest)

    @property
    def architecture(self) -> Architecture | None:
        """Sizes, c and alpha of the paper's circuit on MNIST; None for what is not sized by them.

        That is another circuit, angles that patches share, or images of another data set.
        """
        sized_by = ("n_qubits", "n_classes", "scale", "noise", "aggregation_exponent", "pixel_bias")
        if not self.same_but_for(*sized_by):
            return None
        sizes = Architecture(
            self.n_patches,
            self.depth,
            self.n_qubits,
            n_classes=self.n_classes,
            scale=self.scale,
            aggregation_exponent=Fraction(str(self.aggregation_exponent)),
        )
        return depolarised(sizes, self.noise)

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
        """Data and training in words, the same for runs that may be held against each other."""
        length = f"{self.epochs} epochs" if self.epochs else "before training"
        words = [f"{self.images:,} images, {length}", *["other settings"] * self.other_settings]
        return ", ".join((*words, *self.changes))

    @property
    def other_settings(self) -> bool:
        """Whether it is not by the author's protocol and on MNIST: its name has a suffix then."""
        return re.fullmatch(r"P\d+_d\d+_s\d+_[0-9a-f]{8}", self.id) is not None

    @property
    def changes(self) -> tuple[str, ...]:
        """What is not the paper's in model and data, in words."""
        axes = ((axis, getattr(self, axis.name)) for axis in fields(self) if axis.name in AXES)
        return tuple(
            axis.metadata["words"].format(value) for axis, value in axes if value != axis.default
        )

    @property
    def of_paper_size(self) -> bool:
        """Whether it is as deep and as long as the paper's, on as many images."""
        long_enough = self.images >= SCALE_IMAGES and self.epochs >= SCALE_EPOCHS
        return self.depth >= SCALE_DEPTH and long_enough


# of model and data, in which a run may be another than the paper's
AXES = tuple(axis.name for axis in fields(RunFacts) if axis.metadata)
