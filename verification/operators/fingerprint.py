"""A hash of everything that a curvature matrix depends on, the arithmetic left out."""

import hashlib
import re
from collections.abc import Callable
from functools import partial

import torch

from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.ansatz import Ansatz
from patchlaw.simulators.distributed_qnn import CircuitBlock
from patchlaw.verification.operators.descriptions import (
    IndescribableError,
    describe,
    loose_parts,
    update_digest,
)
from patchlaw.verification.operators.losses import TorchLoss
from patchlaw.verification.operators.patch_block import computes_as_written
from patchlaw.verification.operators.samples import Samples


class Fingerprint:
    """sha256 of the model's structure, parameters and buffers, the loss, and the samples.

    The structure is the module's text, its attributes and hooks. It tells a checkpoint of one
    problem from another's; it does not look into the code of a module's forward pass or of a named
    function, so two of equal text and values count as one. A lambda, a closure or an object that
    pickle could not rebuild has nothing that another process would find again: a name given by the
    user stands for it, and without one there is no hash.

    Args:
        name: what model and loss compute, in the user's words; None if they speak for themselves.

    Attributes:
        facts: hashes of model and loss, and of these with the samples: what ranks must share.

    Raises:
        TypeError: a name that is no text.
    """

    def __init__(
        self, model: torch.nn.Module, loss: TorchLoss, samples: Samples, name: str | None = None
    ) -> None:
        if name is not None and (not isinstance(name, str) or not name):
            raise TypeError(f"name: expected a text that is not empty, got {name!r}")
        self._nameless: list[str] = []
        digest = hashlib.sha256()
        structure = _structure(model)
        digest.update(f"{structure}\n{self._text('loss', lambda: loss.identity)}\n".encode())
        for key, part in [] if computes_as_written(model) else loose_parts(model):
            text = self._text(f"model.{key}", partial(describe, part))
            digest.update(f"attribute {key} {text}\n".encode())
        if name is not None:
            digest.update(f"name {name!r}\n".encode())
        trained = {key: p.requires_grad for key, p in model.named_parameters()}
        for key, tensor in [*model.named_parameters(), *model.named_buffers()]:
            update_digest(digest, tensor, f"{key} {trained.get(key)}")
        self.facts = {"model and loss": digest.hexdigest()}
        samples.update(digest)
        self._hash = digest.hexdigest()
        self.facts["samples"] = self._hash
        self._complete = name is not None or not self._nameless

    def hexdigest(self) -> str:
        """The hash.

        Raises:
            ValueError: something that another process could not find again, and no name.
        """
        if not self._complete:
            raise ValueError(
                "checkpoint: expected a model and a loss that another process can find again, got "
                f"{'; '.join(self._nameless[:3])}; give the computation a name (name='...' of the "
                "operator or CurvatureProblem, another one whenever it changes), or write lambdas "
                "and inner functions as functions of a module, their values by functools.partial"
            )
        return self._hash

    def _text(self, what: str, description: Callable[[], str]) -> str:
        try:
            return description()
        except IndescribableError as error:
            self._nameless.append(f"{what} = {error}")
            return f"({error})"


class Fingerprinted:
    """What a CurvatureBackend answers of the fingerprint that it made."""

    _fingerprint: Fingerprint

    @property
    def fingerprint(self) -> str:
        """See CurvatureBackend."""
        return self._fingerprint.hexdigest()

    @property
    def facts(self) -> dict[str, str]:
        """See CurvatureBackend."""
        return self._fingerprint.facts


def _structure(model: torch.nn.Module) -> str:
    if isinstance(model, DistributedQNN) and computes_as_written(model):
        return f"DistributedQNN {_circuit(model.ansatz)} {model.grid!r} {model.output_scale!r}"
    if isinstance(model, CircuitBlock):
        return f"PatchBlockModel {_circuit(model.ansatz)} {model.output_scale!r} {model.n_classes}"
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(model))  # addresses differ between processes


def _circuit(ansatz: Ansatz) -> str:
    """Checkpoints know the paper's observables as none."""
    return repr(ansatz) + (f" {ansatz.observables!r}" if ansatz.observables else "")
