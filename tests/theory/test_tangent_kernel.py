"""The expected tangent kernel: against dense constructions, and against averages over circuits."""

from dataclasses import replace
from functools import reduce

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from patchlaw.hessian_theory.predictions import (
    CircuitGroup,
    EncodingRotations,
    IdentityCurvature,
    TangentKernel,
    derivative_variance,
)

PAULIS = np.array([np.eye(2), [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], np.diag([1, -1])], complex)
TURN = 2.0  # radians by which the second trained angle of a qubit is ahead of the first


def unit_quaternions(rng: np.random.Generator, *shape: int) -> np.ndarray:
    draw = rng.standard_normal((*shape, 4)) * 0.5 + [1, 0, 0, 0]
    return draw / np.linalg.norm(draw, axis=-1, keepdims=True)


def matrix(quaternion: np.ndarray) -> np.ndarray:
    w, *xyz = quaternion
    return w * PAULIS[0] - 1j * np.einsum("a,aij->ij", xyz, PAULIS[1:])


def on_qubits(quaternions: np.ndarray) -> np.ndarray:
    """V of the quaternions (n, 4), by Kronecker products."""
    return reduce(np.kron, [matrix(u) for u in quaternions])


def haar(rng: np.random.Generator, draws: int, dimension: int) -> np.ndarray:
    draw = rng.standard_normal((2, draws, dimension, dimension))
    q, r = np.linalg.qr(draw[0] + 1j * draw[1])
    diagonal = np.diagonal(r, axis1=1, axis2=2)[:, None]
    return q * (diagonal / np.abs(diagonal))


def small_kernel(
    seed: int, n: int = 2, p: int = 3, samples: int = 4, group: CircuitGroup = "unitary"
) -> TangentKernel:
    rng = np.random.default_rng(seed)
    blocks = []
    for m in (2, 1):
        u = unit_quaternions(rng, p, samples, n)
        tangents = rng.standard_normal((p, samples, n, m, 4)) / 2
        tangents -= (tangents * u[..., None, :]).sum(-1, keepdims=True) * u[..., None, :]
        blocks.append(EncodingRotations(u, tangents))
    return TangentKernel(tuple(blocks), 7, 3.0, group)


GROUPS: tuple[CircuitGroup, ...] = ("unitary", "orthogonal", "symplectic")


def character_ratio(first: np.ndarray, second: np.ndarray, group: CircuitGroup) -> float:
    """What U -> V^+ U V does to a random traceless operator, so(D)'s, sp(D)'s: tr / dimension."""
    w = first.conj().T @ second
    d = len(w)
    if group == "unitary":
        return (abs(np.trace(w)) ** 2 - 1) / (d**2 - 1)
    symmetric = (np.trace(w) ** 2 + np.trace(w @ w)).real / 2
    if group == "symplectic":
        return symmetric / (d * (d + 1) / 2)
    return (np.trace(w) ** 2 - symmetric).real / (d * (d - 1) / 2)


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("n", [2, 3])
def test_overlap_is_that_of_the_unitaries(n, group):
    """Catches a sign or an order of quaternion entries, and a character of another group."""
    kernel = small_kernel(n, n, group=group)
    for p in range(3):
        for a in range(4):
            for b in range(4):
                expected = 1.0
                for encoding in kernel.encodings:
                    pair = (on_qubits(encoding.quaternions[p, i]) for i in (a, b))
                    expected *= character_ratio(*pair, group)
                assert kernel.overlap(p)[a, b] == pytest.approx(expected, abs=1e-12)
    mean = np.mean([kernel.overlap(p) for p in range(3)], axis=0)
    np.testing.assert_allclose(kernel.mean_overlap, mean, rtol=1e-12)


@pytest.mark.parametrize("group", GROUPS)
def test_encodings_angles_are_the_mixed_derivative_of_the_overlap(group):
    """By finite differences of q in each angle of either sample; a lost factor 2 shows."""
    kernel, h = small_kernel(5, group=group), 1e-4
    n_patches, n_samples, n = kernel.encodings[0].quaternions.shape[:3]
    eps, d = {"unitary": 0, "orthogonal": 1, "symplectic": -1}[group], 2.0**n
    variance = (d - 2 * eps) / (2 * (d - eps) ** 2) if eps else float(derivative_variance(n))

    def overlap(
        moved: int, qubit: int, angle: int, step: float, other: float, p: int
    ) -> np.ndarray:
        """q_p with sample a's angle moved by ``step`` in the rows, ``other`` in the columns."""
        total = np.ones((n_samples, n_samples))
        for number, encoding in enumerate(kernel.encodings):
            sides = []
            for move in (step, other):
                u = encoding.quaternions[p].copy()
                if number == moved:
                    u[:, qubit] += move * encoding.tangents[p, :, qubit, angle]
                sides.append(u)
            squares = np.einsum("aqi,bqi->qab", *sides) ** 2
            if eps:
                twice = np.prod(2 * squares - 1, axis=0)
                total *= (d * np.prod(squares, axis=0) - eps * twice) / (d - eps)
            else:
                total *= (d * d * np.prod(squares, axis=0) - 1) / (d * d - 1)
        return total

    for p in range(n_patches):
        expected = kernel.n_free * kernel.overlap(p)
        for number, encoding in enumerate(kernel.encodings):
            for qubit in range(n):
                for angle in range(encoding.tangents.shape[3]):
                    at = [
                        sign * other * overlap(number, qubit, angle, sign * h, other * h, p)
                        for sign in (1, -1)
                        for other in (1, -1)
                    ]
                    mixed = sum(at) / (4 * h * h)
                    expected += mixed / (d - (eps or -1)) / variance
        np.testing.assert_allclose(kernel.of_patch(p), expected, atol=2e-6)
    np.testing.assert_allclose(
        kernel.mean, np.mean([kernel.of_patch(p) for p in range(n_patches)], axis=0), rtol=1e-12
    )


@pytest.mark.parametrize(("n", "words"), [(1, ("X", "Z")), (2, ("XI", "ZI"))])
def test_law_against_haar_random_blocks(n, words):
    """Outputs' covariance and the kernel of an angle in each of A, B, C and both encodings.

    The circuit is simulated here gate by gate with Haar-random blocks, each of the data-free ones
    with a rotation between two of them, derivatives by parameter shifts; 4.5 standard errors.
    Catches any wrong power of D, a missing q of one encoding, an off-diagonal k, l, and the
    encodings' angles taken for those of the data-free blocks.
    """
    rng = np.random.default_rng(20 + n)
    dimension, draws = 2**n, 6000
    inner = unit_quaternions(rng, 2, 2, n)  # encoding, sample, qubit
    axis = np.array([0, 1.0, 0])
    tangent = np.zeros((2, 2, n, 1, 4))
    for e in range(2):
        for a in range(2):
            w, v = inner[e, a, 0, 0], inner[e, a, 0, 1:]
            # u sigma_y on the first qubit only: d u / d t of u R_Y(t) at t = 0
            tangent[e, a, 0, 0] = np.concatenate([[-v @ axis], w * axis + np.cross(v, axis)]) / 2
    encodings = tuple(EncodingRotations(inner[e][None], tangent[e][None]) for e in range(2))
    alone = {
        name: TangentKernel(tuple(EncodingRotations(inner[e][None]) for e in range(2)), 1)
        for name in ("A", "B", "C")
    }
    expected = {name: kernel.of_patch(0) for name, kernel in alone.items()}
    for e in range(2):
        chosen = [EncodingRotations(inner[i][None]) for i in range(2)]
        chosen[e] = encodings[e]
        kernel = TangentKernel(tuple(chosen), 1)
        # one angle has a derivative that is not zero, so nothing is to be divided by
        expected[f"V{e + 1}"] = kernel.of_patch(0) - kernel.overlap(0)

    letters = {"I": 0, "X": 1, "Z": 3}
    observables = [reduce(np.kron, [PAULIS[letters[c]] for c in word]) for word in words]
    y = np.kron(PAULIS[2], np.eye(dimension // 2))
    quarter = {s: (np.eye(dimension) - 1j * s * y) / np.sqrt(2) for s in (1, -1)}  # R_Y(+-pi/2)
    quarter[0] = np.eye(dimension)
    encode = [[on_qubits(inner[e, a]) for a in range(2)] for e in range(2)]
    places = ("A", "V1", "B", "V2", "C")
    blocks = [haar(rng, draws, dimension) for _ in range(6)]

    def outputs(place: str, sign: int, a: int) -> np.ndarray:
        state = np.eye(dimension, dtype=complex)[:, :1]
        for i, name in enumerate(places):
            turn = quarter[sign if name == place else 0]
            if name in ("V1", "V2"):
                state = encode[i // 2][a] @ (turn @ state)
            else:
                state = blocks[i + 1] @ (turn @ (blocks[i] @ state))
        return np.array([(state.conj() * (o @ state)).real.sum(axis=(1, 2)) for o in observables])

    def products(place: str, signs: dict[int, float]) -> np.ndarray:
        of = [sum(w * outputs(place, s, a) for s, w in signs.items()) for a in range(2)]
        return np.einsum("akd,bld->dabkl", of, of)

    drawn = {name: products(name, {1: 0.5, -1: -0.5}) for name in places}
    drawn["outputs"] = products("", {0: 1.0})
    law = {name: derivative_variance(n) * expected[name] for name in places}
    law["outputs"] = alone["A"].overlap(0) / (dimension + 1)
    for name, values in drawn.items():
        error = values.std(axis=0) / np.sqrt(draws)
        wanted = np.einsum("ab,kl->abkl", np.array(law[name], dtype=float), np.eye(2))
        assert (np.abs(values.mean(axis=0) - wanted) < 4.5 * error + 1e-12).all(), name
        assert np.allclose(np.diagonal(law[name]), law[name][0, 0]), name


def test_spectrum_is_that_of_the_dense_matrix():
    """Against S^(1/2) by eigh and np.kron; catches a factor P, N or s and a wrong root of S."""
    for samples in (4, 60):  # whole, and by Lanczos
        kernel = small_kernel(1, samples=samples)
        rng = np.random.default_rng(3)
        pi = rng.dirichlet(np.ones(5), samples)
        blocks = []
        for row in pi:
            values, vectors = np.linalg.eigh(np.diag(row) - np.outer(row, row))
            blocks.append(vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T)
        v = float(derivative_variance(2))
        tops = []
        total = np.zeros((5 * samples, 5 * samples))
        for p in range(3):
            t = np.einsum("akc,ab,bcl->akbl", blocks, kernel.of_patch(p), blocks) / samples
            g = 9 * v * t.reshape(5 * samples, 5 * samples)
            tops.append(np.linalg.eigvalsh(g)[-1])
            total += g
        dense = np.linalg.eigvalsh(total)[::-1]
        np.testing.assert_allclose(kernel.spectrum(pi, 6), dense[:6], rtol=1e-6)
        np.testing.assert_allclose(kernel.patch_tops(pi), tops, rtol=1e-6)
        assert kernel.alignment(pi) == pytest.approx(dense[0] / sum(tops), rel=1e-6)
        for count in (20 % (4 * samples), 50 % (4 * samples)):  # the latter in two passes
            threshold = (dense[count] + dense[count - 1]) / 2
            assert kernel.n_outliers(pi, threshold) == (dense > threshold).sum() == count
        # tangents of random length: the trace is n_p only where they are derivatives of rotations
        plain = TangentKernel(
            tuple(EncodingRotations(e.quaternions) for e in kernel.encodings), 7, 3.0
        )
        rank = 4 * samples
        assert plain.trace(pi) == pytest.approx(plain.spectrum(pi, rank).sum(), rel=1e-6)


@pytest.mark.parametrize("samples", [4, 60])
def test_spectrum_under_the_squared_error_has_each_value_once_a_class(samples):
    """S = 1: s^2 v sum_p K_p / N, five times each; only Lanczos without multiplicity misses it."""
    kernel, outputs = small_kernel(1, samples=samples), IdentityCurvature(samples, 5)
    parts = [9 * kernel.variance * kernel.of_patch(p) / samples for p in range(3)]
    once = np.linalg.eigvalsh(sum(parts))[::-1]
    np.testing.assert_allclose(kernel.spectrum(outputs, 12), np.repeat(once, 5)[:12], rtol=1e-6)
    tops = [np.linalg.eigvalsh(part)[-1] for part in parts]
    assert kernel.alignment(outputs) == pytest.approx(once[0] / sum(tops), rel=1e-6)
    threshold = (once[1] + once[2]) / 2
    assert kernel.n_outliers(outputs, threshold) == 10
    plain = TangentKernel(tuple(EncodingRotations(e.quaternions) for e in kernel.encodings), 7, 3.0)
    assert plain.trace(outputs) == pytest.approx(
        plain.spectrum(outputs, 5 * samples).sum(), rel=1e-6
    )
    weights = np.linspace(0.5, 1.5, samples)
    weighed = replace(plain, weights=weights)
    root = np.sqrt(weights)
    total = 27 * plain.variance * root[:, None] * plain.mean * root / samples
    np.testing.assert_allclose(weighed.spectrum(outputs, 1), np.linalg.eigvalsh(total)[-1:])
    with pytest.raises(ValueError, match="expected 3 samples, got 4"):
        small_kernel(1, samples=3).spectrum(IdentityCurvature(4, 5))


def test_start_logits_have_the_law_s_covariance():
    """Catches a lost P or D + 1, and samples drawn independently."""
    kernel = small_kernel(2)
    logits = kernel.start_logits(3, np.random.default_rng(0), draws=20000)
    covariance = np.einsum("dak,dbl->abkl", logits, logits) / 20000
    expected = 9 * 3 * np.einsum("ab,kl->abkl", kernel.mean_overlap, np.eye(3)) / 5
    np.testing.assert_allclose(covariance, expected, atol=0.03 * 9 * 3 / 5)
    again = kernel.start_logits(3, np.random.default_rng(0), draws=20000)
    np.testing.assert_array_equal(logits, again)


@pytest.mark.parametrize("group", GROUPS)
def test_single_precision_and_parts_agree(group):
    """Catches a subset that mixes up samples or drops the group, and cancellation in float32."""
    kernel = small_kernel(4, n=3, samples=30, group=group)
    chosen = np.array([3, 17, 5])
    expected = kernel.subset(chosen).mean, kernel.subset(chosen).mean_overlap
    means = kernel.mean, kernel.mean_overlap
    part = kernel.subset(chosen)  # now of the means that are there
    for found, anew, whole in zip((part.mean, part.mean_overlap), expected, means, strict=True):
        np.testing.assert_array_equal(found, whole[np.ix_(chosen, chosen)])
        np.testing.assert_allclose(found, anew, rtol=1e-12)
    single = TangentKernel(
        tuple(
            EncodingRotations(e.quaternions.astype(np.float32), e.tangents.astype(np.float32))
            for e in kernel.encodings
        ),
        7,
        3.0,
        group,
    )
    assert single.mean.dtype == np.float32
    np.testing.assert_allclose(single.mean, kernel.mean, atol=1e-5 * kernel.angles_per_patch)


@pytest.mark.parametrize("threads", [1, 2])
def test_tiles_make_one_symmetric_matrix(threads):
    """More samples than a tile has, against the pairs chosen one by one; on two threads, too.

    Catches a tile at the wrong place, one half that is not mirrored, and work that is lost.
    """
    kernel = small_kernel(6, p=1, samples=700)
    with threadpool_limits(threads, user_api="blas"):
        whole, overlap = kernel.of_patch(0), kernel.overlap(0)
    np.testing.assert_array_equal(whole, whole.T)
    rng = np.random.default_rng(0)
    for chosen in (np.arange(120, 135), np.arange(505, 520), rng.permutation(700)[:40]):
        at = np.ix_(chosen, chosen)
        np.testing.assert_allclose(kernel.subset(chosen).of_patch(0), whole[at], atol=1e-12)
        np.testing.assert_allclose(kernel.subset(chosen).overlap(0), overlap[at], atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: EncodingRotations(e.quaternions[0]), "quaternions: expected shape"),
        (lambda e: EncodingRotations(2 * e.quaternions), "unit length"),
        (lambda e: EncodingRotations(e.quaternions, e.tangents[:1]), "tangents: expected shape"),
        (lambda e: TangentKernel((e,), 1, group="special"), "group: expected 'unitary', 'ortho"),
        (
            lambda e: TangentKernel(
                (EncodingRotations(e.quaternions[:, :, :1]),), 1, 1.0, "orthogonal"
            ),
            "group: expected 'unitary' or 'symplectic' at one qubit",
        ),
        (lambda e: TangentKernel((), 1), "encodings: expected at least one"),
        (lambda e: TangentKernel((e,), -1), "n_free: expected"),
        (lambda e: TangentKernel((e,), 1, -1.0), "output_scale: expected"),
        (lambda e: TangentKernel((e,), 1).spectrum(np.full((4, 3), 0.5)), "sum to 1"),
        (
            lambda e: TangentKernel((e,), 1).spectrum(np.full((3, 2), 0.5)),
            "softmax: expected shape",
        ),
        (lambda e: TangentKernel((e,), 1).n_outliers(np.full((4, 2), 0.5), 0), "threshold"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    """Catches silent broadcasting of shapes that do not belong together."""
    with pytest.raises(ValueError, match=message):
        change(small_kernel(0).encodings[0])
