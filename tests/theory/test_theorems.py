"""Every theorem is proved, says something, and is tested on the model by a test that exists."""

import ast
from pathlib import Path

import pytest
from sympy import Function, IndexedBase, Symbol

from patchlaw.hessian_theory.proof.kernel import establishes
from patchlaw.hessian_theory.proof.render import as_latex, as_text, domains
from patchlaw.hessian_theory.theorems import CHAPTERS, THEOREMS, find
from patchlaw.hessian_theory.theory_page import theory_page
from tests.theory.attacks import attempt, claim

ROOT = Path(__file__).parents[2]
NAMES = [t.name for t in THEOREMS]


@pytest.mark.parametrize("name", NAMES)
def test_theorem_is_proved(reports, name):
    report = reports[name]
    assert report.status == "proved", report.steps[-1]
    assert len(report.steps) == len(find(name).steps)
    assert report.witnesses


@pytest.mark.parametrize("name", NAMES)
def test_no_step_compares_an_expression_with_itself(name):
    """sympy may evaluate a side on construction until the step says nothing."""
    assert [s.label for s in find(name).steps if s.formula.left == s.formula.right] == []


@pytest.mark.parametrize("name", NAMES)
def test_numerical_test_exists(name):
    """A file of tests, and in it a test function that asserts something."""
    path, _, function = find(name).numerical_test.partition("::")
    assert path.startswith("tests/")
    assert Path(path).name.startswith("test_")
    tree = ast.parse((ROOT / path).read_text())
    tests = {
        node.name: node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    named = [tests[function]] if function else list(tests.values())
    assert named
    for test in named:
        calls = {ast.unparse(n.func) for n in ast.walk(test) if isinstance(n, ast.Call)}
        assert any(isinstance(n, ast.Assert) for n in ast.walk(test)) or any(
            "assert" in call or "raises" in call for call in calls
        )


def test_every_proved_step_is_a_theorem_of_the_kernel(reports):
    """Asked again, the kernel's own object says what the step says and no more is assumed."""
    for theorem in THEOREMS:
        for step, result in zip(theorem.steps, reports[theorem.name].steps, strict=True):
            if result.outcome is not None:
                establishes(theorem.proved(step.label), theorem.given, step.formula)


def test_names_are_unique_and_every_theorem_is_in_a_chapter():
    assert len(set(NAMES)) == len(NAMES)
    assert sum(len(theorems) for _, theorems in CHAPTERS) == len(THEOREMS)


def test_renderings_contain_every_step(reports):
    theorem = find("curvature-and-loss")
    text = as_text(theorem, reports[theorem.name])
    latex = as_latex(theorem, reports[theorem.name])
    for step in theorem.steps:
        assert f"[{step.label}]" in text
    assert latex.count(r"\[") == len(theorem.steps) + len(theorem.premises)
    assert "proved: difference of the sides = certificate" in text


@pytest.mark.parametrize(
    "domain", ["", "integer", "positive", "negative", "nonnegative", "real", "complex"]
)
def test_a_domain_is_said_as_it_is_declared(domain):
    """Complex quantities counted as real, so did negative ones, and integers as nothing."""
    declared = {domain: True} if domain else {}
    formulas = [
        Symbol("v", **declared) + 1,
        IndexedBase("v", **declared)[1] + 1,
        Function("v", **declared)(1) + 1,
    ]
    for name, side in zip(("v", "v[.]", "v(.)"), formulas, strict=True):
        theorem = attempt(claim(2 * side - side, "=", side))
        assert domains(theorem) == [f"{domain or 'complex'}: {name}"]


def test_page_is_up_to_date(reports):
    """docs/theory.md is what `patchlaw derive --markdown docs/theory.md` writes today."""
    assert (ROOT / "docs" / "theory.md").read_text() == theory_page(reports)


def test_page_wants_every_report(reports):
    some = dict(list(reports.items())[:2])
    with pytest.raises(ValueError, match=r"no report for .*hessian-eq6"):
        theory_page(some)


def test_unknown_name_is_refused_with_a_hint():
    with pytest.raises(ValueError, match="did you mean 'gram-bounds'"):
        find("gram-bound")
