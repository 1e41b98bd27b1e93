"""Triton kernels against their plain torch twins: on a GPU, or by Triton's interpreter.

Torch for the CPU comes without Triton. With it installed, and without a GPU:
``TRITON_INTERPRET=1 pytest tests/simulators/test_triton_kernels.py``.
"""

import os

import numpy as np
import pytest
import torch
from torch import Tensor

from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.circuit_plan import Encoding, StaticRun
from patchlaw.simulators.torch_engine.encoding_tables import PatchEncoding
from patchlaw.simulators.torch_engine.engine import TorchEngine
from patchlaw.simulators.torch_engine.local_operators import halves, rotation_generators
from patchlaw.simulators.torch_engine.patch_circuits import momenta_of_samples, patch_encoding
from patchlaw.simulators.torch_engine.products import complex_product
from patchlaw.simulators.torch_engine.static_runs import StaticRuns, static_run
from patchlaw.simulators.torch_engine.triton_kernels import kernels_run_on
from tests.simulators.operation_log import OperationLog
from tests.simulators.test_torch_static_runs import RunCase, make_case

pytest.importorskip("triton", reason="Triton is not installed: it comes with torch's CUDA wheels")
EXACT = {"rtol": 0, "atol": 1e-12}
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
pytestmark = pytest.mark.skipif(
    DEVICE == "cpu" and os.environ.get("TRITON_INTERPRET") != "1",
    reason="no CUDA device; TRITON_INTERPRET=1 runs the kernels on the CPU",
)


@pytest.fixture(autouse=True)
def _kernels_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATCHLAW_KERNELS", "triton" if DEVICE == "cuda" else "interpreter")


def everything(run: StaticRuns, case: RunCase, tangent: Tensor) -> list[Tensor]:
    """W, Ẇ, the gradient and its derivative, on the CPU."""
    cotangents = case.cotangent.to(DEVICE), case.cotangent_dot.to(DEVICE)
    rates = case.rates.to(DEVICE)
    found = [
        run.columns,
        run.tangent(rates),
        run.gradient(cotangents[0]),
        run.gradient_tangent(rates, tangent.to(DEVICE), *cotangents),
    ]
    return [part.cpu() for part in found]


@pytest.mark.parametrize(
    ("n_qubits", "rings", "vector_only", "dtype", "tolerance"),
    [
        (2, (True, False, True), False, torch.float64, 1e-13),
        (3, (False, True), False, torch.float64, 1e-13),  # three qubits between rotations
        (5, (True,), True, torch.float64, 1e-13),  # one, as 5 has no small divisor
        (8, (True,), True, torch.float64, 1e-13),  # a warp's tile is one column
        (10, (True,), True, torch.float64, 1e-13),  # a column has more than a warp
        (4, (True, True), True, torch.float32, 1e-6),
    ],
)
def test_static_runs(
    n_qubits: int, rings: tuple[bool, ...], vector_only: bool, dtype: torch.dtype, tolerance: float
) -> None:
    """Catches momenta of the wrong side of a gate, qubits out of place, a ring that is left out.

    float64 on both sides is the same arithmetic in another order; float32 has 2^-24 a gate.
    """
    case = make_case(rings, n_qubits, 2, first_angle=1, vector_only=vector_only)
    plain = case.fused()
    tangent = plain.tangent(case.rates)
    along = plain.gradient_tangent(case.rates, tangent, case.cotangent, case.cotangent_dot)
    expected = [plain.columns, tangent, plain.gradient(case.cotangent), along]
    run = static_run(case.run, case.angles.to(DEVICE), n_qubits, dtype, vector_only=vector_only)
    assert type(run).__name__ == "FusedStaticRuns"
    for ours, theirs in zip(everything(run, case, tangent), expected, strict=True):
        assert ours.shape == theirs.shape
        assert (ours - theirs).abs().max() < tolerance * theirs.abs().max()


def test_columns_beyond_a_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches momenta of one tile alone, and columns of a tile that are not there."""
    from patchlaw.simulators.torch_engine.triton_kernels import launches

    case = make_case((True, True), 2, 2)
    expected = case.fused().gradient(case.cotangent)
    monkeypatch.setattr(launches, "AMPLITUDES", 8)  # two columns of four a tile
    run = static_run(case.run, case.angles.to(DEVICE), 2, torch.float64, vector_only=False)
    found = run.gradient(case.cotangent.to(DEVICE)).cpu()
    torch.testing.assert_close(found, expected, **EXACT)


MANY_PATCHES = 2_624


@pytest.mark.skipif(
    DEVICE == "cpu" or torch.cuda.get_device_properties(0).total_memory < 30e9,
    reason="no CUDA device of 30 GB",
)
def test_momenta_beyond_32_bits_are_those_of_a_patch_alone() -> None:
    """8.6 GB of them: only a GPU shows offsets that wrap around and write elsewhere."""
    n_qubits, run = 8, StaticRun((True, False) * 100)
    generator = torch.Generator(DEVICE).manual_seed(0)

    def draw(*shape: int, dtype: torch.dtype) -> Tensor:
        return torch.randn(shape, dtype=dtype, device=DEVICE, generator=generator)

    angles = draw(MANY_PATCHES, 2 * n_qubits * len(run.rings), dtype=torch.float64)
    cotangent = draw(MANY_PATCHES, 1 << n_qubits, 1 << n_qubits, dtype=torch.complex64)

    def gradient(patches: slice) -> Tensor:
        own = angles[patches], n_qubits, torch.float32
        return static_run(run, *own, vector_only=False).gradient(cotangent[patches])

    found = gradient(slice(None))
    for patch in (0, MANY_PATCHES - 1):
        alone = gradient(slice(patch, patch + 1))
        torch.testing.assert_close(found[patch : patch + 1], alone, rtol=1e-4, atol=1e-3)


def test_the_plain_way_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a switch that does nothing, and a misspelled value that is taken for one."""
    case = make_case((True,), 2, 1)
    monkeypatch.setenv("PATCHLAW_KERNELS", "plain")
    run = static_run(case.run, case.angles, 2, torch.float64, vector_only=False)
    assert isinstance(run, StaticRuns)
    monkeypatch.setenv("PATCHLAW_KERNELS", "off")
    with pytest.raises(ValueError, match=r"PATCHLAW_KERNELS: expected triton, .*, got off"):
        static_run(case.run, case.angles, 2, torch.float64, vector_only=False)


@pytest.mark.parametrize(("n_qubits", "features", "samples"), [(2, 3, 5), (3, 2, 2)])
def test_encodings(n_qubits: int, features: int, samples: int) -> None:
    """Catches rotations in the wrong order, samples mixed up, an axis turned the wrong way."""
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=dtype)

    encoding = Encoding(features, 1, 2)
    angles = 3 * draw(2, 2 * features * n_qubits + 3)
    x = 3 * draw(2, samples, features * n_qubits + 2)
    rows, columns = halves(n_qubits)
    one = draw(2, 1, rows, columns, dtype=torch.complex128)
    states = draw(2, samples, rows, columns, dtype=torch.complex128)
    plain = PatchEncoding(encoding, angles, n_qubits, torch.float64).tables(x)
    generators = rotation_generators(n_qubits, torch.float64, torch.device("cpu"))
    encoded = plain.encode(one)
    momenta = generators.overlaps(states, encoded).unflatten(-1, (n_qubits, 3))
    expected = [plain.axes, encoded, plain.decode(states), momenta]

    ours = patch_encoding(encoding, angles.to(DEVICE), n_qubits, torch.float64)
    tables = ours.tables(x.to(DEVICE))
    assert type(tables).__name__ == "FusedTables"
    found = [tables.axes, tables.encode(one.to(DEVICE)), tables.decode(states.to(DEVICE))]
    found.append(momenta_of_samples(states.to(DEVICE), found[1], n_qubits))
    for part, plain_part in zip(found, expected, strict=True):
        torch.testing.assert_close(part.cpu().reshape(plain_part.shape), plain_part, **EXACT)


def test_the_engine_with_kernels_is_the_engine_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a kernel that gets an operand transposed, conjugated or broadcast unlike its twin."""
    model = DistributedQNN(4, 1, n_qubits=2, image_side=4, n_classes=2, seed=3, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    images = 3 * torch.rand(3, 4, 4, generator=generator, dtype=torch.float64)
    labels = torch.tensor([0, 1, 1])
    vector = torch.randn(model.n_parameters, 1, generator=generator).double().numpy()

    def computed() -> list[np.ndarray]:
        engine = TorchEngine(model)
        products = engine.curvature(images.to(DEVICE), labels.to(DEVICE))
        found = [engine.logits(images.to(DEVICE)), products.gradient]
        return [*found, products.product("hessian", vector)]

    model.to(DEVICE)
    fused = computed()
    monkeypatch.setenv("PATCHLAW_KERNELS", "plain")
    for ours, theirs in zip(fused, computed(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-11 * np.abs(theirs).max())


@pytest.mark.parametrize("way", ["transposed", "conjugated", "adjoint"])
def test_products_by_kernel(way: str) -> None:
    """Catches steps or conjugates of the wrong factor, and blocks that end beyond the matrix.

    The interpreter multiplies in float32; on a GPU this is the error of three TF32 products.
    """
    generator = torch.Generator().manual_seed(4)

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=torch.complex64, generator=generator).to(DEVICE)

    left = draw(2, 70, 20).mT.conj() if way == "adjoint" else draw(2, 20, 70)
    right = draw(2, 66, 70).mT if way == "transposed" else draw(2, 70, 66)
    right = right.conj() if way == "conjugated" else right
    expected = left.to(torch.complex128) @ right.to(torch.complex128)
    found = complex_product(left, right, "tf32x3")
    assert (found - expected).norm() < 1e-6 * expected.norm()


class _Launches:
    """In a kernel's place: the grids it is launched on."""

    def __init__(self) -> None:
        self.grids: list[tuple[int, ...]] = []

    def __getitem__(self, grid: tuple[int, ...]) -> "_Launches":
        self.grids.append(grid)
        return self

    def __call__(self, *arguments: object, **options: object) -> None:
        pass


def test_more_samples_than_a_grids_second_axis_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA launches 2^31 programs along a grid's first axis, 65,535 along the others."""
    from patchlaw.simulators.torch_engine.triton_kernels import fused_encoding

    launches = _Launches()
    for name in ("rotation_tables", "rotate_samples", "sample_momenta"):
        monkeypatch.setattr(fused_encoding, name, launches)
    patches, samples, n_qubits = 2, 1_100_000, 8
    angles = torch.zeros(patches, 16, dtype=torch.float64, device="meta")
    encoding = fused_encoding.FusedEncoding(Encoding(1, 0, 0), angles, n_qubits, torch.float32)
    tables = encoding.tables(torch.zeros(patches, samples, n_qubits, device="meta"))
    states = torch.zeros(patches, 1, 16, 16, dtype=torch.complex64, device="meta")
    encoded = tables.encode(states)
    fused_encoding.fused_momenta(encoded, encoded, n_qubits)
    assert launches.grids == [(68_750, patches), (samples, patches), (samples, patches)]


def test_products_too_long_for_the_kernels_offsets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches steps times rows beyond 2^31, which would wrap around."""
    from patchlaw.simulators.torch_engine.triton_kernels import fused_products

    launches = _Launches()
    monkeypatch.setattr(fused_products, "multiply", launches)
    matrix = torch.zeros(1, 256, 256, dtype=torch.complex64, device="meta")
    for samples, launched in ((1 << 22, 1), ((1 << 22) + 1, 0)):
        launches.grids.clear()
        states = torch.zeros(1, samples, 256, dtype=torch.complex64, device="meta")
        assert fused_products.fused_product(states, matrix).shape == states.shape
        assert fused_products.fused_product(states.mH, states).shape == matrix.shape
        assert len(launches.grids) == 2 * launched


@pytest.mark.parametrize("n_qubits", [1, 11])
def test_other_numbers_of_qubits_take_the_twin(n_qubits: int) -> None:
    """Catches a launch with more warps than a program may have, or a gate without two halves."""
    assert not kernels_run_on(torch.device(DEVICE), n_qubits)
    assert kernels_run_on(torch.device(DEVICE), 10)


def test_launches_do_not_grow_with_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a launch a layer; kernels count as one operation each and are not carried out."""
    from patchlaw.simulators.torch_engine.triton_kernels import fused_runs

    launched: list[str] = []

    class Counted:
        def __init__(self, name: str) -> None:
            self.name = name

        def __getitem__(self, grid: tuple[int, int]) -> "Counted":
            return self

        def __call__(self, *arguments: object, **options: object) -> None:
            launched.append(self.name)

    for name in ("forward_layers", "reverse_layers"):
        monkeypatch.setattr(fused_runs, name, Counted(name))
    counts = []
    for layers in (2, 80):
        case = make_case((True,) * layers, 3, 2)
        launched.clear()
        with OperationLog() as log:
            run = static_run(case.run, case.angles, 3, torch.float32, vector_only=False)
            everything(run, case, case.cotangent)
        assert launched == 2 * ["forward_layers"] + 2 * ["reverse_layers"]
        counts.append(log.launches)
    assert counts[0] == counts[1] < 150
