"""Derivations, theorems and scaling predictions for the loss Hessian of distributed QNNs."""

if __name__ == "hessian_theory":
    raise ImportError("expected patchlaw.hessian_theory, got hessian_theory; import the former")
