"""Simulators of the distributed QNN: one circuit description, three realisations."""
