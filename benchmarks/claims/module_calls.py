"""What a user's own torch code gets of the model: ``model(images)``, its backward, and twice."""

from collections.abc import Callable

import torch

from benchmarks.against_floor import Operation, compare_with_floor
from benchmarks.product_counts import FORWARD_PRODUCTS, GRADIENT_PRODUCTS, HESSIAN_PRODUCTS
from benchmarks.record import Record
from benchmarks.workload import Scale, model, samples
from patchlaw.simulators.fast_engine import FastEngine

CLAIM = (
    "A DistributedQNN in plain torch code (P=4 d=50 B=1000): forward at angles that stay within 2, "
    "a training step within 4 times the floor; beside them the engine's calls and torch's alone."
)


def run(scale: Scale, record: Record) -> None:
    """Time the module's calls, the engine's and those of the autograd circuit in turn."""
    batch, depth = scale.pick(1000, 32), scale.pick(50, 2)
    images, labels = samples(batch)
    network = model(4, depth)
    engine = FastEngine(network)
    parameters = list(network.parameters())
    size = f"P=4 d={depth} B={batch}"

    def forward(logits: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        with torch.no_grad():
            return logits(images)

    def moved(logits: torch.nn.Module) -> torch.Tensor:
        with torch.no_grad():
            network.angles.neg_()
            return forward(logits)

    def step(logits: Callable[[torch.Tensor], torch.Tensor]) -> object:
        loss = torch.nn.functional.cross_entropy(logits(images), labels)
        return torch.autograd.grad(loss, parameters)

    def step_after_a_move(logits: torch.nn.Module) -> object:
        with torch.no_grad():
            network.angles.neg_()
        return step(logits)

    def twice(logits: Callable[[torch.Tensor], torch.Tensor]) -> object:
        loss = torch.nn.functional.cross_entropy(logits(images), labels)
        gradient = torch.autograd.grad(loss, parameters, create_graph=True)
        return torch.autograd.grad(
            torch.stack([(g * g.detach()).sum() for g in gradient]).sum(), parameters
        )

    plain = network.autograd_logits
    operations = [
        Operation(f"model(images), {size}", lambda: forward(network), FORWARD_PRODUCTS, batch,
                  "at most", 2),
        Operation(f"model(images) after the angles moved, {size}", lambda: moved(network),
                  FORWARD_PRODUCTS, batch),
        Operation(f"loss of model(images) and its gradient, {size}",
                  lambda: step_after_a_move(network), GRADIENT_PRODUCTS, batch, "at most", 4),
        Operation(f"double backward of model(images), {size}", lambda: twice(network),
                  HESSIAN_PRODUCTS, batch),
        Operation(f"engine.logits, {size}", lambda: engine.logits(images), FORWARD_PRODUCTS, batch),
        Operation(f"engine.loss_and_gradient, {size}",
                  lambda: engine.loss_and_gradient(images, labels), GRADIENT_PRODUCTS, batch),
        Operation(f"torch's operations: forward, {size}", lambda: forward(plain),
                  FORWARD_PRODUCTS, batch),
        Operation(f"torch's operations: gradient, {size}", lambda: step(plain),
                  GRADIENT_PRODUCTS, batch),
    ]  # fmt: skip
    compare_with_floor(record, scale, engine, operations, repeats=7)
