"""Fixtures of the verification's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from patchlaw.verification.runs import Run
from tests.verification.rank_cases import Pair
from tests.verification.run_cases import run_toy


@pytest.fixture
def begun(tmp_path: Path) -> Run:
    """Three epochs of the toy run: one to damage, or to go on with."""
    return run_toy(tmp_path, 3)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with Pair(tmp_path_factory.mktemp("pair")) as ranks:
        yield ranks
