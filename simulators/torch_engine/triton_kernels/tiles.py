"""Tiles of states on the chip: amplitudes as (columns, 2^n), real and imaginary parts apart.

A thread has the leading qubits' amplitudes in registers. So GROUP leading qubits at a time are
turned where they are, and then the index is rotated by GROUP qubits, which alone moves data
between threads; after n gates every qubit is back in its place.
"""

import triton
import triton.language as tl


@triton.jit
def halves(part, COLUMNS: tl.constexpr, BEFORE: tl.constexpr, AFTER: tl.constexpr):
    """Amplitudes with a qubit 0 and with it 1, (COLUMNS, BEFORE, AFTER): BEFORE is 2^q."""
    return tl.split(tl.permute(tl.reshape(part, [COLUMNS, BEFORE, 2, AFTER]), [0, 1, 3, 2]))


@triton.jit
def joined(zero, one, COLUMNS: tl.constexpr, BEFORE: tl.constexpr, AFTER: tl.constexpr):
    """The inverse, (COLUMNS, 2 BEFORE AFTER)."""
    halves = tl.permute(tl.join(zero, one), [0, 1, 3, 2])
    return tl.reshape(halves, [COLUMNS, 2 * BEFORE * AFTER])


@triton.jit
def rotated(part, COLUMNS: tl.constexpr, BEFORE: tl.constexpr, AFTER: tl.constexpr):
    """The leading qubits, BEFORE states of them, put behind the others."""
    turned = tl.permute(tl.reshape(part, [COLUMNS, BEFORE, AFTER]), [0, 2, 1])
    return tl.reshape(turned, [COLUMNS, BEFORE * AFTER])


@triton.jit
def turned(re0, im0, re1, im1, w, x, y, z):
    """U S of the halves of S."""
    return (
        w * re0 + z * im0 - y * re1 + x * im1,
        w * im0 - z * re0 - y * im1 - x * re1,
        y * re0 + x * im0 + w * re1 - z * im1,
        y * im0 - x * re0 + w * im1 + z * re1,
    )


@triton.jit
def loaded(states, where, wanted):
    """Columns of (columns, 2^n, 2) states as (real, imaginary), zero beyond the last one."""
    return tl.split(tl.load(states + where, mask=wanted, other=0))
