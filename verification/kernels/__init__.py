"""The tangent kernel's law on models: predictions from them, and measured spectra beside it."""
