"""What a user asks for: the author's protocol with a few things changed."""

from dataclasses import dataclass, replace
from pathlib import Path

from patchlaw.hessian_theory.input_checks import nearest
from patchlaw.simulators import Ansatz, PatchGrid
from patchlaw.simulators.datasets.digits import SIDE as DIGITS_SIDE
from patchlaw.simulators.datasets.pooling import PIXEL_QUBITS as PAPER_QUBITS
from patchlaw.simulators.datasets.pooling import POOLED_SIDE
from patchlaw.verification.memory import check_memory
from patchlaw.verification.runs.config import BATCH_SIZE, RunConfig
from patchlaw.verification.runs.samples import RunSamples
from patchlaw.verification.settings import check_integers
from patchlaw.verification.training.protocol import default_learning_rate

# Parameters, gradient, Adam's two moments, the minimum's copy, and the tangents of the circuits:
# 18 values a parameter were measured at P = 4, d = 2,000 to 4,000.
_VALUES_A_PARAMETER = 16
# A history's entry with the losses of two mini-batches, as Python holds it: measured.
_EPOCH_BYTES = 800
MAX_QUBITS = 16  # ours, as a run's configuration has it: what a state's memory allows
IMAGE_SIDES = {"mnist": POOLED_SIDE, "fashion-mnist": POOLED_SIDE, "digits": DIGITS_SIDE}
MAX_LEARNING_RATE = 1e6  # ours: Adam moves an angle by about as much, whose period is 4 pi


def check_training_memory(
    patches: int, depth: int, itemsize: int, n_qubits: int = PAPER_QUBITS
) -> None:
    """Refuse a circuit whose training, at ``itemsize`` bytes a parameter, cannot fit into memory.

    Raises:
        ValueError: the least that it needs is more than is available.
    """
    n_angles = patches * Ansatz(n_qubits, depth).n_angles
    check_memory(
        f"depth {depth}, {n_angles} angles",
        n_angles * itemsize * _VALUES_A_PARAMETER,
        "use a smaller depth",
    )


@dataclass(frozen=True)
class RunRequest:
    """One training run, as ``patchlaw train`` and a sweep's plan name it.

    Attributes:
        patches: P.
        depth: d.
        seed: of the initial angles and of the batches.
        epochs: epochs to be done.
        learning_rate: Adam's initial rate; None for the author's at this depth.
        dtype: float32 or float64.
        batch_size: images a mini-batch, about.
        images: stratified part of the training images; None for all.
        alpha: of s = c P^(-alpha).
        scale: c.
        bias: whether there is a pixel bias.
        shared_angles: whether all patches have the same angles.
        qubits: n of a patch's circuit; pixels are angles in [0, 2 pi / n].
        patch_side: of a patch in pixels, n if left out; see ``Ansatz.for_patch``.
        data: "mnist" (or what is given in its place), "fashion-mnist" or "digits".

    Raises:
        TypeError: a value of another type.
        ValueError: a value out of range.
    """

    patches: int
    depth: int
    seed: int = 1001
    epochs: int = 50
    learning_rate: float | None = None
    dtype: str = "float32"
    batch_size: int = BATCH_SIZE
    images: int | None = None
    alpha: float = 1.0
    scale: float = 100.0
    bias: bool = True
    shared_angles: bool = False
    qubits: int = PAPER_QUBITS
    patch_side: int | None = None
    data: str = "mnist"

    def __post_init__(self) -> None:
        """Refuse at the door what would fail hours later."""
        lowest = {"patches": 1, "depth": 1, "seed": 0, "epochs": 1, "batch_size": 1, "images": 10}
        check_integers(self, lowest | {"qubits": 2, "patch_side": 1})
        if self.qubits > MAX_QUBITS:
            raise ValueError(f"qubits: expected at most {MAX_QUBITS}, got {self.qubits}")
        for name, low, high in (("alpha", 0, 2), ("scale", 0, 1e6)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{name}: expected a number, got {value!r}")
            if not low <= value <= high or (name == "scale" and not value):
                raise ValueError(f"{name}: expected a number from {low} to {high:g}, got {value}")
            object.__setattr__(self, name, float(value))
        for name in ("bias", "shared_angles"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name}: expected true or false, got {getattr(self, name)!r}")
        if self.data not in IMAGE_SIDES:
            raise ValueError(
                f"data: expected one of {', '.join(IMAGE_SIDES)}, got {self.data!r}"
                f"{nearest(self.data, IMAGE_SIDES)}; other data are named on the command line, "
                "with --data"
            )
        if self.seed >= 2**32:
            raise ValueError(f"seed: expected less than 2^32 (numpy's limit), got {self.seed}")
        rate = self.learning_rate
        if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float)):
            raise TypeError(f"learning_rate: expected a number, got {rate!r}")
        if rate is not None and rate > MAX_LEARNING_RATE:
            raise ValueError(
                f"learning_rate: expected a finite number >= 0, at most {MAX_LEARNING_RATE:g}, "
                f"got {rate}"
            )
        PatchGrid(IMAGE_SIDES[self.data], self.patch_side or self.qubits, self.patches)
        itemsize = 8 if self.dtype == "float64" else 4
        check_training_memory(self.patches, self.depth, itemsize, self.qubits)
        check_memory(
            f"epochs {self.epochs}", self.epochs * _EPOCH_BYTES, "ask for fewer, and for more later"
        )
        model = self._protocol().model
        if 2 * self.qubits < model.n_classes:
            raise ValueError(
                f"qubits: expected at least {-(-model.n_classes // 2)}, as {model.n_classes} "
                f"classes read X or Z of a qubit each, got {self.qubits}"
            )

    @property
    def changes(self) -> str:
        """What differs from the paper's model and data, as a plan writes it; empty if nothing."""
        axes = ("alpha", "scale", "bias", "shared_angles", "qubits", "patch_side", "data")
        found = {name: getattr(self, name) for name in axes}
        words = (f"{k}={v}" for k, v in found.items() if v != getattr(RunRequest, k))
        return " ".join(words).replace("True", "true").replace("False", "false")

    def source(self, files: Path | None = None) -> str | Path | None:
        """What ``load_samples`` takes: the data set's name, or files in place of MNIST.

        Raises:
            ValueError: files beside another data set.
        """
        if files is not None and self.data != "mnist":
            raise ValueError(
                f"data: expected files given in place of mnist only, got {files} for a run on "
                f"{self.data}; leave --data out"
            )
        return files if self.data == "mnist" else self.data

    def _protocol(self) -> RunConfig:
        config = RunConfig.paper(self.patches, self.depth, self.seed, self.epochs)
        rate = self.learning_rate
        rate = default_learning_rate(self.depth) if rate is None else float(rate)
        side = self.patch_side or self.qubits
        ansatz = None
        if side != self.qubits:
            ansatz = Ansatz.for_patch(self.qubits, self.depth, side).to_json()
        return replace(
            config,
            model=replace(
                config.model,
                dtype=self.dtype,
                n_qubits=self.qubits,
                image_side=IMAGE_SIDES[self.data],
                scale=self.scale,
                aggregation_exponent=self.alpha,
                ansatz=ansatz,
                pixel_bias=self.bias,
                shared_angles=self.shared_angles,
            ),
            training=replace(config.training, learning_rate=rate),
        )

    def config(self, samples: RunSamples) -> RunConfig:
        """The run's configuration on these samples.

        Args:
            samples: what ``load_samples`` gives for ``source``, ``images`` and ``qubits``.

        Raises:
            ValueError: batches of more images than there are; the default is then half of them.
        """
        n_images = len(samples.train_labels)
        if self.batch_size > max(n_images, BATCH_SIZE):
            raise ValueError(
                f"batch_size: expected at most {n_images}, the training images, got "
                f"{self.batch_size}; use a smaller one"
            )
        return self._protocol().on(samples, self.images, self.batch_size)
