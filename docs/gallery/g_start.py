"""Before there is a model.

The largest eigenvalues before training, from images and sizes alone: softmax outputs are drawn
from the Gaussian process that the tangent kernel implies. No circuit is run.

Alt: For 4, 9 and 16 patches, twelve eigenvalues falling with their rank on a logarithmic axis,
the curves below each other in the order of the number of patches.
"""

import matplotlib.pyplot as plt

from patchlaw import Architecture, load_mnist
from patchlaw.verification.kernels.start import predict_start

data = load_mnist()
figure, panel = plt.subplots(figsize=(6, 3.6), layout="constrained")
for n_patches in (4, 9, 16):
    sizes = Architecture(n_patches, depth=50)
    found = predict_start(sizes, data.train_images, data.train_labels, n_samples=100, draws=2)
    means = [each.mean for each in found.eigenvalues]
    panel.semilogy(range(1, len(means) + 1), means, "o-", label=f"P = {n_patches}")
panel.set(xlabel="rank", ylabel="eigenvalue of G over the angles")
panel.legend()
figure.savefig("g_start.png", dpi=150)
