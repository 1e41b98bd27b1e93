"""The split of the Hessian, H = G + R.

Every element of H of a small model: the Gauss-Newton term G couples all patches, the residual
term R is zero between the angles of different patches. The last rows are the pixel bias, which
all patches share.

Alt: Three square heat maps of the same size, H, G and R. H and G are filled everywhere; R shows
four blocks along its diagonal, nothing between them, and a filled border where the pixel bias is.
"""

import matplotlib.pyplot as plt
import numpy as np

from patchlaw import CurvatureProblem, DistributedQNN, dense_matrix

rng = np.random.default_rng(0)
images, labels = rng.uniform(0, np.pi / 2, (40, 4, 4)), rng.integers(0, 4, 40)
model = DistributedQNN(4, depth=2, n_qubits=2, image_side=4, n_classes=4, scale=20.0, seed=0)
problem = CurvatureProblem(model.double(), images, labels)
terms = {"H": problem.hessian, "G": problem.gauss_newton, "R": problem.residual}

figure, axes = plt.subplots(1, 3, figsize=(9, 3.2), layout="constrained")
for panel, (name, term) in zip(axes, terms.items(), strict=True):
    matrix = dense_matrix(term).matrix
    limit = np.abs(matrix).max()
    panel.imshow(np.cbrt(matrix / limit), cmap="RdBu", vmin=-1, vmax=1)
    panel.set_title(f"{name}, largest element {limit:.2g}")
    panel.set_xticks([])
    panel.set_yticks([])
figure.savefig("b_split.png", dpi=150)
