"""Analysis of a finished run: eigenvalues, densities, traces and their evolution, on record."""
