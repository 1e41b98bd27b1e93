"""benchmarks/ is run from the repository and never installed, so its folder is put on the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
