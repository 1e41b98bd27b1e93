"""Numba kernels for blocks without data: apply, differentiate and undo layers in place.

A block is a product of layers, each n fused single-qubit gates q = RY RX (unit quaternions, see
``simulators.torch_engine.quaternions``) and the signs of the CZ ring. States are (2, dim, m):
real and imaginary part, rows, columns; m is a multiple of 16, and a tile of 16 columns stays in
the cache through all layers. The layers are unitary, so the reverse pass undoes them instead of
storing states: memory does not depend on the depth.

Notation: S state, Ṡ its tangent, Λ the cotangent (dL = Re<Λ, dS>), Λ̇ its tangent.
"""

import numpy as np

from patchlaw.simulators.fast_engine.simd import LANES, horizontal_sum, kernel, load, splat, store


@kernel
def read_tile(state, column, tile):
    """Copy 16 columns of a state (2, rows, m) to a contiguous tile (2 rows 16,)."""
    rows, width = state.shape[1], state.shape[2]
    for k in range(2 * rows):
        store(tile, k * LANES, load(state, k * width + column))


@kernel
def _write_tile(state, column, tile):
    rows, width = state.shape[1], state.shape[2]
    for k in range(2 * rows):
        store(state, k * width + column, load(tile, k * LANES))


@kernel
def _ring(tile, signs):
    rows = signs.shape[0]
    for k in range(rows):
        if signs[k] < 0:
            for row in (k, rows + k):
                store(tile, row * LANES, splat(signs[k]) * load(tile, row * LANES))


@kernel
def _gate(tile, rows, stride, gate):
    """S <- U S on the qubit of this stride; gate = (w, x, y, z)."""
    w, x, y, z = splat(gate[0]), splat(gate[1]), splat(gate[2]), splat(gate[3])
    shift = rows * LANES
    for base in range(0, rows, 2 * stride):
        for k in range(base, base + stride):
            zero, one = k * LANES, (k + stride) * LANES
            ar, ai = load(tile, zero), load(tile, zero + shift)
            br, bi = load(tile, one), load(tile, one + shift)
            store(tile, zero, w * ar + z * ai - y * br + x * bi)
            store(tile, zero + shift, w * ai - z * ar - y * bi - x * br)
            store(tile, one, y * ar + x * ai + w * br - z * bi)
            store(tile, one + shift, y * ai - x * ar + w * bi + z * br)


@kernel
def _gate_tangent(tile, tile_dot, rows, stride, gate, gate_dot):
    """Ṡ <- U Ṡ + U̇ S, then S <- U S; the derivative of a quaternion gate is a quaternion."""
    w, x, y, z = splat(gate[0]), splat(gate[1]), splat(gate[2]), splat(gate[3])
    e, f, g, h = splat(gate_dot[0]), splat(gate_dot[1]), splat(gate_dot[2]), splat(gate_dot[3])
    shift = rows * LANES
    for base in range(0, rows, 2 * stride):
        for k in range(base, base + stride):
            zero, one = k * LANES, (k + stride) * LANES
            ar, ai = load(tile, zero), load(tile, zero + shift)
            br, bi = load(tile, one), load(tile, one + shift)
            store(tile, zero, w * ar + z * ai - y * br + x * bi)
            store(tile, zero + shift, w * ai - z * ar - y * bi - x * br)
            store(tile, one, y * ar + x * ai + w * br - z * bi)
            store(tile, one + shift, y * ai - x * ar + w * bi + z * br)
            cr, ci = load(tile_dot, zero), load(tile_dot, zero + shift)
            dr, di = load(tile_dot, one), load(tile_dot, one + shift)
            along_r = e * ar + h * ai - g * br + f * bi
            along_i = e * ai - h * ar - g * bi - f * br
            store(tile_dot, zero, along_r + w * cr + z * ci - y * dr + x * di)
            store(tile_dot, zero + shift, along_i + w * ci - z * cr - y * di - x * dr)
            along_r = g * ar + f * ai + e * br - h * bi
            along_i = g * ai - f * ar + e * bi + h * br
            store(tile_dot, one, along_r + y * cr + x * ci + w * dr - z * di)
            store(tile_dot, one + shift, along_i + y * ci - x * cr + w * di + z * dr)


@kernel
def _undo_gate(tile, lam, rows, stride, gate):
    """S <- U^† S and Λ <- U^† Λ; returns the momenta (about X before U, about Y after it).

    About Y: Re<Λ, (-i/2) Y S> = (1/2) Re sum(conj(λ1) s0 - conj(λ0) s1);
    about X: Re<Λ, (-i/2) X S> = (1/2) Im sum(conj(λ0) s1 + conj(λ1) s0).
    One pass over the pairs: the tiles are read and written once.
    """
    w, x, y, z = splat(gate[0]), splat(gate[1]), splat(gate[2]), splat(gate[3])
    shift = rows * LANES
    about_x = splat(tile.dtype.type(0))
    about_y = about_x
    for base in range(0, rows, 2 * stride):
        for k in range(base, base + stride):
            zero, one = k * LANES, (k + stride) * LANES
            cr, ci = load(tile, zero), load(tile, zero + shift)
            dr, di = load(tile, one), load(tile, one + shift)
            mr, mi = load(lam, zero), load(lam, zero + shift)
            nr, ni = load(lam, one), load(lam, one + shift)
            about_y = about_y + nr * cr + ni * ci - mr * dr - mi * di
            ar, ai = w * cr - z * ci + y * dr - x * di, w * ci + z * cr + y * di + x * dr
            br, bi = w * dr + z * di - y * cr - x * ci, w * di - z * dr - y * ci + x * cr
            kr, ki = w * mr - z * mi + y * nr - x * ni, w * mi + z * mr + y * ni + x * nr
            lr, li = w * nr + z * ni - y * mr - x * mi, w * ni - z * nr - y * mi + x * mr
            about_x = about_x + kr * bi - ki * br + lr * ai - li * ar
            store(tile, zero, ar)
            store(tile, zero + shift, ai)
            store(tile, one, br)
            store(tile, one + shift, bi)
            store(lam, zero, kr)
            store(lam, zero + shift, ki)
            store(lam, one, lr)
            store(lam, one + shift, li)
    return 0.5 * np.float64(horizontal_sum(about_x)), 0.5 * np.float64(horizontal_sum(about_y))


@kernel
def _undo_gate_tangent(tile, tile_dot, lam, lam_dot, rows, stride, gate, gate_dot):
    """Tangent of ``_undo_gate``: all four tiles go back through U, returns the momenta's tangents.

    With S' = U^† S and Λ' = U^† Λ the tangents are Ṡ' = U^†(Ṡ - U̇ S') and
    Λ̇' = U^† Λ̇ + U̇^† Λ; a momentum Re<Λ, K S> changes by Re<Λ̇, K S> + Re<Λ, K Ṡ>.
    """
    w, x, y, z = splat(gate[0]), splat(gate[1]), splat(gate[2]), splat(gate[3])
    e, f, g, h = splat(gate_dot[0]), splat(gate_dot[1]), splat(gate_dot[2]), splat(gate_dot[3])
    shift = rows * LANES
    about_x = splat(tile.dtype.type(0))
    about_y = about_x
    for base in range(0, rows, 2 * stride):
        for k in range(base, base + stride):
            zero, one = k * LANES, (k + stride) * LANES
            cr, ci = load(tile, zero), load(tile, zero + shift)
            dr, di = load(tile, one), load(tile, one + shift)
            mr, mi = load(lam_dot, zero), load(lam_dot, zero + shift)
            nr, ni = load(lam_dot, one), load(lam_dot, one + shift)
            about_y = about_y + nr * cr + ni * ci - mr * dr - mi * di
            ar, ai = w * cr - z * ci + y * dr - x * di, w * ci + z * cr + y * di + x * dr
            br, bi = w * dr + z * di - y * cr - x * ci, w * di - z * dr - y * ci + x * cr
            store(tile, zero, ar)
            store(tile, zero + shift, ai)
            store(tile, one, br)
            store(tile, one + shift, bi)
            # Λ̇' = U^† Λ̇ + U̇^† Λ
            kr, ki = w * mr - z * mi + y * nr - x * ni, w * mi + z * mr + y * ni + x * nr
            lr, li = w * nr + z * ni - y * mr - x * mi, w * ni - z * nr - y * mi + x * mr
            mr, mi = load(lam, zero), load(lam, zero + shift)
            nr, ni = load(lam, one), load(lam, one + shift)
            kr, ki = kr + e * mr - h * mi + g * nr - f * ni, ki + e * mi + h * mr + g * ni + f * nr
            lr, li = lr + e * nr + h * ni - g * mr - f * mi, li + e * ni - h * nr - g * mi + f * mr
            about_x = about_x + kr * bi - ki * br + lr * ai - li * ar
            store(lam_dot, zero, kr)
            store(lam_dot, zero + shift, ki)
            store(lam_dot, one, lr)
            store(lam_dot, one + shift, li)
            # Ṡ' = U^† (Ṡ - U̇ S')
            cr, ci = load(tile_dot, zero), load(tile_dot, zero + shift)
            dr, di = load(tile_dot, one), load(tile_dot, one + shift)
            about_y = about_y + nr * cr + ni * ci - mr * dr - mi * di
            kr, ki = w * mr - z * mi + y * nr - x * ni, w * mi + z * mr + y * ni + x * nr
            lr, li = w * nr + z * ni - y * mr - x * mi, w * ni - z * nr - y * mi + x * mr
            store(lam, zero, kr)
            store(lam, zero + shift, ki)
            store(lam, one, lr)
            store(lam, one + shift, li)
            cr, ci = (
                cr - e * ar - h * ai + g * br - f * bi,
                ci - e * ai + h * ar + g * bi + f * br,
            )
            dr, di = (
                dr - g * ar - f * ai - e * br + h * bi,
                di - g * ai + f * ar - e * bi - h * br,
            )
            ar, ai = w * cr - z * ci + y * dr - x * di, w * ci + z * cr + y * di + x * dr
            br, bi = w * dr + z * di - y * cr - x * ci, w * di - z * dr - y * ci + x * cr
            about_x = about_x + kr * bi - ki * br + lr * ai - li * ar
            store(tile_dot, zero, ar)
            store(tile_dot, zero + shift, ai)
            store(tile_dot, one, br)
            store(tile_dot, one + shift, bi)
    return 0.5 * np.float64(horizontal_sum(about_x)), 0.5 * np.float64(horizontal_sum(about_y))


@kernel
def apply_layers(gates, rings, signs, state):
    """S <- W S in place; gates (layers, n, 4), rings (layers,) bool, signs (dim,)."""
    layers, n = gates.shape[0], gates.shape[1]
    rows = state.shape[1]
    tile = np.empty(2 * rows * LANES, dtype=state.dtype)
    for column in range(0, state.shape[2], LANES):
        read_tile(state, column, tile)
        for layer in range(layers):
            for q in range(n):
                _gate(tile, rows, rows >> (q + 1), gates[layer, q])
            if rings[layer]:
                _ring(tile, signs)
        _write_tile(state, column, tile)


@kernel
def apply_layers_tangent(gates, gates_dot, rings, signs, state, tangent):
    """Ṡ <- W Ṡ + Ẇ S and S <- W S in place; gates_dot holds the gates' tangents."""
    layers, n = gates.shape[0], gates.shape[1]
    rows = state.shape[1]
    tiles = np.empty((2, 2 * rows * LANES), dtype=state.dtype)
    tile, tile_dot = tiles[0], tiles[1]
    for column in range(0, state.shape[2], LANES):
        read_tile(state, column, tile)
        read_tile(tangent, column, tile_dot)
        for layer in range(layers):
            for q in range(n):
                stride = rows >> (q + 1)
                _gate_tangent(tile, tile_dot, rows, stride, gates[layer, q], gates_dot[layer, q])
            if rings[layer]:
                _ring(tile, signs)
                _ring(tile_dot, signs)
        _write_tile(state, column, tile)
        _write_tile(tangent, column, tile_dot)


@kernel
def undo_layers(gates, rings, signs, state, cotangent, gradient):
    """Reverse pass: S <- W^-1 S, Λ <- W^† Λ in place, gradient += dL/dphi.

    gradient has shape (layers, 2, n), float64: axis 1 is X, Y as in the angles' order.
    """
    layers, n = gates.shape[0], gates.shape[1]
    rows = state.shape[1]
    tiles = np.empty((2, 2 * rows * LANES), dtype=state.dtype)
    tile, lam = tiles[0], tiles[1]
    for column in range(0, state.shape[2], LANES):
        read_tile(state, column, tile)
        read_tile(cotangent, column, lam)
        for layer in range(layers - 1, -1, -1):
            if rings[layer]:
                _ring(tile, signs)
                _ring(lam, signs)
            for q in range(n):
                stride = rows >> (q + 1)
                about_x, about_y = _undo_gate(tile, lam, rows, stride, gates[layer, q])
                gradient[layer, 0, q] += about_x
                gradient[layer, 1, q] += about_y
        _write_tile(state, column, tile)
        _write_tile(cotangent, column, lam)


@kernel
def undo_layers_tangent(
    gates, gates_dot, rings, signs, state, tangent, cotangent, cotangent_dot, gradient_dot
):
    """Tangent of the reverse pass: all four states in place, gradient_dot += d(dL/dphi)."""
    layers, n = gates.shape[0], gates.shape[1]
    rows = state.shape[1]
    tiles = np.empty((4, 2 * rows * LANES), dtype=state.dtype)
    tile, tile_dot, lam, lam_dot = tiles[0], tiles[1], tiles[2], tiles[3]
    for column in range(0, state.shape[2], LANES):
        read_tile(state, column, tile)
        read_tile(tangent, column, tile_dot)
        read_tile(cotangent, column, lam)
        read_tile(cotangent_dot, column, lam_dot)
        for layer in range(layers - 1, -1, -1):
            if rings[layer]:
                for part in (tile, tile_dot, lam, lam_dot):
                    _ring(part, signs)
            for q in range(n):
                stride = rows >> (q + 1)
                about_x, about_y = _undo_gate_tangent(
                    tile, tile_dot, lam, lam_dot, rows, stride, gates[layer, q], gates_dot[layer, q]
                )
                gradient_dot[layer, 0, q] += about_x
                gradient_dot[layer, 1, q] += about_y
        _write_tile(state, column, tile)
        _write_tile(tangent, column, tile_dot)
        _write_tile(cotangent, column, lam)
        _write_tile(cotangent_dot, column, lam_dot)
