"""One patch's circuit at given angles: forward, tangent and reverse passes over a chunk.

A chunk is m samples, padded to a multiple of 16; states are (2, 2^n, m). Notation as in the
kernels: S state, Ṡ tangent, Λ cotangent, Λ̇ its tangent. The passes cost, in products of a
2^n x 2^n complex matrix with m columns, for the paper's circuit (two dense runs): forward 2,
tangent 4, reverse 4, tangent of reverse 8 with the primal cotangents kept (10 without).
"""

import numpy as np
from numpy.typing import NDArray

from patchlaw.simulators.circuit_plan import CircuitPlan, Encoding, StaticRun, StaticRunDerivatives
from patchlaw.simulators.fast_engine import encoding_kernels as kernels
from patchlaw.simulators.fast_engine.buffers import BufferPool, Real
from patchlaw.simulators.fast_engine.complex_products import ComplexMatrix, add_outer, multiply
from patchlaw.simulators.fast_engine.measurement_kernels import overlaps, weighted_observable
from patchlaw.simulators.fast_engine.pauli_run import PauliRun
from patchlaw.simulators.fast_engine.static_run import FusedRun
from patchlaw.simulators.fast_engine.string_observables import string_observables
from patchlaw.simulators.fast_engine.traces import ChunkPixels, Cotangents, TangentTrace, Trace


class PatchDirection:
    """A direction in one patch's parameters, with everything a tangent pass needs from it.

    Args:
        circuit: the patch's circuit.
        angle_rates: shape (n_angles,), float64.
        pixel_rates: direction of the pixel bias, shape (pixels,), float64.
    """

    def __init__(
        self,
        circuit: "PatchCircuit",
        angle_rates: NDArray[np.float64],
        pixel_rates: NDArray[np.float64],
    ) -> None:
        dtype = circuit.signs.dtype
        self.angle_rates = angle_rates
        self.pixel_rates = pixel_rates.astype(dtype)
        self.prefix = circuit.prefix.tangent(angle_rates)
        self.run_tangents = {i: run.tangent(angle_rates) for i, run in circuit.runs.items()}
        self.matrices = {i: ComplexMatrix(columns) for i, columns in self.run_tangents.items()}
        self.encoding_rates = {
            i: angle_rates[where].reshape(circuit.encoding_shapes[i]).astype(dtype)
            for i, where in circuit.encoding_slices.items()
        }


class PatchCircuit:
    """The circuit of one patch with its angles fixed.

    Args:
        plan: the circuit.
        angles: shape (n_angles,), float64, radians.
        pixel_indices: row-major pixel of each feature, shape (n_features,).
        signs: diagonal of the CZ ring, in the dtype of the states.
    """

    def __init__(
        self,
        plan: CircuitPlan,
        angles: NDArray[np.float64],
        pixel_indices: NDArray[np.int64],
        signs: Real,
    ) -> None:
        self.stages = plan.stages
        self.signs = signs
        self._ones = np.ones_like(signs)
        self._overlaps, self._weighted = overlaps, weighted_observable
        if plan.observables:
            own = string_observables(plan.observables, plan.n_qubits)
            self._overlaps, self._weighted = own.overlaps, own.weighted
        self._n = plan.n_qubits
        self.prefix = FusedRun(plan.prefix, angles, signs, vector_only=True)
        self._prefix_state = np.ascontiguousarray(self.prefix.columns)
        self.runs: dict[int, StaticRunDerivatives[Real, NDArray[np.float64]]] = {}
        self.encoding_shapes: dict[int, tuple[int, int, int]] = {}
        self.encoding_slices: dict[int, slice] = {}
        self._matrices: dict[int, ComplexMatrix] = {}
        self._rows: dict[int, NDArray[np.int64]] = {}
        self._trigonometry: dict[int, tuple[Real, Real]] = {}
        for i, stage in enumerate(plan.stages):
            if isinstance(stage, StaticRun):
                self.runs[i] = PauliRun(stage, angles, signs)
                self._matrices[i] = ComplexMatrix(self.runs[i].columns)
                continue
            h = stage.features_per_qubit
            where = slice(stage.first_angle, stage.first_angle + 2 * h * self._n)
            self.encoding_slices[i] = where
            self.encoding_shapes[i] = (self._n, h, 2)
            features = slice(stage.first_feature, stage.first_feature + h * self._n)
            self._rows[i] = pixel_indices[features].reshape(self._n, h)
            half = angles[where].reshape(self._n, h, 2) / 2
            self._trigonometry[i] = (
                np.cos(half).astype(signs.dtype),
                np.sin(half).astype(signs.dtype),
            )

    def zero_cotangents(self, n_pixels: int) -> Cotangents:
        """Zeros to accumulate reverse passes in."""
        dimension = len(self.signs)
        return Cotangents(
            prefix=np.zeros((2, dimension, 1)),
            pixels=np.zeros(n_pixels),
            runs={i: np.zeros((2, dimension, dimension)) for i in self.runs},
            encodings={i: np.zeros(shape) for i, shape in self.encoding_shapes.items()},
        )

    def _encoding_arguments(
        self, i: int, pixels: ChunkPixels
    ) -> tuple[Real, Real, NDArray[np.int64], Real, Real]:
        return (pixels.cos, pixels.sin, self._rows[i], *self._trigonometry[i])

    def _is_kept(self, i: int) -> bool:
        """Whether the state after stage i is needed by later passes."""
        return isinstance(self.stages[i], Encoding) or i == len(self.stages) - 1

    def forward(self, pixels: ChunkPixels, pool: BufferPool, outputs: Real) -> Trace:
        """Outputs f (C, m), written to ``outputs``, and the states that other passes need."""
        trace = Trace([], [], [])
        state = self._prefix_state
        for i, stage in enumerate(self.stages):
            after = pool.take()
            u: Real | None = None
            if isinstance(stage, Encoding):
                u = np.empty((self._n, 4, after.shape[2]), dtype=after.dtype)
                kernels.quaternions(*self._encoding_arguments(i, pixels), u)
                kernels.encode(u, self.signs, self._ones, state, after)
            else:
                multiply(self._matrices[i], state, after, pool)
            if i and not self._is_kept(i - 1):
                pool.give(state)
            trace.states.append(after if self._is_kept(i) else None)
            trace.quaternions.append(u)
            trace.cotangents.append(None)
            state = after
        self._overlaps(state, state, state.dtype.type(1), outputs)
        return trace

    def tangent(
        self,
        pixels: ChunkPixels,
        trace: Trace,
        direction: PatchDirection,
        pool: BufferPool,
        outputs_dot: Real,
    ) -> TangentTrace:
        """ḟ (C, m) along a direction, written to ``outputs_dot``, and the tangent states."""
        tangents = TangentTrace([], [])
        tangent = np.ascontiguousarray(direction.prefix)
        for i, stage in enumerate(self.stages):
            after = pool.take()
            rates: Real | None = None
            if isinstance(stage, Encoding):
                rates = np.empty((self._n, 3, after.shape[2]), dtype=after.dtype)
                kernels.axis_rates(
                    *self._encoding_arguments(i, pixels),
                    direction.pixel_rates,
                    direction.encoding_rates[i],
                    rates,
                )
                kernels.encode_tangent(
                    trace.quaternions[i],
                    rates,
                    self.signs,
                    self._ones,
                    tangent,
                    trace.states[i],
                    after,
                )
            else:
                before = trace.states[i - 1]
                assert before is not None  # runs and encodings alternate, so an encoding's state
                multiply(self._matrices[i], tangent, after, pool)
                self._add_product(direction.matrices[i], before, after, pool)
            if i and not self._is_kept(i - 1):
                pool.give(tangent)
            tangents.states.append(after if self._is_kept(i) else None)
            tangents.rates.append(rates)
            tangent = after
        last = trace.states[-1]
        self._overlaps(last, tangent, tangent.dtype.type(2), outputs_dot)
        return tangents

    def reverse(
        self,
        pixels: ChunkPixels,
        trace: Trace,
        weights: Real,
        pool: BufferPool,
        into: Cotangents,
        *,
        keep: bool = False,
    ) -> None:
        """Add the cotangents of sum_k weights_k f_k, weights (C, m); keep Λ if told."""
        lam = pool.take()
        self._weighted(trace.states[-1], weights, lam, False)
        for i in reversed(range(len(self.stages))):
            after = pool.take()
            if isinstance(self.stages[i], Encoding):
                w = np.zeros((self._n, 3, lam.shape[2]), dtype=lam.dtype)
                kernels.momenta(lam, trace.states[i], self.signs, w)
                kernels.pull_back(
                    *self._encoding_arguments(i, pixels), w, into.pixels, into.encodings[i]
                )
                kernels.decode(trace.quaternions[i], self.signs, self._ones, lam, after)
                if keep:
                    trace.cotangents[i], lam = lam, after
                    continue
            else:
                before = trace.states[i - 1]
                assert before is not None  # as in ``tangent``
                add_outer(lam, before, into.runs[i], pool)
                multiply(self._matrices[i].adjoint, lam, after, pool)
            pool.give(lam)
            lam = after
        into.prefix += lam.sum(axis=2, keepdims=True, dtype=np.float64)
        pool.give(lam)

    def reverse_tangent(
        self,
        pixels: ChunkPixels,
        trace: Trace,
        tangents: TangentTrace,
        direction: PatchDirection,
        weights: Real,
        weights_dot: Real,
        pool: BufferPool,
        into: Cotangents,
    ) -> None:
        """Add the tangent of ``reverse`` along a direction, the weights moving by weights_dot."""
        lam, lam_dot = pool.take(), pool.take()
        self._weighted(trace.states[-1], weights, lam, False)
        self._weighted(trace.states[-1], weights_dot, lam_dot, False)
        self._weighted(tangents.states[-1], weights, lam_dot, True)
        owned = True  # whether lam may be given back: kept cotangents belong to the trace
        for i in reversed(range(len(self.stages))):
            after, after_dot = None, pool.take()
            if isinstance(self.stages[i], Encoding):
                self._pull_back_tangent(i, pixels, trace, tangents, direction, lam, lam_dot, into)
                kernels.decode_tangent(
                    trace.quaternions[i],
                    tangents.rates[i],
                    self.signs,
                    self._ones,
                    lam_dot,
                    lam,
                    after_dot,
                )
                if i:  # before the first encoding only the tangent is needed
                    after = pool.take()
                    kernels.decode(trace.quaternions[i], self.signs, self._ones, lam, after)
                after_owned = True
            else:
                before, before_dot = trace.states[i - 1], tangents.states[i - 1]
                assert before is not None  # as in ``tangent``
                assert before_dot is not None
                add_outer(lam_dot, before, into.runs[i], pool)
                add_outer(lam, before_dot, into.runs[i], pool)
                multiply(self._matrices[i].adjoint, lam_dot, after_dot, pool)
                self._add_product(direction.matrices[i].adjoint, lam, after_dot, pool)
                after = trace.cotangents[i - 1]
                after_owned = after is None
                if after is None:
                    after = pool.take()
                    multiply(self._matrices[i].adjoint, lam, after, pool)
            pool.give(lam_dot, lam if owned else None)
            lam_dot, owned = after_dot, after_owned
            if after is not None:
                lam = after
        into.prefix += lam_dot.sum(axis=2, keepdims=True, dtype=np.float64)
        pool.give(lam_dot)

    def _pull_back_tangent(
        self,
        i: int,
        pixels: ChunkPixels,
        trace: Trace,
        tangents: TangentTrace,
        direction: PatchDirection,
        lam: Real,
        lam_dot: Real,
        into: Cotangents,
    ) -> None:
        w, w_dot = np.zeros((2, self._n, 3, lam.shape[2]), dtype=lam.dtype)
        kernels.momenta(lam, trace.states[i], self.signs, w)
        kernels.momenta(lam_dot, trace.states[i], self.signs, w_dot)
        kernels.momenta(lam, tangents.states[i], self.signs, w_dot)
        kernels.pull_back_tangent(
            *self._encoding_arguments(i, pixels),
            direction.pixel_rates,
            direction.encoding_rates[i],
            w,
            w_dot,
            into.pixels,
            into.encodings[i],
        )

    @staticmethod
    def _add_product(matrix: ComplexMatrix, state: Real, target: Real, pool: BufferPool) -> None:
        product = pool.take()
        multiply(matrix, state, product, pool)
        target += product
        pool.give(product)

    def angle_gradient(self, cotangents: Cotangents) -> NDArray[np.float64]:
        """dL/dphi of the patch's angles, shape (n_angles,), from summed cotangents."""
        parts = [(self.prefix.angle_slice, self.prefix.gradient(cotangents.prefix))]
        for i, run in self.runs.items():
            parts.append((run.angle_slice, run.gradient(cotangents.runs[i])))
        return self._assemble(parts, cotangents)

    def angle_gradient_tangent(
        self, direction: PatchDirection, cotangents: Cotangents, cotangents_dot: Cotangents
    ) -> NDArray[np.float64]:
        """Derivative of ``angle_gradient`` along a direction, the cotangents moving too."""
        rates = direction.angle_rates
        along = self.prefix.gradient_tangent(
            rates, direction.prefix, cotangents.prefix, cotangents_dot.prefix
        )
        parts = [(self.prefix.angle_slice, along)]
        for i, run in self.runs.items():
            along = run.gradient_tangent(
                rates, direction.run_tangents[i], cotangents.runs[i], cotangents_dot.runs[i]
            )
            parts.append((run.angle_slice, along))
        return self._assemble(parts, cotangents_dot)

    def _assemble(
        self, parts: list[tuple[slice, NDArray[np.float64]]], cotangents: Cotangents
    ) -> NDArray[np.float64]:
        for i, where in self.encoding_slices.items():
            parts.append((where, cotangents.encodings[i].ravel()))
        parts.sort(key=lambda part: part[0].start)
        return np.concatenate([values for _, values in parts])
