"""Importing is quick because heavy libraries load where they are used."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from click.testing import CliRunner

import verification
from verification import cli
from verification.cli import main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import verification", ["torch", "scipy", "qiskit", "matplotlib", "sympy", "sklearn"]),
        (
            "from verification import HessianOperator, top_eigenpairs",
            ["qiskit", "matplotlib", "sympy", "sklearn", "numba"],
        ),
        ("import verification.commands.verify, verification.commands.replay", ["torch", "sympy"]),
    ],
)
def test_heavy_libraries_stay_out(statement: str, absent: list[str]) -> None:
    code = f"{statement}\nimport sys\nprint([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_names_every_command() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0, result.output
    listed = re.findall(r"^  ([a-z]+)  ", result.output.split("Commands:")[1], re.MULTILINE)
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert listed == sorted(pyproject["project"]["entry-points"]["patchlaw.commands"])


def test_an_entry_point_that_is_no_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of another distribution that claims the group's name."""
    other = EntryPoint("other", "math:pi", "patchlaw.commands")
    monkeypatch.setattr(cli, "entry_points", lambda group: [other])
    result = CliRunner().invoke(main, ["other"])
    assert isinstance(result.exception, TypeError)
    assert str(result.exception).startswith(
        "entry point 'math:pi' is not a click command: got 3.14"
    )
    assert CliRunner().invoke(main, ["another"]).exit_code == 2


def test_public_names() -> None:
    assert dir(verification) == sorted(verification.__all__)
    for name in verification.__all__:
        assert getattr(verification, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = verification.nothing
