"""Encodings in one launch for their tables, one to apply them and one for their momenta."""

from dataclasses import dataclass

import torch
import triton
from torch import Tensor

from patchlaw.simulators.torch_engine.encoding_tables import EncodingTables, PatchEncoding
from patchlaw.simulators.torch_engine.triton_kernels.encoding_kernels import (
    rotate_samples,
    rotation_tables,
    sample_momenta,
)
from patchlaw.simulators.torch_engine.triton_kernels.launches import Tiles

_LANES = 128  # qubits and samples of a program


@dataclass(frozen=True)
class FusedTables(EncodingTables):
    """Tables whose encoding is applied qubit by qubit on the chip.

    Attributes:
        quaternions: a qubit's rotations as one, shape (P, m, n, 4).
    """

    quaternions: Tensor

    def encode(self, states: Tensor) -> Tensor:
        """See EncodingTables."""
        return self._rotated(states, inverse=False)

    def decode(self, states: Tensor) -> Tensor:
        """See EncodingTables."""
        return self._rotated(states, inverse=True)

    def _rotated(self, states: Tensor, *, inverse: bool) -> Tensor:
        patches, samples, n_qubits, _ = self.quaternions.shape
        source = as_pairs(states)
        result = source.new_empty(patches, samples, *source.shape[2:])
        tiles = Tiles.of(n_qubits, samples)
        rotate_samples[tiles.count, patches](
            result,
            source,
            self.quaternions,
            samples,
            source.shape[1],
            INVERSE=inverse,
            **tiles.options,
        )
        return torch.view_as_complex(result)


class FusedEncoding(PatchEncoding):
    """One encoding of all patches at fixed angles; see PatchEncoding."""

    def _prepare(self, phi: Tensor) -> None:
        half = torch.stack((torch.cos(phi / 2), torch.sin(phi / 2)), dim=-1)
        self._half_angles = half.to(self._dtype)

    def tables(self, features: Tensor) -> EncodingTables:
        """See PatchEncoding."""
        x = self.data(features).contiguous()
        patches, samples, n_qubits, h = x.shape
        quaternions = x.new_empty(patches, samples, n_qubits, 4)
        axes = x.new_empty(patches, samples, n_qubits, 3 * h, 3)
        rotation_tables[triton.cdiv(samples * n_qubits, _LANES), patches](
            quaternions,
            axes,
            x,
            self._half_angles,
            samples,
            N_QUBITS=n_qubits,
            FEATURES=h,
            LANES=_LANES,
        )
        return FusedTables(axes, quaternions)


def fused_momenta(cotangents: Tensor, states: Tensor, n_qubits: int) -> Tensor:
    """Re<Λ, (-i/2) sigma_a S> of every qubit, (P, m, n, 3); states (P, m, rows, columns)."""
    lam, state = as_pairs(cotangents), as_pairs(states)
    patches, samples = state.shape[:2]
    result = state.new_empty(patches, samples, n_qubits, 3)
    tiles = Tiles.of(n_qubits, samples)
    options = {name: value for name, value in tiles.options.items() if name != "GROUP"}
    sample_momenta[tiles.count, patches](result, lam, state, samples, **options)
    return result


def as_pairs(states: Tensor) -> Tensor:
    """Complex states as real and imaginary parts, where kernels expect them."""
    return torch.view_as_real(states.resolve_conj().contiguous())
