"""What the theory tests share: every theorem is proved once a session."""

import pytest

from patchlaw.hessian_theory.proof.derivation import Report
from patchlaw.hessian_theory.theorems import THEOREMS


@pytest.fixture(scope="session")
def reports() -> dict[str, Report]:
    return {theorem.name: theorem.report() for theorem in THEOREMS}
