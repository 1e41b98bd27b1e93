"""What a user asks for: the author's protocol with a few things changed."""

from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import cast

from patchlaw.simulators import Ansatz, PatchGrid
from patchlaw.simulators.datasets.digits import SIDE as DIGITS_SIDE
from patchlaw.simulators.datasets.pooling import POOLED_SIDE
from patchlaw.simulators.named_circuits import OBSERVABLES, named_circuit
from patchlaw.simulators.output_losses import LossName
from patchlaw.verification.memory import check_memory
from patchlaw.verification.run_settings import BATCH_SIZE, RunSettings
from patchlaw.verification.runs.config import RunConfig
from patchlaw.verification.runs.samples import RunSamples
from patchlaw.verification.settings import check_settings
from patchlaw.verification.training.protocol import default_learning_rate

# Parameters, gradient, Adam's two moments, the minimum's copy, and the tangents of the circuits:
# 18 values a parameter were measured at P = 4, d = 2,000 to 4,000.
_VALUES_A_PARAMETER = 16
# A history's entry with the losses of two mini-batches, as Python holds it: measured.
_EPOCH_BYTES = 800
IMAGE_SIDES = {"mnist": POOLED_SIDE, "fashion-mnist": POOLED_SIDE, "digits": DIGITS_SIDE}


@dataclass(frozen=True)
class RunRequest(RunSettings):
    """One training run, as ``patchlaw train`` and a sweep's plan name it; see ``RunSettings``.

    ``patch_side``, of a patch in pixels, is n if left out; see ``Ansatz.for_patch``.

    Raises:
        TypeError: a value of another type.
        ValueError: a value out of range, or values that do not fit together.
    """

    def __post_init__(self) -> None:
        """Refuse at the door what would fail hours later."""
        check_settings(self)
        if self.seed >= 2**32:
            raise ValueError(f"seed: expected less than 2^32 (numpy's limit), got {self.seed}")
        PatchGrid(self._side, self.patch_side or self.qubits, self.patches)
        itemsize = 8 if self.dtype == "float64" else 4
        n_angles = self.patches * Ansatz(self.qubits, self.depth).n_angles
        check_memory(
            f"depth {self.depth}, {n_angles} angles",
            n_angles * itemsize * _VALUES_A_PARAMETER,
            "use a smaller depth",
        )
        check_memory(
            f"epochs {self.epochs}", self.epochs * _EPOCH_BYTES, "ask for fewer, and for more later"
        )
        self.circuit.retention(self.noise)
        classes = self.protocol().model.n_classes
        most = len(self.circuit.observables) or 2 * self.qubits
        if most < classes:
            read = "X or Z of a qubit" if self.observables == "paper" else self.observables.upper()
            least = next(
                n
                for n in count(self.qubits)
                if classes <= (len(OBSERVABLES[self.observables](n)) or 2 * n)
            )
            raise ValueError(
                f"qubits: expected at least {least}, as {classes} classes read {read} each, got "
                f"{self.qubits}"
            )

    @property
    def circuit(self) -> Ansatz:
        """Of a patch.

        Raises:
            ValueError: pixels that cannot be dealt out to the qubits.
        """
        side = self.patch_side or self.qubits
        return named_circuit(self.ansatz, self.observables, self.qubits, self.depth, side)

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

    @property
    def _side(self) -> int:
        return self.image_side or IMAGE_SIDES[self.data]

    def protocol(self) -> RunConfig:
        """The configuration, but for what the samples decide."""
        config = RunConfig.paper(self.patches, self.depth, self.seed, self.epochs)
        rate = self.learning_rate
        rate = default_learning_rate(self.depth) if rate is None else float(rate)
        loss = cast(LossName, self.loss)  # a key of LOSSES, checked
        return replace(
            config,
            model=replace(
                config.model,
                dtype=self.dtype,
                n_qubits=self.qubits,
                image_side=self._side,
                scale=self.scale,
                aggregation_exponent=self.alpha,
                ansatz=self.circuit.to_json(),
                pixel_bias=self.bias,
                shared_angles=self.shared_angles,
                noise=self.noise,
            ),
            training=replace(config.training, learning_rate=rate, loss=loss),
        )

    def config(self, samples: RunSamples) -> RunConfig:
        """The run's configuration on these samples.

        Args:
            samples: what ``load_samples`` gives for ``source``, ``images`` and ``qubits``.

        Raises:
            ValueError: batches of more images than there are; the default is then half of them.
                Images of another side.
        """
        n_images = len(samples.train_labels)
        if self.batch_size > max(n_images, BATCH_SIZE):
            raise ValueError(
                f"batch_size: expected at most {n_images}, the training images, got "
                f"{self.batch_size}; use a smaller one"
            )
        side = samples.train_images.shape[1]
        if self.image_side not in (None, side):
            raise ValueError(
                f"image_side: expected {side}, the images', got {self.image_side}; give samples of "
                "that side from Python (docs/own-models.md)"
            )
        return self.protocol().on(samples, self.images, self.batch_size)
