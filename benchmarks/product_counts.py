"""Dense 256x256 complex products a patch and sample that each operation cannot do without."""

FORWARD_PRODUCTS = 2
GRADIENT_PRODUCTS = 6
HESSIAN_PRODUCTS = 12  # with the primal states kept
HESSIAN_PRODUCTS_RECOMPUTED = 16  # the forward pass and the cotangents come on top
GAUSS_NEWTON_PRODUCTS = 8
GAUSS_NEWTON_PRODUCTS_RECOMPUTED = 10
