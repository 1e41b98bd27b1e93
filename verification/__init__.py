"""Curvature operators, eigenvalue solvers and the comparison of theory with measurement."""

if __name__ == "verification":
    raise ImportError("expected patchlaw.verification, got verification; import the former")
