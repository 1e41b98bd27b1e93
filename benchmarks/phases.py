"""Where the fast engine's time goes: thread seconds by phase, measured around its kernels.

Every compiled kernel is a phase of the module that defines it; the dense products are the two
functions of ``complex_products``, the sums around their BLAS calls included. What is left is numpy
outside these (chunk preparation, sums, the loss) and threads waiting for one another.
"""

import importlib
import pkgutil
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from patchlaw.simulators import fast_engine
from patchlaw.simulators.fast_engine.engine import FastEngine

_PRODUCTS = {"multiply": "dense products", "add_outer": "outer products"}
_KERNELS = {
    "encoding_kernels": "encodings",
    "measurement_kernels": "measurement",
    "static_kernels": "data-free layers",
    "pauli_kernels": "data-free layers",
}
REST = "everything else"


class _Clock:
    """Thread seconds by phase."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    def wrap(self, phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any) -> Any:
            begin = time.perf_counter()
            try:
                return function(*arguments)
            finally:
                spent = time.perf_counter() - begin
                with self._lock:
                    self.seconds[phase] += spent

        return timed


def _modules() -> list[ModuleType]:
    return [
        importlib.import_module(f"{fast_engine.__name__}.{info.name}")
        for info in pkgutil.iter_modules(fast_engine.__path__)
    ]


def _phase(name: str, value: object) -> str | None:
    """Phase of a name in one of the engine's modules; None if it is not a step of the work."""
    if name in _PRODUCTS and callable(value):
        return _PRODUCTS[name]
    python_function = getattr(value, "py_func", None)  # numba's compiled functions carry it
    if name.startswith("_") or python_function is None:
        return None
    return _KERNELS.get(python_function.__module__.rsplit(".", 1)[-1])


@contextmanager
def _clocked() -> Iterator[_Clock]:
    """Replace the engine's kernels by timed ones, then put them back."""
    clock, replaced = _Clock(), []
    try:
        for module in _modules():
            for name, value in list(vars(module).items()):
                phase = _phase(name, value)
                if phase is not None:
                    replaced.append((module, name, value))
                    setattr(module, name, clock.wrap(phase, value))
        yield clock
    finally:
        for module, name, value in replaced:
            setattr(module, name, value)


def profile(engine: FastEngine, call: Callable[[], object]) -> dict[str, float]:
    """Thread seconds of one call by phase; they sum to threads times wall-clock time.

    ``call`` must have run before, so that nothing is left to compile.
    """
    with _clocked() as clock:
        begin = time.perf_counter()
        call()
        total = (time.perf_counter() - begin) * engine.n_threads
    seconds = dict(clock.seconds)
    seconds[REST] = max(0.0, total - sum(seconds.values()))
    return dict(sorted(seconds.items(), key=lambda item: -item[1]))
