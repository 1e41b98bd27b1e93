"""Modules that configurations of the tests' runs name."""

import torch


def mlp(inputs: int, hidden: int, outputs: int) -> torch.nn.Module:
    """One hidden layer."""
    return torch.nn.Sequential(
        torch.nn.Linear(inputs, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, outputs)
    )


def linear(side: int, outputs: int) -> torch.nn.Sequential:
    """Of whole images."""
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(side * side, outputs))


def noisy(inputs: int, outputs: int) -> torch.nn.Module:
    """Random in train mode."""
    return torch.nn.Sequential(torch.nn.Linear(inputs, outputs), torch.nn.Dropout())


def unannotated(inputs: int):  # type: ignore[no-untyped-def]
    """Does not say what it gives."""
    raise AssertionError("called")


def number(inputs: int) -> torch.nn.Module:
    """Gives something else than it says."""
    return inputs  # type: ignore[return-value]
