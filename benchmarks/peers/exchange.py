"""What passes between a benchmark and a peer's process: one problem in, arrays and times out.

Imported by both environments, so it needs numpy, safetensors and nothing of patchlaw.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Problem:
    """A model at a point, a batch, and a direction.

    Attributes:
        n_qubits, depth, n_patches, n_classes, image_side: sizes of the model.
        scale: c in z = c / P sum_p f_p.
        angles: (P, n_angles) float32. pixel_bias: (side, side) float32.
        images: (B, side, side) float32. labels: (B,) int64.
        vector: (D,) float32, the direction of curvature products.
    """

    n_qubits: int
    depth: int
    n_patches: int
    n_classes: int
    image_side: int
    scale: float
    angles: NDArray[np.float32]
    pixel_bias: NDArray[np.float32]
    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    vector: NDArray[np.float32]

    def first(self, n_samples: int) -> "Problem":
        """The same model with the first samples only."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        fields["images"], fields["labels"] = self.images[:n_samples], self.labels[:n_samples]
        return Problem(**fields)

    def split(self) -> tuple[dict[str, Any], Arrays]:
        """(numbers, arrays)."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        arrays = {name: v for name, v in fields.items() if isinstance(v, np.ndarray)}
        return {name: v for name, v in fields.items() if name not in arrays}, arrays


@dataclass(frozen=True)
class Request:
    """What a peer is to do.

    Attributes:
        task: "training_step", "hessian_product" or "top_eigenvalue".
        peer: the library. model: whose model it differentiates, where there is a choice.
        repeats: timed repetitions.
        warmup_samples: samples of the untimed calls before (the whole batch would double the cost
            of the slow peers); 0 for none.
        threads: torch's threads; 0 to try one and all on the warm-up and take the faster.
        chunk: samples whose autograd graph is held at once, where the peer takes batches.
        device: that a torch peer's training step uses.
    """

    task: str
    peer: str
    model: str = ""
    repeats: int = 1
    warmup_samples: int = 2
    threads: int = 0
    chunk: int = 100
    device: str = "cpu"


def write_request(folder: Path, request: Request, problem: Problem) -> None:
    """Put a request into an empty folder."""
    from safetensors.numpy import save_file

    numbers, arrays = problem.split()
    save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, folder / "in.safetensors")
    content = {"request": asdict(request), "problem": numbers}
    (folder / "request.json").write_text(json.dumps(content))


def read_request(folder: Path) -> tuple[Request, Problem]:
    """The request of a folder."""
    from safetensors.numpy import load_file

    content = json.loads((folder / "request.json").read_text())
    fields: dict[str, Any] = content["problem"] | load_file(folder / "in.safetensors")
    return Request(**content["request"]), Problem(**fields)


def write_response(folder: Path, arrays: Arrays, facts: dict[str, Any]) -> None:
    """Put a response beside its request; ``facts`` last, since its presence means success."""
    from safetensors.numpy import save_file

    whole = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
    save_file(whole, folder / "out.safetensors")
    temporary = folder / "response.json.tmp"
    temporary.write_text(json.dumps(facts))
    os.replace(temporary, folder / "response.json")


def read_response(folder: Path) -> tuple[Arrays, dict[str, Any]]:
    """The response of a folder.

    Raises:
        FileNotFoundError: the peer wrote none.
    """
    from safetensors.numpy import load_file

    facts = json.loads((folder / "response.json").read_text())
    return load_file(folder / "out.safetensors"), facts
