"""The API reference: which modules are public, a page for each, and what their docstrings lack."""

import logging
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import griffe

from docs.website.pages import Page

PACKAGES = ("hessian_theory", "simulators", "verification", "paper_figures")

# What a user imports, by the packages' order. A page documents what its module's __all__ names, or
# defines where it has none.
PUBLIC = {
    "patchlaw": "The names of every day",
    "patchlaw.hessian_theory.predictions": "Laws, bounds, sizes and answers",
    "patchlaw.hessian_theory.theorems": "Theorems",
    "patchlaw.hessian_theory.loss_derivatives": "Derivatives of the loss",
    "patchlaw.hessian_theory.latex": "LaTeX",
    "patchlaw.simulators": "Circuits, patches and models",
    "patchlaw.simulators.ansatz": "Blocks and gates",
    "patchlaw.simulators.datasets": "Data",
    "patchlaw.simulators.gate_noise": "Noise after every gate",
    "patchlaw.simulators.qiskit_circuit": "Qiskit circuits",
    "patchlaw.simulators.reference": "The plain simulator",
    "patchlaw.verification.operators": "Curvature operators",
    "patchlaw.verification.shots": "Shots",
    "patchlaw.verification.solvers": "Eigenvalues, densities, traces",
    "patchlaw.verification.training": "Training",
    "patchlaw.verification.runs": "Runs on disk",
    "patchlaw.verification.analysis.analysis_job": "Analysing runs",
    "patchlaw.verification.analysis.options": "Options of an analysis",
    "patchlaw.verification.kernels.of_model": "The tangent kernel of a model",
    "patchlaw.verification.kernels.start": "Before training",
    "patchlaw.verification.kernels.minimum": "At a minimum",
    "patchlaw.verification.records": "Records",
    "patchlaw.verification.comparison": "Measured ratios beside the laws",
    "patchlaw.verification.claims": "Claims and verdicts",
    "patchlaw.paper_figures.records": "Records for figures",
    "patchlaw.paper_figures.drawing": "Drawing a figure",
    "patchlaw.paper_figures.provenance": "What lies behind a figure",
}


def lay_out_packages(root: Path, folder: Path) -> None:
    """Copy the packages' Python below patchlaw, as an installation has them."""
    for name in ("patchlaw", *PACKAGES):
        top = folder / "patchlaw" / ("" if name == "patchlaw" else name)
        for file in (root / name).rglob("*.py*"):
            if file.suffix in {".py", ".pyi"}:
                copy = top / file.relative_to(root / name)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, copy)


def reference_pages(folder: Path) -> list[Page]:
    """A page for each public module, and one that lists them."""
    package = load(folder)
    overview = ["# API reference", "What is public, by module. Everything else may change."]
    pages = []
    for name, title in PUBLIC.items():
        path = f"reference/{name.removeprefix('patchlaw.')}.md"
        module = module_of(package, name)
        text = f"# {title}\n\n`{name}`\n\n"
        text += "".join(f"::: {name}.{each.name}\n\n" for each in documented(module))
        pages.append(Page(path, f"docs/{path}", text))
        names = ", ".join(f"`{each.name}`" for each in documented(module))
        overview.append(f"## {title}\n\n[`{name}`]({path}): {names}")
    return [Page("reference.md", "docs/reference.md", "\n\n".join(overview) + "\n"), *pages]


def load(folder: Path) -> griffe.Object:
    """The packages as griffe reads them, without importing any."""
    package = griffe.load(
        "patchlaw", search_paths=[folder], try_relative_path=False, docstring_parser="google"
    )
    assert isinstance(package, griffe.Object)
    return package


def module_of(package: griffe.Object, name: str) -> griffe.Object:
    """The module of that full name."""
    module = package
    for part in name.split(".")[1:]:
        found = module[part]
        assert isinstance(found, griffe.Object)
        module = found
    return module


def documented(module: griffe.Object) -> list[griffe.Object | griffe.Alias]:
    """What a module's page is about, in alphabetical order."""
    named = [member for member in module.members.values() if member.is_public and _is_shown(member)]
    if module.exports is None:
        named = [member for member in named if not member.is_alias]
    return sorted(named, key=lambda member: member.name)


def _is_shown(member: griffe.Object | griffe.Alias) -> bool:
    try:
        return not member.is_module and not member.is_type_alias
    except griffe.AliasResolutionError:  # a constant that griffe cannot see: one of a, b = ...
        return False


def faults(folder: Path) -> Iterable[str]:
    """What the public API's docstrings lack: a docstring, or a parameter that does not exist."""
    return dict.fromkeys(_faults(load(folder)))


def _faults(package: griffe.Object) -> Iterator[str]:
    heard: list[str] = []
    listener = logging.Handler(logging.WARNING)
    listener.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("griffe")
    logger.addHandler(listener)
    try:
        for name in PUBLIC:
            for member in documented(module_of(package, name)):
                yield from _faults_of(member)
    finally:
        logger.removeHandler(listener)
    yield from heard


def _faults_of(member: griffe.Object | griffe.Alias) -> Iterator[str]:
    found = member.final_target if isinstance(member, griffe.Alias) else member
    if found.docstring is not None:
        _ = found.docstring.parsed  # warnings are heard above
    elif not found.is_attribute:
        yield f"{found.path}: expected a docstring, got none"
    if found.is_class:
        for child in found.members.values():
            # magic methods and __init__: the class docstring covers them
            if child.is_public and child.is_function and not child.name.startswith("__"):
                yield from _faults_of(child)
