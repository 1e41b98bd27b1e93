"""Replicas and recorded passes of the torch engine, on a stand-in for CUDA graphs."""

import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.fast_engine import FastEngine
from patchlaw.simulators.torch_engine import patch_circuits, recordings
from patchlaw.simulators.torch_engine.engine import TorchEngine
from patchlaw.simulators.torch_engine.losses import CrossEntropyOf
from patchlaw.simulators.torch_engine.recordings import Outputs, Recordings
from patchlaw.simulators.torch_engine.training_pass import TrainingPass
from tests.simulators.plain_derivatives import KINDS
from tests.simulators.tape import NoCopyFromTheHost, tape_recorder, tensors

N = 12


def replicas(count: int, n_qubits: int = 3, **options: object) -> list[DistributedQNN]:
    sizes = {"n_patches": 4, "depth": 2, "image_side": n_qubits + 1, "n_classes": 4, "scale": 5.0}
    given = {"dtype": torch.float64} | sizes | options
    models = [DistributedQNN(n_qubits=n_qubits, seed=seed, **given) for seed in range(count)]
    for seed, model in enumerate(models):
        if model.pixel_bias.device.type == "cpu":
            generator = torch.Generator().manual_seed(seed)
            bias = 0.3 * torch.randn(model.pixel_bias.shape, generator=generator)
            model.pixel_bias.data.copy_(bias)
    return models


def samples(side: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(N, side, side, generator=generator, dtype=torch.float64)
    return images, torch.arange(N) % 4


@given(
    count=st.integers(1, 4),
    n_patches=st.sampled_from([1, 4]),
    max_chunk=st.integers(1, 6),
    index=st.lists(st.integers(0, N - 1), min_size=5, max_size=5),
)
def test_replicas_against_models_alone(
    count: int, n_patches: int, max_chunk: int, index: list[int]
) -> None:
    """Against the numba engine, a model and its batch at a time.

    Only this catches a patch, a bias or a batch of one replica in the sums of another, and a loss
    that is divided by the samples of all.
    """
    models = replicas(count, n_patches=n_patches)
    images, labels = samples(4)
    batches = torch.stack([(torch.tensor(index) + 3 * r) % N for r in range(count)])
    together = TrainingPass(models, images, labels, max_chunk=max_chunk)
    losses, gradients = together.losses_and_gradients(batches)
    for r, model in enumerate(models):
        alone = FastEngine(model, n_threads=1)
        loss, gradient = alone.loss_and_gradient(images[batches[r]], labels[batches[r]])
        assert losses[r].item() == pytest.approx(loss, rel=1e-12)
        np.testing.assert_allclose(gradients[r], gradient, rtol=0, atol=1e-10)


@pytest.mark.parametrize("m", [7, 12, 64])
def test_outer_products_in_slices_are_the_same(m: int) -> None:
    """As a GPU takes them: only this catches slices that lose samples or mix patches."""
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(2, 3, m, 2, 4, generator=generator, dtype=torch.complex128)
    whole = torch.einsum("pmi,pmj->pij", left.flatten(2), right.flatten(2).conj())
    for side_by_side in (1, 9, 1000):
        found = patch_circuits.outer_products(left, right, side_by_side)
        torch.testing.assert_close(found, whole, rtol=0, atol=1e-12)


# --- recorded


def test_a_recorded_pass_follows_parameters_and_batches() -> None:
    """A replay runs no Python: only this catches numbers of the first call that stay in it."""
    models = replicas(2)
    images, labels = samples(4)
    step = TrainingPass(models, images, labels, max_chunk=4)
    passes = Recordings(tape_recorder)
    for call in range(4):
        index = torch.stack([(torch.arange(6) + call) % N, (torch.arange(6) * 5 + call) % N])
        found = passes.call("step", step.losses_and_gradients, index)
        expected = step.losses_and_gradients(index)
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
        for model in models:
            with torch.no_grad():
                model.angles.mul_(0.9)
                model.pixel_bias.add_(0.1)


def test_recorded_logits_and_products_are_the_engines() -> None:
    """Two data sets of one size, moved parameters, several vectors, kept and recomputed states."""
    (model,) = replicas(1, n_qubits=2)
    images, labels = samples(3)
    engine = TorchEngine(model, max_chunk=5)
    engine.recordings = Recordings(tape_recorder)
    for call in range(3):
        logits = engine.logits(images * (1 + call))
        np.testing.assert_allclose(
            logits, FastEngine(model).logits(images * (1 + call)), atol=1e-11
        )
        model.load_flat_parameters(model.flat_parameters() * 0.9)
    rng = np.random.default_rng(0)
    for kept in (0, 4):
        budget = kept * 5 * engine.bytes_a_state
        products = engine.curvature(images, labels, memory_budget=budget)
        assert products.kept_samples == kept
        products.recordings = Recordings(tape_recorder)
        expected = FastEngine(model, n_threads=1).curvature(images, labels)
        for kind in KINDS:
            for call in range(3):
                vectors = rng.normal(size=(model.n_parameters, 1 + call % 2))
                np.testing.assert_allclose(
                    products.product(kind, vectors), expected.product(kind, vectors), atol=1e-9
                )


def test_a_replica_replays_what_another_recorded() -> None:
    """Only this catches parameters of the first model in the evaluation of the second."""
    models = replicas(2)
    images, _ = samples(4)
    engines = [TorchEngine(model, max_chunk=5) for model in models]
    engines[0].recordings = engines[1].recordings = Recordings(tape_recorder)
    for engine, model in zip(engines, models, strict=True):
        expected = FastEngine(model).logits(images)
        np.testing.assert_allclose(engine.logits(images), expected, atol=1e-11)


class _FakeCuda:
    """What of ``torch.cuda`` a recorder uses; ``graph`` fails at its end where told."""

    def __init__(self, fails: bool) -> None:
        self.fails, self.calls, self.stream, self.now = fails, [], "present", "cuda:0"

    def graph_pool_handle(self) -> str:
        return "pool"

    def CUDAGraph(self) -> SimpleNamespace:
        return SimpleNamespace(replay=lambda: self.calls.append("replay"))

    def current_stream(self, device: torch.device) -> str:
        return self.stream

    def Stream(self, device: torch.device) -> str:
        return f"a stream of {device}"

    def set_stream(self, stream: str) -> None:
        """Sets the device too, as torch's."""
        self.stream, self.now = stream, "cuda:1"

    @contextmanager
    def device(self, device: torch.device) -> Iterator[None]:
        self.calls.append(str(device))
        before, self.now = self.now, str(device)
        try:
            yield
        finally:
            self.now = before

    @contextmanager
    def graph(self, graph: object, pool: str, stream: str = "one of cuda:0") -> Iterator[None]:
        self.stream = stream
        self.calls.append(f"begin in {pool} on {stream}")
        yield
        self.calls.append("end")
        if self.fails:  # as torch: its context is not left then
            raise RuntimeError("operation would make the legacy stream depend on a capture")
        self.stream = "present"


def test_cuda_graphs_are_made_as_torch_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a pass that runs outside of the graph, and work that stays on its stream.

    And on several GPUs a capture on a stream of another one, which records nothing, and a current
    device that is another after the call.
    """
    monkeypatch.setattr(recordings, "_capture_stream", recordings._capture_stream.__wrapped__)
    fake = _FakeCuda(fails=False)
    monkeypatch.setattr(recordings, "torch", SimpleNamespace(cuda=fake))
    record = recordings.cuda_recorder(torch.device("cuda", 1))
    x = torch.ones(2)
    replay, outputs = record(lambda: (fake.calls.append("pass"), (x,))[1])
    replay()
    begin = "begin in pool on a stream of cuda:1"
    assert fake.calls == ["cuda:1", begin, "pass", "end", "replay"]
    assert outputs == (x,)
    assert fake.now == "cuda:0"
    fake.fails = True
    with pytest.raises(RuntimeError, match="legacy stream"):
        record(lambda: (x,))
    assert (fake.stream, fake.now) == ("present", "cuda:0")


def test_a_pass_that_cannot_be_recorded_is_computed_as_it_is() -> None:
    """The message is plain and comes once, and what the pass changes it changes once a call."""
    count = torch.zeros(())

    def waiting(x: Tensor) -> tuple[Tensor]:
        count.add_(1)
        return (x * x.sum().item(),)

    passes = Recordings(tape_recorder)
    x = torch.ones(3)
    with pytest.warns(RuntimeWarning, match="CUDA graph: expected a pass that can be recorded"):
        (found,) = passes.call("times sum", waiting, x, changes=(count,))
    assert found.equal(3 * x)
    passes.call("times sum", waiting, 2 * x, changes=(count,))
    assert count.item() == 2


def test_a_replay_changes_what_the_pass_changes() -> None:
    total = torch.zeros(2)
    passes = Recordings(tape_recorder)
    for call in range(1, 4):
        (found,) = passes.call(
            "add", lambda x: (total.add_(x) * 2,), torch.ones(2), changes=(total,)
        )
        assert total.equal(torch.full((2,), float(call)))
        assert found.equal(2 * total)


def test_other_shapes_are_other_recordings_and_not_too_many() -> None:
    recorded = []

    def counting(call: Callable[[], Outputs]) -> tuple[Callable[[], None], Outputs]:
        recorded.append(1)
        return tape_recorder(call)

    passes = Recordings(counting)
    for size in range(1, 12):
        for _ in range(3):
            (found,) = passes.call("double", lambda x: (2 * x,), torch.ones(size))
            assert found.equal(torch.full((size,), 2.0))
    assert len(recorded) == 8


def test_what_is_recorded_keeps_no_products_alive() -> None:
    """A cycle would keep the states of 60,000 images on the device until Python looks for it."""
    (model,) = replicas(1)
    engine = TorchEngine(model)
    products = engine.curvature(*samples(4))
    products.recordings = Recordings(tape_recorder)
    for _ in range(2):
        products.product("hessian", np.ones((model.n_parameters, 1)))
    gone = weakref.ref(products)
    gc.disable()
    try:
        del products
        assert gone() is None
    finally:
        gc.enable()


def test_a_recorded_pass_follows_the_models_scale() -> None:
    """It is no parameter and no input: only this catches the scale of the first call."""
    (model,) = replicas(1)
    images, _ = samples(4)
    engine = TorchEngine(model)
    engine.recordings = Recordings(tape_recorder)
    for scale in (5.0, 20.0):
        model.scale = scale
        np.testing.assert_allclose(engine.logits(images), FastEngine(model).logits(images))


def test_what_was_recorded_in_inference_mode_is_replayed_outside_of_it() -> None:
    """Catches places for the inputs that are of inference mode: torch writes to none outside."""

    def recorder(call: Callable[[], Outputs]) -> tuple[Callable[[], None], Outputs]:
        outputs = call()

        def replay() -> None:
            with torch.inference_mode():  # a graph writes to its outputs in any mode
                outputs[0].copy_(call()[0])

        return replay, outputs

    passes = Recordings(recorder)
    with torch.inference_mode():
        passes.call("double", lambda x: (2 * x,), torch.ones(2))
    (found,) = passes.call("double", lambda x: (2 * x,), torch.full((2,), 3.0))
    assert found.equal(torch.full((2,), 6.0))


class _Reads(TorchDispatchMode):
    """Memory that a pass reads without having made it."""

    def __init__(self, inputs: Outputs) -> None:
        super().__init__()
        self._known = {each.untyped_storage()._cdata for each in inputs}
        self.found: list[StorageWeakRef] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        for each in tensors((args, kwargs)):
            if each.untyped_storage()._cdata not in self._known:
                self._known.add(each.untyped_storage()._cdata)
                self.found.append(StorageWeakRef(each.untyped_storage()))
        results = func(*args, **(kwargs or {}))
        self._known |= {each.untyped_storage()._cdata for each in tensors(results)}
        return results


def test_what_recorded_logits_read_stays_where_it_is() -> None:
    """A graph reads addresses: a model that was moved to the CPU and back has left its own."""
    (model,) = replicas(1)
    images, _ = samples(4)
    engine = TorchEngine(model)
    inputs = images.flatten(1), *engine.parameters()
    with _Reads(inputs) as reads, engine.computing():
        engine._logits(*inputs)
    model._apply(lambda tensor: tensor.clone())
    gc.collect()
    assert len(reads.found) > 3
    assert not any(each.expired() for each in reads.found)


def test_threads_take_turns_at_a_replay() -> None:
    """Only this catches the inputs of one call in the outputs of another."""
    entered = threading.Event()

    def slowly(call: Callable[[], Outputs]) -> tuple[Callable[[], None], Outputs]:
        outputs = call()

        def replay() -> None:
            entered.set()
            time.sleep(0.05)  # the other thread's time to come between
            outputs[0].copy_(call()[0])

        return replay, outputs

    passes = Recordings(slowly)
    found: list[Tensor] = []

    def first() -> None:
        found.extend(passes.call("double", lambda x: (2 * x,), torch.ones(2)))

    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(5)
    (second,) = passes.call("double", lambda x: (2 * x,), torch.full((2,), 3.0))
    thread.join()
    assert found[0].equal(torch.full((2,), 2.0))
    assert second.equal(torch.full((2,), 6.0))


# --- on a device


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_recorded_passes_on_several_streams_take_turns() -> None:
    """The first sleeps between its input and its result, where the second's input would come."""
    device = torch.device("cuda", 0)
    passes = Recordings(recordings.default_recorder(device))

    def slowly(x: Tensor) -> tuple[Tensor]:
        torch.cuda._sleep(50_000_000)
        return (2 * x,)

    ones = torch.ones(2, device=device)
    passes.call("slowly", slowly, ones)
    torch.cuda.synchronize()
    found = []
    for k in (1, 3):
        value = k * ones
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            found += passes.call("slowly", slowly, value)
    torch.cuda.synchronize()
    assert [each.tolist() for each in found] == [[2.0, 2.0], [6.0, 6.0]]


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="fewer than two CUDA devices")
def test_recorded_logits_on_another_device_than_the_current_one() -> None:
    """A graph of one device, captured on a stream of the other, is empty: nothing would move."""
    images, _ = samples(4)
    for device in ("cuda:0", "cuda:1"):
        (model,) = replicas(1, device=device)
        engine = TorchEngine(model)
        for _ in range(3):
            found, expected = engine.logits(images), model.autograd_logits(images.to(device))
            np.testing.assert_allclose(found, expected.detach().cpu(), atol=1e-10)
            model.load_flat_parameters(model.flat_parameters() * 0.9)
    assert torch.cuda.current_device() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_pass_copies_nothing_from_the_host_and_never_waits(dtype: torch.dtype) -> None:
    """A graph can hold neither; the first call may, as it makes what is made once."""
    images, labels = samples(4)
    models = replicas(2, dtype=dtype)
    step = TrainingPass(models, images, labels)
    for model in models:
        model.to("meta")
    for kept in ("_images", "_readers", "_pixel_indices"):
        setattr(step, kept, getattr(step, kept).to("meta"))
    step._loss = CrossEntropyOf(labels[None].to("meta"))
    index = torch.zeros(2, 6, dtype=torch.int64, device="meta")
    step.losses_and_gradients(index)
    with NoCopyFromTheHost():
        losses, gradients = step.losses_and_gradients(index)
    assert losses.shape == (2,)
    assert gradients.shape == (2, models[0].n_parameters)
