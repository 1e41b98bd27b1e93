"""The distributed QNN in fastQML: real and imaginary parts, the gates of a layer fused into one.

fastQML multiplies states by the Kronecker product of a layer's gates. What its page leaves to the
user is done in its favour: the 2x2 gates of a qubit between two rings are multiplied first, and
constants are made once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

import torch
from torch import Tensor

from benchmarks.peers.exchange import Problem
from benchmarks.peers.patchwise import PatchwiseModel
from patchlaw.simulators.ansatz import (
    AngleRotation,
    Ansatz,
    Axis,
    ControlledZ,
    FeatureRotation,
    ring_edges,
)

Pair: TypeAlias = tuple[Tensor, Tensor]  # real and imaginary part


@dataclass(frozen=True)
class Rotations:
    """A rotation of every qubit about one axis, by angles or by features number ``which``."""

    axis: Axis
    from_data: bool
    which: slice


@dataclass(frozen=True)
class Layer:
    """Rotations in time order, then the CZ ring or not."""

    rotations: tuple[Rotations, ...]
    ring: bool

    @property
    def from_data(self) -> bool:
        """Whether its gates differ between samples."""
        return any(each.from_data for each in self.rotations)


def fused_layers(ansatz: Ansatz) -> Iterator[Layer]:
    """The paper's circuit as layers, each as long as its gates of different qubits commute."""
    queues: list[list[AngleRotation | FeatureRotation]] = [[] for _ in range(ansatz.n_qubits)]
    for is_ring, gates in groupby(ansatz.gates(), lambda gate: isinstance(gate, ControlledZ)):
        if is_ring:
            yield Layer(_rows(queues), True)
            queues = [[] for _ in queues]
        for gate in gates:
            if isinstance(gate, AngleRotation | FeatureRotation):
                queues[gate.qubit].append(gate)
    if queues[0]:
        yield Layer(_rows(queues), False)


def _rows(queues: list[list[AngleRotation | FeatureRotation]]) -> tuple[Rotations, ...]:
    rows = []
    for row in zip(*queues, strict=True):  # gate number k of every qubit
        first, stride = row[0], row[1].index - row[0].index
        which = slice(first.index, row[-1].index + 1, stride)
        rows.append(Rotations(first.axis, isinstance(first, FeatureRotation), which))
    return tuple(rows)


class FastQMLModel(PatchwiseModel):
    """Logits from fastQML's layers.

    Args:
        problem: the model's numbers.
        composed: whether the layers between two encodings are first multiplied into one matrix
            (its ``register_ops``); else each layer passes the batch (its ``gate_fusion``).
    """

    cz: Tensor
    hadamards: Tensor
    z_signs: Tensor

    def __init__(self, problem: Problem, composed: bool = False) -> None:
        super().__init__(problem)
        from fastqml import gate_fusion

        self.composed = composed
        n, like = self.ansatz.n_qubits, (torch.device("cpu"), torch.float32)
        groups = groupby(fused_layers(self.ansatz), lambda layer: layer.from_data)
        self.groups = [(from_data, list(layers)) for from_data, layers in groups]
        self.plans = gate_fusion.compute_two_qubit_plans(
            list(ring_edges(n)), n, *like, commute_fn=gate_fusion.diagonal_commute
        )
        self.register_buffer("cz", torch.stack(gate_fusion.build_cz_4x4(n, *like)))
        self.register_buffer("hadamards", torch.stack(gate_fusion.build_h_gates(n, *like)))
        bits = torch.arange(2**n)[:, None] >> torch.arange(n - 1, n - 1 - self.half_classes, -1) & 1
        self.register_buffer("z_signs", (1 - 2 * bits).float())

    def patch_outputs(self, angles: Tensor, features: Tensor) -> Tensor:
        """f (B, C) of one patch; angles (n_angles,), features (n_features, B)."""
        from fastqml import gate_fusion, register_ops

        n, dimension = self.ansatz.n_qubits, self.ansatz.dimension
        flat = (features.shape[1], dimension)
        identity = torch.eye(dimension, device=angles.device).unflatten(1, (2,) * n)
        zeros = torch.zeros_like(identity)
        state = (
            identity[:1].expand(flat[0], *identity.shape[1:]),
            zeros[:1].expand(flat[0], *identity.shape[1:]),
        )
        for from_data, layers in self.groups:
            if from_data or not self.composed:
                state = self._run(layers, state, angles, features.T)
                continue
            rows = self._run(layers, (identity, zeros), angles, features.T)  # U e_i in row i
            matrix = (part.reshape(dimension, dimension).T for part in rows)
            product = register_ops.apply_dense(*(part.reshape(flat) for part in state), *matrix)
            state = (product[0].view_as(state[0]), product[1].view_as(state[1]))
        rotated = gate_fusion.apply_su2_layer(*state, *self.hadamards)
        values = [(re**2 + im**2).reshape(flat) @ self.z_signs for re, im in (rotated, state)]
        return torch.cat(values, dim=1)

    def _run(self, layers: list[Layer], state: Pair, angles: Tensor, features: Tensor) -> Pair:
        """The layers on a batch of states (B, 2, ..., 2); features (B, n_features)."""
        from fastqml import gate_fusion

        build = {
            (False, "X"): gate_fusion.build_rx_gates,
            (False, "Y"): gate_fusion.build_ry_gates,
            (True, "X"): gate_fusion.build_rx_per_batch,
            (True, "Y"): gate_fusion.build_ry_per_batch,
        }
        for layer in layers:
            gates: Pair | None = None
            for each in layer.rotations:
                values = features[:, each.which] if each.from_data else angles[each.which]
                gate = build[each.from_data, each.axis](values)
                gates = gate if gates is None else _after(gate, gates)
            if gates is not None:
                chain = gate_fusion.apply_per_batch_su2_chain
                state = (chain if layer.from_data else gate_fusion.apply_su2_layer)(*state, *gates)
            for plan in self.plans if layer.ring else ():
                pairs = self.cz[:, : plan["n_pairs"]]
                state = gate_fusion.apply_disjoint_two_qubit_layer(*state, plan, *pairs)
        return state


def _after(second: Pair, first: Pair) -> Pair:
    """The product of two stacks of gates, ``first`` acting first."""
    (a, b), (c, d) = second, first
    return a @ c - b @ d, a @ d + b @ c
