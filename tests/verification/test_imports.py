"""Importing is quick because heavy libraries load where they are used."""

import subprocess
import sys

import pytest

import verification


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


def test_public_names() -> None:
    assert dir(verification) == sorted(verification.__all__)
    for name in verification.__all__:
        assert getattr(verification, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = verification.nothing
