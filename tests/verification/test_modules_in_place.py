"""What is differentiated is what computes, whichever way a module comes to its parameters."""

import copy
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from patchlaw.simulators import DistributedQNN
from patchlaw.verification.operators import CurvatureProblem, HessianOperator
from tests.verification.curvature_cases import qnn_case
from tests.verification.difference_oracle import assert_right

DOUBLE = torch.float64
_DRAW = torch.Generator().manual_seed(4)
IMAGES = torch.randn(12, 4, generator=_DRAW, dtype=DOUBLE)
SEQUENCES = torch.randn(12, 5, 4, generator=_DRAW, dtype=DOUBLE)
LABELS = torch.randint(0, 3, (12,), generator=_DRAW)


def weight(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(shape, generator=_DRAW, dtype=DOUBLE) / 2)


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)).double()


class Listed(nn.Module):
    """Registers its weights, and walks through a plain list of them."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = weight(4, 6), weight(6, 3)
        self.layers = [self.first, self.second]

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return torch.tanh(x @ self.layers[0]) @ self.layers[1]


class QuantumLayer(nn.Module):
    """Keeps its weights in a dictionary and hands them to a function, as PennyLane's layer does."""

    def __init__(self) -> None:
        super().__init__()
        self.qnode_weights = {"a": weight(4), "b": weight(4, 3)}
        for name, parameter in self.qnode_weights.items():
            self.register_parameter(name, parameter)
        self.out = nn.Linear(3, 3).double()

    @staticmethod
    def qnode(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """A sample's expectation values."""
        return torch.cos(x + a).prod() * torch.sin(x @ b)

    def forward(self, x: Tensor) -> Tensor:
        """Logits, sample by sample."""
        return self.out(torch.stack([self.qnode(row, **self.qnode_weights) for row in x]))


class Closure(nn.Module):
    """A function that holds the weight in its closure."""

    def __init__(self) -> None:
        super().__init__()
        self.w = weight(4, 3)
        w = self.w
        self.function = lambda x: torch.sin(x @ w)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.function(x)


class KeptView(nn.Module):
    """A view of the weight that was taken once."""

    def __init__(self) -> None:
        super().__init__()
        self.w = weight(3, 4)
        self.transposed = self.w.t()

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return torch.tanh(x @ self.transposed)


class Tied(nn.Module):
    """One weight in two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 3, bias=False).double(), nn.Linear(4, 3, bias=False)
        self.b.weight = self.a.weight

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.b(torch.tanh(self.a(x) @ self.a.weight))


class Recurrent(nn.Module):
    """Its flat weights are a list that torch keeps."""

    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.cells = kind(4, 2, batch_first=True)
        self.out = nn.Linear(2, 3)
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.out(self.cells(x)[0][:, -1])


class Checkpointed(nn.Module):
    """Computes a part again in the backward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 4).double(), nn.Linear(4, 3).double()

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.b(checkpoint(lambda t: torch.tanh(self.a(t)), x, use_reentrant=False))


class Force(nn.Module):
    """Its forward pass is a gradient itself."""

    def __init__(self) -> None:
        super().__init__()
        self.energy = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 1)).double()

    def forward(self, x: Tensor) -> Tensor:
        """Three components of the force."""
        x = x.detach().requires_grad_(True)
        (force,) = torch.autograd.grad(self.energy(x).sum(), x, create_graph=True)
        return 3 * force[:, :3]


class Attention(nn.Module):
    """torch's fused kernels for it have no double backward."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.out = nn.Linear(4, 4).double(), nn.Linear(4, 3).double()

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        q = self.query(x)
        attended = nn.functional.scaled_dot_product_attention(q[:, None], q[:, None], x[:, None])
        return self.out(attended[:, 0].mean(dim=1))


class Observed(nn.Module):
    """Moves a buffer that it does not use, and one parameter without elements."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network()
        self.nothing = nn.Parameter(torch.zeros(0, 4, dtype=DOUBLE))
        self.register_buffer("largest", torch.zeros((), dtype=DOUBLE))

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        z = self.net(x)
        self.largest = torch.maximum(self.largest, z.detach().abs().max()) + 1
        return z + self.nothing.sum()


def parametrized() -> nn.Module:
    return nn.Sequential(
        nn.utils.parametrizations.orthogonal(nn.Linear(4, 4)), nn.Tanh(), nn.Linear(4, 3)
    ).double()


def spectral(training: bool) -> nn.Module:
    model = nn.Sequential(nn.utils.spectral_norm(nn.Linear(4, 4)), nn.Tanh(), nn.Linear(4, 3))
    model.double()
    for _ in range(3):  # its power iteration starts from noise, where 1 / sigma is huge
        model(IMAGES)
    return model.train(training)


def scripted() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would have us use torch.compile
        return torch.jit.script(network())


def derived_by_a_hook() -> nn.Module:
    """A hook makes the weight of the others before every call, as the older weight_norm does."""
    layer = nn.Linear(4, 3).double()
    layer.register_parameter("raw", nn.Parameter(layer.weight.detach().clone()))
    del layer.weight
    layer.register_forward_pre_hook(lambda m, _: setattr(m, "weight", torch.tanh(m.raw)))
    return layer


@pytest.mark.parametrize(
    ("make", "images"),
    [
        (Listed, IMAGES),
        (QuantumLayer, IMAGES),
        (Closure, IMAGES),
        (KeptView, IMAGES),
        (Tied, IMAGES),
        (lambda: Recurrent(nn.LSTM), SEQUENCES),
        (lambda: Recurrent(nn.GRU), SEQUENCES),
        (Checkpointed, IMAGES),
        (Force, IMAGES),
        (Attention, SEQUENCES),
        (Observed, IMAGES),
        (parametrized, IMAGES),
        (lambda: spectral(training=False), IMAGES),
        (scripted, IMAGES),
        (derived_by_a_hook, IMAGES),
    ],
)
def test_what_computes_is_what_is_differentiated(
    make: Callable[[], nn.Module], images: Tensor
) -> None:
    """Only this catches stand-ins for parameters that never reach the logits: 0 +- 0, or a part."""
    torch.manual_seed(1)
    assert_right(make(), images, LABELS)


class Counting(nn.Module):
    """Its logits depend on how often it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        self.calls += 1
        return self.net(x) * (1 + 0.01 * self.calls)


class Cached(nn.Module):
    """Derives its weight once and for all."""

    def __init__(self) -> None:
        super().__init__()
        self.w = weight(4, 3)
        self.derived: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        if self.derived is None:
            self.derived = torch.tanh(self.w)
        return x @ self.derived


class KeptData(nn.Module):
    """Reads its weight a second time where autograd does not look."""

    def __init__(self) -> None:
        super().__init__()
        self.w = weight(4, 3)
        self.values = self.w.data

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return torch.tanh(x @ self.w) * self.values.sum()


class SharedMemory(nn.Module):
    """Two parameters that lie on one memory."""

    def __init__(self) -> None:
        super().__init__()
        self.w = weight(4, 3)
        self.v = nn.Parameter(self.w.data[:2])

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return torch.tanh(x @ self.w) + torch.sin(x[:, :2] @ self.v)


class Reversal(torch.autograd.Function):
    """The identity, with a gradient of the other sign."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        """The same."""
        return x.clone()

    @staticmethod
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> Tensor:
        """Its negative."""
        return -gradient


class Reversed(nn.Module):
    """Gradient reversal, as domain adaptation has it: twice differentiable, no Hessian."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 5).double(), nn.Linear(5, 3).double()

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.b(Reversal.apply(torch.tanh(self.a(x))))


class Clamping(nn.Module):
    """Bounds its weight in place at every call."""

    def __init__(self) -> None:
        super().__init__()
        self.w = weight(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        self.w.data.clamp_(-0.1, 0.1)
        return torch.tanh(x @ self.w)


class Extractor(nn.Module):
    """Computes features without graph, and leaves their weights trainable."""

    def __init__(self) -> None:
        super().__init__()
        self.features, self.head = nn.Linear(4, 5).double(), nn.Linear(5, 3).double()

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        with torch.no_grad():
            features = torch.tanh(self.features(x))
        return self.head(features)


def expanded() -> nn.Module:
    layer = nn.Linear(4, 3).double()
    layer.bias = nn.Parameter(torch.ones(1, dtype=DOUBLE).expand(3))
    return layer


def hooked() -> nn.Module:
    model = network()
    model[0].weight.register_hook(lambda gradient: gradient / 2)
    return model


def converged_spectral() -> nn.Module:
    """Train mode whose power iteration has converged: the logits stand still, u still follows W."""
    model = spectral(training=True)
    for _ in range(200):
        model(IMAGES)
    return model


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Counting, "same logits at every call, got ones that differ by"),
        (lambda: spectral(training=True), r"moves 'weight_u' .*model\.eval\(\)"),
        (converged_spectral, r"model\.eval\(\)|second derivatives that agree"),
        (Cached, "differentia"),
        (KeptData, "gradient that agrees with finite differences of the loss"),
        (SharedMemory, "agree"),
        (Reversed, "gradient that agrees with finite differences of the loss"),
        (hooked, "a hook or a backward of its own"),
        (Clamping, "gradient that agrees with finite differences of the loss"),
        (Extractor, r"gradient that agrees .*requires_grad_\(False\)"),
        (expanded, r"'bias' with elements that share memory \(expand\)"),
    ],
)
def test_modules_that_compute_something_else_are_refused(
    make: Callable[[], nn.Module], message: str
) -> None:
    """Only this catches a tiny error bound on the Hessian of another function."""
    torch.manual_seed(1)
    with pytest.raises(ValueError, match=f"model: expected .*{message}"):
        HessianOperator(make(), IMAGES, LABELS)


def test_constant_features_are_left_out() -> None:
    torch.manual_seed(1)
    model = Extractor()
    model.features.requires_grad_(False)
    assert_right(model, IMAGES, LABELS)


def test_a_refused_module_is_left_as_it_was() -> None:
    model = Clamping()
    before = model.w.detach().clone()
    with pytest.raises(ValueError, match="model: expected"):
        HessianOperator(model, IMAGES, LABELS)
    assert torch.equal(model.w, before)


def test_sparse_gradients_are_refused_by_name() -> None:
    tokens = torch.arange(12) % 5
    model = nn.Sequential(nn.Embedding(5, 4, sparse=True), nn.Linear(4, 3)).double()
    with pytest.raises(ValueError, match=r"sparse ones in '0\.weight'.*sparse=False"):
        HessianOperator(model, tokens, LABELS)


def normed() -> nn.Sequential:
    torch.manual_seed(2)
    layers = (nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Dropout(), nn.Linear(4, 3))
    return nn.Sequential(*layers).double().eval()


def _train(model: nn.Sequential) -> None:
    model.train()
    nn.functional.cross_entropy(model(IMAGES), LABELS).backward()
    torch.optim.SGD(model.parameters(), lr=1.0).step()


def _assign(model: nn.Sequential) -> None:
    state = {k: v + 1 if v.is_floating_point() else v for k, v in model.state_dict().items()}
    model.load_state_dict(state, assign=True)


def _new_data(model: nn.Sequential) -> None:
    for parameter in model.parameters():
        parameter.data = parameter.data + 1


def _transpose(model: nn.Sequential) -> None:
    """The same memory in another shape, and that of the square layer in another order."""
    for layer in (model[0], model[4]):
        layer.weight.data = layer.weight.data.t()


@pytest.mark.parametrize(
    "change",
    [
        *(_train, _assign, _new_data, _transpose),
        *(lambda m: m.float(), lambda m: m.requires_grad_(False)),
    ],
)
def test_what_is_done_to_the_module_afterwards_leaves_the_operator_alone(
    change: Callable[[nn.Sequential], object],
) -> None:
    """And the products leave the module as they found it: train flags, buffers, dtypes, grads."""
    model = normed()
    operator = HessianOperator(model, IMAGES, LABELS)
    vector = np.ones(operator.shape[0])
    before = operator @ vector
    change(model)
    state = copy.deepcopy(model.state_dict())
    flags = [(m.training, *(p.requires_grad for p in m.parameters())) for m in model.modules()]
    grads = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    np.testing.assert_array_equal(operator @ vector, before)
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == state[name].dtype
        assert torch.equal(tensor, state[name]), name
    assert flags == [
        (m.training, *(p.requires_grad for p in m.parameters())) for m in model.modules()
    ]
    for parameter, grad in zip(model.parameters(), grads, strict=True):
        assert (parameter.grad is None) == (grad is None)
        assert grad is None or torch.equal(parameter.grad, grad)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.__setitem__(4, copy.deepcopy(m[4])), "layers that it had .*new operator"),
        (lambda m: setattr(m[1], "eps", 1.0), r"logits of sample 0 that it gave before.*deepcopy"),
    ],
)
def test_changes_that_cannot_be_undone_are_found_at_the_next_product(
    change: Callable[[nn.Sequential], object], message: str
) -> None:
    """Only this catches another matrix under the same identity."""
    model = normed()
    operator = HessianOperator(model, IMAGES, LABELS)
    change(model)
    with pytest.raises(ValueError, match=message):
        operator @ np.ones(operator.shape[0])


def test_the_data_are_the_operators_own() -> None:
    """Only this catches X *= 3 in the caller's hands changing H under the same identity."""
    for images, labels in ((IMAGES.clone(), LABELS.clone()), (IMAGES.numpy() * 1, [0, 1, 2] * 4)):
        model = network()
        operator = HessianOperator(model, images, labels)
        problem = CurvatureProblem(model, images, labels)
        vector = np.ones(operator.shape[0])
        before, identity = operator @ vector, operator.identity()
        images *= 3
        labels[0] = (labels[0] + 1) % 3
        np.testing.assert_array_equal(operator @ vector, before)
        np.testing.assert_array_equal(problem.hessian @ vector, before)
        assert problem.hessian.identity() == identity


class HalfScale(nn.Module):
    """A frozen float16 tensor comes first."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(4).half(), requires_grad=False)
        self.net = network()

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.net(x * self.scale)


def test_images_are_not_rounded_to_a_frozen_parameters_dtype() -> None:
    """Only this catches 0.70880 for 0.70879."""
    torch.manual_seed(1)
    assert_right(HalfScale(), IMAGES, LABELS)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_the_callers_grad_mode_does_not_matter(context: Callable[[], object]) -> None:
    model = network()
    expected = HessianOperator(model, IMAGES, LABELS) @ np.ones(43)
    with context():  # type: ignore[attr-defined]
        measured = HessianOperator(model, IMAGES.clone(), LABELS) @ np.ones(43)
    np.testing.assert_array_equal(measured, expected)
    with torch.inference_mode():
        unfit = network()
    with pytest.raises(ValueError, match=r"'0\.weight' made under torch\.inference_mode"):
        HessianOperator(unfit, IMAGES, LABELS)


def test_the_callers_random_numbers_are_left_alone() -> None:
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="draws random numbers"):
        HessianOperator(Dropping(), IMAGES, LABELS)
    assert torch.equal(torch.get_rng_state(), before)
    unchecked = HessianOperator(Dropping(), IMAGES, LABELS, check=False)
    assert len(unchecked.caveats) == 1
    assert "not checked (check=False)" in unchecked.caveats[0]


class Dropping(nn.Module):
    """Dropout as a function, always on."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            self.net = network()

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        return self.net(nn.functional.dropout(x, 0.5))


def test_images_that_do_not_fit_are_refused_in_words() -> None:
    with pytest.raises(
        ValueError, match=r"images: expected a shape .* got \(1, 2\) of torch.float"
    ):
        HessianOperator(network(), IMAGES[:, :2], LABELS)


class Tempered(DistributedQNN):
    """The package's model with another forward pass."""

    def forward(self, images: Tensor) -> Tensor:
        """Logits, halved."""
        return super().forward(images) / 2


def _forward_of_its_own(model: nn.Module) -> None:
    forward = model.forward
    model.forward = lambda images: forward(images) / 2


@pytest.mark.parametrize("change", ["subclass", "hook", "attribute"])
def test_a_changed_distributed_qnn_is_not_taken_for_the_plain_one(change: str) -> None:
    """Only this catches the engine's Hessian of a model whose forward pass was overridden."""
    case = qnn_case()
    model = case.model
    if change == "subclass":
        model.__class__ = Tempered
    elif change == "hook":
        model.register_forward_hook(lambda module, inputs, output: output / 2)
    else:
        _forward_of_its_own(model)
    problem = CurvatureProblem(model, case.images, case.labels)
    assert problem.hessian.backend_name == "autodiff"
    plain = qnn_case(scale=5.0)
    expected = HessianOperator(plain.model, case.images, case.labels) @ np.ones(96)
    np.testing.assert_allclose(problem.hessian @ np.ones(96), expected, atol=1e-12)
    with pytest.raises(TypeError, match="forward pass or hooks of its own"):
        problem.blocks()
