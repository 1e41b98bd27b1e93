"""What decides a training run: model, protocol and samples; its name and its hash."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any, TypeAlias

import msgspec
import torch

from patchlaw.simulators import DistributedQNN
from patchlaw.verification.json_files import (
    Count,
    Depth,
    JsonFileError,
    Patches,
    PositiveCount,
    typed,
)
from patchlaw.verification.runs.errors import DamagedRunError
from patchlaw.verification.runs.samples import MNIST_SHA256, RunSamples
from patchlaw.verification.sealed_record import digest
from patchlaw.verification.training import TrainingConfig
from patchlaw.verification.training.protocol import default_learning_rate

BATCH_SIZE = 1000  # paper, Sec. 4

Qubits: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=16)]  # ours: what a state's memory allows
Side: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1000)]


@dataclass(frozen=True)
class ModelConfig:
    """Arguments of ``DistributedQNN``; the defaults are the paper's.

    Raises:
        ValueError: an unknown dtype.
    """

    n_patches: Patches
    depth: Depth
    seed: Count = 1001
    dtype: str = "float32"
    n_qubits: Qubits = 8
    image_side: Side = 14
    n_classes: Side = 10
    scale: float = 100.0
    aggregation_exponent: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a dtype that the model does not have."""
        if self.dtype not in ("float32", "float64"):
            raise ValueError(f"dtype: expected 'float32' or 'float64', got {self.dtype!r}")

    def build(self, device: str = "cpu") -> DistributedQNN:
        """The model at its start.

        Raises:
            ValueError: sizes that do not fit together.
        """
        arguments = asdict(self) | {"dtype": getattr(torch, self.dtype)}
        return DistributedQNN(**arguments, device=device)


@dataclass(frozen=True)
class DataConfig:
    """The samples: digest of all that is used, and how they were cut from their source.

    Attributes:
        sha256: ``RunSamples.sha256``.
        images: training images kept of the source, stratified; None for all.
        subset_seed: seed of that draw.
    """

    sha256: str = MNIST_SHA256
    images: PositiveCount | None = None
    subset_seed: Count = 0


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run's numbers besides the machine.

    The number of epochs is no part of the run's identity: neither batches nor rates of an epoch
    depend on how many follow, so a run of 20 epochs is the beginning of one of 50.

    Attributes:
        model: circuit, aggregation, start, dtype.
        training: the protocol.
        data: the samples.
    """

    model: ModelConfig
    training: TrainingConfig
    data: DataConfig = field(default_factory=DataConfig)

    @classmethod
    def paper(cls, n_patches: int, depth: int, seed: int = 1001, epochs: int = 50) -> "RunConfig":
        """The author's protocol on MNIST: one seed for the initial angles and for the batches.

        Raises:
            ValueError: a number out of range.
        """
        training = TrainingConfig(default_learning_rate(depth), epochs, batch_seed=seed)
        return cls(ModelConfig(n_patches, depth, seed), training)

    def on(
        self, samples: RunSamples, images: int | None = None, batch_size: int = BATCH_SIZE
    ) -> "RunConfig":
        """The same configuration on other samples, with batches of about ``batch_size``.

        Args:
            samples: what the run will use.
            images: size of the subset that they are; None for all of their source.
            batch_size: images a mini-batch, about.
        """
        n_batches = max(2, round(len(samples.train_labels) / batch_size))
        return replace(
            self,
            training=replace(self.training, n_batches=n_batches),
            data=DataConfig(samples.sha256, images),
        )

    @property
    def identity(self) -> dict[str, Any]:
        """The configuration as nested JSON objects, without the number of epochs."""
        record = asdict(self)
        del record["training"]["epochs"]
        return record

    @property
    def sha256(self) -> str:
        """Digest of ``identity``."""
        return digest(self.identity)

    @property
    def run_id(self) -> str:
        """Folder name: P4_d50_s1001, with the hash's first 8 digits if not the author's protocol.

        It holds P, d and the seed; anything else that differs shows in the suffix only.
        """
        model = self.model
        name = f"P{model.n_patches}_d{model.depth}_s{model.seed}"
        default = RunConfig.paper(model.n_patches, model.depth, model.seed)
        return name if self.identity == default.identity else f"{name}_{self.sha256[:8]}"

    def differences(self, other: "RunConfig") -> Iterator[tuple[str, Any, Any]]:
        """(field, value here, value there) wherever two identities differ."""
        here, there = self.identity, other.identity
        for part in here:
            for name, value in here[part].items():
                if value != there[part][name]:
                    yield f"{part}.{name}", value, there[part][name]

    def to_json(self) -> dict[str, Any]:
        """All of it as nested JSON objects."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Any) -> "RunConfig":
        """The inverse of ``to_json``.

        Raises:
            DamagedRunError: fields missing, unknown or out of range.
        """
        try:
            config = typed(record, cls)
        except JsonFileError as error:
            raise DamagedRunError(
                f"configuration: {error}; it was written by another version of patchlaw"
            ) from None
        if config.to_json() != record:
            raise DamagedRunError(
                "configuration: expected the fields of model, training and data and no others; "
                "it was written by another version of patchlaw"
            )
        return config


@dataclass(frozen=True)
class Execution:
    """What decides the last bits of a run on one machine.

    Attributes:
        threads: worker threads of the fast engine; sums over samples are grouped by thread.
        device: torch device.
        max_chunk: most samples that a thread works on at a time.
    """

    threads: PositiveCount
    device: str
    max_chunk: PositiveCount
