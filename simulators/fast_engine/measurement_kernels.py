"""Numba kernels for the outputs <X_q>, <Z_q>, q < C/2, of every column of a state (2, dim, m).

An odd number of classes has one X more.
"""

import numpy as np

from patchlaw.simulators.fast_engine.simd import LANES, kernel, load, splat, store
from patchlaw.simulators.fast_engine.static_kernels import read_tile


@kernel
def overlaps(left, right, factor, out):
    """out[k] = factor Re<left|O_k|right>, shape (C, m).

    With left = right and factor 1 the outputs f; with a tangent and factor 2 their derivative.
    """
    rows, m = left.shape[1], left.shape[2]
    classes = out.shape[0]
    half = classes - classes // 2
    shift = rows * LANES
    tiles = np.empty((2, 2 * rows * LANES), dtype=left.dtype)
    bra, ket = tiles[0], tiles[1]
    scale = splat(factor)
    for column in range(0, m, LANES):
        read_tile(left, column, bra)
        read_tile(right, column, ket)
        for q in range(half):
            stride = rows >> (q + 1)
            x = splat(left.dtype.type(0))
            z = x
            for base in range(0, rows, 2 * stride):
                for k in range(base, base + stride):
                    zero, one = k * LANES, (k + stride) * LANES
                    l0, m0 = load(bra, zero), load(bra, zero + shift)
                    l1, m1 = load(bra, one), load(bra, one + shift)
                    ar, ai = load(ket, zero), load(ket, zero + shift)
                    br, bi = load(ket, one), load(ket, one + shift)
                    x = x + l0 * br + m0 * bi + l1 * ar + m1 * ai
                    z = z + l0 * ar + m0 * ai - l1 * br - m1 * bi
            store(out, q * m + column, scale * x)
            if half + q < classes:
                store(out, (half + q) * m + column, scale * z)


@kernel
def weighted_observable(state, weights, out, accumulate):
    """out = 2 sum_k weights_k O_k S (added to out if accumulate): the cotangent of the outputs.

    df_k = 2 Re<O_k S, dS>, so dL = sum_k weights_k df_k = Re<out, dS>; weights (C, m).
    """
    rows, m = state.shape[1], state.shape[2]
    classes = weights.shape[0]
    half = classes - classes // 2
    shift = rows * LANES
    tiles = np.empty((2, 2 * rows * LANES), dtype=state.dtype)
    tile, result = tiles[0], tiles[1]
    two = splat(state.dtype.type(2))
    for column in range(0, m, LANES):
        read_tile(state, column, tile)
        if accumulate:
            read_tile(out, column, result)
        else:
            result[:] = 0
        for q in range(half):
            stride = rows >> (q + 1)
            x = two * load(weights, q * m + column)
            z = splat(state.dtype.type(0))
            if half + q < classes:
                z = two * load(weights, (half + q) * m + column)
            for base in range(0, rows, 2 * stride):
                for k in range(base, base + stride):
                    for part in range(2):
                        zero = k * LANES + part * shift
                        one = zero + stride * LANES
                        a, b = load(tile, zero), load(tile, one)
                        store(result, zero, load(result, zero) + (x * b + z * a))
                        store(result, one, load(result, one) + (x * a - z * b))
        for k in range(2 * rows):
            store(out, k * m + column, load(result, k * LANES))
