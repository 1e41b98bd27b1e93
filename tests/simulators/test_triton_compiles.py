"""The kernels compile for a GPU that is not there: what the interpreter cannot tell."""

import os
import re
from typing import Any

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: it comes with torch's CUDA wheels")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") == "1", reason="kernels interpreted"),
    pytest.mark.skipif(torch.cuda.is_available(), reason="on a GPU every test compiles them"),
]
INTEGERS = (
    "n_layers", "n_columns", "n_samples", "n_states", "n_rows", "n_inner", "left_patch",
    "left_row", "left_column", "right_patch", "right_row", "right_column",
)  # fmt: skip
TYPES = {"rings": "*i8"} | dict.fromkeys(INTEGERS, "i32")


def compiled(kernel: Any, constants: dict[str, Any], form: str = "ptx") -> str:
    """PTX, or another form on the way to it, for an H100 or H200, float32."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    warps = constants.pop("num_warps", 4)
    signature = {
        name: "constexpr" if name in constants else TYPES.get(name, "*fp32")
        for name in kernel.arg_names
    }
    source = ASTSource(kernel, signature, constants)
    target = GPUTarget("cuda", 90, 32)
    found: str = triton.compile(source, target=target, options={"num_warps": warps}).asm[form]
    return found


@pytest.mark.parametrize("tangent", [False, True])
def test_layers_of_eight_qubits(tangent: bool) -> None:
    """Catches what the compiler refuses, or works on without end (layouts it cannot settle)."""
    from patchlaw.simulators.torch_engine.triton_kernels import layer_kernels
    from patchlaw.simulators.torch_engine.triton_kernels.launches import Tiles

    unused = {"state"} if tangent else {"state_dot", "lam_dot", "table_dot"}
    for kernel in (layer_kernels.forward_layers, layer_kernels.reverse_layers):
        if kernel is layer_kernels.reverse_layers:
            unused.discard("state")
        constants = dict.fromkeys(unused & set(kernel.arg_names))
        constants |= Tiles.of(8, 256).options | {"TANGENT": tangent}
        assert "fma" in compiled(kernel, constants)


def test_momenta_of_many_patches_lie_beyond_32_bits() -> None:
    """Catches offsets that wrap around: 256 tiles x 2,624 patches x 200 layers x 16 angles."""
    from patchlaw.simulators.torch_engine.triton_kernels.launches import Tiles
    from patchlaw.simulators.torch_engine.triton_kernels.layer_kernels import reverse_layers

    constants = dict.fromkeys(("state_dot", "lam_dot", "table_dot")) | Tiles.of(2, 4).options
    found = compiled(reverse_layers, constants | {"TANGENT": False}, "ttir")
    arguments = re.findall(r"(%\w+): !tt\.ptr<f32>", found)
    assert len(arguments) == 5  # momenta, state, lam, table, signs
    for name in (arguments[0], arguments[3]):
        offsets = re.findall(rf"tt\.addptr {name}, .*: !tt\.ptr<f32>, (i\d+)", found)
        assert set(offsets) == {"i64"}


def test_encodings_of_eight_qubits() -> None:
    from patchlaw.simulators.torch_engine.triton_kernels import encoding_kernels
    from patchlaw.simulators.torch_engine.triton_kernels.launches import Tiles

    options = Tiles.of(8, 1000).options
    compiled(encoding_kernels.rotate_samples, options | {"INVERSE": True})
    compiled(encoding_kernels.sample_momenta, {k: v for k, v in options.items() if k != "GROUP"})
    tables = {"N_QUBITS": 8, "FEATURES": 8, "LANES": 128}
    assert "cos" in compiled(encoding_kernels.rotation_tables, tables)


def test_products_round_to_the_nearest_on_tensor_cores() -> None:
    """Catches plain TF32, which the tensor cores truncate, and a product that avoids them."""
    from patchlaw.simulators.torch_engine.triton_kernels.fused_products import _BLOCK
    from patchlaw.simulators.torch_engine.triton_kernels.product_kernels import multiply

    conjugates = {"LEFT_CONJUGATE": False, "RIGHT_CONJUGATE": True}
    ptx = compiled(multiply, conjugates | _BLOCK)
    assert "cvt.rna.tf32.f32" in ptx
    products = ptx.count("wgmma.mma_async") / (_BLOCK["INNER"] // 8)
    assert products == 4 * 3  # four real products, three TF32 products each
