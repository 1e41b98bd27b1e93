"""A peer's process: ``python -m benchmarks.peers.worker FOLDER`` answers the request in FOLDER.

Runs in the peers' environment, with this repository's root as the working folder. All times are
wall-clock seconds of ``time.perf_counter``.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.peers.exchange import Arrays, Problem, Request, read_request, write_response
from benchmarks.process_memory import peak_memory_bytes

DISTRIBUTIONS = {
    "torchquantum": "torchquantum",
    "fastqml": "fastqml",
    "fastqml composed": "fastqml",
    "torchqml": "torchqml",
    "lightning.qubit": "pennylane-lightning",
    "lightning.gpu": "pennylane-lightning-gpu",
    "default.qubit": "pennylane",
    "qulacs": "qulacs",
    "pyhessian": "pyhessian",
    "curvlinops": "curvlinops-for-pytorch",
}
MAX_POWER_STEPS = 100  # PyHessian's default
Step = Callable[[Problem], tuple[NDArray[Any], float, NDArray[Any]]]


def _torch_model(name: str, problem: Problem) -> torch.nn.Module:
    """A torch module of the problem's model, its parameters in patchlaw's order."""
    if name == "torchquantum":
        from benchmarks.peers.torchquantum_model import TorchQuantumModel

        return TorchQuantumModel(problem)
    if name in ("fastqml", "fastqml composed"):
        from benchmarks.peers.fastqml_model import FastQMLModel

        return FastQMLModel(problem, composed=name.endswith("composed"))
    if name == "torchqml":
        from benchmarks.peers.torchqml_model import TorchQMLModel

        return TorchQMLModel(problem)
    if name in ("lightning.qubit", "lightning.gpu", "default.qubit"):
        from benchmarks.peers.pennylane_model import PennyLaneModel

        return PennyLaneModel(problem, name)
    if name == "patchlaw":
        from patchlaw.simulators import DistributedQNN

        model = DistributedQNN(
            problem.n_patches,
            problem.depth,
            problem.n_qubits,
            problem.image_side,
            problem.n_classes,
            problem.scale,
        )
        flat = np.concatenate([problem.angles.ravel(), problem.pixel_bias.ravel()])
        model.load_flat_parameters(flat)
        with torch.no_grad():
            # constants that the model caches must not be first made inside torch.func's
            # transforms, which curvlinops applies: they would keep that call's tensors
            model(torch.from_numpy(problem.images[:1]))
        return model
    raise ValueError(f"model: expected a model known here, got {name!r}")


def _flat(tensors: Any) -> NDArray[Any]:
    return torch.cat([t.detach().reshape(-1) for t in tensors]).cpu().numpy()


def _torch_step(model: torch.nn.Module, chunk: int, device: str) -> Step:
    """Loss and gradient by autograd, the gradient accumulated over chunks of the batch."""
    model.to(device)

    def step(problem: Problem) -> tuple[NDArray[Any], float, NDArray[Any]]:
        model.zero_grad()
        images, labels = (torch.from_numpy(x).to(device) for x in (problem.images, problem.labels))
        total, logits = 0.0, []
        for start in range(0, len(labels), chunk):
            part = slice(start, start + chunk)
            z = model(images[part])
            loss = torch.nn.functional.cross_entropy(z, labels[part], reduction="sum")
            (loss / len(labels)).backward()
            total += float(loss)
            logits.append(z.detach())
        gradient = _flat([p.grad for p in model.parameters()])
        return torch.cat(logits).cpu().numpy(), total / len(labels), gradient

    return step


def _timed(call: Callable[[], Any], repeats: int) -> tuple[Any, list[float]]:
    """The last result, and the seconds of each call."""
    seconds, result = [], None
    for _ in range(repeats):
        begin = time.perf_counter()
        result = call()
        seconds.append(time.perf_counter() - begin)
    return result, seconds


def _warm_up(call: Callable[[Problem], object], request: Request, problem: Problem) -> None:
    """Run the first samples, and where the request leaves the threads open choose their number.

    The many small operations of a gate-by-gate simulation gain from threads only when the batch
    is large, and lose much where the threads must wait for a processor.
    """
    candidates = [request.threads] if request.threads else [1, torch.get_num_threads()]
    torch.set_num_threads(candidates[0])
    if not request.warmup_samples:
        return
    part, seconds = problem.first(request.warmup_samples), {}
    call(part)
    if len(candidates) > 1:
        for threads in candidates:
            torch.set_num_threads(threads)
            seconds[threads] = _timed(lambda: call(part), 1)[1][0]
        torch.set_num_threads(min(seconds, key=seconds.__getitem__))


def _training_step(request: Request, problem: Problem) -> tuple[Arrays, dict[str, Any]]:
    step: Step
    if request.peer == "qulacs":
        from benchmarks.peers.qulacs_model import QulacsModel

        step = QulacsModel(problem).step
    else:
        step = _torch_step(_torch_model(request.peer, problem), request.chunk, request.device)
    _warm_up(step, request, problem)
    (logits, loss, gradient), seconds = _timed(lambda: step(problem), request.repeats)
    arrays = {"logits": logits, "loss": np.array([loss]), "gradient": gradient}
    return arrays, {"seconds": seconds}


def _split_vector(vector: NDArray[Any], model: torch.nn.Module) -> list[torch.Tensor]:
    """The flat vector in the shapes of the model's parameters."""
    sizes = [p.numel() for p in model.parameters()]
    parts = torch.from_numpy(vector).split(sizes)
    return [part.reshape(p.shape) for part, p in zip(parts, model.parameters(), strict=True)]


def _batch(problem: Problem) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(torch.from_numpy(problem.images), torch.from_numpy(problem.labels))]


def _curvlinops_hessian(model: torch.nn.Module, problem: Problem) -> Any:
    from curvlinops import HessianLinearOperator

    loss, parameters = torch.nn.CrossEntropyLoss(), list(model.parameters())
    return HessianLinearOperator(
        model, loss, parameters, _batch(problem), check_deterministic=False
    )


def _hessian_product(request: Request, problem: Problem) -> tuple[Arrays, dict[str, Any]]:
    """One product over the batch, everything that a product over a data set repeats included."""
    model = _torch_model(request.model, problem)
    loss = torch.nn.CrossEntropyLoss()
    if request.peer == "pyhessian":
        from pyhessian import hessian
        from pyhessian.utils import hessian_vector_product

        def whole(part: Problem) -> Any:
            # its loop over a data loader: forward, backward with a graph, second backward
            worker = hessian(model, loss, dataloader=_batch(part), cuda=False)
            return worker.dataloader_hv_product(_split_vector(part.vector, model))[1]

        _warm_up(whole, request, problem)
        product, seconds = _timed(lambda: whole(problem), request.repeats)
        model.zero_grad(set_to_none=True)
        kept = hessian(model, loss, data=_batch(problem)[0], cuda=False)
        direction = _split_vector(problem.vector, model)
        _, second_pass = _timed(
            lambda: hessian_vector_product(kept.gradsH, kept.params, direction), request.repeats
        )
        return {"product": _flat(product)}, {"seconds": seconds, "second_pass": second_pass}
    vector = torch.from_numpy(problem.vector)
    _warm_up(lambda part: _curvlinops_hessian(model, part) @ vector, request, problem)
    operator = _curvlinops_hessian(model, problem)
    product, seconds = _timed(lambda: operator @ vector, request.repeats)
    return {"product": product.detach().numpy()}, {"seconds": seconds}


def _top_eigenvalue(request: Request, problem: Problem) -> tuple[Arrays, dict[str, Any]]:
    """The peer's own way to the top eigenvalue, its own tolerance."""
    model = _torch_model(request.model, problem)
    loss = torch.nn.CrossEntropyLoss()
    if request.peer == "pyhessian":
        from pyhessian import hessian

        def run(part: Problem, max_iterations: int = MAX_POWER_STEPS) -> float:
            model.zero_grad(set_to_none=True)
            worker = hessian(model, loss, data=_batch(part)[0], cuda=False)
            return float(worker.eigenvalues(maxIter=max_iterations, top_n=1)[0][0])

        _warm_up(lambda part: run(part, 1), request, problem)
        torch.manual_seed(0)  # PyHessian draws its start from the global generator
        value, seconds = _timed(lambda: run(problem), request.repeats)
        return {"value": np.array([value])}, {"seconds": seconds, "tolerance": 1e-3}
    from scipy.sparse.linalg import eigsh

    def run_lanczos() -> float:
        operator = _curvlinops_hessian(model, problem)
        start = np.random.default_rng(0).standard_normal(operator.shape[0]).astype(np.float32)
        values = eigsh(
            operator.to_scipy(), 1, which="LA", tol=1e-4, v0=start, return_eigenvectors=False
        )
        return float(values[0])

    vector = torch.from_numpy(problem.vector)
    _warm_up(lambda part: _curvlinops_hessian(model, part) @ vector, request, problem)
    value, seconds = _timed(run_lanczos, request.repeats)
    return {"value": np.array([value])}, {"seconds": seconds, "tolerance": 1e-4}


TASKS = {
    "training_step": _training_step,
    "hessian_product": _hessian_product,
    "top_eigenvalue": _top_eigenvalue,
}


def main(folder: Path) -> None:
    """Answer the request in ``folder``."""
    warnings.simplefilter("ignore")  # the peers' deprecations are not our subject
    request, problem = read_request(folder)
    begin = time.perf_counter()
    arrays, facts = TASKS[request.task](request, problem)
    models = {request.peer, request.model} & set(DISTRIBUTIONS)
    versions = {name: importlib.metadata.version(DISTRIBUTIONS[name]) for name in models}
    facts |= {
        "versions": versions | {"torch": torch.__version__, "numpy": np.__version__},
        "threads": torch.get_num_threads(),
        "samples": len(problem.labels),
        "peak_memory_bytes": peak_memory_bytes(),
        "total_seconds": time.perf_counter() - begin,
    }
    write_response(folder, arrays, facts)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main(Path(sys.argv[1]))
