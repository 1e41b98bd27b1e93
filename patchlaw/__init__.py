"""patchlaw: the loss Hessian of distributed quantum neural networks, derived, realised, measured.

The names below load on first use, so ``import patchlaw`` is quick; what they are and where they
live is in ``__init__.pyi``. The packages: ``patchlaw.hessian_theory`` (theorems, predictions),
``patchlaw.simulators`` (models), ``patchlaw.verification`` (curvature, runs, comparison, claims),
``patchlaw.paper_figures`` (figures, tables).
"""

from pathlib import Path
from typing import Any

import lazy_loader as lazy

_public_name, __dir__, __all__ = lazy.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    """A public name, loaded now; ``__version__`` is that of what is installed."""
    if name != "__version__":
        return _public_name(name)
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("patchlaw")
    except PackageNotFoundError:  # a folder on Python's path
        return "unknown"


# In a checkout the packages lie beside this folder, in an installation inside it. So a checkout
# on Python's path never mixes its own packages with those of an installed patchlaw.
_ABOVE = Path(__file__).resolve().parents[1]
if (_ABOVE / "pyproject.toml").is_file():
    __path__.append(str(_ABOVE))
