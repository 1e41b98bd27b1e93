"""What a user asks for: the author's protocol with a few things changed."""

from dataclasses import dataclass, replace

from patchlaw.simulators import Ansatz, PatchGrid
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
MAX_LEARNING_RATE = 1e6  # ours: Adam moves an angle by about as much, whose period is 4 pi


def check_training_memory(patches: int, depth: int, itemsize: int) -> None:
    """Refuse a circuit whose training, at ``itemsize`` bytes a parameter, cannot fit into memory.

    Raises:
        ValueError: the least that it needs is more than is available.
    """
    n_angles = patches * Ansatz(depth=depth).n_angles
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

    def __post_init__(self) -> None:
        """Refuse at the door what would fail hours later."""
        lowest = {"patches": 1, "depth": 1, "seed": 0, "epochs": 1, "batch_size": 1, "images": 10}
        check_integers(self, lowest)
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
        PatchGrid(n_patches=self.patches)
        check_training_memory(self.patches, self.depth, 8 if self.dtype == "float64" else 4)
        check_memory(
            f"epochs {self.epochs}", self.epochs * _EPOCH_BYTES, "ask for fewer, and for more later"
        )
        self._protocol()

    def _protocol(self) -> RunConfig:
        config = RunConfig.paper(self.patches, self.depth, self.seed, self.epochs)
        rate = self.learning_rate
        rate = default_learning_rate(self.depth) if rate is None else float(rate)
        return replace(
            config,
            model=replace(config.model, dtype=self.dtype),
            training=replace(config.training, learning_rate=rate),
        )

    def config(self, samples: RunSamples) -> RunConfig:
        """The run's configuration on these samples.

        Args:
            samples: what ``load_samples`` gave for ``images``.

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
