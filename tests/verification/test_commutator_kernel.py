"""The commutator kernel: explicit commutators, generators drawn, deep random circuits."""

from functools import reduce

import numpy as np
import pytest
import torch

from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.ansatz import EncodingBlock, ring_signs
from patchlaw.simulators.reference import PAULI
from patchlaw.verification.kernels import commutator
from patchlaw.verification.kernels.commutator import CommutatorKernel
from patchlaw.verification.kernels.of_model import tangent_kernel_of
from tests.verification.kernel_cases import blocks_of

GROUPS = [(3, "unitary"), (3, "symplectic"), (4, "orthogonal")]


def small_model(n_qubits: int, seed: int = 0, depth: int = 1, patches: int = 4) -> DistributedQNN:
    side = n_qubits + (patches > 1)
    model = DistributedQNN(patches, depth, n_qubits, side, 3, seed=seed, dtype=torch.float64)
    with torch.no_grad():
        model.pixel_bias.copy_(torch.linspace(-0.4, 0.6, side**2).reshape(side, side))
    return model


def random_images(model: DistributedQNN, count: int = 3) -> torch.Tensor:
    side = model.pixel_bias.shape[0]
    return torch.tensor(np.random.default_rng(1).uniform(0, 2, (count, side, side)))


def dense(kernel: CommutatorKernel, n_classes: int) -> np.ndarray:
    """All columns, shape (N C, N C)."""
    units = np.eye(kernel.n_samples * n_classes).reshape(-1, kernel.n_samples, n_classes)
    return np.stack([(kernel @ unit).reshape(-1) for unit in units])


def on_qubit(pauli: str, qubit: int, n_qubits: int) -> np.ndarray:
    return reduce(np.kron, [PAULI[pauli] if q == qubit else np.eye(2) for q in range(n_qubits)])


def commutators(model: DistributedQNN, patch: int, images: torch.Tensor) -> np.ndarray:
    """A_k^b(x) = i [rho, O_k] at every data-free block's end, shape (blocks, N, C, D, D)."""
    n, outputs = model.ansatz.n_qubits, model.ansatz.outputs(model.n_classes)
    found = []
    for image in images.numpy():
        unitaries = blocks_of(model, patch, image)
        of_blocks = []
        for last in (0, 2, 4):
            psi = reduce(lambda state, u: u @ state, unitaries[: last + 1], np.eye(2**n)[0])
            after = reduce(lambda total, u: u @ total, unitaries[last + 1 :], np.eye(2**n))
            rho = np.outer(psi, psi.conj())
            seen = [after.conj().T @ on_qubit(*string[0], n) @ after for string in outputs]
            of_blocks.append([1j * (rho @ o - o @ rho) for o in seen])
        found.append(of_blocks)
    return np.array(found).swapaxes(0, 1)


def projected(matrices: np.ndarray, n_qubits: int) -> np.ndarray:
    """(A - T A T^-1) / 2 with T = Y^n K."""
    flip = reduce(np.kron, [PAULI["Y"]] * n_qubits)
    return (matrices - flip @ matrices.conj() @ flip.conj().T) / 2


def scale_of(n_qubits: int, group: str) -> float:
    size = 2**n_qubits
    return {
        "unitary": size / (size**2 - 1),
        "orthogonal": 2 / (size - 1),
        "symplectic": 2 / (size + 1),
    }[group]


def of_encodings(model: DistributedQNN, images: torch.Tensor) -> np.ndarray:
    """J J^T over the encodings' angles, J by autograd, shape (N C, N C)."""
    jacobian = torch.autograd.functional.jacobian(
        lambda angles: model.autograd_logits(images, angles=angles),
        model.angles.detach(),
        vectorize=True,
    )
    offsets = model.ansatz.angle_offsets
    own = [
        index
        for block, *ends in zip(model.ansatz.blocks, offsets, offsets[1:], strict=False)
        if isinstance(block, EncodingBlock)
        for index in range(*ends)
    ]
    rows = jacobian[..., own].reshape(len(images) * model.n_classes, -1).numpy()
    return np.asarray(rows @ rows.T)


@pytest.mark.parametrize(("n_qubits", "group"), GROUPS)
def test_products_are_those_of_explicit_commutators(n_qubits, group, monkeypatch):
    """Catches a lost term of the commutator, k != l left out, a block's place mistaken."""
    model = small_model(n_qubits)
    images = random_images(model)
    expected, same_output = (of_encodings(model, images) for _ in range(2))
    for patch in range(model.n_patches):
        found = commutators(model, patch, images)
        if group != "unitary":
            found = projected(found, n_qubits)
        inner = np.einsum("bnkij,bmlji->nkml", found, found).real
        n_angles = 2 * n_qubits * model.ansatz.depth
        inner *= model.output_scale**2 * n_angles * scale_of(n_qubits, group) / 4
        expected += inner.reshape(expected.shape)
        same_output += (inner * np.eye(3)[:, None]).reshape(expected.shape)
    monkeypatch.setattr(commutator, "_WORKSPACE", 1.0)  # one image at a time
    kernel = dense(CommutatorKernel(model, images, group), 3)
    np.testing.assert_allclose(kernel, expected, atol=1e-9 * expected.max())
    assert abs(kernel - same_output).max() > 0.01 * expected.max()  # k != l are there
    np.testing.assert_allclose(kernel, kernel.T, atol=1e-9 * expected.max())
    assert np.linalg.eigvalsh(kernel).min() > -1e-9 * expected.max()


@pytest.mark.parametrize(("n_qubits", "draws"), [(3, 4000), (4, 1000)])
def test_average_over_generators_of_the_circuits_own_gates(n_qubits, draws):
    """Generators carried through random layers of X and Y rotations and CZ rings.

    Catches a wrong group: at n = 3 the unitary average misses by six standard errors.
    """
    rng, model = np.random.default_rng(4), small_model(n_qubits, patches=1)
    found = commutators(model, 0, random_images(model, 2))[1].reshape(6, *[2**n_qubits] * 2)
    carried = np.empty((draws, 2**n_qubits, 2**n_qubits), complex)
    for draw in range(draws):
        carried[draw] = on_qubit(rng.choice(["X", "Y"]), rng.integers(n_qubits), n_qubits)
    signs = ring_signs(n_qubits)
    for _ in range(4 * n_qubits):
        turn = np.ones((draws, 1, 1), complex)
        for _ in range(n_qubits):
            a, b = rng.uniform(0, 2 * np.pi, (2, draws, 1, 1)) / 2
            x = np.cos(a) * np.eye(2) - 1j * np.sin(a) * PAULI["X"]
            y = np.cos(b) * np.eye(2) - 1j * np.sin(b) * PAULI["Y"]
            size = turn.shape[1]
            turn = np.einsum("dij,dkl->dikjl", turn, y @ x).reshape(draws, 2 * size, 2 * size)
        turn = signs[:, None] * turn
        carried = turn.conj().swapaxes(1, 2) @ carried @ turn
    slopes = -np.einsum("dij,aji->da", carried, found).real / 2
    products = slopes[:, :, None] * slopes[:, None]
    mean, error = products.mean(axis=0), products.std(axis=0) / np.sqrt(draws)
    own = "orthogonal" if n_qubits == 4 else "symplectic"
    gaps = {}
    for group, matrices in (("unitary", found), (own, projected(found, n_qubits))):
        inner = np.einsum("aij,bji->ab", matrices, matrices).real
        gaps[group] = (abs(mean - scale_of(n_qubits, group) / 4 * inner) / error).max()
    assert gaps[own] < 4.5, gaps
    assert n_qubits > 3 or gaps["unitary"] > 6, gaps


def test_deep_random_circuits_give_the_law():
    """Mean over random angles of the data-free blocks; catches constants of another group."""
    fixed = small_model(4, 777, patches=1)
    images = random_images(fixed, 2)
    kernels = []
    for seed in range(30):
        model = small_model(4, seed, depth=10, patches=1)
        with torch.no_grad():
            model.angles *= 4  # over more than a period
            for block in (1, 3):
                ends = (each.ansatz.angle_offsets[block] for each in (model, fixed))
                to, of = ends
                n_angles = fixed.ansatz.blocks[block].n_angles(4)
                model.angles[:, to : to + n_angles] = fixed.angles[:, of : of + n_angles]
        kernels.append(dense(CommutatorKernel(model, images), 3))
    law = tangent_kernel_of(model, images)
    wanted = np.kron(law.of_patch(0), np.eye(3)) * law.variance * law.output_scale**2
    error = np.std(kernels, axis=0) / np.sqrt(len(kernels))
    off = abs(np.mean(kernels, axis=0) - wanted)
    assert (off < 4.5 * error + 0.03 * wanted.max()).all(), off / wanted.max()
    assert 4.5 * error.max() < 0.25 * wanted.max()


def test_spectrum_is_that_of_the_weighted_kernel():
    """Against numpy's square root of S; catches a weight on the wrong side or a lost 1/N."""
    model = small_model(3)
    images = random_images(model)
    kernel = CommutatorKernel(model, images)
    pi = np.random.default_rng(3).dirichlet(np.ones(3), 3)
    roots = np.zeros((9, 9))
    for sample, each in enumerate(pi):
        values, vectors = np.linalg.eigh(np.diag(each) - np.outer(each, each))
        place = slice(3 * sample, 3 * sample + 3)
        roots[place, place] = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    expected = np.linalg.eigvalsh(roots @ dense(kernel, 3) @ roots / 3)[::-1]
    np.testing.assert_allclose(kernel.spectrum(pi, 4), expected[:4], rtol=1e-9)


def test_refusals():
    """Catches a number for a group that the circuit does not have."""
    model = small_model(3)
    images = random_images(model)
    with pytest.raises(ValueError, match="group: expected 'unitary' or 'symplectic' for this"):
        CommutatorKernel(model, images, "orthogonal")
    with pytest.raises(ValueError, match="images: expected"):
        CommutatorKernel(model, images[:, :2])
    with pytest.raises(TypeError, match="model: expected a DistributedQNN, got Linear"):
        CommutatorKernel(torch.nn.Linear(2, 2), images)
