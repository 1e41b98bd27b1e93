"""Data encodings: rotations of every sample's qubits, in one launch each (see ``tiles``)."""

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
def _after(w, x, y, z, cos, sin, ABOUT_X: tl.constexpr):
    """Quaternion q R_a(t) from cos, sin of t/2."""
    if ABOUT_X:
        found = w * cos - x * sin, x * cos + w * sin, y * cos + z * sin, z * cos - y * sin
    else:
        found = w * cos - y * sin, x * cos - z * sin, y * cos + w * sin, z * cos + x * sin
    return found


@triton.jit
def _stored(axes, wanted, xx, xy, xz, yx, yy, yz, ABOUT_X: tl.constexpr):
    """Store the axis that a rotation turns about: Q's column X or Y."""
    if ABOUT_X:
        tl.store(axes, xx, mask=wanted)
        tl.store(axes + 1, xy, mask=wanted)
        tl.store(axes + 2, xz, mask=wanted)
    else:
        tl.store(axes, yx, mask=wanted)
        tl.store(axes + 1, yy, mask=wanted)
        tl.store(axes + 2, yz, mask=wanted)


@triton.jit
def _turned_pair(a, b, cos_half, sin_half):
    """(cos t a + sin t b, cos t b - sin t a) from cos, sin of t/2."""
    cos, sin = cos_half * cos_half - sin_half * sin_half, 2 * cos_half * sin_half
    return cos * a + sin * b, cos * b - sin * a


@triton.jit(do_not_specialize=["n_samples"])
def rotation_tables(
    quaternions,
    axes,
    features,
    trained,
    n_samples,
    N_QUBITS: tl.constexpr,
    FEATURES: tl.constexpr,
    LANES: tl.constexpr,
):
    """A qubit's rotations at a sample as one, and the axes they turn about; grid (tiles, P).

    Args:
        quaternions: the product of the rotations, (P, m, n, 4).
        axes: A_r, (P, m, n, 3 h, 3): Q's column, Q the later rotations.
        features: (P, m, n, h), radians.
        trained: cos, sin of half of phi and phi' of each feature, (P, n, h, 2, 2).
        n_samples: m.
        N_QUBITS: n.
        FEATURES: h.
        LANES: qubits and samples of a program.
    """
    patch = tl.program_id(1).to(tl.int64)
    lane = tl.program_id(0) * LANES + tl.arange(0, LANES)
    wanted = lane < n_samples * N_QUBITS
    entry = patch * n_samples * N_QUBITS + lane
    angles = trained + (patch * N_QUBITS + lane % N_QUBITS) * (4 * FEATURES)
    one = tl.full([LANES], 1, trained.dtype.element_ty)
    w, x, y, z = one, one * 0, one * 0, one * 0
    xx, xy, xz, yx, yy, yz, zx, zy, zz = one, x, x, x, one, x, x, x, one
    for step in tl.static_range(3 * FEATURES):  # last to first
        r = 3 * FEATURES - 1 - step
        into = axes + (entry * (3 * FEATURES) + r) * 3
        if r % 3 == 1:
            half = tl.load(features + entry * FEATURES + r // 3, mask=wanted, other=0) * 0.5
            cos, sin = tl.cos(half), tl.sin(half)
        else:
            at = angles + 4 * (r // 3) + r % 3  # phi, or phi' after it
            cos = tl.load(at, mask=wanted, other=1)
            sin = tl.load(at + 1, mask=wanted, other=0)
        if (r // 3 + r % 3) % 2 == 1:  # feature by feature Y X Y and X Y X
            _stored(into, wanted, xx, xy, xz, yx, yy, yz, True)
            w, x, y, z = _after(w, x, y, z, cos, sin, True)
            yx, zx = _turned_pair(yx, zx, cos, sin)
            yy, zy = _turned_pair(yy, zy, cos, sin)
            yz, zz = _turned_pair(yz, zz, cos, sin)
        else:
            _stored(into, wanted, xx, xy, xz, yx, yy, yz, False)
            w, x, y, z = _after(w, x, y, z, cos, sin, False)
            zx, xx = _turned_pair(zx, xx, cos, sin)
            zy, xy = _turned_pair(zy, xy, cos, sin)
            zz, xz = _turned_pair(zz, xz, cos, sin)
    tl.store(quaternions + entry * 4, w, mask=wanted)
    tl.store(quaternions + entry * 4 + 1, x, mask=wanted)
    tl.store(quaternions + entry * 4 + 2, y, mask=wanted)
    tl.store(quaternions + entry * 4 + 3, z, mask=wanted)


@triton.jit
def _coefficient(at, wanted):
    return tl.load(at, mask=wanted, other=0)[:, None, None]


@triton.jit(do_not_specialize=["n_samples", "n_states"])
def rotate_samples(
    result,
    states,
    quaternions,
    n_samples,
    n_states,
    N_QUBITS: tl.constexpr,
    COLUMNS: tl.constexpr,
    GROUP: tl.constexpr,
    INVERSE: tl.constexpr,
):
    """V S of every sample, or V^† S with INVERSE; grid (tiles, P).

    Args:
        result: (P, m, 2^n, 2), real and imaginary parts.
        states: likewise, or (P, 1, 2^n, 2): the same for all samples.
        quaternions: of V's rotations, (P, m, n, 4).
        n_samples: m.
        n_states: m or 1.
        N_QUBITS: n.
        COLUMNS: samples of a tile, a power of two.
        GROUP: qubits between two rotations of the index, a divisor of n.
        INVERSE: whether the rotations are undone.
    """
    SIZE: tl.constexpr = 1 << N_QUBITS
    HALF: tl.constexpr = SIZE // 2
    patch = tl.program_id(1).to(tl.int64)
    sample = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    wanted, inside = sample < n_samples, (sample < n_samples)[:, None, None]
    entry = 2 * tl.arange(0, SIZE)[None, :, None] + tl.arange(0, 2)[None, None, :]
    source = patch * n_states + tl.minimum(sample, n_states - 1)
    re, im = loaded(states, source[:, None, None] * (2 * SIZE) + entry, inside)
    for leading in range(0, N_QUBITS, GROUP):
        for place in tl.static_range(GROUP):
            at = quaternions + ((patch * n_samples + sample) * N_QUBITS + leading + place) * 4
            w, x = _coefficient(at, wanted), _coefficient(at + 1, wanted)
            y, z = _coefficient(at + 2, wanted), _coefficient(at + 3, wanted)
            if INVERSE:
                x, y, z = -x, -y, -z
            re0, re1 = halves(re, COLUMNS, 1 << place, HALF >> place)
            im0, im1 = halves(im, COLUMNS, 1 << place, HALF >> place)
            re0, im0, re1, im1 = turned(re0, im0, re1, im1, w, x, y, z)
            re = joined(re0, re1, COLUMNS, 1 << place, HALF >> place)
            im = joined(im0, im1, COLUMNS, 1 << place, HALF >> place)
        re = rotated(re, COLUMNS, 1 << GROUP, SIZE >> GROUP)
        im = rotated(im, COLUMNS, 1 << GROUP, SIZE >> GROUP)
    into = (patch * n_samples + sample)[:, None, None] * (2 * SIZE) + entry
    tl.store(result + into, tl.join(re, im), mask=inside)


@triton.jit
def _sum(terms):
    """Of each sample, (COLUMNS, BEFORE, AFTER) to (COLUMNS,), halved."""
    return 0.5 * tl.sum(tl.sum(terms, axis=2), axis=1)


@triton.jit(do_not_specialize=["n_samples"])
def sample_momenta(
    result,
    lam,
    states,
    n_samples,
    N_QUBITS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Re<Λ, (-i/2) sigma_a S> of every sample and qubit, (P, m, n, 3); grid (tiles, P).

    ``lam`` and ``states`` are (P, m, 2^n, 2), the others as in ``rotate_samples``.
    """
    SIZE: tl.constexpr = 1 << N_QUBITS
    HALF: tl.constexpr = SIZE // 2
    patch = tl.program_id(1).to(tl.int64)
    sample = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    wanted, inside = sample < n_samples, (sample < n_samples)[:, None, None]
    row = patch * n_samples + sample
    where = 2 * tl.arange(0, SIZE)[None, :, None] + tl.arange(0, 2)[None, None, :]
    where += row[:, None, None] * (2 * SIZE)
    re, im = loaded(states, where, inside)
    lre, lim = loaded(lam, where, inside)
    for qubit in tl.static_range(N_QUBITS):
        re0, re1 = halves(re, COLUMNS, 1 << qubit, HALF >> qubit)
        im0, im1 = halves(im, COLUMNS, 1 << qubit, HALF >> qubit)
        lre0, lre1 = halves(lre, COLUMNS, 1 << qubit, HALF >> qubit)
        lim0, lim1 = halves(lim, COLUMNS, 1 << qubit, HALF >> qubit)
        into = result + (row * N_QUBITS + qubit) * 3
        about_x = _sum(lre0 * im1 - lim0 * re1 + lre1 * im0 - lim1 * re0)
        about_y = _sum(lre1 * re0 + lim1 * im0 - lre0 * re1 - lim0 * im1)
        about_z = _sum(lre0 * im0 - lim0 * re0 - lre1 * im1 + lim1 * re1)
        tl.store(into, about_x, mask=wanted)
        tl.store(into + 1, about_y, mask=wanted)
        tl.store(into + 2, about_z, mask=wanted)
