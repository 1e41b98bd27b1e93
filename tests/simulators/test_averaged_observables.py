"""One circuit whose classes read the mean of several observables."""

import numpy as np
import pytest
import torch

from patchlaw.simulators import PatchEnsemble, PatchGrid
from patchlaw.simulators.averaged_observables import AveragedObservables, pauli_strings
from patchlaw.simulators.reference import simulate


def test_each_class_reads_the_mean_of_its_own_strings():
    """Against the numpy reference and dense Pauli matrices; catches another class' strings."""
    torch.manual_seed(3)
    n, classes, m = 3, 2, 3
    module = AveragedObservables(n, 1, 3, classes, m).double()
    features = torch.rand(4, 9, dtype=torch.float64)
    found = module(features).detach().numpy()
    matrices = {"X": [[0, 1], [1, 0]], "Y": [[0, -1j], [1j, 0]], "Z": [[1, 0], [0, -1]]}
    strings = pauli_strings(n, classes)
    assert strings[:2] == ("X0", "Z0")
    assert len(set(strings)) == len(strings) == 9 + 9
    angles = module.angles.detach().numpy()[0]
    for image, row in zip(features.numpy(), found, strict=True):
        psi = simulate(module.ansatz, angles, image).reshape(-1)
        for k in range(classes):
            expected = []
            for string in strings[k : classes * m : classes]:
                factors = [np.eye(2)] * n
                for word in string.split():
                    factors[int(word[1:])] = np.array(matrices[word[0]])
                operator = np.kron(np.kron(factors[0], factors[1]), factors[2])
                expected.append((psi.conj() @ operator @ psi).real)
            assert row[k] == pytest.approx(np.mean(expected), abs=1e-12)


def test_one_qnn_of_an_ensemble_has_s_of_c():
    """With P = 1 the mean over observables is the only average; catches a second division."""
    make = lambda: AveragedObservables(2, 1, 2, 2, 2)  # noqa: E731
    model = PatchEnsemble(make, PatchGrid(2, 2, 1), scale=20.0, dtype=torch.float64)
    images = torch.rand(3, 2, 2, dtype=torch.float64)
    inner = model.patches[0](images.reshape(3, 4))
    torch.testing.assert_close(model(images), 20 * inner)


def test_more_observables_than_there_are_are_refused():
    with pytest.raises(ValueError, match="n_observables: expected from 1 to 4, as there are 48"):
        AveragedObservables(8, 1, 8, 10, 5)
