"""Settings of every test: hypothesis profiles and one thread.

``HYPOTHESIS_PROFILE=thorough pytest`` draws ten times as many examples, at random; the default
draws the same examples every time, so that a failure is a change of the code.
"""

import os

import pytest
from hypothesis import settings

# Tensors here are too small to gain from threads. Torch reads this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Registering "default" changes the settings that later profiles inherit, hence the order.
settings.register_profile(
    "thorough", deadline=None, max_examples=250, derandomize=False, print_blob=True
)
settings.register_profile("default", deadline=None, max_examples=25, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_configure(config: pytest.Config) -> None:
    """Name every skipped test and its reason at the end: an oracle that is absent is no pass."""
    if "s" not in config.option.reportchars:
        config.option.reportchars += "s"
