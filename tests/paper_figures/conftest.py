"""Fixtures of the figures' tests."""

from pathlib import Path

import pytest

from tests.paper_figures.figure_cases import SMALL
from tests.paper_figures.synthetic_records import write_everything


@pytest.fixture
def small(tmp_path) -> Path:
    """One small run with all its records."""
    folder = tmp_path / "kept"
    write_everything(folder, SMALL)
    return folder
