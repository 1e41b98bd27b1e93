"""Numba kernels that take an observable back through layers, as real numbers in the Pauli basis.

The momentum of a gate exp(-i phi P / 2) is Re<Λ, (-i/2) P S> = (1/2) tr(P A) with the Hermitian
A = (S Λ^† - Λ S^†) / 2i, and undoing a layer U conjugates it: A <- U^† A U. So a reverse pass
needs A alone, and of A the 4^n real numbers t_P = tr(P A): a gate on one qubit turns the three
numbers of its X, Y and Z, the CZ ring moves numbers and changes signs, and a momentum is half of
one. A gate takes 9/4 multiply-adds for each of 4^n numbers, where undoing S and Λ takes 20.

Numbers of P = i^|a&b| X^a Z^b lie at [a, b] of an array (2^n, width), width = max(2^n, 16), zeros
beyond 2^n; the first qubit's bit leads in a and b. A qubit whose bit of b is 1, 2, 4 or 8 has its
I and Z, and its X and Y, in one vector of 16.

Notation as in ``static_kernels``; ṫ is the tangent of the numbers t.
"""

import numpy as np

from patchlaw.simulators.fast_engine.simd import LANES, kernel, load, splat, store, swap_lanes


@kernel
def pauli_numbers(summed, phases, numbers):
    """t_P = tr(P A) of a Hermitian A for every P, from Re A + Im A (dim, dim).

    tr(i^|a&b| X^a Z^b A) = i^|a&b| sum_k (-1)^(b.k) A[k, k xor a]: a Walsh-Hadamard transform of
    each generalised diagonal a. Of i^m (r + i s) only the real part, r, -s, -r or s, is not zero,
    and the other one is zero before that: so r + s is transformed, and phases (2^n,) holds the
    sign of |a&b| = 0, 1, 2, 3, ..
    """
    dim, width = numbers.shape
    diagonals = np.zeros((dim, width), dtype=numbers.dtype)
    for k in range(dim):
        for a in range(dim):
            diagonals[k, a] = summed[k, k ^ a]
    half = 1
    while half < dim:
        for first in range(0, dim, 2 * half):
            for k in range(first, first + half):
                for a in range(0, width, LANES):
                    at_one, at_two = k * width + a, (k + half) * width + a
                    one, two = load(diagonals, at_one), load(diagonals, at_two)
                    store(diagonals, at_one, one + two)
                    store(diagonals, at_two, one - two)
        half *= 2
    for a in range(dim):
        for b in range(dim):
            numbers[a, b] = phases[a & b] * diagonals[b, a]


@kernel
def _conjugate_by_ring(numbers, moves, signs, parities, characters, row):
    """A <- D A D: t[a, b] <- sign_a (-1)^|m & b| t[a, b xor move_a] with m = a & move_a.

    parities (2^n,) holds (-1)^|i|, characters (16, 16) (-1)^|i & j|; row is scratch of the width.
    """
    dim, width = numbers.shape
    for a in range(dim):
        low = moves[a] & (LANES - 1)
        odd = a & moves[a]
        character = splat(signs[a]) * load(characters, (odd & (LANES - 1)) * LANES)
        for first in range(0, width, LANES):
            vector = load(numbers, a * width + first)
            for bit in (1, 2, 4, 8):
                if low & bit:
                    vector = swap_lanes(vector, bit)
            target = first ^ (moves[a] - low)
            store(row, target, splat(parities[odd & target]) * character * vector)
        for first in range(0, width, LANES):
            store(numbers, a * width + first, load(row, first))


@kernel
def _turn(source, target, bit, r, adds):
    """(X, Y, Z) <- r^T (X, Y, Z) of the qubit with this bit, 16 or more; added if told.

    From source to target, which may be one array.
    """
    xx, xy, xz = splat(r[0, 0]), splat(r[0, 1]), splat(r[0, 2])
    yx, yy, yz = splat(r[1, 0]), splat(r[1, 1]), splat(r[1, 2])
    zx, zy, zz = splat(r[2, 0]), splat(r[2, 1]), splat(r[2, 2])
    dim, width = source.shape
    for a in range(dim):
        if a & bit:
            continue
        for upper in range(0, width, 2 * bit):
            for b in range(upper, upper + bit, LANES):
                at_x, at_z = (a + bit) * width + b, a * width + b + bit
                at_y = at_x + bit
                x, y, z = load(source, at_x), load(source, at_y), load(source, at_z)
                _put(target, at_x, xx * x + yx * y + zx * z, adds)
                _put(target, at_y, xy * x + yy * y + zy * z, adds)
                _put(target, at_z, xz * x + yz * y + zz * z, adds)


@kernel
def _put(target, place, vector, adds):
    store(target, place, load(target, place) + vector if adds else vector)


@kernel
def _lane_coefficients(bit, r, identity, coefficients):
    """What multiplies X|Y, Y|X, Z|. and .|Z of a vector with both, for either of the two vectors.

    In [0] for the vector of X and Y, in [1] for that of I and Z; each (4, 16).
    """
    coefficients[:] = 0
    for lane in range(LANES):
        if lane & bit:  # Y, and Z
            coefficients[0, 0, lane], coefficients[0, 1, lane] = r[1, 1], r[0, 1]
            coefficients[0, 3, lane] = r[2, 1]
            coefficients[1, 0, lane], coefficients[1, 1, lane] = r[1, 2], r[0, 2]
            coefficients[1, 3, lane] = r[2, 2]
        else:  # X, and I
            coefficients[0, 0, lane], coefficients[0, 1, lane] = r[0, 0], r[1, 0]
            coefficients[0, 2, lane] = r[2, 0]
            coefficients[1, 3, lane] = identity


@kernel
def _turn_lanes(source, target, bit, r, adds, coefficients):
    """``_turn`` for a bit below 16; coefficients (2, 4, 16) is scratch."""
    # what is added to is there already, its I too
    _lane_coefficients(bit, r, 0 if adds else 1, coefficients)
    dim, width = source.shape
    x_same, x_other = load(coefficients, 0), load(coefficients, LANES)
    x_low, x_high = load(coefficients, 2 * LANES), load(coefficients, 3 * LANES)
    z_same, z_other = load(coefficients, 4 * LANES), load(coefficients, 5 * LANES)
    z_high = load(coefficients, 7 * LANES)
    for a in range(dim):
        if a & bit:
            continue
        for b in range(0, width, LANES):
            at_z, at_x = a * width + b, (a + bit) * width + b
            iz, xy = load(source, at_z), load(source, at_x)
            zi, yx = swap_lanes(iz, bit), swap_lanes(xy, bit)
            _put(target, at_x, x_same * xy + x_other * yx + x_low * zi + x_high * iz, adds)
            _put(target, at_z, z_same * xy + z_other * yx + z_high * iz, adds)


@kernel
def _turn_qubit(source, target, q, r, adds, coefficients):
    bit = source.shape[0] >> (q + 1)
    if bit < LANES:
        _turn_lanes(source, target, bit, r, adds, coefficients)
    else:
        _turn(source, target, bit, r, adds)


@kernel
def _momenta(numbers, axis, gradient):
    """Half the numbers of X (axis 0) or Y (axis 1) of every qubit alone."""
    for q in range(len(gradient)):
        bit = numbers.shape[0] >> (q + 1)
        gradient[q] = 0.5 * numbers[bit, axis * bit]


@kernel
def undo_layers_of_numbers(turns, rings, moves, signs, parities, characters, numbers, gradient):
    """Reverse pass: t back through all layers in place, gradient = dL/dphi.

    turns (layers, n, 3, 3) are the gates' rotations of (X, Y, Z), rings (layers,) bool, the four
    after them those of ``PauliTables``. gradient has shape (layers, 2, n), float64: axis 1 is X, Y.
    """
    layers, n = turns.shape[0], turns.shape[1]
    row = np.empty(numbers.shape[1], dtype=numbers.dtype)
    coefficients = np.empty((2, 4, LANES), dtype=numbers.dtype)
    for layer in range(layers - 1, -1, -1):
        if rings[layer]:
            _conjugate_by_ring(numbers, moves, signs, parities, characters, row)
        _momenta(numbers, 1, gradient[layer, 1])
        for q in range(n):
            _turn_qubit(numbers, numbers, q, turns[layer, q], False, coefficients)
        _momenta(numbers, 0, gradient[layer, 0])


@kernel
def undo_layers_of_numbers_tangent(
    turns, turns_dot, rings, moves, signs, parities, characters, numbers, numbers_dot, gradient_dot
):
    """Tangent of the reverse pass: t and ṫ in place, gradient_dot = d(dL/dphi)."""
    layers, n = turns.shape[0], turns.shape[1]
    row = np.empty(numbers.shape[1], dtype=numbers.dtype)
    coefficients = np.empty((2, 4, LANES), dtype=numbers.dtype)
    for layer in range(layers - 1, -1, -1):
        if rings[layer]:
            _conjugate_by_ring(numbers, moves, signs, parities, characters, row)
            _conjugate_by_ring(numbers_dot, moves, signs, parities, characters, row)
        _momenta(numbers_dot, 1, gradient_dot[layer, 1])
        for q in range(n):
            r, rate = turns[layer, q], turns_dot[layer, q]
            # (r^T t)˙ = r^T ṫ + ṙ^T t
            _turn_qubit(numbers_dot, numbers_dot, q, r, False, coefficients)
            _turn_qubit(numbers, numbers_dot, q, rate, True, coefficients)
            _turn_qubit(numbers, numbers, q, r, False, coefficients)
        _momenta(numbers_dot, 0, gradient_dot[layer, 0])
