"""Curvature operators, eigenvalue solvers and the comparison of theory with measurement."""
