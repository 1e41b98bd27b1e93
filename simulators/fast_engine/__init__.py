"""The fast CPU path: the same model as ``DistributedQNN``, by hand-written passes.

The data-free runs are built once a parameter vector as dense unitaries, so a sample costs two
products with a 2^n x 2^n matrix and two single-qubit encodings whatever the depth.
"""

from patchlaw.simulators.fast_engine.engine import FastEngine
from patchlaw.simulators.output_losses import CrossEntropy, OutputLoss, SquaredError

__all__ = ["CrossEntropy", "FastEngine", "OutputLoss", "SquaredError"]
