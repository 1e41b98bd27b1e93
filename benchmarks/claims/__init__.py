"""One module a claim, each with ``run(scale) -> Record``."""
