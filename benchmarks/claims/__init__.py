"""One module a claim, each with its ``CLAIM`` and ``run(scale, record)`` that fills the record."""
