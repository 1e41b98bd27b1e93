r"""What runs cost on a machine, by coefficients that are fitted to the benchmarks on record.

A pass over N images of a model of P patches, depth d and n qubits counts as

.. math:: P\, 4^n (8 k m N + b n d + c)

operations: m dense products with a 2^n x 2^n matrix a patch and image at 8 operations a complex
multiply-add, taking k times their own time, and what depends on the circuit alone. Seconds are
operations over the machine's rate for such products. The coefficients are in ``cost.json``, written
by `make docs` from the benchmarks and held there against the runs and analyses on record.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from patchlaw.simulators.engine import DEFAULT_MEMORY_BUDGET
from patchlaw.verification.runs.config import RunConfig, batches_of
from patchlaw.verification.runs.request import RunRequest
from patchlaw.verification.store.json_files import read_json, typed

COST_FILE = Path(__file__).with_name("cost.json")


@dataclass(frozen=True)
class Pass:
    """One kind of pass over images.

    Attributes:
        products: m.
        recomputed: m where the states of an image are not kept.
        times_floor: k.
        layer, fixed: b and c, operations a matrix entry.
    """

    products: int
    recomputed: int
    times_floor: float
    layer: float = 0.0
    fixed: float = 0.0


@dataclass(frozen=True)
class Machine:
    """A machine on record.

    Attributes:
        name: of its processor or accelerator.
        gflops: its rate for dense products at n = 8, GFLOP/s, all ``threads`` together.
        threads: of the CPU; 0 for an accelerator.
        passes: "forward", "step" (loss and gradient), "H" (R's too) and "G" products.
    """

    name: str
    gflops: float
    threads: int
    passes: Mapping[str, Pass]


@dataclass(frozen=True)
class Memory:
    """Peak of a process: ``base`` + ``patch`` P 4^n + ``state`` P 2^n times the images kept, bytes.

    In float32; images are kept up to the default memory budget.
    """

    base: float
    patch: float
    state: float


@dataclass(frozen=True)
class Held:
    """Recorded seconds over seconds by the model.

    Attributes:
        n: runs or analyses.
        median: of the ratios.
        factor: 4 of 5 lie within this factor of 1.
        largest: all do within this.
    """

    n: int
    median: float
    factor: float
    largest: float


@dataclass(frozen=True)
class CostModel:
    """The file.

    Attributes:
        machines: on record, the CPU first.
        qubits: n of the benchmarks behind the CPU's coefficients.
        memory: on the CPU.
        analysis: products of one analysis at default options, by matrix, over "whole" and "subset".
        subset: images of the latter.
        held: "training" and "analysis" on the CPU; of an accelerator "training, <its name>".
        sources: sha256 of the files behind it.
    """

    written_by: str
    machines: tuple[Machine, ...]
    qubits: tuple[int, ...]
    memory: Memory
    analysis: Mapping[str, Mapping[str, float]]
    subset: int
    held: Mapping[str, Held]
    sources: Mapping[str, str]

    def machine(self, device: str, gflops: float | None) -> Machine:
        """The machine whose coefficients stand for a device.

        Args:
            device: "cpu", a part of a name on record, or another accelerator's name.
            gflops: its rate for dense products in complex64; of one on record that, if left out.

        Raises:
            ValueError: an accelerator that is not on record, and no rate; a rate that is none.
        """
        if gflops is not None and not 0 < gflops < math.inf:
            raise ValueError(f"gflops: expected a finite number > 0, got {gflops}")
        cpu, *others = self.machines
        if device == "cpu":
            return cpu
        known = [each for each in others if device.lower() in each.name.lower()]
        if not known and gflops is None:
            names = ", ".join(each.name for each in others)
            raise ValueError(
                f"device: expected cpu or one on record ({names}), got {device!r}; give the rate "
                "of its complex64 products with --gflops, and it is taken for one of these"
            )
        return (known or others)[0]

    def products(self, images: int) -> dict[str, dict[int, float]]:
        """Products of an analysis at default options, by matrix and number of images.

        Where the subset is all there is, one solve serves both levels.
        """
        if images <= self.subset:
            return {name: {images: level["subset"]} for name, level in self.analysis.items()}
        return {
            name: {images: level["whole"], self.subset: level["subset"]}
            for name, level in self.analysis.items()
        }


@cache
def cost_model() -> CostModel:
    """What is on record."""
    return typed(read_json(COST_FILE), CostModel)


@dataclass(frozen=True)
class RunCost:
    """One run as the model counts it.

    Attributes:
        config: model and epochs.
        images, test_images: numbers of them.
        machine: whose coefficients are taken.
        gflops: the rate at the run's n, that of ``machine`` if left out.
        memory: bytes by size.
    """

    config: RunConfig
    images: int
    test_images: int
    machine: Machine
    memory: Memory
    gflops: float | None = None

    @classmethod
    def of(cls, request: RunRequest, images: int, test_images: int, **others: Any) -> "RunCost":
        """A run that is asked for; ``others`` as the class."""
        config = request.protocol()
        n_batches = batches_of(images, request.batch_size)
        config = replace(config, training=replace(config.training, n_batches=n_batches))
        return cls(config, images, test_images, **others)

    def seconds(self, kind: str, images: float) -> float:
        """One pass over so many images."""
        model, each = self.config.model, self.machine.passes[kind]
        kept = min(1.0, self.kept(images) / images)
        products = each.products * kept + each.recomputed * (1 - kept)
        entry = (
            8 * each.times_floor * products * images
            + each.layer * model.n_qubits * model.depth
            + each.fixed
        )
        operations = model.n_patches * 4.0**model.n_qubits * entry * self._itemsize / 4
        return operations / (self.gflops or self.machine.gflops) / 1e9

    def training(self) -> float:
        """Seconds of all epochs: the steps, and an evaluation over both sets after each."""
        steps = self.config.training.n_batches
        epoch = steps * self.seconds("step", self.images / steps)
        epoch += sum(self.seconds("forward", n) for n in (self.images, self.test_images))
        return self.config.training.epochs * epoch

    def analysis(self, products: Mapping[str, Mapping[int, float]]) -> float:
        """Seconds of the products of an analysis, by matrix and number of images."""
        return sum(
            count * self.seconds("G" if matrix == "G" else "H", images)
            for matrix, of_matrix in products.items()
            for images, count in of_matrix.items()
        )

    def kept(self, images: float) -> float:
        """Images whose states are kept between products."""
        return min(images, DEFAULT_MEMORY_BUDGET / (self._state * self._itemsize / 4))

    @property
    def peak_bytes(self) -> float:
        """Peak memory of a process that keeps what it can of all images' states, on the CPU."""
        model = self.config.model
        patches = self.memory.patch * model.n_patches * 4.0**model.n_qubits
        kept = self._state * self.kept(self.images)
        return self.memory.base + (patches + kept) * self._itemsize / 4

    @property
    def _state(self) -> float:
        return self.memory.state * self.config.model.n_patches * 2.0**self.config.model.n_qubits

    @property
    def _itemsize(self) -> int:
        return 8 if self.config.model.dtype == "float64" else 4
