"""Numba kernels for data encodings: one SU(2) matrix a qubit and sample.

Every rotation of a qubit's encoding contributes to one infinitesimal rotation of that qubit: with
U = R_m ... R_1 the derivative is dU = (-i/2)(omega . sigma) U with omega in R^3 the sum of the
rotations' axes, each turned by the rotations after it. So derivatives need three numbers a qubit
and sample instead of a state a parameter:

- ``axis_rates``: omega of a direction in parameter space;
- ``momenta``: w_a = Re<Λ, (-i/2) sigma_a S>, the derivative of the loss along omega;
- ``pull_back``: from w to the derivative along every angle and feature, turning w back past one
  rotation at a time.

Arrays over samples have them last, a multiple of 16; states are (2, dim, m). S is the state after
the encoding and its ring, Λ the cotangent there.
"""

import numpy as np

from patchlaw.simulators.fast_engine.simd import LANES, horizontal_sum, kernel, load, splat, store


@kernel
def quaternions(pixel_cos, pixel_sin, rows, angle_cos, angle_sin, out):
    """Each qubit's product R_a(phi') R_b(x) R_a(phi) over its features, as quaternions.

    Args:
        pixel_cos: cos(x/2) of every pixel, shape (pixels, m).
        pixel_sin: sin(x/2), likewise.
        rows: pixel of feature j of qubit q, shape (n, h).
        angle_cos: cos(phi/2), shape (n, h, 2).
        angle_sin: sin(phi/2), likewise.
        out: shape (n, 4, m).
    """
    n, h = rows.shape
    m = out.shape[2]
    for q in range(n):
        for column in range(0, m, LANES):
            w = splat(angle_cos.dtype.type(1))
            x = splat(angle_cos.dtype.type(0))
            y, z = x, x
            for j in range(h):
                offset = rows[q, j] * m + column
                for step in range(3):
                    if step == 1:
                        c, s = load(pixel_cos, offset), load(pixel_sin, offset)
                    else:
                        c = splat(angle_cos[q, j, step // 2])
                        s = splat(angle_sin[q, j, step // 2])
                    if (j + step) % 2 == 0:
                        w, x, y, z = c * w - s * y, c * x + s * z, c * y + s * w, c * z - s * x
                    else:
                        w, x, y, z = c * w - s * x, c * x + s * w, c * y - s * z, c * z + s * y
            store(out, (4 * q) * m + column, w)
            store(out, (4 * q + 1) * m + column, x)
            store(out, (4 * q + 2) * m + column, y)
            store(out, (4 * q + 3) * m + column, z)


@kernel
def axis_rates(pixel_cos, pixel_sin, rows, angle_cos, angle_sin, pixel_rate, angle_rate, out):
    """omega of a parameter direction; pixel_rate (pixels,), angle_rate (n, h, 2), out (n, 3, m)."""
    n, h = rows.shape
    m = out.shape[2]
    for q in range(n):
        for column in range(0, m, LANES):
            x = splat(angle_cos.dtype.type(0))
            y, z = x, x
            for j in range(h):
                offset = rows[q, j] * m + column
                for step in range(3):
                    if step == 1:
                        c, s = load(pixel_cos, offset), load(pixel_sin, offset)
                        rate = splat(pixel_rate[rows[q, j]])
                    else:
                        c = splat(angle_cos[q, j, step // 2])
                        s = splat(angle_sin[q, j, step // 2])
                        rate = splat(angle_rate[q, j, step // 2])
                    cos, half = c * c - s * s, c * s
                    sin = half + half
                    if (j + step) % 2 == 0:
                        z, x = cos * z - sin * x, cos * x + sin * z
                        y = y + rate
                    else:
                        y, z = cos * y - sin * z, cos * z + sin * y
                        x = x + rate
            store(out, (3 * q) * m + column, x)
            store(out, (3 * q + 1) * m + column, y)
            store(out, (3 * q + 2) * m + column, z)


@kernel
def pull_back(pixel_cos, pixel_sin, rows, angle_cos, angle_sin, w, pixel_gradient, angle_gradient):
    """Add dL/dx and dL/dphi, summed over the samples, from the momenta w (n, 3, m)."""
    n, h = rows.shape
    m = w.shape[2]
    for q in range(n):
        for column in range(0, m, LANES):
            x = load(w, (3 * q) * m + column)
            y = load(w, (3 * q + 1) * m + column)
            z = load(w, (3 * q + 2) * m + column)
            for j in range(h - 1, -1, -1):
                offset = rows[q, j] * m + column
                for step in range(2, -1, -1):
                    about_y = (j + step) % 2 == 0
                    total = np.float64(horizontal_sum(y if about_y else x))
                    if step == 1:
                        pixel_gradient[rows[q, j]] += total
                        c, s = load(pixel_cos, offset), load(pixel_sin, offset)
                    else:
                        angle_gradient[q, j, step // 2] += total
                        c = splat(angle_cos[q, j, step // 2])
                        s = splat(angle_sin[q, j, step // 2])
                    cos, half = c * c - s * s, c * s
                    sin = half + half
                    if about_y:
                        z, x = cos * z + sin * x, cos * x - sin * z
                    else:
                        y, z = cos * y + sin * z, cos * z - sin * y


@kernel
def pull_back_tangent(
    pixel_cos,
    pixel_sin,
    rows,
    angle_cos,
    angle_sin,
    pixel_rate,
    angle_rate,
    w,
    w_dot,
    pixel_gradient,
    angle_gradient,
):
    """Tangent of ``pull_back``: adds d(dL/dx) and d(dL/dphi) from w and its tangent w_dot."""
    n, h = rows.shape
    m = w.shape[2]
    for q in range(n):
        for column in range(0, m, LANES):
            x = load(w, (3 * q) * m + column)
            y = load(w, (3 * q + 1) * m + column)
            z = load(w, (3 * q + 2) * m + column)
            x_dot = load(w_dot, (3 * q) * m + column)
            y_dot = load(w_dot, (3 * q + 1) * m + column)
            z_dot = load(w_dot, (3 * q + 2) * m + column)
            for j in range(h - 1, -1, -1):
                offset = rows[q, j] * m + column
                for step in range(2, -1, -1):
                    about_y = (j + step) % 2 == 0
                    total = np.float64(horizontal_sum(y_dot if about_y else x_dot))
                    if step == 1:
                        pixel_gradient[rows[q, j]] += total
                        c, s = load(pixel_cos, offset), load(pixel_sin, offset)
                        rate = splat(pixel_rate[rows[q, j]])
                    else:
                        angle_gradient[q, j, step // 2] += total
                        c = splat(angle_cos[q, j, step // 2])
                        s = splat(angle_sin[q, j, step // 2])
                        rate = splat(angle_rate[q, j, step // 2])
                    cos, half = c * c - s * s, c * s
                    sin = half + half
                    if about_y:
                        z, x = cos * z + sin * x, cos * x - sin * z
                        z_dot, x_dot = (
                            cos * z_dot + sin * x_dot + rate * x,
                            cos * x_dot - sin * z_dot - rate * z,
                        )
                    else:
                        y, z = cos * y + sin * z, cos * z - sin * y
                        y_dot, z_dot = (
                            cos * y_dot + sin * z_dot + rate * z,
                            cos * z_dot - sin * y_dot - rate * y,
                        )


@kernel
def _rotate(tile, rows, u, column, m, turn):
    """Apply every qubit's matrix (turn = 1) or its adjoint (turn = -1) to a tile."""
    n = u.shape[0]
    shift = rows * LANES
    sign = splat(turn)
    for q in range(n):
        stride = rows >> (q + 1)
        w = load(u, (4 * q) * m + column)
        x = sign * load(u, (4 * q + 1) * m + column)
        y = sign * load(u, (4 * q + 2) * m + column)
        z = sign * load(u, (4 * q + 3) * m + column)
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
def _add_generators(source, target, rows, rates, column, m, factor):
    """T <- T + factor sum_q (-i/2)(omega_q . sigma_q) S on tiles."""
    n = rates.shape[0]
    shift = rows * LANES
    half = splat(factor * rates.dtype.type(0.5))
    for q in range(n):
        stride = rows >> (q + 1)
        x = half * load(rates, (3 * q) * m + column)
        y = half * load(rates, (3 * q + 1) * m + column)
        z = half * load(rates, (3 * q + 2) * m + column)
        for base in range(0, rows, 2 * stride):
            for k in range(base, base + stride):
                zero, one = k * LANES, (k + stride) * LANES
                ar, ai = load(source, zero), load(source, zero + shift)
                br, bi = load(source, one), load(source, one + shift)
                store(target, zero, load(target, zero) + (z * ai - y * br + x * bi))
                store(target, zero + shift, load(target, zero + shift) - (z * ar + y * bi + x * br))
                store(target, one, load(target, one) + (y * ar + x * ai - z * bi))
                store(target, one + shift, load(target, one + shift) + (y * ai - x * ar + z * br))


@kernel
def _read(state, column, signs, tile):
    """Tile of D S; a state with one column a patch, (2, dim, 1), is repeated over the lanes."""
    rows, m = state.shape[1], state.shape[2]
    for part in range(2):
        for k in range(rows):
            row = part * rows + k
            value = splat(state[part, k, 0]) if m == 1 else load(state, row * m + column)
            store(tile, row * LANES, splat(signs[k]) * value)


@kernel
def _write(tile, column, signs, state):
    rows, m = state.shape[1], state.shape[2]
    for part in range(2):
        for k in range(rows):
            row = part * rows + k
            store(state, row * m + column, splat(signs[k]) * load(tile, row * LANES))


@kernel
def encode(u, signs, ones, state, out):
    """out = D U S; state (2, dim, m) or (2, dim, 1), ones a vector of dim ones."""
    rows, m = out.shape[1], out.shape[2]
    tile = np.empty(2 * rows * LANES, dtype=out.dtype)
    for column in range(0, m, LANES):
        _read(state, column, ones, tile)
        _rotate(tile, rows, u, column, m, u.dtype.type(1))
        _write(tile, column, signs, out)


@kernel
def encode_tangent(u, rates, signs, ones, tangent, after, out):
    """out = D (U Ṡ + K D after), K = sum_q (-i/2)(omega_q . sigma_q), after = D U S."""
    rows, m = out.shape[1], out.shape[2]
    tiles = np.empty((2, 2 * rows * LANES), dtype=out.dtype)
    tile, state = tiles[0], tiles[1]
    for column in range(0, m, LANES):
        _read(tangent, column, ones, tile)
        _rotate(tile, rows, u, column, m, u.dtype.type(1))
        _read(after, column, signs, state)
        _add_generators(state, tile, rows, rates, column, m, u.dtype.type(1))
        _write(tile, column, signs, out)


@kernel
def decode(u, signs, ones, cotangent, out):
    """Reverse pass: out = U^† D Λ."""
    rows, m = out.shape[1], out.shape[2]
    tile = np.empty(2 * rows * LANES, dtype=out.dtype)
    for column in range(0, m, LANES):
        _read(cotangent, column, signs, tile)
        _rotate(tile, rows, u, column, m, u.dtype.type(-1))
        _write(tile, column, ones, out)


@kernel
def decode_tangent(u, rates, signs, ones, cotangent_dot, cotangent, out):
    """Tangent of the reverse pass: out = U^† (D Λ̇ - K D Λ), K anti-Hermitian."""
    rows, m = out.shape[1], out.shape[2]
    tiles = np.empty((2, 2 * rows * LANES), dtype=out.dtype)
    tile, lam = tiles[0], tiles[1]
    for column in range(0, m, LANES):
        _read(cotangent_dot, column, signs, tile)
        _read(cotangent, column, signs, lam)
        _add_generators(lam, tile, rows, rates, column, m, u.dtype.type(-1))
        _rotate(tile, rows, u, column, m, u.dtype.type(-1))
        _write(tile, column, ones, out)


@kernel
def momenta(cotangent, state, signs, out):
    """Add w_a = Re<Λ, D (-i/2) sigma_a D S> to out (n, 3, m), every qubit and sample."""
    rows, m = state.shape[1], state.shape[2]
    n = out.shape[0]
    shift = rows * LANES
    tiles = np.empty((2, 2 * rows * LANES), dtype=state.dtype)
    lam, tile = tiles[0], tiles[1]
    half = splat(state.dtype.type(0.5))
    for column in range(0, m, LANES):
        _read(cotangent, column, signs, lam)
        _read(state, column, signs, tile)
        for q in range(n):
            stride = rows >> (q + 1)
            x = splat(state.dtype.type(0))
            y, z = x, x
            for base in range(0, rows, 2 * stride):
                for k in range(base, base + stride):
                    zero, one = k * LANES, (k + stride) * LANES
                    l0, m0 = load(lam, zero), load(lam, zero + shift)
                    l1, m1 = load(lam, one), load(lam, one + shift)
                    ar, ai = load(tile, zero), load(tile, zero + shift)
                    br, bi = load(tile, one), load(tile, one + shift)
                    x = x + l0 * bi - m0 * br + l1 * ai - m1 * ar
                    y = y + l1 * ar + m1 * ai - l0 * br - m0 * bi
                    z = z + l0 * ai - m0 * ar - l1 * bi + m1 * br
            offset = 3 * q * m + column
            store(out, offset, load(out, offset) + half * x)
            store(out, offset + m, load(out, offset + m) + half * y)
            store(out, offset + 2 * m, load(out, offset + 2 * m) + half * z)
