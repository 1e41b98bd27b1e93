r"""The tangent kernel of a given circuit, averaged over the generators of each data-free block.

The twirls over whole blocks behind ``TangentKernel`` hold for random circuits; training changes the
states and the observables. What is averaged here is less: an angle's generator P, carried to its
block's end, P~ = W^+ P W, is taken as random of its group's Lie algebra, independent of the state
psi^b(x) at that place and of the observable O_k^b(x), both those of the circuit as it is. With

    A_k^b(x) = i [|psi><psi|, O_k],    d_i f_k(x) = -tr(P~ A_k^b(x)) / 2,

the n_b angles of block b have

    E sum_i d_i f_k(x) d_i f_l(x') = n_b (c / 4) tr(Pi A_k^b(x) Pi A_l^b(x')),

where for traceless Hermitian P~ of square 1 (unitary group) Pi = 1 and c = D / (D^2 - 1), D = 2^n,
and for the algebra of rotations about X and Y and the CZ ring of n >= 3 qubits, which commute with
T = Y^n K (K complex conjugation) up to a sign, Pi A = (A - T A T^-1) / 2 and
c = 2 / (D - eps), eps = (-1)^n. Haar random states and blocks give ``TangentKernel`` back.

The angles within the encodings are counted exactly: nothing is averaged there.

A product with the kernel is one with the Gram matrix of a circuit that has one free generator at
each block's end: a reverse pass whose sums over samples are the generators, and a tangent pass
along them, linear in N. It costs as much as a product with G: an explanation, not a shortcut.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from patchlaw.hessian_theory.predictions import CircuitGroup
from patchlaw.hessian_theory.predictions.circuit_group import sign_of
from patchlaw.hessian_theory.predictions.softmax_spectrum import (
    IdentityCurvature,
    Outputs,
    curvature_of,
    top_eigenvalues,
)
from patchlaw.simulators.circuit_plan import StaticRunDerivatives
from patchlaw.simulators.distributed_qnn import DistributedQNN
from patchlaw.simulators.torch_engine.chunked_passes import ChunkedPasses
from patchlaw.simulators.torch_engine.encoding_tables import EncodingTables
from patchlaw.simulators.torch_engine.patch_circuits import (
    Cotangents,
    MatrixDirection,
    PatchCircuits,
)
from patchlaw.verification.kernels.of_model import check_own_angles, data_free_angles
from patchlaw.verification.kernels.spin_flip import circuit_group

Float = NDArray[np.float64]

_WORKSPACE = 2.5e8  # bytes of temporary states, beside those that are kept


class CommutatorKernel:
    """s^2 E sum_i d_i f_k(x) d_i f_l(x') of all patches' angles; see the module for the formula.

    Memory: the states after the encodings and at the end, (e + 1) P N 2^n complex numbers with e
    encodings (1,000 images at P = 16, n = 8, float32: 98 MB), beside 250 MB of temporary ones.

    Args:
        model: of the paper's kind, data-free blocks with encodings in between; its parameters are
            read now.
        images: shape (N, side, side), radians.
        group: of the generators; None for the circuit's own, "unitary" to leave its symmetry out.

    Raises:
        TypeError: another model or circuit.
        ValueError: images that do not fit, another group.
    """

    def __init__(
        self, model: DistributedQNN, images: Tensor | ArrayLike, group: CircuitGroup | None = None
    ) -> None:
        if not isinstance(model, DistributedQNN):
            raise TypeError(f"model: expected a DistributedQNN, got {type(model).__name__}")
        data_free_angles(model.ansatz)
        check_own_angles(model)
        size = model.ansatz.dimension
        own = circuit_group(model.ansatz, model.n_classes)
        if group not in (None, "unitary", own):
            known = " or ".join(map(repr, dict.fromkeys(("unitary", own))))
            raise ValueError(f"group: expected {known} for this circuit, got {group!r}")
        self._signs: Tensor | None = None  # of Y^n, but for a phase
        self._factor = size / (size**2 - 1)
        if eps := sign_of(group or own):
            parity = torch.tensor([(-1.0) ** index.bit_count() for index in range(size)])
            self._signs = torch.outer(parity, parity).to(model.angles.device)
            self._factor = 2 / (size - eps)
        self._angles_shape = tuple(model.angles.shape)
        self._engine = ChunkedPasses([model], workspace=_WORKSPACE)
        self._scale = model.output_scale
        pixels = model.check_images(images).detach().flatten(1)
        self.n_samples = len(pixels)
        angles, bias = self._engine.parameters()
        self._pixels = pixels + bias
        with self._engine.computing():
            self._circuits: PatchCircuits = self._engine.circuits(angles)
            self._traces = [self._circuits.forward(self._tables(part))[1] for part in self._chunks]

    @property
    def _chunks(self) -> list[slice]:
        return self._engine.chunks(self.n_samples)

    def _tables(self, chunk: slice) -> list[EncodingTables]:
        return self._circuits.tables(self._pixels[None, chunk])

    @property
    def dtype(self) -> np.dtype[np.float64]:
        """Of cotangents; products are as accurate as the model's dtype."""
        return np.dtype(np.float64)

    def __matmul__(self, cotangents: ArrayLike) -> Float:
        """The kernel times a cotangent of the logits, both of shape (N, C)."""
        weights = torch.as_tensor(np.asarray(cotangents)).to(self._pixels)
        sums, found = self._circuits.zero_cotangents(), []
        with self._engine.computing():
            for chunk, trace in zip(self._chunks, self._traces, strict=True):
                self._circuits.reverse(self._tables(chunk), trace, weights[None, chunk], sums)
            direction = self._direction(sums)
            for chunk, trace in zip(self._chunks, self._traces, strict=True):
                found.append(self._circuits.tangent(self._tables(chunk), trace, direction)[0][0])
        return np.asarray(self._scale**2 * torch.cat(found).cpu().numpy())

    def spectrum(
        self,
        softmax: ArrayLike | Outputs,
        k: int = 12,
        *,
        seed: int = 0,
        tol: float = 1e-3,
    ) -> Float:
        """The k largest eigenvalues of G over the angles, descending; see ``TangentKernel``."""
        given = softmax if isinstance(softmax, IdentityCurvature) else np.asarray(softmax)
        return top_eigenvalues(self, curvature_of(given, self.n_samples), k, seed, tol)

    def _direction(self, sums: Cotangents) -> MatrixDirection:
        """Each block's expected generator, and the encodings' own angles."""
        circuits = self._circuits
        prefix = self._turned(circuits.prefix, circuits.prefix.columns, sums.prefix)
        pairs = zip(circuits.runs, sums.matrices, strict=True)
        matrices = [self._turned(run, run.columns * circuits.signs, own) for run, own in pairs]
        rates = sums.prefix.real.new_zeros(self._angles_shape)
        for encoding, rotations in zip(circuits.encodings, sums.rotations, strict=True):
            rates[:, encoding.angle_slice], _ = encoding.split_rotations(rotations)
        fixed = torch.zeros_like(circuits.pixel_indices)
        turns = [encoding.rotation_rates(rates, fixed) for encoding in circuits.encodings]
        return MatrixDirection(prefix, matrices, turns)

    def _turned(
        self, run: StaticRunDerivatives[Tensor, Tensor], end: Tensor, cotangent: Tensor
    ) -> Tensor:
        """-(i/2) H W, H = n_b c Pi(sum_x,k a_k A_k / -2), from W and the sums of its cotangents.

        With X = sum_x Lambda psi^+ at the block's end, sum a_k A_k / -2 = (i/4) (X - X^+).
        """
        n_angles = run.angle_slice.stop - run.angle_slice.start
        at_end = cotangent @ end.to(cotangent.dtype).mH
        generator = at_end - at_end.mH
        if self._signs is not None:  # T A T^-1 of a Hermitian i Z is -i Y Z* Y^+
            generator = (generator + self._signs * generator.conj().flip(1, 2)) / 2
        turned: Tensor = (n_angles * self._factor / 8 * generator).to(end.dtype) @ end
        return turned
