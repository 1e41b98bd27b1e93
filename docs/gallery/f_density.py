"""The whole spectrum: a bulk and its outliers.

The density of the eigenvalues of H, estimated by stochastic Lanczos quadrature from products
alone, and the largest eigenvalues one by one.

Alt: A density on a logarithmic axis with a tall narrow bulk around zero and a thin tail to the
right, where short ticks mark the eight largest eigenvalues.
"""

import matplotlib.pyplot as plt

from patchlaw import DistributedQNN, HessianOperator, load_mnist, spectral_density, top_eigenpairs

data = load_mnist("digits")
seen = data.train_labels[:300] < 8
images, labels = data.train_images[:300][seen], data.train_labels[:300][seen]
model = DistributedQNN(9, depth=2, n_qubits=4, image_side=8, n_classes=8, seed=0)
hessian = HessianOperator(model, images, labels)
density = spectral_density(hessian, n_probes=4, n_steps=40, seed=0)
points = density.grid()
top = top_eigenpairs(hessian, k=8, which="LA", tol=3e-2, seed=0)

figure, panel = plt.subplots(figsize=(6, 3.6), layout="constrained")
panel.semilogy(points, density.density(points)[0])
panel.vlines(top.values, 1e-4, 3e-4, colors="black")
panel.set(xlabel="eigenvalue of H", ylabel="density", ylim=(1e-4, 1))
figure.savefig("f_density.png", dpi=150)
