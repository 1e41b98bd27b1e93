"""What decides a training run: model, protocol and samples; its name and its hash."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec
import torch

from patchlaw.simulators import Ansatz, DistributedQNN, PatchEnsemble, PatchGrid
from patchlaw.simulators.datasets.pooling import PIXEL_QUBITS as PAPER_QUBITS
from patchlaw.simulators.named_circuits import names_of
from patchlaw.simulators.patch_model import PatchModule
from patchlaw.verification.records.run_facts import Settings
from patchlaw.verification.run_settings import BATCH_SIZE, MAX_QUBITS
from patchlaw.verification.runs.factory import Factory
from patchlaw.verification.runs.samples import MNIST_SHA256, RunSamples, load_samples
from patchlaw.verification.store.errors import RecordError
from patchlaw.verification.store.json_files import (
    Count,
    Depth,
    JsonFileError,
    Patches,
    PositiveCount,
    plain,
    typed,
    without_defaults,
)
from patchlaw.verification.store.seal import digest
from patchlaw.verification.training import TrainingConfig
from patchlaw.verification.training.protocol import default_learning_rate

MAX_ANGLES = 10**8  # ours: of a patch's circuit, twice those of the deepest of the paper's
Qubits: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=MAX_QUBITS)]
Noise: TypeAlias = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Side: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1000)]


@dataclass(frozen=True)
class ModelConfig:
    """What builds the model of a run; the defaults are the paper's.

    ``ModelConfig.of_circuit`` is for a circuit of one's own. A ``factory`` of modules makes it a
    ``PatchEnsemble``, whose ``depth`` is a label of the user's and whose ``n_qubits`` says nothing.

    Attributes:
        ansatz: the circuit as JSON (``Ansatz.to_json``); None for the paper's.
        factory: makes a patch's module; None for circuits.
        shared: makes the module whose logits are added to an ensemble's; None for none.
        patch_side: of an ensemble's patches in pixels; a circuit's side is that of its features.
        square: whether an ensemble's modules take square patches.
        pixel_bias: whether circuits read the image plus a trained bias.
        shared_angles: whether the circuits of all patches have the same angles.
        noise: p of global depolarising after every gate.

    Raises:
        ValueError: an unknown dtype, a circuit that ``Ansatz.from_json`` refuses, fields that do
            not belong together.
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
    ansatz: dict[str, Any] | None = None
    factory: Factory | None = None
    shared: Factory | None = None
    patch_side: Side | None = None
    square: bool = False
    pixel_bias: bool = True
    shared_angles: bool = False
    noise: Noise = 0.0

    def __post_init__(self) -> None:
        """Refuse what the model does not have; the paper's circuit is no circuit of one's own."""
        if self.dtype not in ("float32", "float64"):
            raise ValueError(f"dtype: expected 'float32' or 'float64', got {self.dtype!r}")
        if self.factory is None and (self.shared or self.patch_side or self.square):
            raise ValueError("factory: expected one beside shared, patch_side or square, got none")
        if self.factory is not None and (self.patch_side is None or self.ansatz is not None):
            raise ValueError("factory: expected it with patch_side and without ansatz")
        if self.factory is not None and (self.shared_angles or self.noise or not self.pixel_bias):
            raise ValueError(
                "factory: expected it without shared_angles, pixel_bias and noise, which are a "
                "circuit's; an ensemble has no bias, no gates, and its modules parameters of their "
                "own"
            )
        if self.ansatz is not None:
            try:
                circuit = self._circuit
            except TypeError as error:
                raise ValueError(str(error)) from None
            if circuit.n_angles > MAX_ANGLES:
                raise ValueError(
                    f"ansatz: expected at most {MAX_ANGLES} angles, got {circuit.n_angles}"
                )
            if circuit == Ansatz(self.n_qubits, self.depth):
                object.__setattr__(self, "ansatz", None)

    @property
    def _circuit(self) -> Ansatz:
        """Of a patch, where no modules stand there."""
        own = self.ansatz
        return Ansatz(self.n_qubits, self.depth) if own is None else Ansatz.from_json(own)

    @property
    def circuit(self) -> str:
        """A circuit's name and its observables'; empty for the paper's and one's own."""
        return "" if self.ansatz is None else names_of(self._circuit, self.depth)

    @property
    def family(self) -> str:
        """What stands on a patch, in words; empty for a circuit of this package."""
        if self.factory is None and (self.ansatz is None or self.circuit):
            return ""
        parts = (self.ansatz, self.factory, self.shared, self.patch_side, self.square)
        kind = "own circuit" if self.factory is None else self.factory.function
        return f"{kind} {digest({'parts': plain(parts)})[:8]}"

    @property
    def reads_whole_image(self) -> bool:
        """Whether a patch is the whole image."""
        if self.patch_side is not None:
            return self.patch_side == self.image_side
        return self._circuit.n_features == self.image_side**2

    @classmethod
    def of_circuit(cls, ansatz: Ansatz, n_patches: int, **fields: Any) -> "ModelConfig":
        """The model with a circuit of one's own on every patch; ``fields`` as the class."""
        given = {"depth": max(1, ansatz.depth), "n_qubits": ansatz.n_qubits} | fields
        return cls(n_patches, ansatz=ansatz.to_json(), **given)

    def as_plain(self) -> dict[str, Any]:
        """As JSON; of own circuits and modules only what there is."""
        sparse = ("ansatz", "factory", "shared", "patch_side", "square")
        record = without_defaults(self, *sparse, "shared_angles", "noise", "pixel_bias")
        if "factory" in record:
            del record["n_qubits"]
        return record

    def build(self, device: str = "cpu") -> PatchModule:
        """The model at its start.

        Raises:
            ValueError: sizes that do not fit together, modules that a run cannot hold.
        """
        dtype = getattr(torch, self.dtype)
        if self.factory is not None:
            return self._ensemble(self.factory, dtype, device)
        return DistributedQNN(
            n_patches=self.n_patches,
            depth=self.depth,
            n_qubits=self.n_qubits,
            image_side=self.image_side,
            n_classes=self.n_classes,
            scale=self.scale,
            aggregation_exponent=self.aggregation_exponent,
            seed=self.seed,
            dtype=dtype,
            device=device,
            ansatz=self._circuit,
            bias=self.pixel_bias,
            shared_angles=self.shared_angles,
            noise=self.noise,
        )

    def _ensemble(self, factory: Factory, dtype: torch.dtype, device: str) -> PatchEnsemble:
        from patchlaw.verification.operators.problem import check_model

        model = PatchEnsemble(
            factory.make,
            PatchGrid(self.image_side, self.patch_side or 0, self.n_patches),
            aggregation_exponent=self.aggregation_exponent,
            scale=self.scale,
            shared=None if self.shared is None else self.shared.make,
            square=self.square,
            seed=self.seed,
            dtype=dtype,
            device=device,
        )
        if model.n_classes != self.n_classes:
            raise ValueError(
                f"n_classes: expected {model.n_classes}, the outputs of {factory.function}, got "
                f"{self.n_classes}"
            )
        check_model(model)  # a run keeps parameters only: no dropout, no batch statistics
        return model


@dataclass(frozen=True)
class DataConfig:
    """The samples: digest of all that is used, and how they were cut from their source.

    Attributes:
        sha256: ``RunSamples.sha256``.
        images: training images kept of the source, stratified; None for all.
        subset_seed: seed of that draw.
        dataset: name of the source among those in the package; empty for MNIST, and for files.
        n_qubits: n of the pixels' range [0, 2 pi / n].
    """

    sha256: str = MNIST_SHA256
    images: PositiveCount | None = None
    subset_seed: Count = 0
    dataset: str = ""
    n_qubits: Qubits = PAPER_QUBITS

    def as_plain(self) -> dict[str, Any]:
        """As JSON; of MNIST in the paper's range what former releases wrote."""
        return without_defaults(self, "dataset", "n_qubits")

    @property
    def is_whole(self) -> bool:
        """Whether it is all of MNIST, or of another data set of the package."""
        if self.images is not None:
            return False
        mnist = (self.dataset, self.n_qubits) == ("", PAPER_QUBITS)  # known without loading it
        return self.sha256 == (MNIST_SHA256 if mnist else self.load().sha256)

    def load(self, source: str | Path | None = None) -> RunSamples:
        """The samples, from their source again or from files in its place.

        Raises:
            DatasetError, ValueError: as ``load_samples``.
        """
        source_or_name = source or self.dataset or None
        return load_samples(source_or_name, self.images, self.subset_seed, self.n_qubits)


def batches_of(n_images: int, batch_size: int = BATCH_SIZE) -> int:
    """Mini-batches an epoch of about ``batch_size`` images each, at least 2."""
    return max(2, round(n_images / batch_size))


@dataclass(frozen=True)
class RunConfig:
    """Everything that decides a run's numbers besides the machine.

    The number of epochs is no part of the run's identity: neither batches nor rates of an epoch
    depend on how many follow, so a run of 20 epochs is the beginning of one of 50.
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
        n_batches = batches_of(len(samples.train_labels), batch_size)
        return replace(
            self,
            training=replace(self.training, n_batches=n_batches),
            data=DataConfig(
                samples.sha256, images, samples.subset_seed, samples.dataset, samples.n_qubits
            ),
        )

    @property
    def identity(self) -> dict[str, Any]:
        """The configuration as nested JSON objects, without the number of epochs."""
        record = self.to_json()
        del record["training"]["epochs"]
        return record

    @property
    def sha256(self) -> str:
        """Digest of ``identity``."""
        return digest(self.identity)

    @property
    def settings(self) -> Settings:
        """Training and samples, as records say them."""
        model, training = self.model, self.training
        author = RunConfig.paper(model.n_patches, model.depth, model.seed, training.epochs)
        alike = replace(training, loss=author.training.loss) == author.training
        alike &= model.dtype == author.model.dtype
        return Settings(
            learning_rate=training.learning_rate,
            n_batches=training.n_batches,
            weight_decay=training.weight_decay,
            annealing_epochs=training.annealing_epochs,
            dtype=model.dtype,
            data_sha256=self.data.sha256,
            author_rate=training.learning_rate == author.training.learning_rate,
            author_protocol=alike and self.data.is_whole,
            whole_image=model.reads_whole_image,
        )

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
            for name in {**here[part], **there[part]}:
                pair = here[part].get(name), there[part].get(name)
                if pair[0] != pair[1]:
                    yield f"{part}.{name}", *pair

    def to_json(self) -> dict[str, Any]:
        """All of it as nested JSON objects."""
        record: dict[str, Any] = plain(self)
        return record

    @classmethod
    def from_json(cls, record: Any) -> "RunConfig":
        """The inverse of ``to_json``.

        Raises:
            RecordError: fields missing, unknown or out of range.
        """
        try:
            config = typed(record, cls)
        except JsonFileError as error:
            raise RecordError(
                f"configuration: {error}; it was written by another version of patchlaw"
            ) from None
        if config.to_json() != record:
            raise RecordError(
                "configuration: expected the fields of model, training and data and no others; "
                "it was written by another version of patchlaw"
            )
        return config
