"""Measured claims about speed and memory; ``python -m benchmarks.run`` runs them."""
