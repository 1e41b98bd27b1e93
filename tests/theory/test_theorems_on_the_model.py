"""Each theorem's numerical counterpart on the torch model at small n, float64.

The theorem that a test belongs to names it in its `numerical_test`.
"""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from patchlaw.hessian_theory.proof.language import DIMENSION
from patchlaw.hessian_theory.theorems.slope_moments import VARIANCE_VALUE
from patchlaw.simulators import Ansatz, DistributedQNN
from patchlaw.simulators.torch_engine import circuit_outputs
from tests.strategies import examples
from tests.theory.dense_model import DenseModel, top

FEW = examples(8)
ROUNDING = 1e-10

GRIDS = ((2, 3, 1), (2, 3, 4), (2, 4, 9))  # qubits, image side, patches


@st.composite
def dense_models(draw, grids=GRIDS, scales=(0.5, 3.0), exponents=(0.0, 0.5, 1.0)) -> DenseModel:
    """A paper circuit of depth 1, drawn angles, bias, images and labels, C = 2 or 4."""
    n_qubits, side, n_patches = draw(st.sampled_from(grids))
    model = DistributedQNN(
        n_patches=n_patches,
        depth=1,
        n_qubits=n_qubits,
        image_side=side,
        n_classes=draw(st.sampled_from((2, 4))),
        scale=draw(st.sampled_from(scales)) * n_patches,
        aggregation_exponent=draw(st.sampled_from(exponents)),
        dtype=torch.float64,
    )
    angles = st.floats(-math.pi, math.pi).map(lambda x: round(x, 3))
    flat = draw(hnp.arrays(np.float64, model.n_parameters, elements=angles))
    model.load_flat_parameters(flat)
    pixels = st.floats(0, math.pi / 4).map(lambda x: round(x, 3))
    images = draw(hnp.arrays(np.float64, (2, side, side), elements=pixels))
    labels = draw(st.lists(st.integers(0, model.n_classes - 1), min_size=2, max_size=2))
    return DenseModel(model, torch.from_numpy(images), torch.tensor(labels))


def assert_equal(left: torch.Tensor, right: torch.Tensor) -> None:
    scale = 1 + float(right.abs().max())
    assert float((left - right).abs().max()) < ROUNDING * scale


def replicated(n_patches: int, exponent: float = 1.0, scale: float = 4.0) -> DenseModel:
    """P copies of one circuit on constant images: every patch responds alike."""
    side = {1: 3, 4: 3, 9: 4}[n_patches]
    model = DistributedQNN(
        n_patches=n_patches,
        depth=1,
        n_qubits=2,
        image_side=side,
        n_classes=4,
        scale=scale * n_patches ** (exponent - 1),  # z, hence g and S, do not depend on P
        aggregation_exponent=exponent,
        dtype=torch.float64,
    )
    angles = torch.rand(
        model.angles.shape[1], generator=torch.Generator().manual_seed(2), dtype=torch.float64
    )
    with torch.no_grad():
        model.angles.copy_((3 * angles).expand_as(model.angles))
    images = torch.ones(3, side, side, dtype=torch.float64) * torch.tensor([0.1, 0.4, 0.7])[
        :, None, None
    ].to(torch.float64)
    return DenseModel(model, images, torch.tensor([0, 1, 3]))


@given(
    hnp.arrays(np.float64, st.integers(2, 6), elements=st.floats(-20, 20)),
    st.data(),
)
def test_softmax_gradient_and_curvature(logits, data):
    """g = pi - e_y and S against autograd; 0 <= S <= I/2; a^T S a = Var_pi(a)."""
    z = torch.from_numpy(logits)
    label = data.draw(st.integers(0, len(z) - 1))

    def loss(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(x[None], torch.tensor([label]))

    pi = torch.softmax(z, 0)
    curvature = torch.diag(pi) - torch.outer(pi, pi)
    expected = pi.clone()
    expected[label] -= 1
    assert_equal(torch.autograd.functional.jacobian(loss, z), expected)
    assert_equal(torch.autograd.functional.hessian(loss, z), curvature)
    eigenvalues = torch.linalg.eigvalsh(curvature)
    assert float(eigenvalues[0]) > -1e-12
    assert float(eigenvalues[-1]) <= 0.5 + 1e-12
    a = torch.from_numpy(data.draw(hnp.arrays(np.float64, len(z), elements=st.floats(-3, 3))))
    variance = (pi * a**2).sum() - (pi * a).sum() ** 2
    assert abs(float(a @ curvature @ a - variance)) < 1e-12


@given(dense_models(scales=(0.5, 3.0, 30.0)))
@examples(10)
def test_trace_of_s_and_g_are_bounded_by_the_loss(case):
    """pi_y |g|_1 <= tr S <= |g|_1 = 2 (1 - pi_y) <= 2 l, sample by sample."""
    right = case.probabilities.gather(1, case.labels[:, None])[:, 0]
    trace = case.curvature.diagonal(dim1=1, dim2=2).sum(dim=1)
    norm = case.g.abs().sum(dim=1)
    assert_equal(norm, 2 * (1 - right))
    assert bool((trace <= norm + 1e-12).all())
    assert bool((trace >= right * norm - 1e-12).all())
    assert bool((norm <= 2 * case.losses + 1e-12).all())


@given(dense_models(scales=(0.5, 3.0, 30.0)))
@examples(10)
def test_ceilings_from_the_loss(case):
    """<|g|_1>, <tr S> and <d^T S d> against their ceilings at the mean loss; L from the model."""
    mean_loss, classes = float(case.losses.mean()), case.model.n_classes
    q = 1 - math.exp(-mean_loss)
    assert float(case.g.abs().sum(dim=1).mean()) <= 2 * q + 1e-12
    share = classes / (classes - 1)
    top_q = min(q, 1 / share)
    trace = float(case.curvature.diagonal(dim1=1, dim2=2).sum(dim=1).mean())
    assert trace <= 2 * top_q - share * top_q**2 + 1e-12
    low = min(q, 0.5)
    slopes = case.jacobian.permute(1, 3, 0, 2).reshape(-1, *case.g.shape)
    forms = torch.einsum("ank,nkl,anl->an", slopes, case.curvature, slopes).mean(dim=1)
    assert float(forms.max()) <= 4 * low * (1 - low) + 1e-12
    # the vertex d_y = 1, all others -1 attains the per-sample ceiling
    signs = 2 * torch.nn.functional.one_hot(case.labels, classes).to(torch.float64) - 1
    wrong = 1 - case.probabilities.gather(1, case.labels[:, None])[:, 0]
    attained = torch.einsum("nk,nkl,nl->n", signs, case.curvature, signs)
    assert_equal(attained, 4 * wrong * (1 - wrong))


@given(dense_models())
@FEW
def test_gradient_matches_equation_4(case):
    """Eq. (4), assembled from patch derivatives, against autograd of the whole model's loss."""
    loss = torch.nn.functional.cross_entropy(case.model(case.images), case.labels)
    pieces = torch.autograd.grad(loss, [case.model.angles, case.model.pixel_bias])
    assert_equal(torch.cat([x.reshape(-1) for x in pieces]), case.gradient)


@given(dense_models(grids=GRIDS[:2]))
@FEW
def test_hessian_is_gauss_newton_plus_residual(case):
    """Eq. (5): autograd's Hessian of the loss is the assembled G plus R; G >= 0."""
    assert_equal(case.hessian, case.gauss_newton + case.residual)
    assert_equal(case.hessian, case.hessian.T)
    smallest = float(torch.linalg.eigvalsh(case.gauss_newton)[0])
    assert smallest > -1e-10 * (1 + top(case.gauss_newton))


@given(dense_models(grids=GRIDS[1:2]))
@FEW
def test_residual_is_block_diagonal_and_gauss_newton_is_not(case):
    """Eq. (6): R vanishes between patches; G does not where the patches have any slope."""
    patch = case.patch_of()
    other = patch[:, None] != patch[None, :]
    n = case.n_angles
    assert float(case.residual[:n, :n][other].abs().max()) < ROUNDING * (1 + case.s)
    # element (i, j) of G from the two patches' own derivatives alone, as Eq. (6) has it
    own = case.jacobian[:, patch, :, torch.arange(n)]  # (angle, N, C)
    two_patches = torch.einsum("ink,nkl,jnl->ij", own, case.curvature, own)
    assert_equal(case.gauss_newton[:n, :n], case.s**2 * two_patches / len(case.images))


def test_gauss_newton_couples_patches():
    case = replicated(4)
    patch = case.patch_of()
    other = patch[:, None] != patch[None, :]
    n = case.n_angles
    assert float(case.gauss_newton[:n, :n][other].abs().max()) > 1e-2
    assert float(case.residual[:n, :n][other].abs().max()) < 1e-12


@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_sharing_angles_removes_the_flattening(exponent):
    """Shared angles, like responses: the Hessian in the shared angles does not depend on P."""
    small, large = replicated(1, exponent), replicated(4, exponent)
    n = small.n_angles
    blocks = large.hessian[: 4 * n, : 4 * n].reshape(4, n, 4, n)
    assert_equal(blocks.sum(dim=(0, 2)), small.hessian[:n, :n])
    independent = large.gauss_newton[:n, :n]
    assert_equal(independent * 16, small.gauss_newton[:n, :n])


@given(st.integers(2, 3), st.data())
@FEW
def test_averaged_observables(n_qubits, data):
    """Averages of derivatives never exceed the largest one; X and Z together gain 1/sqrt 2."""
    ansatz = Ansatz(n_qubits, 1)
    angle = st.floats(-math.pi, math.pi).map(lambda x: round(x, 3))
    angles = torch.from_numpy(
        data.draw(hnp.arrays(np.float64, ansatz.n_angles, elements=angle))
    )[None]  # fmt: skip
    features = torch.full((1, n_qubits**2, 1), 0.3, dtype=torch.float64)

    def outputs(x: torch.Tensor) -> torch.Tensor:
        return circuit_outputs(ansatz, x, features, 2 * n_qubits).reshape(-1)

    slopes = torch.autograd.functional.jacobian(outputs, angles).reshape(2 * n_qubits, -1)
    assert bool((slopes.mean(dim=0).abs() <= slopes.abs().max(dim=0).values + 1e-12).all())
    # the last RY on qubit 0 turns X_0 and Z_0 into each other
    last = ansatz.n_angles - n_qubits

    def amplitude(weights: torch.Tensor) -> float:
        values = []
        for shift in (0.0, math.pi / 2):
            moved = angles.clone()
            moved[0, last] += shift
            values.append(float(weights @ outputs(moved)))
        return math.hypot(*values)

    one, both = torch.zeros(2, 2 * n_qubits, dtype=torch.float64)
    one[0] = 1
    both[0], both[n_qubits] = 0.5, 0.5
    assert amplitude(both) == pytest.approx(amplitude(one) / math.sqrt(2), abs=1e-12)


@given(dense_models(grids=GRIDS[:1]), st.data())
@FEW
def test_parameter_shift_rules(case, data):
    """First and second derivatives of every output by shifts against autograd, bias included."""
    size = len(case.flat)
    i, j = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
    unit = torch.eye(size, dtype=torch.float64)
    half = math.pi / 2

    weights = torch.linspace(0.3, 1.7, case.jacobian[..., 0].numel(), dtype=torch.float64)

    def at(a: float | torch.Tensor, b: float | torch.Tensor) -> torch.Tensor:
        return case.outputs_at(case.flat + a * unit[i] + b * unit[j])

    def weighted(shift: torch.Tensor) -> torch.Tensor:
        return weights @ at(shift[0], shift[1]).reshape(-1)

    assert_equal((at(half, 0) - at(-half, 0)) / 2, case.jacobian[..., i])
    second = torch.autograd.functional.hessian(weighted, torch.zeros(2, dtype=torch.float64))
    pure = (at(math.pi, 0) - at(0, 0)) / 2
    assert float(second[0, 0] - weights @ pure.reshape(-1)) == pytest.approx(0, abs=1e-9)
    if i != j:
        mixed = (at(half, half) - at(half, -half) - at(-half, half) + at(-half, -half)) / 4
        assert float(second[0, 1] - weights @ mixed.reshape(-1)) == pytest.approx(0, abs=1e-9)


@given(dense_models(grids=GRIDS[1:2], scales=(0.5, 3.0, 30.0)))
@FEW
def test_elements_respect_their_bounds(case):
    """|G_ij| <= s^2 min(1, 2 tr S) m_i m_j <= 4 s^2 L m_i m_j; |R_ij| <= s |g|_1 m_ij <= 2 s L."""
    assert float(case.jacobian.abs().max()) <= 1 + 1e-12
    member = case.membership()
    m, shared = member.sum(dim=0), member.T @ member
    trace = case.curvature.diagonal(dim1=1, dim2=2).sum(dim=1)
    tau = torch.minimum(torch.ones_like(trace), 2 * trace).mean()
    norm, loss = case.g.abs().sum(dim=1).mean(), case.losses.mean()
    outer = torch.outer(m, m)
    slack = 1e-12 * (1 + case.s**2)
    assert bool((case.gauss_newton.abs() <= case.s**2 * tau * outer + slack).all())
    assert float(tau) <= 4 * float(loss) + 1e-12
    assert bool((case.residual.abs() <= case.s * norm * shared + slack).all())
    assert float(norm) <= 2 * float(loss) + 1e-12


@pytest.mark.parametrize("n_patches", [4, 9])
def test_element_exponents_with_f_g_s_fixed(n_patches):
    """Like patches keep f, g, S fixed as P grows: elements of G fall as 1/P^2, of R as 1/P."""
    small, large = replicated(1), replicated(n_patches)
    n = small.n_angles
    assert_equal(large.gauss_newton[:n, :n] * n_patches**2, small.gauss_newton[:n, :n])
    assert_equal(large.residual[:n, :n] * n_patches, small.residual[:n, :n])


@given(dense_models())
@FEW
def test_gram_picture_and_block_bounds(case):
    """Spectrum of G = that of s^2 sum_p M_p; block bounds; 1/P <= A; A >= 1/(N(C-1))."""
    n, patches = case.n_angles, case.model.n_patches
    values, vectors = torch.linalg.eigh(case.curvature)
    root = vectors * values.clamp(min=0).sqrt()[:, None, :] @ vectors.transpose(1, 2)
    tall = torch.einsum("nkl,npli->npki", root, case.jacobian[..., :n])
    samples, _, classes, _ = tall.shape
    rows = tall.permute(1, 0, 2, 3).reshape(patches, samples * classes, n)
    gram = torch.einsum("pxi,pyi->pxy", rows, rows) * case.s**2 / samples
    blocks = [top(block) for block in gram]
    angle_part = case.gauss_newton[:n, :n]
    largest = top(angle_part)
    scale = 1 + largest
    assert largest == pytest.approx(top(gram.sum(dim=0)), abs=ROUNDING * scale)
    patch = case.patch_of()
    direct = [top(angle_part[patch == q][:, patch == q]) for q in range(patches)]
    assert blocks == pytest.approx(direct, abs=ROUNDING * scale)
    assert max(blocks) <= largest + ROUNDING * scale
    assert largest <= sum(blocks) + ROUNDING * scale
    floor = 1 / min(patches, samples * (classes - 1))
    assert largest >= floor * sum(blocks) - ROUNDING * scale


@pytest.mark.parametrize("n_patches", [4, 9])
def test_replicated_patches_scale_as_one_over_p(n_patches):
    """lambda_max of the angle part falls as 1/P, not 1/P^2, when patches respond alike."""
    small, large = replicated(1), replicated(n_patches)
    n = small.n_angles
    one = top(small.gauss_newton[:n, :n])
    many = top(large.gauss_newton[: n_patches * n, : n_patches * n])
    assert many == pytest.approx(one / n_patches, rel=1e-9)


@given(dense_models(grids=GRIDS[1:2]))
@FEW
def test_residual_spectrum_is_the_union_of_its_blocks(case):
    """Angles: R's eigenvalues are its blocks'. With the bias: only the bordered bound holds."""
    n, patch = case.n_angles, case.patch_of()
    angles, bias = case.residual[:n, :n], case.residual[n:, n:]
    blocks = [angles[patch == q][:, patch == q] for q in range(case.model.n_patches)]
    together = torch.cat([torch.linalg.eigvalsh(block) for block in blocks]).sort().values
    assert_equal(torch.linalg.eigvalsh(angles), together)
    border = float(torch.linalg.matrix_norm(case.residual[:n, n:], 2))
    upper = max(top(angles), top(bias)) + border
    slack = ROUNDING * (1 + abs(upper))
    assert top(angles) - slack <= top(case.residual) <= upper + slack


@given(dense_models(grids=GRIDS[:2], scales=(0.5, 3.0, 30.0)))
@FEW
def test_eigenvalues_respect_their_bounds(case):
    """lambda_max(G) <= tr G <= s^2 tau sum m_i^2, lambda_max(R_pp) <= n_p s |g|_1, Weyl for H."""
    m = case.membership().sum(dim=0)
    n = case.n_angles
    trace = case.curvature.diagonal(dim1=1, dim2=2).sum(dim=1)
    tau = float(torch.minimum(torch.ones_like(trace), 2 * trace).mean())
    slack = 1e-9 * (1 + case.s**2)
    trace_g = float(case.gauss_newton.trace())
    assert top(case.gauss_newton) <= trace_g + slack
    assert trace_g <= case.s**2 * tau * float((m**2).sum()) + slack
    assert tau <= 4 * float(case.losses.mean()) + 1e-12
    assert top(case.gauss_newton[:n, :n]) <= case.s**2 * tau * n + slack
    norm = float(case.g.abs().sum(dim=1).mean())
    each = n // case.model.n_patches
    assert top(case.residual[:n, :n]) <= each * case.s * norm + slack
    overlaps = case.membership()[:, n:]
    rho = top(overlaps @ overlaps.T)
    assert float(torch.linalg.matrix_norm(case.residual, 2)) <= case.s * norm * (each + rho) + slack
    total = case.gauss_newton + case.residual
    assert top(total) <= top(case.gauss_newton) + top(case.residual) + slack


def test_bias_elements_are_not_suppressed():
    """The pixel in all 4 patches: its element of G exceeds what s^2 = c^2/16 lets one patch give.

    Each patch's circuit is the one, out of 400 drawn, whose difference of outputs responds most
    to that pixel: coherent responses, found rather than assumed.
    """
    model = DistributedQNN(
        n_patches=4, depth=1, n_qubits=2, image_side=3, n_classes=2, scale=1.0, dtype=torch.float64
    )
    assert int(model.grid.coverage[1, 1]) == 4
    generator = torch.Generator().manual_seed(4)
    images = torch.full((1, 3, 3), 0.3, dtype=torch.float64)
    best = torch.full((4,), -9.0, dtype=torch.float64)
    chosen = model.angles.detach().clone()
    centre = model.angles.numel() + 4
    for _ in range(400):
        draw = (
            torch.rand(model.angles.shape, generator=generator, dtype=torch.float64) * 2 * math.pi
        )
        with torch.no_grad():
            model.angles.copy_(draw)
        case = DenseModel(model, images, torch.tensor([0]))
        unit = torch.zeros_like(case.flat)
        unit[centre] = math.pi / 2
        plus, minus = case.outputs_at(case.flat + unit), case.outputs_at(case.flat - unit)
        slope = (plus - minus)[0] / 2  # (P, C), parameter shift
        response = slope[:, 0] - slope[:, 1]
        better = response > best
        best = torch.where(better, response, best)
        chosen = torch.where(better[:, None], draw, chosen)
    with torch.no_grad():
        model.angles.copy_(chosen)
    case = DenseModel(model, images, torch.tensor([0]))
    pi = case.probabilities[0]
    element = float(case.gauss_newton[centre, centre])
    coherent = float(pi[0] * pi[1] * best.mean() ** 2)  # c = 1: no power of P
    assert element == pytest.approx(coherent, rel=1e-9)
    one_patch_at_most = case.s**2 * float(pi[0] * pi[1]) * 4
    assert element > 2 * one_patch_at_most
    # and within the proven bound with coverage
    assert element <= case.s**2 * 16


def slopes_at_random_angles(n_qubits: int, depth: int, draws: int) -> torch.Tensor:
    """d_i <O_k> of the paper's circuit, shape (C, draws, n_p): angles uniform on the circle."""
    generator = torch.Generator().manual_seed(17)
    ansatz = Ansatz(n_qubits, depth)
    angles = torch.rand(draws, ansatz.n_angles, generator=generator, dtype=torch.float64)
    angles = (2 * math.pi * angles).requires_grad_()
    features = torch.rand(draws, n_qubits**2, 1, generator=generator, dtype=torch.float64)
    outputs = circuit_outputs(ansatz, angles, features, 2 * n_qubits)
    outputs = outputs.reshape(draws, 2 * n_qubits)
    return torch.stack(
        [
            torch.autograd.grad(outputs[:, k].sum(), angles, retain_graph=True)[0]
            for k in range(2 * n_qubits)
        ]
    )


@pytest.mark.parametrize(
    ("depth", "low", "high"), [(1, 1.4, 2.4), (4, 0.80, 0.92), (12, 0.92, 0.98)]
)
def test_two_design_value_needs_depth_at_eight_qubits(depth, low, high):
    """The mean square slope over v: far off at depth 1, below v and closing in with depth."""
    v = float(VARIANCE_VALUE.subs(DIMENSION, 256))
    squares = (slopes_at_random_angles(8, depth, 16) ** 2).mean(dim=(0, 2)) / v
    assert low < float(squares.mean()) < high


@pytest.mark.parametrize(("n_qubits", "depth"), [(2, 1), (2, 4), (3, 2), (3, 6)])
def test_trace_law_at_random_angles(n_qubits, depth):
    """Mean square slope against v, cross terms against 0, tr G against s^2 P n_p v <tr S>.

    Real circuits are not 2-designs: with angles uniform on the circle the mean square slope was
    within 10 % of v at n = 2, 3, 4 and depths 1 to 8, so 12 % plus 4 standard errors is asked.
    """
    v = float(VARIANCE_VALUE.subs(DIMENSION, 2**n_qubits))
    generator = torch.Generator().manual_seed(18)
    draws = 200
    slopes = slopes_at_random_angles(n_qubits, depth, draws)
    squares = (slopes**2).mean(dim=(0, 2))
    error = float(squares.std()) / math.sqrt(draws)
    assert abs(float(squares.mean()) - v) < 0.12 * v + 4 * error
    cross = (slopes[0] * slopes[n_qubits]).mean(dim=1)
    assert abs(float(cross.mean())) < 0.06 * v + 4 * float(cross.std()) / math.sqrt(draws)

    ratios = []
    for seed in range(12):
        side = n_qubits + 1
        model = DistributedQNN(
            4, depth, n_qubits, side, 2 * n_qubits, scale=2.0, seed=seed, dtype=torch.float64
        )
        with torch.no_grad():
            model.angles.mul_(2)
        images = torch.rand(2, side, side, generator=generator, dtype=torch.float64)
        case = DenseModel(model, images, torch.tensor([0, 1]))
        traces = case.curvature.diagonal(dim1=1, dim2=2).sum(dim=1).mean()
        law = case.s**2 * case.n_angles * v * float(traces)
        diagonal = case.gauss_newton.diagonal()[: case.n_angles]
        ratios.append(float(diagonal.sum()) / law)
    spread = np.std(ratios, ddof=1) / math.sqrt(len(ratios))
    assert abs(np.mean(ratios) - 1) < 0.15 + 4 * spread
