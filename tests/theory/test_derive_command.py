"""`patchlaw derive`: what it prints, its exit status, and the file it writes."""

import pytest
from click.testing import CliRunner
from sympy import Integer

from patchlaw.commands.derive import derive
from patchlaw.hessian_theory import theorems
from tests.theory.attacks import side

CHEAP = ("log-bound", "curvature-and-loss", "residual-with-bias")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch):
    """The command with a few cheap theorems, or those given."""

    def invoke(*arguments: str, only=None):
        chosen = only or tuple(theorems.find(name) for name in CHEAP)
        monkeypatch.setattr(theorems, "THEOREMS", chosen)
        return CliRunner().invoke(derive, list(arguments))

    return invoke


def test_list_shows_every_theorem_with_its_status(run):
    result = run()
    assert result.exit_code == 0
    for name in CHEAP:
        assert name in result.output
    assert "3 of 3 theorems proved" in result.output
    assert "steps hold" in " ".join(result.output.split())


def test_check_says_how_each_step_was_decided(run):
    result = run("--check")
    assert result.exit_code == 0
    for name in CHEAP:
        for step in theorems.find(name).steps:
            assert f"    {step.label}: proved" in result.output


def test_one_theorem_as_text_and_as_latex(run):
    text = run("log-bound")
    assert text.exit_code == 0
    assert "1 - t <= -log(t)" in text.output
    assert "Status: proved" in text.output
    latex = run("log-bound", "--latex")
    assert r"1 - t \le - \log{\left(t \right)}" in latex.output


def test_a_false_theorem_is_reported_and_fails(run):
    broken = side("upper", lambda _: Integer(0))(theorems.find("curvature-and-loss"))
    result = run("--check", only=(theorems.find("log-bound"), broken))
    assert result.exit_code == 1
    assert "1 of 2 theorems proved" in result.output
    assert "not proved: curvature-and-loss" in " ".join(result.output.split())
    assert "differ by" in result.output


def test_unknown_name(run):
    result = run("log-bond")
    assert result.exit_code == 2
    assert "did you mean 'log-bound'" in result.output


def test_options_that_do_not_fit(run):
    assert "give its NAME" in run("--latex").output
    assert "leave NAME out" in run("log-bound", "--markdown", "x.md").output


def test_failed_page_leaves_the_old_file(run, tmp_path, monkeypatch):
    """An error while the page is written must not damage what is there."""
    page = tmp_path / "theory.md"
    page.write_text("old")
    monkeypatch.setattr(
        "patchlaw.hessian_theory.theory_page.theory_page",
        lambda _: (_ for _ in ()).throw(OSError("disk")),
    )
    result = run("--markdown", str(page))
    assert isinstance(result.exception, OSError)
    assert page.read_text() == "old"
    assert list(tmp_path.iterdir()) == [page]


def test_interrupted_write_leaves_the_old_file(run, tmp_path, monkeypatch):
    """The page cannot be encoded: the write fails half way, after the temporary file is there."""
    page = tmp_path / "theory.md"
    page.write_text("old")
    monkeypatch.setattr("patchlaw.hessian_theory.theory_page.theory_page", lambda _: "new \ud800")
    result = run("--markdown", str(page))
    assert isinstance(result.exception, UnicodeEncodeError)
    assert page.read_text() == "old"
    assert list(tmp_path.iterdir()) == [page]


def test_page_is_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr("patchlaw.hessian_theory.theory_page.theory_page", lambda _: "page\n")
    page = tmp_path / "new" / "theory.md"
    assert run("--markdown", str(page)).exit_code == 0
    assert page.read_text() == "page\n"
    assert list(page.parent.iterdir()) == [page]
