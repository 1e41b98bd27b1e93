"""Derivations, theorems and scaling predictions for the loss Hessian of distributed QNNs."""
