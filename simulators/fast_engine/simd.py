"""Vectors of 16 lanes inside numba kernels.

LLVM will not vectorise the natural loop over a pair of rows, because it cannot prove that the
rows do not overlap; it falls back to scalar code or to run-time checks that cost as much as the
arithmetic (measured on one encoding block: 18 GFLOP/s against 83 with the vectors below, one
core with AVX-512). Here a tile of 16 columns is one LLVM vector value, loaded, combined and
stored explicitly; narrower machines get the same code split into their own registers.

``load(array, i)`` and ``store(array, i, v)`` address the flat storage of a C-contiguous array,
``splat(x)`` repeats a scalar, ``horizontal_sum(v)`` adds the lanes, ``swap_lanes(v, b)`` exchanges
the lanes l and l xor b for a b of 1, 2, 4 or 8, and + - * work lane by lane (multiplications and
additions may contract to fused multiply-adds).
"""

import operator
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, models, overload, register_model

LANES = 16

# compiled on first use for the dtype at hand, kept on disk, run without the interpreter's lock
kernel: Any = njit(nogil=True, cache=True, error_model="numpy")
# numba's own hints give an intrinsic the signature of its typing function, not of its use
_intrinsic: Any = intrinsic


class Vector(types.Type):
    """Numba type of a vector of LANES scalars."""

    def __init__(self, scalar: Any) -> None:
        self.scalar = scalar
        super().__init__(name=f"Vector{LANES}({scalar})")


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Vector) -> None:
        element = manager.lookup(vector.scalar).get_value_type()
        super().__init__(manager, vector, ir.VectorType(element, LANES))


def _is_contiguous(array: Any) -> bool:
    return isinstance(array, types.Array) and array.layout == "C"


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> tuple[Any, int]:
    """Pointer to LANES elements from a flat index on, and the alignment that is certain."""
    data = context.make_array(kind)(context, builder, array).data
    element = context.get_value_type(kind.dtype)
    pointer = builder.gep(data, [index])
    vector_pointer = builder.bitcast(pointer, ir.VectorType(element, LANES).as_pointer())
    return vector_pointer, context.get_abi_sizeof(element)


@_intrinsic
def load(typing_context: Any, array: Any, index: Any) -> Any:
    """Vector of array.flat[index : index + LANES]."""
    if not _is_contiguous(array):
        return None
    signature = Vector(array.dtype)(array, types.intp)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer, align = _pointer(context, builder, sig.args[0], args[0], args[1])
        return builder.load(pointer, align=align)

    return signature, codegen


@_intrinsic
def store(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Write a vector to array.flat[index : index + LANES]."""
    if not _is_contiguous(array):
        return None
    signature = types.void(array, types.intp, value)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer, align = _pointer(context, builder, sig.args[0], args[0], args[1])
        builder.store(args[2], pointer, align=align)
        return context.get_dummy_value()

    return signature, codegen


@_intrinsic
def splat(typing_context: Any, scalar: Any) -> Any:
    """Vector with every lane equal to ``scalar``."""
    signature = Vector(scalar)(scalar)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        vector = ir.VectorType(args[0].type, LANES)
        undefined = ir.Constant(vector, ir.Undefined)
        first = builder.insert_element(undefined, args[0], ir.Constant(ir.IntType(32), 0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return builder.shuffle_vector(first, undefined, mask)

    return signature, codegen


@_intrinsic
def horizontal_sum(typing_context: Any, vector: Any) -> Any:
    """Sum of the lanes, pairwise."""
    if not isinstance(vector, Vector):
        return None
    signature = vector.scalar(vector)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value, width = args[0], LANES
        undefined = ir.Constant(value.type, ir.Undefined)
        while width > 1:
            width //= 2
            lanes = [width + i for i in range(width)] + [0] * (LANES - width)
            mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), lanes)
            value = builder.fadd(value, builder.shuffle_vector(value, undefined, mask))
        return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    return signature, codegen


def _swap(bit: int) -> Any:
    """Intrinsic that exchanges the lanes that differ in one bit."""

    @_intrinsic
    def swap(typing_context: Any, vector: Any) -> Any:
        if not isinstance(vector, Vector):
            return None

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            lanes = [lane ^ bit for lane in range(LANES)]
            mask = ir.Constant(ir.VectorType(ir.IntType(32), LANES), lanes)
            return builder.shuffle_vector(args[0], args[0], mask)

        return vector(vector), codegen

    return swap


_swap_1, _swap_2, _swap_4, _swap_8 = _swap(1), _swap(2), _swap(4), _swap(8)


@kernel
def swap_lanes(vector: Any, bit: Any) -> Any:
    """Vector with the lanes l and l ^ bit exchanged; bit is 1, 2, 4 or 8."""
    if bit == 1:
        return _swap_1(vector)
    if bit == 2:
        return _swap_2(vector)
    if bit == 4:
        return _swap_4(vector)
    return _swap_8(vector)


def _define(symbol: Any, instruction: str) -> None:
    """Make a Python operator work on two vectors by one LLVM instruction."""

    @_intrinsic
    def combine(typing_context: Any, left: Any, right: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return getattr(builder, instruction)(args[0], args[1], flags=("contract",))

        return left(left, right), codegen

    @overload(symbol)
    def implementation(left, right):
        if isinstance(left, Vector) and left == right:
            return lambda left, right: combine(left, right)
        return None


_define(operator.add, "fadd")
_define(operator.sub, "fsub")
_define(operator.mul, "fmul")
