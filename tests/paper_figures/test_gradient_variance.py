from dataclasses import replace

import numpy as np
import pytest
import torch

from patchlaw.paper_figures.gradient_variance import mean_square_slopes
from patchlaw.simulators.distributed_qnn import DistributedQNN
from patchlaw.verification.runs import RunRequest, load_samples
from patchlaw.verification.training import stratified_subset


@pytest.mark.parametrize("patches", [1, 4])
def test_slopes_are_the_kernels_form_and_torchs(patches: int) -> None:
    """A factor N, P, s or v left out of the law is at least 2; torch's own gradient knows none."""
    side = 8 if patches == 1 else 4
    request = RunRequest(patches, 8, data="digits", patch_side=side)
    samples = load_samples("digits")
    drawn = np.array([mean_square_slopes(replace(request, seed=s), samples, 30) for s in range(16)])
    ratio = np.log(drawn[:, 0] / drawn[:, 1])
    assert ratio.mean() == pytest.approx(0, abs=0.1 + 3 * ratio.std() / 4)

    chosen = stratified_subset(samples.train_labels.numpy(), 30, seed=0)
    model = request.config(samples).model.build().double()
    assert isinstance(model, DistributedQNN)
    z = model(samples.train_images[chosen].double())
    torch.nn.functional.cross_entropy(z, samples.train_labels[chosen]).backward()
    assert model.angles.grad is not None
    mean = float(model.angles.grad.square().mean())
    assert mean_square_slopes(request, samples, 30)[0] == pytest.approx(mean, rel=1e-9)
