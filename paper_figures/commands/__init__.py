"""Console commands of the figures."""
