"""How kernels on tiles are launched: columns of a tile, warps, qubits between two rotations."""

from dataclasses import dataclass

import triton

# Ours: amplitudes of a warp, 8 a thread, so that up to 8 qubits a column has but one warp and the
# largest kernel (eight real arrays) fits the registers; checked by compiling for sm_90.
AMPLITUDES = 256


@dataclass(frozen=True)
class Tiles:
    """Tiles of columns: ``count`` of them, and the kernels' options."""

    count: int
    options: dict[str, int]

    @classmethod
    def of(cls, n_qubits: int, columns: int) -> "Tiles":
        """For so many columns of 2^n amplitudes."""
        size = 1 << n_qubits
        tile = min(triton.next_power_of_2(columns), max(1, AMPLITUDES // size))
        options = {
            "N_QUBITS": n_qubits,
            "COLUMNS": tile,
            "GROUP": next(group for group in (2, 3, 1) if n_qubits % group == 0),
            "num_warps": max(1, size // AMPLITUDES),
        }
        return cls(-(-columns // tile), options)
