"""Settings of every test: hypothesis profiles and one thread.

``HYPOTHESIS_PROFILE=thorough pytest`` draws ten times as many examples, at random; the default
draws the same examples every time, so that a failure is a change of the code.
"""

import os

from hypothesis import settings

# Tensors here are too small to gain from threads. Torch reads this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("default", deadline=None, max_examples=25, derandomize=True)
settings.register_profile("thorough", deadline=None, max_examples=250, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
