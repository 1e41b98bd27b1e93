"""Models made of patches: the distributed QNN in three realisations, ensembles of modules."""

import lazy_loader as lazy

if __name__ == "simulators":
    raise ImportError("expected patchlaw.simulators, got simulators; import the former")

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
