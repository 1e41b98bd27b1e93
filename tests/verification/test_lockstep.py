"""Runs trained side by side against each alone, on the CPU's engine and on the devices' steps."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from patchlaw.simulators import DistributedQNN
from patchlaw.simulators.torch_engine.recordings import Recordings
from patchlaw.verification.training import Lockstep, Trainer, TrainingConfig, trainer
from patchlaw.verification.training.stacked_adam import StackedAdam
from tests.simulators.tape import NoCopyFromTheHost, tape_recorder

SEEDS = (3, 4, 5)
CONFIG = TrainingConfig(learning_rate=0.05, epochs=8, n_batches=5, weight_decay=1e-3)


def a_trainer(seed: int, **changes: object) -> Trainer:
    model = DistributedQNN(
        4, 1, n_qubits=2, image_side=4, n_classes=4, scale=10.0, seed=seed, dtype=torch.float64
    )
    images = torch.from_numpy(np.random.default_rng(0).uniform(0, 2, (43, 4, 4)))
    return Trainer(model, images, torch.arange(43) % 4, replace(CONFIG, batch_seed=seed, **changes))


def alone(seed: int, epochs: int) -> Trainer:
    found = a_trainer(seed)
    for _ in range(epochs):
        list(found.run_epoch())
    return found


def losses(found: Trainer) -> list[float]:
    return [step.loss for step in found.steps]


def agree(found: Trainer, expected: Trainer) -> None:
    """To rounding, in every loss and in the parameters."""
    np.testing.assert_allclose(losses(found), losses(expected), rtol=1e-9)
    torch.testing.assert_close(
        found.model.flat_parameters(), expected.model.flat_parameters(), rtol=0, atol=1e-9
    )


def on_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the CPU were one: torch's steps, recorded on a stand-in for a graph."""
    monkeypatch.setattr(trainer, "steps_on_a_device", lambda model: True)
    real = trainer.DeviceSteps.__init__

    def recorded(self: object, *arguments: object) -> None:
        real(self, *arguments)
        self.recordings = Recordings(tape_recorder)  # type: ignore[attr-defined]

    monkeypatch.setattr(trainer.DeviceSteps, "__init__", recorded)


def test_on_the_cpu_each_has_the_bits_of_a_run_alone() -> None:
    """Only this catches batches of one seed given to all, and an optimiser that they share."""
    together = [a_trainer(seed) for seed in SEEDS]
    lockstep = Lockstep(together)
    for _ in range(2):
        assert len(list(lockstep.run_epoch())) == 5
    for ours, seed in zip(together, SEEDS, strict=True):
        theirs = alone(seed, 2)
        assert losses(ours) == losses(theirs)
        assert ours.epochs == theirs.epochs
        assert ours.model.flat_parameters().equal(theirs.model.flat_parameters())


def test_on_a_device_each_agrees_with_a_run_alone_to_rounding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Eight epochs, batches of two sizes, rate 0 in the sixth, recorded from the second step on.

    Against torch's own Adam behind the numba engine: only this catches a rate, a step count or a
    batch that stays in the recording, and bias corrections in float32.
    """
    expected = [alone(seed, 8) for seed in SEEDS]
    on_a_device(monkeypatch)
    together = [a_trainer(seed) for seed in SEEDS]
    lockstep = Lockstep(together)
    while together[0].epoch < 8:
        list(lockstep.run_epoch())
    for ours, theirs in zip(together, expected, strict=True):
        agree(ours, theirs)
        assert [e.learning_rate for e in ours.epochs] == [e.learning_rate for e in theirs.epochs]
        assert ours.minimum is not None
        assert theirs.minimum is not None
        assert ours.minimum.epoch == theirs.minimum.epoch
        for one, other in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
            state, reference = ours.optimiser.state[one], theirs.optimiser.state[other]
            assert state["step"] == reference["step"]
            for moment in ("exp_avg", "exp_avg_sq"):
                torch.testing.assert_close(state[moment], reference[moment], rtol=1e-7, atol=1e-9)


def test_a_run_goes_on_alone_after_it_was_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this catches steps on tensors that the model has left for those of other steps."""
    on_a_device(monkeypatch)
    expected, ours, other = alone(3, 4), a_trainer(3), a_trainer(4)
    pair = Lockstep([ours, other])
    for several in (False, True, False, True):
        for each in (pair,) if several else (ours, other):
            list(each.run_epoch())
    agree(ours, expected)


def test_a_run_that_diverges_keeps_the_parameters_that_gave_the_loss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a device the epoch goes on; only this catches parameters that move after it."""
    on_a_device(monkeypatch)
    together = [a_trainer(seed) for seed in SEEDS]
    with torch.no_grad():
        together[1].model.angles[0, 0] = torch.nan
    start = together[1].model.flat_parameters()
    with pytest.raises(FloatingPointError, match="expected a finite number, got nan in epoch 0"):
        list(Lockstep(together).run_epoch())
    torch.testing.assert_close(together[1].model.flat_parameters(), start, equal_nan=True)
    assert torch.isfinite(together[0].model.flat_parameters()).all()


def moved(trainer: Trainer) -> None:
    """As to the CPU and back."""
    trainer.model._apply(lambda tensor: tensor.clone())


def loaded(trainer: Trainer) -> None:
    """Adam's state as from a file, the moments turned around."""
    state = deepcopy(trainer.optimiser.state_dict())
    for of_parameter in state["state"].values():
        of_parameter["exp_avg"].neg_()
    trainer.optimiser.load_state_dict(state)


def differentiated(trainer: Trainer) -> None:
    trainer.model.autograd_logits(trainer.images).sum().backward()


def decayed(trainer: Trainer) -> None:
    trainer.optimiser.param_groups[0]["weight_decay"] = 0.1


def scaled(trainer: Trainer) -> None:
    trainer.model.scale = 3.0


@pytest.mark.parametrize("between", [moved, loaded, differentiated, decayed, scaled])
def test_what_others_do_between_epochs_counts_as_on_the_cpu(
    between: Callable[[Trainer], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches memory that the model has left, numbers that stay recorded, a gradient too many."""

    def interrupted() -> Trainer:
        found = a_trainer(3)
        for epoch in range(3):
            list(found.run_epoch())
            if not epoch:
                between(found)
        return found

    expected = interrupted()
    on_a_device(monkeypatch)
    found = interrupted()
    agree(found, expected)


def test_a_run_that_diverged_trains_again_from_finite_parameters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Only this catches a model that stays where it is for good, or NaN left in its moments."""
    on_a_device(monkeypatch)
    trainer = a_trainer(3)
    start = trainer.model.flat_parameters()
    with torch.no_grad():
        trainer.model.angles[0, 0] = torch.nan
    with pytest.raises(FloatingPointError):
        list(trainer.run_epoch())
    trainer.model.load_flat_parameters(start)
    list(trainer.run_epoch())
    found = trainer.model.flat_parameters()
    assert torch.isfinite(found).all()
    assert (found - start).abs().max() > 0.01


def test_an_update_copies_nothing_from_the_host() -> None:
    """A recorded step could not hold it."""
    models = [a_trainer(seed).model.to("meta") for seed in SEEDS]
    optimisers = [torch.optim.Adam(model.parameters(), lr=0.1) for model in models]
    adam = StackedAdam(models, optimisers)
    gradient = torch.zeros(3, models[0].n_parameters, device="meta")
    factors, stopped = gradient[0, :2], gradient[:, :1] > 0
    with NoCopyFromTheHost():
        adam.update(gradient, factors, stopped)


def test_runs_of_different_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="expected one configuration but for the seeds"):
        Lockstep([a_trainer(3), a_trainer(4, learning_rate=0.1)])
    ahead = alone(3, 1)
    with pytest.raises(ValueError, match=r"one epoch, got 1 configurations at epochs \[1, 0\]"):
        Lockstep([ahead, a_trainer(4)])
    pair = [a_trainer(3), a_trainer(4)]
    several = Lockstep(pair)
    list(pair[0].run_epoch())  # else the other one skips its first epoch's batches
    with pytest.raises(ValueError, match=r"one epoch, got 1 configurations at epochs \[1, 0\]"):
        next(several.run_epoch())
    other = a_trainer(4)
    other.images = other.images + 1
    with pytest.raises(ValueError, match="the same samples"):
        Lockstep([a_trainer(3), other])
