"""Static runs of all patches at once: unitaries, tangents, reversible adjoint, its tangent.

A layer is D (U x L): the 2n rotations fused into two Kronecker factors, then the signs D of the
CZ ring (see ``static_layers``). It takes 3 launches forward, 5 with its tangent, 5 in reverse, 11
for the tangent of the reverse pass, whatever the number of patches.

The layers are unitary: the reverse pass undoes them, S <- (U x L)^† D S, instead of storing
states, so the memory does not depend on their number (but for a few numbers an angle). The
angles' derivatives come from the momenta w_a = Re<Λ, (-i/2) sigma_a S> of each qubit before the
layer, which the reduced matrices of Λ S^† on the two halves of the qubits hold:
dL/dphi_X = w_X, dL/dphi_Y = cos(phi_X) w_Y - sin(phi_X) w_Z.
"""

import torch
from torch import Tensor

from patchlaw.simulators.circuit_plan import StaticRun, StaticRunDerivatives
from patchlaw.simulators.torch_engine.layer_segments import LayerSegments, default_segment
from patchlaw.simulators.torch_engine.local_operators import halves, rotation_generators
from patchlaw.simulators.torch_engine.static_blocks import kept_ring_signs
from patchlaw.simulators.torch_engine.static_layers import GROUP, Stack, layer_groups
from patchlaw.simulators.torch_engine.triton_kernels import kernels_run_on


class StaticRuns:
    """W_p(phi_p) of one static run for every patch p; realises ``StaticRunDerivatives``.

    Columns have shape (P, 2^n, m), complex: m = 1 for the prefix (``vector_only``: W|0...0>),
    else m = 2^n. Gates are built in float64 and cast to the dtype of the states; derivatives
    with respect to angles are float64. float32 products follow the caller's precision settings:
    the engine runs them under ``full_precision``.

    Args:
        run: the layers.
        angles: angles of all patches, shape (P, n_angles), float64, radians; their device is
            where everything happens.
        n_qubits: n.
        dtype: real dtype of the states, float32 or float64.
        vector_only: whether only W|0...0> is needed.
        segment: layers of a segment; the segments of a run are done side by side in W and its
            reverse pass (see ``LayerSegments``). None: by device.

    Attributes:
        angle_slice: where the run's angles lie among a patch's.

    Raises:
        ValueError: angles of another dtype or shape.
    """

    def __init__(
        self,
        run: StaticRun,
        angles: Tensor,
        n_qubits: int,
        dtype: torch.dtype,
        *,
        vector_only: bool,
        segment: int | None = None,
    ) -> None:
        n_layers = len(run.rings)
        self.angle_slice = slice(run.first_angle, run.first_angle + 2 * n_qubits * n_layers)
        if angles.dtype != torch.float64 or angles.ndim != 2:
            raise ValueError(
                "angles: expected float64 of shape (P, n_angles), got "
                f"{angles.dtype} {tuple(angles.shape)}"
            )
        if angles.shape[1] < self.angle_slice.stop:
            raise ValueError(
                f"angles: expected at least {self.angle_slice.stop} a patch, got {angles.shape[1]}"
            )
        self._rings = run.rings
        self._n_qubits = n_qubits
        self._patches = len(angles)
        self._dtype = torch.complex128 if dtype == torch.float64 else torch.complex64
        self._rows, self._columns = halves(n_qubits)
        self._width = 1 if vector_only else 1 << n_qubits
        self._phi = self._layer_angles(angles)
        signs = kept_ring_signs(n_qubits, dtype, angles.device)
        self._signs = signs.reshape(self._rows, self._columns).T[:, None, :].contiguous()
        self._generators = rotation_generators(n_qubits, torch.float64, angles.device)
        self._segments = LayerSegments(
            self._rings, default_segment(angles.device) if segment is None else segment
        )
        self._split = self._segments.split(self._phi)
        # a GPU's segments fit into one group of layers, which the reverse pass takes again
        found = layer_groups(self._split, self._dtype) if len(self._split) <= GROUP else ()
        self._only_group = list(found)
        #: of each segment: its own matrix, and W up to its end
        self._own, self._ends = self._forward()
        self._state = self._to_layout(self._ends[-1])

    def _forward(self) -> tuple[list[Tensor], list[Tensor]]:
        """Matrices of the segments, (P, 2^n, 2^n) unless there is but one, and W at their ends."""
        count = self._segments.count
        stack = Stack(self._start() if count == 1 else self._start(count, 1 << self._n_qubits))
        for group, _ in self._only_group or layer_groups(self._split, self._dtype):
            signs = self._segments.signs(group.layers, self._signs, self._patches)
            for sign, factors in zip(signs, group.factors(1), strict=True):
                stack.apply(factors)
                if sign is not None:
                    stack.state.mul_(sign)
        own = list(self._to_columns(stack.state).split(self._patches))
        ends = [own[0][..., : self._width]]
        for matrix in own[1:]:
            ends.append(matrix @ ends[-1])
        return own, ends

    def _layer_angles(self, angles: Tensor) -> Tensor:
        """The run's share of (P, n_angles) as (layers, P, 2, n): axis 2 is X, then Y."""
        shape = (self._patches, len(self._rings), 2, self._n_qubits)
        return angles[:, self.angle_slice].reshape(shape).transpose(0, 1)

    def _start(self, copies: int = 1, width: int | None = None) -> Tensor:
        """Identity columns, or |0...0>, in the layers' layout (P, lower, m, upper)."""
        identity = torch.eye(
            1 << self._n_qubits, width or self._width, dtype=self._dtype, device=self._phi.device
        )
        return self._to_layout(identity.expand(copies * self._patches, -1, -1))

    def _to_layout(self, columns: Tensor) -> Tensor:
        shape = (len(columns), self._rows, self._columns, columns.shape[-1])
        return columns.to(self._dtype).reshape(shape).permute(0, 2, 3, 1).contiguous()

    def _to_columns(self, state: Tensor) -> Tensor:
        return state.permute(0, 3, 1, 2).reshape(len(state), -1, state.shape[2])

    @property
    def columns(self) -> Tensor:
        """W's columns, shape (P, 2^n, m), complex."""
        return self._ends[-1]

    def tangent(self, rates: Tensor) -> Tensor:
        """Ẇ = sum_i rates_i dW/dphi_i, shape (P, 2^n, m); rates (P, n_angles), float64."""
        start = self._start()
        stack = Stack(torch.cat([start, torch.zeros_like(start)]))
        for group, dots in layer_groups(self._phi, self._dtype, self._layer_angles(rates)):
            assert dots is not None  # rates were given
            for ring, factors, factors_dot in zip(
                self._rings[group.layers], group.factors(2), dots.factors(1), strict=True
            ):
                stack.apply_with_tangent(factors, factors_dot)
                if ring:
                    stack.state.mul_(self._signs)
        return self._to_columns(stack.state[self._patches :])

    def gradient(self, cotangent: Tensor) -> Tensor:
        """dL/dphi of the run's angles, (P, 2 n layers), float64.

        Args:
            cotangent: W̄ with dL = Re<W̄, dW>, shape (P, 2^n, m), complex.
        """
        cotangents = [cotangent.to(self._dtype)]  # at the segments' ends, last to first
        for matrix in reversed(self._own[1:]):
            cotangents.append(matrix.mH @ cotangents[-1])
        stack = Stack(self._to_layout(torch.cat([*self._ends, *reversed(cotangents)])))
        half = len(stack.state) // 2
        lam_u, lam_l = stack.upper[half:], stack.lower[half:]
        conjugate_u, conjugate_l = stack.upper[:half].mH, stack.lower[:half].mH  # views
        momenta = self._zero_momenta(self._split)
        groups = self._only_group or layer_groups(self._split, self._dtype, reverse=True)
        for group, _ in groups:
            signs = self._segments.signs(group.layers, self._signs, self._patches, arrays=2)
            factors = group.factors(2, undo=True)
            reduced = _Reduced(group.upper, group.lower)
            for k in reversed(range(len(signs))):
                if (sign := signs[k]) is not None:
                    stack.state.mul_(sign)
                stack.apply(factors[k])
                torch.bmm(conjugate_u, lam_u, out=reduced.upper[k])
                torch.bmm(lam_l, conjugate_l, out=reduced.lower[k])
            momenta[group.layers] = self._momenta(reduced)
        return self._pull_back(self._segments.join(momenta))

    def gradient_tangent(
        self, rates: Tensor, tangent: Tensor, cotangent: Tensor, cotangent_dot: Tensor
    ) -> Tensor:
        """Derivative of ``gradient`` along ``rates``, W̄ moving by ``cotangent_dot``.

        Args:
            rates: shape (P, n_angles), float64.
            tangent: Ẇ along them, as ``tangent`` gives it.
            cotangent: W̄, shape (P, 2^n, m).
            cotangent_dot: its tangent, likewise.
        """
        # S, Λ, Ṡ, Λ̇: undone by S' = U^† S and Ṡ' = U^† Ṡ + U̇^† S, and Λ likewise
        others = [self._to_layout(part) for part in (cotangent, tangent, cotangent_dot)]
        stack = Stack(torch.cat([self._state, *others]))
        state_u, lam_u, state_dot_u, lam_dot_u = stack.upper.split(self._patches)
        state_l, lam_l, state_dot_l, lam_dot_l = stack.lower.split(self._patches)
        conjugate_u, conjugate_l = state_u.mH, state_l.mH  # views
        conjugate_dot_u, conjugate_dot_l = state_dot_u.mH, state_dot_l.mH
        momenta, momenta_dot = self._zero_momenta(self._phi), self._zero_momenta(self._phi)
        along = self._layer_angles(rates)
        for group, dots in layer_groups(self._phi, self._dtype, along, reverse=True):
            assert dots is not None  # rates were given
            rings, factors = self._rings[group.layers], group.factors(4, undo=True)
            factors_dot = dots.factors(2, undo=True)
            reduced = _Reduced(group.upper, group.lower)
            reduced_dot = _Reduced(group.upper, group.lower)
            for k in reversed(range(len(rings))):
                if rings[k]:
                    stack.state.mul_(self._signs)
                stack.apply_with_tangent(factors[k], factors_dot[k])
                torch.bmm(conjugate_u, lam_u, out=reduced.upper[k])
                torch.bmm(lam_l, conjugate_l, out=reduced.lower[k])
                torch.bmm(conjugate_u, lam_dot_u, out=reduced_dot.upper[k])
                reduced_dot.upper[k].baddbmm_(conjugate_dot_u, lam_u)
                torch.bmm(lam_dot_l, conjugate_l, out=reduced_dot.lower[k])
                reduced_dot.lower[k].baddbmm_(lam_l, conjugate_dot_l)
            momenta[group.layers] = self._momenta(reduced)
            momenta_dot[group.layers] = self._momenta(reduced_dot)
        return self._pull_back(momenta_dot, momenta, along)

    def _zero_momenta(self, phi: Tensor) -> Tensor:
        shape = (*phi.shape[:2], self._n_qubits, 3)
        return torch.zeros(shape, dtype=torch.float64, device=phi.device)

    def _momenta(self, reduced: "_Reduced") -> Tensor:
        """Momenta of a group's layers, shape (layers, P, n, 3), float64."""
        w = self._generators.overlaps_of_reduced(
            reduced.uppers.mT.to(torch.complex128), reduced.lowers.conj().to(torch.complex128)
        )
        return w.reshape(*w.shape[:-1], self._n_qubits, 3)

    def _pull_back(
        self, momenta: Tensor, before: Tensor | None = None, rates: Tensor | None = None
    ) -> Tensor:
        """The angles' derivatives (P, 2 n layers) from momenta (layers, P, n, 3).

        With ``before`` (the momenta) and ``rates``, ``momenta`` is their tangent: product rule.
        """
        cos, sin = torch.cos(self._phi[:, :, 0]), torch.sin(self._phi[:, :, 0])
        about_x, w_y, w_z = momenta.unbind(-1)
        about_y = cos * w_y - sin * w_z
        if before is not None and rates is not None:
            about_y = about_y - rates[:, :, 0] * (sin * before[..., 1] + cos * before[..., 2])
        both = torch.stack((about_x, about_y), dim=2)
        return both.transpose(0, 1).reshape(self._patches, -1)


def static_run(
    run: StaticRun, angles: Tensor, n_qubits: int, dtype: torch.dtype, *, vector_only: bool
) -> StaticRunDerivatives[Tensor, Tensor]:
    """The run of all patches by the way that is fastest where the angles lie; see StaticRuns."""
    if run.rings and kernels_run_on(angles.device, n_qubits):
        from patchlaw.simulators.torch_engine.triton_kernels.fused_runs import FusedStaticRuns

        return FusedStaticRuns(run, angles, n_qubits, dtype, vector_only=vector_only)
    return StaticRuns(run, angles, n_qubits, dtype, vector_only=vector_only)


class _Reduced:
    """Buffers for (Λ S^†)^T on the upper and Λ S^† on the lower half, of every layer of a group.

    Args:
        upper_like: shape (layers, P, r, r) of the upper half's matrices.
        lower_like: of the lower half's.
    """

    def __init__(self, upper_like: Tensor, lower_like: Tensor) -> None:
        self.uppers, self.lowers = torch.empty_like(upper_like), torch.empty_like(lower_like)
        self.upper, self.lower = self.uppers.unbind(0), self.lowers.unbind(0)
