"""One name, ``patchlaw``, whose import is quick: heavy libraries load where they are used."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import patchlaw
from patchlaw.cli import COMMANDS, main

ROOT = Path(__file__).parents[1]
PACKAGES = ("hessian_theory", "simulators", "verification", "paper_figures")


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import patchlaw", ["torch", "scipy", "numpy", "matplotlib", "sympy", "click"]),
        (
            "from patchlaw import HessianOperator, top_eigenpairs",
            ["qiskit", "matplotlib", "sympy", "sklearn", "numba"],
        ),
        ("from patchlaw import predict_eigenvalue_ratio", ["torch", "sympy", "scipy"]),
        (
            "from patchlaw.cli import main\n"
            "main('predict --from 4 --to 9 --all'.split(), standalone_mode=False)",
            ["torch", "sympy", "scipy", "matplotlib"],
        ),
        (
            "from patchlaw.commands import verify, replay, train, status, sweep",
            ["torch", "sympy"],
        ),
    ],
)
def test_heavy_libraries_stay_out(statement: str, absent: list[str]) -> None:
    code = f"{statement}\nimport sys\nprint([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_names_every_command() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0, result.output
    listed = re.findall(r"^  ([a-z]+)  ", result.output.split("Commands:")[1], re.MULTILINE)
    assert listed == list(COMMANDS)
    assert CliRunner().invoke(main, ["another"]).exit_code == 2


def test_public_names() -> None:
    assert dir(patchlaw) == sorted(patchlaw.__all__)
    for name in patchlaw.__all__:
        value = getattr(patchlaw, name)
        assert getattr(value, "__name__", name) == name
    assert patchlaw.__version__ == importlib.metadata.version("patchlaw")
    with pytest.raises(AttributeError, match="No patchlaw attribute nothing"):
        _ = patchlaw.nothing


@pytest.mark.parametrize("package", PACKAGES)
def test_a_bare_name_says_which_name_to_use(package: str) -> None:
    """As when the repository's folder is on the path: two copies of a class would not be equal."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {package}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"ImportError: expected patchlaw.{package}, got {package};" in done.stderr


def test_every_package_is_installed() -> None:
    """A folder that the list of packages lacks would be missing from the wheel alone."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    found = (path for top in (*PACKAGES, "patchlaw") for path in (ROOT / top).rglob("__init__.py"))
    names = {".".join(path.parent.relative_to(ROOT).parts) for path in found}
    listed = {name.removeprefix("patchlaw.") for name in tool["packages"]}
    assert listed == {name.removeprefix("patchlaw.") for name in names}
    assert set(tool["package-dir"]) == {"patchlaw", *(f"patchlaw.{p}" for p in PACKAGES)}
