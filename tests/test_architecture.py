"""The imports run one way, between and inside the packages (docs/architecture.md).

Every import statement counts, also one inside a function or for a type checker alone: an arrow
that is hidden is an arrow. A module's name in a string is one too.
"""

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BELOW = {
    "hessian_theory": set(),
    "simulators": set(),
    "verification": {"hessian_theory", "simulators"},
    "paper_figures": {"hessian_theory", "simulators", "verification"},
    "patchlaw": {"hessian_theory", "simulators", "verification", "paper_figures"},
}


def modules() -> dict[str, ast.Module]:
    """The tree of every module by its name below patchlaw, as simulators.ansatz."""
    paths = [path for top in BELOW for path in (ROOT / top).rglob("*.py")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    return {
        name.removesuffix(".__init__"): ast.parse(path.read_text(encoding="utf-8"))
        for name, path in zip(names, paths, strict=True)
    }


def named(tree: ast.Module) -> Iterator[str]:
    """Dotted names below patchlaw that a module imports, or has in a string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield f"{node.module}.{alias.name}".removeprefix("patchlaw.")
        elif isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("patchlaw.") for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value.removeprefix("patchlaw.") if node.value != "patchlaw" else ""


def graph(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Which modules each module imports; a package is imported where nothing below it is."""
    found: dict[str, set[str]] = {}
    for name, tree in trees.items():
        targets = ((full, full.rpartition(".")[0]) for full in named(tree))
        found[name] = {next((m for m in pair if m in trees), name) for pair in targets} - {name}
    return found


@cache
def imports() -> dict[str, set[str]]:
    """Of this tree; not read at import, which every worker pays for."""
    return graph(modules())


def test_packages_know_only_what_is_below_them() -> None:
    upward = [
        f"{module} -> {target}"
        for module, targets in imports().items()
        for target in targets
        if (top := target.split(".")[0]) != (own := module.split(".")[0]) and top not in BELOW[own]
    ]
    assert upward == []


@pytest.mark.parametrize("depth", [None, 2])
def test_no_circle(depth: int | None) -> None:
    """Neither between modules nor, at depth 2, between the folders of a package."""
    short: dict[str, set[str]] = {}
    for module, targets in imports().items():
        place = ".".join(module.split(".")[:depth])
        there = {".".join(target.split(".")[:depth]) for target in targets}
        short.setdefault(place, set()).update(there - {place})
    try:
        TopologicalSorter(short).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_an_upward_arrow_and_a_circle_are_seen() -> None:
    """The test itself: an import in a function, and a name in a string."""
    trees = {
        "simulators.a": ast.parse("def f():\n    from patchlaw.verification.b import g"),
        "verification.b": ast.parse("import_module('patchlaw.simulators.a')"),
    }
    arrows = graph(trees)
    assert arrows == {"simulators.a": {"verification.b"}, "verification.b": {"simulators.a"}}
    assert all(later in arrows[first] for first, later in pairwise([*arrows, *arrows][:3]))
