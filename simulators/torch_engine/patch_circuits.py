"""The circuits of all patches at given angles: forward, tangent and reverse passes over a chunk.

Replicas, R models that differ in their parameters alone, are computed at once: R P patches, replica
by replica, each replica with samples of its own.

A circuit is a prefix vector and then, in turn, an encoding V(x) and a matrix M = W D: a static
run behind the encoding's CZ ring D (the identity run where the ansatz has none there). States are
(R P, m, rows, columns), m samples; S state, Ṡ tangent, Λ cotangent (dL = Re<Λ, dS>), Λ̇ its tangent.

Products of a 2^n x 2^n complex matrix with m columns, for the paper's circuit (two matrices):
forward 2, tangent 4, reverse 4, tangent of reverse 8 with the primal cotangents kept (10 without).
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from patchlaw.simulators.circuit_plan import CircuitPlan, Encoding, StaticRun, StaticRunDerivatives
from patchlaw.simulators.torch_engine.encoding_tables import EncodingTables, PatchEncoding
from patchlaw.simulators.torch_engine.local_operators import (
    LocalOperators,
    apply_combined,
    class_observables,
    halves,
    rotation_generators,
)
from patchlaw.simulators.torch_engine.precision import ProductMode
from patchlaw.simulators.torch_engine.products import complex_product
from patchlaw.simulators.torch_engine.static_blocks import kept_ring_signs
from patchlaw.simulators.torch_engine.static_runs import static_run
from patchlaw.simulators.torch_engine.string_operators import StringOperators, string_operators
from patchlaw.simulators.torch_engine.triton_kernels import kernels_run_on

_SIDE_BY_SIDE = 64  # ours, reckoned: 2^8 x 2^8 results that fill a large GPU


@dataclass
class Trace:
    """States that later passes need: S after each encoding, S at the end, Λ after each encoding."""

    encoded: list[Tensor]
    last: Tensor
    cotangents: list[Tensor] = field(default_factory=list)


@dataclass(frozen=True)
class TangentTrace:
    """Ṡ after each encoding and at the end, and omega (R P, m, n, 3) of each encoding."""

    encoded: list[Tensor]
    last: Tensor
    omegas: list[Tensor]


@dataclass
class Cotangents:
    """Sums over samples of a reverse pass, complex128 and float64.

    Attributes:
        prefix: shape (P, 2^n, 1).
        matrices: M̄ of each matrix, shape (P, 2^n, 2^n).
        rotations: of each encoding, shape (P, n, 3 h).
    """

    prefix: Tensor
    matrices: list[Tensor]
    rotations: list[Tensor]


@dataclass
class MatrixDirection:
    """What tangent passes need of a direction.

    Attributes:
        prefix_tangent: of the prefix vector, shape (P, 2^n, 1).
        matrices: Ṁ of each matrix, shape (P, 2^n, 2^n).
        rotations: rates of each encoding, shape (P, n, 3 h).
    """

    prefix_tangent: Tensor
    matrices: list[Tensor]
    rotations: list[Tensor]


class Direction(MatrixDirection):
    """A direction in parameter space with what tangent passes need from it.

    Args:
        circuits: the circuits.
        angle_rates: shape (P, n_angles), float64.
        pixel_rates: direction of the pixel bias, shape (pixels,), float64.
    """

    def __init__(self, circuits: "PatchCircuits", angle_rates: Tensor, pixel_rates: Tensor) -> None:
        self.angle_rates = angle_rates
        self.run_tangents = [run.tangent(angle_rates) for run in circuits.runs]
        feature_rates = pixel_rates[circuits.pixel_indices]
        super().__init__(
            circuits.prefix.tangent(angle_rates),
            [tangent * circuits.signs for tangent in self.run_tangents],
            [enc.rotation_rates(angle_rates, feature_rates) for enc in circuits.encodings],
        )


def readers(pixel_indices: NDArray[np.int64], n_pixels: int) -> Tensor:
    """Which features read each pixel: (pixels, most readers), int64, padded with P n^2.

    Args:
        pixel_indices: row-major pixel of each feature, shape (P, n^2).
        n_pixels: of an image.
    """
    read = pixel_indices.reshape(-1)
    order, counts = np.argsort(read, kind="stable"), np.bincount(read, minlength=n_pixels)
    rank = np.arange(len(read)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.full((n_pixels, counts.max()), len(read))
    table[read[order], rank] = order
    return torch.from_numpy(table)


class PatchCircuits:
    """The circuits of all patches with their angles fixed.

    Args:
        plan: the circuit.
        angles: shape (R P, n_angles), float64, radians; their device is where everything happens.
        pixel_indices: row-major pixel of each feature, shape (P, n^2).
        readers: the inverse, on the same device; see there.
        n_classes: C.
        dtype: real dtype of the states.
        products: how the dense products are made, see ``complex_product``.
    """

    def __init__(
        self,
        plan: CircuitPlan,
        angles: Tensor,
        pixel_indices: Tensor,
        readers: Tensor,
        n_classes: int,
        dtype: torch.dtype,
        products: ProductMode = "exact",
    ) -> None:
        n = self._n_qubits = plan.n_qubits
        self._products = products
        self.pixel_indices = pixel_indices
        self._readers = readers
        self._replicas = len(angles) // len(pixel_indices), len(pixel_indices)
        self.signs = kept_ring_signs(n, dtype, angles.device)
        self._rows, self._columns = halves(n)
        self._generators = rotation_generators(n, dtype, angles.device)
        self._observables: LocalOperators | StringOperators
        if plan.observables:
            strings = plan.observables[:n_classes]
            self._observables = string_operators(strings, n, dtype, angles.device)
        else:
            self._observables = class_observables(n, n_classes, dtype, angles.device)
        self.prefix = static_run(plan.prefix, angles, n, dtype, vector_only=True)
        self.encodings: list[PatchEncoding] = []
        self.runs: list[StaticRunDerivatives[Tensor, Tensor]] = []
        for stage, following in zip(plan.stages, (*plan.stages[1:], None), strict=True):
            if isinstance(stage, Encoding):
                run = following if isinstance(following, StaticRun) else StaticRun()
                self.encodings.append(patch_encoding(stage, angles, n, dtype))
                self.runs.append(static_run(run, angles, n, dtype, vector_only=False))
        self._matrices = [run.columns * self.signs for run in self.runs]

    def zero_cotangents(self) -> Cotangents:
        """Zeros to accumulate reverse passes in."""
        patches, r = self._replicas[0] * self._replicas[1], len(self.signs)

        def zeros(*shape: int, dtype: torch.dtype = torch.complex128) -> Tensor:
            return torch.zeros(patches, *shape, dtype=dtype, device=self.signs.device)

        return Cotangents(
            zeros(r, 1),
            [zeros(r, r) for _ in self.runs],
            [
                zeros(e.n_qubits, 3 * e.features_per_qubit, dtype=torch.float64)
                for e in self.encodings
            ],
        )

    def tables(self, pixels: Tensor) -> list[EncodingTables]:
        """Each encoding's tables for pixels (R, m, pixels): images plus bias, radians."""
        # laid out by patch, as all that is made of them is, so that products need no copy
        features = pixels[:, :, self.pixel_indices].transpose(1, 2).contiguous().flatten(0, 1)
        return [encoding.tables(features) for encoding in self.encodings]

    def _multiply(self, states: Tensor, matrix: Tensor) -> Tensor:
        """States times a matrix from the right, as rows of 2^n entries."""
        return complex_product(states.flatten(2), matrix, self._products).reshape(states.shape)

    def _as_states(self, columns: Tensor) -> Tensor:
        """One column a patch, (P, 2^n, 1), as states (P, 1, rows, columns)."""
        return columns.reshape(len(columns), 1, self._rows, self._columns)

    def forward(self, tables: list[EncodingTables]) -> tuple[Tensor, Trace]:
        """Outputs summed over the patches, (R, m, C) in float64, and the trace."""
        state, encoded = self._as_states(self.prefix.columns), []
        for table, matrix in zip(tables, self._matrices, strict=True):
            encoded.append(table.encode(state))
            state = self._multiply(encoded[-1], matrix.mT)
        return self._summed(self._observables.overlaps(state, state)), Trace(encoded, state)

    def _summed(self, outputs: Tensor) -> Tensor:
        """Over the patches of each replica: (R P, m, C) to (R, m, C), float64."""
        of_replicas: Tensor = outputs.unflatten(0, self._replicas)
        return of_replicas.sum(dim=1, dtype=torch.float64)

    def _measured(self, weights: Tensor, states: Tensor) -> Tensor:
        """sum_k 2 weights_k O_k S, weights (R, m, C)."""
        of_replicas = states.unflatten(0, self._replicas)
        measured: Tensor = self._observables.apply(2 * weights[:, None], of_replicas)
        return measured.flatten(0, 1)

    def tangent(
        self, tables: list[EncodingTables], trace: Trace, direction: MatrixDirection
    ) -> tuple[Tensor, TangentTrace]:
        """Tangent of the summed outputs, (R, m, C) in float64, and the tangent states."""
        state = self._as_states(direction.prefix_tangent)
        encoded, omegas = [], []
        for k, table in enumerate(tables):
            omega = table.total_rate(direction.rotations[k])
            turn = self._generators.combine(omega.flatten(-2))
            state = table.encode(state) + apply_combined(turn, trace.encoded[k])
            encoded.append(state)
            omegas.append(omega)
            state = self._multiply(state, self._matrices[k].mT)
            state += self._multiply(trace.encoded[k], direction.matrices[k].mT)
        outputs = 2 * self._summed(self._observables.overlaps(trace.last, state))
        return outputs, TangentTrace(encoded, state, omegas)

    def reverse(
        self,
        tables: list[EncodingTables],
        trace: Trace,
        weights: Tensor,
        into: Cotangents,
        *,
        keep: bool = False,
    ) -> None:
        """Add the cotangents of sum_k weights_k f_k, weights (R, m, C); keep Λ if told."""
        lam = self._measured(weights, trace.last)
        kept = []
        for k in reversed(range(len(tables))):
            into.matrices[k] += outer_products(lam, trace.encoded[k], products=self._products)
            lam = self._multiply(lam, self._matrices[k].conj())
            kept.append(lam)
            into.rotations[k] += tables[k].pull_back(self._momenta(lam, trace.encoded[k]))
            lam = tables[k].decode(lam)
        into.prefix += _sum_over_samples(lam)
        if keep:
            trace.cotangents = kept[::-1]

    def reverse_tangent(
        self,
        tables: list[EncodingTables],
        trace: Trace,
        tangents: TangentTrace,
        direction: Direction,
        weights: Tensor,
        weights_dot: Tensor,
        into: Cotangents,
    ) -> None:
        """Add the tangent of ``reverse`` along a direction, the weights moving by weights_dot."""
        lam = self._measured(weights, trace.last)
        lam_dot = self._measured(weights_dot, trace.last)
        lam_dot += self._measured(weights, tangents.last)
        for k in reversed(range(len(tables))):
            table, state, state_dot = tables[k], trace.encoded[k], tangents.encoded[k]
            into.matrices[k] += outer_products(lam_dot, state, products=self._products)
            into.matrices[k] += outer_products(lam, state_dot, products=self._products)
            lam_dot = self._multiply(lam_dot, self._matrices[k].conj())
            lam_dot += self._multiply(lam, direction.matrices[k].conj())
            if trace.cotangents:
                lam = trace.cotangents[k]
            else:
                lam = self._multiply(lam, self._matrices[k].conj())
            w_dot = self._momenta(lam_dot, state) + self._momenta(lam, state_dot)
            into.rotations[k] += table.pull_back_tangent(
                self._momenta(lam, state), w_dot, direction.rotations[k]
            )
            # (V^†)' = -V^† Omega, Omega anti-Hermitian
            turn = self._generators.combine(tangents.omegas[k].flatten(-2))
            lam_dot = table.decode(lam_dot - apply_combined(turn, lam))
            if k:
                lam = table.decode(lam)
        into.prefix += _sum_over_samples(lam_dot)

    def _momenta(self, cotangents: Tensor, states: Tensor) -> Tensor:
        """Re<Λ, (-i/2) sigma_a S> of every qubit, shape (P, m, n, 3)."""
        return momenta_of_samples(cotangents, states, self._n_qubits)

    def gradient(self, sums: Cotangents) -> Tensor:
        """Flat derivative, float64: all circuits' angles patch by patch, then the bias; R rows."""
        runs = [
            run.gradient(matrix * self.signs)
            for run, matrix in zip(self.runs, sums.matrices, strict=True)
        ]
        return self._assemble(self.prefix.gradient(sums.prefix), runs, sums)

    def gradient_tangent(
        self, direction: Direction, sums: Cotangents, sums_dot: Cotangents
    ) -> Tensor:
        """Derivative of ``gradient`` along a direction, the cotangents moving too."""
        prefix = self.prefix.gradient_tangent(
            direction.angle_rates, direction.prefix_tangent, sums.prefix, sums_dot.prefix
        )
        runs = [
            run.gradient_tangent(
                direction.angle_rates,
                direction.run_tangents[k],
                sums.matrices[k] * self.signs,
                sums_dot.matrices[k] * self.signs,
            )
            for k, run in enumerate(self.runs)
        ]
        return self._assemble(prefix, runs, sums_dot)

    def _assemble(self, prefix: Tensor, runs: list[Tensor], sums: Cotangents) -> Tensor:
        parts = [(self.prefix.angle_slice, prefix)]
        parts += [(run.angle_slice, part) for run, part in zip(self.runs, runs, strict=True)]
        shape = (len(prefix), self.pixel_indices.shape[1])
        features = torch.zeros(shape, dtype=torch.float64, device=prefix.device)
        for encoding, rotations in zip(self.encodings, sums.rotations, strict=True):
            angles, features[:, encoding.feature_slice] = encoding.split_rotations(rotations)
            parts.append((encoding.angle_slice, angles))
        parts.sort(key=lambda part: part[0].start)
        angles = torch.cat([part for _, part in parts], dim=1).reshape(self._replicas[0], -1)
        # gathered, as added up by index the order of a GPU's sums would change from call to call
        read = torch.nn.functional.pad(features.reshape(self._replicas[0], -1), (0, 1))
        return torch.cat([angles, read[:, self._readers].sum(dim=-1)], dim=1)


def momenta_of_samples(cotangents: Tensor, states: Tensor, n_qubits: int) -> Tensor:
    """Re<Λ, (-i/2) sigma_a S> of every qubit, shape (P, m, n, 3), in the states' precision."""
    if kernels_run_on(states.device, n_qubits):
        from patchlaw.simulators.torch_engine.triton_kernels.fused_encoding import fused_momenta

        return fused_momenta(cotangents, states, n_qubits)
    generators = rotation_generators(n_qubits, states.real.dtype, states.device)
    w = generators.overlaps(cotangents, states)
    return w.reshape(*w.shape[:-1], -1, 3)


def patch_encoding(
    encoding: Encoding, angles: Tensor, n_qubits: int, dtype: torch.dtype
) -> PatchEncoding:
    """The encoding by the way that is fastest where the angles lie."""
    if kernels_run_on(angles.device, n_qubits):
        from patchlaw.simulators.torch_engine.triton_kernels.fused_encoding import FusedEncoding

        return FusedEncoding(encoding, angles, n_qubits, dtype)
    return PatchEncoding(encoding, angles, n_qubits, dtype)


def outer_products(
    cotangents: Tensor,
    states: Tensor,
    side_by_side: int | None = None,
    products: ProductMode = "exact",
) -> Tensor:
    """Sum over samples of Λ S^†, shape (R P, 2^n, 2^n).

    One 2^n x 2^n result a patch would leave most of a GPU idle, so the samples of few patches are
    cut into slices.

    Args:
        cotangents: Λ, shape (R P, m, rows, columns).
        states: S, likewise.
        side_by_side: results at a time at least, if m can be cut so; None: by device.
        products: see ``complex_product``.
    """
    left, right = states.flatten(2), cotangents.flatten(2)
    patches, m, _ = left.shape
    wanted = (_SIDE_BY_SIDE if left.is_cuda else 1) if side_by_side is None else side_by_side
    slices = next(k for k in range(min(m, -(-wanted // patches)), 0, -1) if m % k == 0)
    if slices > 1:
        left, right = (rows.reshape(patches * slices, m // slices, -1) for rows in (left, right))
    transposed = complex_product(left.mH, right, products)  # no copy to conjugate
    if slices > 1:
        transposed = transposed.unflatten(0, (patches, slices)).sum(dim=1)
    return transposed.mT


def _sum_over_samples(states: Tensor) -> Tensor:
    """One column a patch, (P, 2^n, 1), summed in complex128."""
    return states.flatten(2).sum(dim=1, dtype=torch.complex128)[..., None]
