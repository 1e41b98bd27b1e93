"""Batched complex products on tensor cores, float32 split in TF32 numbers by the compiler."""

import triton
import triton.language as tl


@triton.jit
def _parts(
    matrix, rows, columns, row_step, column_step, n_rows, n_columns, CONJUGATE: tl.constexpr
):
    """Real and imaginary parts of a block, zero outside of the matrix."""
    at = matrix + rows[:, None] * row_step + columns[None, :] * column_step
    inside = (rows < n_rows)[:, None] & (columns < n_columns)[None, :]
    re, im = tl.load(at, mask=inside, other=0), tl.load(at + 1, mask=inside, other=0)
    if CONJUGATE:
        im = -im
    return re, im


@triton.jit
def multiply(
    result,
    left,
    right,
    n_rows,
    n_inner,
    n_columns,
    left_patch,
    left_row,
    left_column,
    right_patch,
    right_row,
    right_column,
    LEFT_CONJUGATE: tl.constexpr,
    RIGHT_CONJUGATE: tl.constexpr,
    ROWS: tl.constexpr,
    INNER: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """result = left right, complex as pairs of reals; grid (row blocks, column blocks, P).

    Args:
        result: (P, n_rows, n_columns, 2), contiguous.
        left: (P, n_rows, n_inner, 2); three steps, in reals, say where entries lie.
        right: (P, n_inner, n_columns, 2), likewise.
        n_rows: rows of left.
        n_inner: columns of left.
        n_columns: columns of right.
        left_patch: step from patch to patch.
        left_row: from row to row.
        left_column: from column to column.
        right_patch: of right, likewise.
        right_row: likewise.
        right_column: likewise.
        LEFT_CONJUGATE: whether left is to be conjugated.
        RIGHT_CONJUGATE: whether right is.
        ROWS: rows of a block.
        INNER: inner index of a block.
        COLUMNS: columns of a block.
    """
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    patch = tl.program_id(2).to(tl.int64)
    left += patch * left_patch
    right += patch * right_patch
    re = tl.zeros([ROWS, COLUMNS], tl.float32)
    im = tl.zeros([ROWS, COLUMNS], tl.float32)
    for first in range(0, n_inner, INNER):
        inner = first + tl.arange(0, INNER)
        a_re, a_im = _parts(
            left, rows, inner, left_row, left_column, n_rows, n_inner, LEFT_CONJUGATE
        )
        b_re, b_im = _parts(
            right, inner, columns, right_row, right_column, n_inner, n_columns, RIGHT_CONJUGATE
        )
        re = tl.dot(a_re, b_re, re, input_precision="tf32x3")
        re = tl.dot(-a_im, b_im, re, input_precision="tf32x3")
        im = tl.dot(a_re, b_im, im, input_precision="tf32x3")
        im = tl.dot(a_im, b_re, im, input_precision="tf32x3")
    at = ((patch * n_rows + rows)[:, None] * n_columns + columns[None, :]) * 2
    inside = (rows < n_rows)[:, None] & (columns < n_columns)[None, :]
    tl.store(result + at, re, mask=inside)
    tl.store(result + at + 1, im, mask=inside)
