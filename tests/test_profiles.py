"""The hypothesis profiles: every property test draws more under ``thorough``."""

import pytest
from hypothesis import settings

from tests.strategies import examples


@pytest.mark.parametrize(("profile", "factor"), [("default", 1), ("thorough", 10)])
def test_counts_follow_the_profile(profile: str, factor: int) -> None:
    """Only this catches counts written into a test that no profile reaches."""
    before = settings.get_current_profile_name()
    settings.load_profile(profile)
    try:
        assert settings().max_examples == 25 * factor
        assert [examples(count).max_examples for count in (1, 12, 60)] == [
            factor,
            12 * factor,
            60 * factor,
        ]
        assert examples(12).deadline is None
        assert examples(12).derandomize == (profile == "default")
    finally:
        settings.load_profile(before)
