"""The circuit in torch, batched over patches and samples, on the CPU or CUDA.

Two paths: ``circuit_outputs``, the plain one that autograd differentiates (as often as needed),
and ``engine.TorchEngine``, with hand-written derivatives whose memory does not depend on the depth.
Both ran on an H200 (``docs/performance.md``, cuda_engine); without a GPU the tests use the CPU.
"""

from patchlaw.simulators.torch_engine.circuit import circuit_outputs

__all__ = ["circuit_outputs"]
