"""Eigenvalues with certificates.

The top eigenvalues of H, G and R of an untrained model on scikit-learn's digits. Each comes with
the norm of its residual, within which an eigenvalue of the matrix lies; the bars are that wide.

Alt: Points for the six largest eigenvalues of H, G and R on a logarithmic axis. H and G lie close
together and fall from about 100 to 20, R below them near 20 and less; the error bars are smaller
than the points.
"""

import matplotlib.pyplot as plt

from patchlaw import CurvatureProblem, DistributedQNN, load_mnist, top_eigenpairs

data = load_mnist("digits")
images, labels = data.train_images[:300], data.train_labels[:300]
model = DistributedQNN(9, depth=2, n_qubits=4, image_side=8, n_classes=8, seed=0)
seen = labels < 8
problem = CurvatureProblem(model, images[seen], labels[seen])
terms = {"H": problem.hessian, "G": problem.gauss_newton, "R": problem.residual}

figure, panel = plt.subplots(figsize=(6, 3.6), layout="constrained")
for shift, (name, term) in enumerate(terms.items()):
    top = top_eigenpairs(term, k=6, which="LA", tol=3e-2, seed=0)
    ranks = [rank + shift / 6 for rank in range(1, 7)]
    panel.errorbar(ranks, top.values, top.residual_norms, fmt="o", capsize=3, label=name)
panel.set(xlabel="rank", ylabel="eigenvalue", yscale="log")
panel.legend()
figure.savefig("e_eigenvalues.png", dpi=150)
