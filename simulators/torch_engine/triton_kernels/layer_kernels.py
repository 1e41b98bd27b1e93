"""All layers of a static run in one launch: 2^n amplitudes of a few columns stay on the chip.

A program has a tile of columns of one patch's W (see ``tiles``).

With U = w - i (x X + y Y + z Z) = RY RX of a qubit, RY commutes with Y and RX with X. So dL/dphi_Y
is the momentum w_Y before U is undone and dL/dphi_X the momentum w_X after it.
"""

import triton
import triton.language as tl

from patchlaw.simulators.torch_engine.triton_kernels.tiles import (
    halves,
    joined,
    loaded,
    rotated,
    turned,
)


@triton.jit
def _momentum_y(lre0, lim0, lre1, lim1, re0, im0, re1, im1):
    """Re<Λ, (-i/2) Y S>, summed over the tile."""
    return 0.5 * tl.sum(lre1 * re0 + lim1 * im0 - lre0 * re1 - lim0 * im1)


@triton.jit
def _momentum_x(lre0, lim0, lre1, lim1, re0, im0, re1, im1):
    """Re<Λ, (-i/2) X S>, summed over the tile."""
    return 0.5 * tl.sum(lre0 * im1 - lim0 * re1 + lre1 * im0 - lim1 * re0)


@triton.jit
def _quaternion(table, sign):
    """(w, x, y, z) of a gate; of its inverse with sign -1."""
    x, y, z = tl.load(table + 1), tl.load(table + 2), tl.load(table + 3)
    return tl.load(table), sign * x, sign * y, sign * z


@triton.jit(do_not_specialize=["n_layers", "n_columns"])
def forward_layers(
    state,
    state_dot,
    table,
    table_dot,
    rings,
    signs,
    n_layers,
    n_columns,
    N_QUBITS: tl.constexpr,
    COLUMNS: tl.constexpr,
    GROUP: tl.constexpr,
    TANGENT: tl.constexpr,
):
    """W's first columns and, with TANGENT, their tangents; grid (P, tiles).

    Args:
        state: (P, n_columns, 2^n, 2) for W's columns, real and imaginary parts; None with TANGENT.
        state_dot: likewise for the tangent.
        table: quaternions of the gates, (layers, P, n, 4).
        table_dot: their rates.
        rings: (layers,), 1 where the ring follows.
        signs: the ring's diagonal, (2^n,).
        n_layers: layers.
        n_columns: columns of W.
        N_QUBITS: n.
        COLUMNS: of a tile, a power of two.
        GROUP: qubits between two rotations, a divisor of n.
        TANGENT: whether tangents are wanted.
    """
    SIZE: tl.constexpr = 1 << N_QUBITS
    HALF: tl.constexpr = SIZE // 2
    # in 64 bits, as tiles x patches x layers x angles of the momenta pass 2^31 numbers at 8 GB
    patch, patches = tl.program_id(0).to(tl.int64), tl.num_programs(0)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    row = tl.arange(0, SIZE)
    sign = tl.load(signs + row)
    re = (column[:, None] == row[None, :]).to(sign.dtype)
    im = tl.zeros([COLUMNS, SIZE], sign.dtype)
    if TANGENT:
        re_dot, im_dot = im, im
    for layer in range(n_layers):
        gates = (layer * patches + patch) * (4 * N_QUBITS)
        for leading in range(0, N_QUBITS, GROUP):
            for place in tl.static_range(GROUP):
                qubit = leading + place
                w, x, y, z = _quaternion(table + gates + 4 * qubit, 1)
                re0, re1 = halves(re, COLUMNS, 1 << place, HALF >> place)
                im0, im1 = halves(im, COLUMNS, 1 << place, HALF >> place)
                if TANGENT:
                    a, b, c, d = _quaternion(table_dot + gates + 4 * qubit, 1)
                    dre0, dre1 = halves(re_dot, COLUMNS, 1 << place, HALF >> place)
                    dim0, dim1 = halves(im_dot, COLUMNS, 1 << place, HALF >> place)
                    dre0, dim0, dre1, dim1 = turned(dre0, dim0, dre1, dim1, w, x, y, z)
                    tre0, tim0, tre1, tim1 = turned(re0, im0, re1, im1, a, b, c, d)
                    re_dot = joined(dre0 + tre0, dre1 + tre1, COLUMNS, 1 << place, HALF >> place)
                    im_dot = joined(dim0 + tim0, dim1 + tim1, COLUMNS, 1 << place, HALF >> place)
                re0, im0, re1, im1 = turned(re0, im0, re1, im1, w, x, y, z)
                re, im = (
                    joined(re0, re1, COLUMNS, 1 << place, HALF >> place),
                    joined(im0, im1, COLUMNS, 1 << place, HALF >> place),
                )
            re = rotated(re, COLUMNS, 1 << GROUP, SIZE >> GROUP)
            im = rotated(im, COLUMNS, 1 << GROUP, SIZE >> GROUP)
            if TANGENT:
                re_dot = rotated(re_dot, COLUMNS, 1 << GROUP, SIZE >> GROUP)
                im_dot = rotated(im_dot, COLUMNS, 1 << GROUP, SIZE >> GROUP)
        factor = tl.where(tl.load(rings + layer) != 0, sign, 1)[None, :]
        re, im = re * factor, im * factor
        if TANGENT:
            re_dot, im_dot = re_dot * factor, im_dot * factor
    wanted = (column < n_columns)[:, None]
    first = patch * (2 * SIZE) * n_columns
    where = first + 2 * (column[:, None] * SIZE + row[None, :])
    if TANGENT:
        tl.store(state_dot + where, re_dot, mask=wanted)
        tl.store(state_dot + where + 1, im_dot, mask=wanted)
    else:
        tl.store(state + where, re, mask=wanted)
        tl.store(state + where + 1, im, mask=wanted)


@triton.jit(do_not_specialize=["n_layers", "n_columns"])
def reverse_layers(
    momenta,
    state,
    lam,
    state_dot,
    lam_dot,
    table,
    table_dot,
    rings,
    signs,
    n_layers,
    n_columns,
    N_QUBITS: tl.constexpr,
    COLUMNS: tl.constexpr,
    GROUP: tl.constexpr,
    TANGENT: tl.constexpr,
):
    """The angles' derivatives from a tile of columns, layers undone; grid (P, tiles).

    ``momenta`` is (tiles, P, layers, 2, n): dL/dphi of X, then Y or, with TANGENT, its tangent.
    ``state``, ``lam``, ``state_dot``, ``lam_dot`` are the columns of W, W̄ and, with TANGENT, of
    their tangents, (P, n_columns, 2^n, 2) each; the others are as in ``forward_layers``.
    """
    SIZE: tl.constexpr = 1 << N_QUBITS
    HALF: tl.constexpr = SIZE // 2
    patch, patches = tl.program_id(0).to(tl.int64), tl.num_programs(0)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    row = tl.arange(0, SIZE)
    sign = tl.load(signs + row)
    wanted = (column < n_columns)[:, None, None]
    first = patch * (2 * SIZE) * n_columns
    where = first + 2 * (column[:, None] * SIZE + row[None, :])[:, :, None] + tl.arange(0, 2)
    re, im = loaded(state, where, wanted)
    lre, lim = loaded(lam, where, wanted)
    if TANGENT:
        re_dot, im_dot = loaded(state_dot, where, wanted)
        lre_dot, lim_dot = loaded(lam_dot, where, wanted)
    for step in range(n_layers):
        layer = n_layers - 1 - step
        gates = (layer * patches + patch) * (4 * N_QUBITS)
        into = ((tl.program_id(1) * patches + patch) * n_layers + layer) * (2 * N_QUBITS)
        factor = tl.where(tl.load(rings + layer) != 0, sign, 1)[None, :]
        re, im, lre, lim = re * factor, im * factor, lre * factor, lim * factor
        if TANGENT:
            re_dot, im_dot = re_dot * factor, im_dot * factor
            lre_dot, lim_dot = lre_dot * factor, lim_dot * factor
        for leading in range(0, N_QUBITS, GROUP):
            for place in tl.static_range(GROUP):
                qubit = leading + place
                w, x, y, z = _quaternion(table + gates + 4 * qubit, -1)
                re0, re1 = halves(re, COLUMNS, 1 << place, HALF >> place)
                im0, im1 = halves(im, COLUMNS, 1 << place, HALF >> place)
                lre0, lre1 = halves(lre, COLUMNS, 1 << place, HALF >> place)
                lim0, lim1 = halves(lim, COLUMNS, 1 << place, HALF >> place)
                if TANGENT:
                    a, b, c, d = _quaternion(table_dot + gates + 4 * qubit, -1)
                    dre0, dre1 = halves(re_dot, COLUMNS, 1 << place, HALF >> place)
                    dim0, dim1 = halves(im_dot, COLUMNS, 1 << place, HALF >> place)
                    mre0, mre1 = halves(lre_dot, COLUMNS, 1 << place, HALF >> place)
                    mim0, mim1 = halves(lim_dot, COLUMNS, 1 << place, HALF >> place)
                    along_y = _momentum_y(mre0, mim0, mre1, mim1, re0, im0, re1, im1)
                    along_y += _momentum_y(lre0, lim0, lre1, lim1, dre0, dim0, dre1, dim1)
                    dre0, dim0, dre1, dim1 = turned(dre0, dim0, dre1, dim1, w, x, y, z)
                    tre0, tim0, tre1, tim1 = turned(re0, im0, re1, im1, a, b, c, d)
                    dre0, dim0, dre1, dim1 = dre0 + tre0, dim0 + tim0, dre1 + tre1, dim1 + tim1
                    mre0, mim0, mre1, mim1 = turned(mre0, mim0, mre1, mim1, w, x, y, z)
                    tre0, tim0, tre1, tim1 = turned(lre0, lim0, lre1, lim1, a, b, c, d)
                    mre0, mim0, mre1, mim1 = mre0 + tre0, mim0 + tim0, mre1 + tre1, mim1 + tim1
                else:
                    along_y = _momentum_y(lre0, lim0, lre1, lim1, re0, im0, re1, im1)
                re0, im0, re1, im1 = turned(re0, im0, re1, im1, w, x, y, z)
                lre0, lim0, lre1, lim1 = turned(lre0, lim0, lre1, lim1, w, x, y, z)
                if TANGENT:
                    along_x = _momentum_x(mre0, mim0, mre1, mim1, re0, im0, re1, im1)
                    along_x += _momentum_x(lre0, lim0, lre1, lim1, dre0, dim0, dre1, dim1)
                    re_dot = joined(dre0, dre1, COLUMNS, 1 << place, HALF >> place)
                    im_dot = joined(dim0, dim1, COLUMNS, 1 << place, HALF >> place)
                    lre_dot = joined(mre0, mre1, COLUMNS, 1 << place, HALF >> place)
                    lim_dot = joined(mim0, mim1, COLUMNS, 1 << place, HALF >> place)
                else:
                    along_x = _momentum_x(lre0, lim0, lre1, lim1, re0, im0, re1, im1)
                re, im = (
                    joined(re0, re1, COLUMNS, 1 << place, HALF >> place),
                    joined(im0, im1, COLUMNS, 1 << place, HALF >> place),
                )
                lre, lim = (
                    joined(lre0, lre1, COLUMNS, 1 << place, HALF >> place),
                    joined(lim0, lim1, COLUMNS, 1 << place, HALF >> place),
                )
                tl.store(momenta + into + qubit, along_x)
                tl.store(momenta + into + N_QUBITS + qubit, along_y)
            re = rotated(re, COLUMNS, 1 << GROUP, SIZE >> GROUP)
            im = rotated(im, COLUMNS, 1 << GROUP, SIZE >> GROUP)
            lre = rotated(lre, COLUMNS, 1 << GROUP, SIZE >> GROUP)
            lim = rotated(lim, COLUMNS, 1 << GROUP, SIZE >> GROUP)
            if TANGENT:
                re_dot = rotated(re_dot, COLUMNS, 1 << GROUP, SIZE >> GROUP)
                im_dot = rotated(im_dot, COLUMNS, 1 << GROUP, SIZE >> GROUP)
                lre_dot = rotated(lre_dot, COLUMNS, 1 << GROUP, SIZE >> GROUP)
                lim_dot = rotated(lim_dot, COLUMNS, 1 << GROUP, SIZE >> GROUP)
