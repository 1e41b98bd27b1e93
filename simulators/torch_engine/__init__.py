"""The circuit in torch: batched over patches and samples, twice differentiable, CPU or CUDA.

States have shape (P, 2^n, N): one column a sample, so that a block without data is one matrix
product for all samples. This is the plain path that autograd differentiates.
"""

from simulators.torch_engine.circuit import circuit_outputs

__all__ = ["circuit_outputs"]
