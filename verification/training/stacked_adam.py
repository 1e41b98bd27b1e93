"""The Adam of several models as one update where they lie, which a CUDA graph can hold."""

from collections.abc import Sequence

import torch
from torch import Tensor

from patchlaw.simulators import PatchModel


class StackedAdam:
    """One step of R optimisers (``torch.optim.Adam``, L2 decay) on (R, D) tensors.

    theta <- theta - rate / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps), as torch has it. What
    changes from step to step, the two factors, comes from the host as a tensor: torch's own
    "capturable" form takes 1 - beta^t in float32, which is off by 6e-5 at the first step.

    The models' parameters and the optimisers' moments become views of rows, so that what reads them
    finds them where they were.

    Args:
        models: of equal sizes, dtype and device.
        optimisers: of each, fresh or restored, with equal settings and step counts.

    Attributes:
        state: all that an update changes.
    """

    def __init__(
        self, models: Sequence[PatchModel], optimisers: Sequence[torch.optim.Adam]
    ) -> None:
        self._optimisers = tuple(optimisers)
        self._values = torch.stack([model.flat_parameters() for model in models])
        self._first, self._second = torch.zeros_like(self._values), torch.zeros_like(self._values)
        self.state = self._values, self._first, self._second
        self._rows: list[tuple[torch.optim.Adam, torch.nn.Parameter, tuple[Tensor, ...]]] = []
        for row, (model, optimiser) in enumerate(zip(models, optimisers, strict=True)):
            split = model.layout.split
            views = (split(each[row]) for each in (self._values, self._first, self._second))
            for parameter, value, first, second in zip(model.parameters(), *views, strict=True):
                state = optimiser.state[parameter]
                if state:
                    first.copy_(state["exp_avg"])
                    second.copy_(state["exp_avg_sq"])
                parameter.data = value
                state |= {"exp_avg": first, "exp_avg_sq": second}
                self._rows.append((optimiser, parameter, (value, first, second)))
                state.setdefault("step", torch.tensor(0.0, dtype=torch.float32))

    @property
    def holds(self) -> bool:
        """Whether parameters and moments are still the rows: none was moved or loaded anew."""
        return all(
            parameter.data_ptr() == value.data_ptr()
            and (state := optimiser.state[parameter]).get("exp_avg") is first
            and state.get("exp_avg_sq") is second
            for optimiser, parameter, (value, first, second) in self._rows
        )

    @property
    def settings(self) -> tuple[float, ...]:
        """Those that stay in a recorded update."""
        group = self._optimisers[0].param_groups[0]
        return (*group["betas"], group["eps"], group["weight_decay"])

    def factors(self, n_steps: int) -> Tensor:
        """Of the next steps at the present rate: (rate / (1 - beta1^t), sqrt(1 - beta2^t)) each.

        The steps are counted as done. Shape (n_steps, 2), float64, on the CPU.
        """
        group = self._optimisers[0].param_groups[0]
        done = int(next(iter(self._optimisers[0].state.values()))["step"])
        for optimiser in self._optimisers:
            optimiser.zero_grad()  # of whoever differentiated in between
            optimiser.step()  # without gradients it does nothing; its scheduler wants to see one
            for state in optimiser.state.values():
                state["step"] += n_steps
        beta1, beta2 = group["betas"]
        rows = [
            (group["lr"] / (1 - beta1**t), (1 - beta2**t) ** 0.5)
            for t in range(done + 1, done + n_steps + 1)
        ]
        return torch.tensor(rows, dtype=torch.float64)

    @torch.no_grad()
    def update(self, gradient: Tensor, factors: Tensor, stopped: Tensor) -> None:
        """One step, without a wait.

        Args:
            gradient: shape (R, D).
            factors: a row of ``factors``, on the models' device.
            stopped: whether a model keeps its parameters, shape (R, 1); its moments fade.
        """
        beta1, beta2, eps, weight_decay = self.settings
        slope = torch.add(gradient.to(self._values.dtype), self._values, alpha=weight_decay)
        slope.masked_fill_(stopped, 0.0)
        self._first.lerp_(slope, 1 - beta1)
        self._second.mul_(beta2).addcmul_(slope, slope, value=1 - beta2)
        scale = (self._second.sqrt() / factors[1]).add_(eps)
        step = (self._first / scale).mul_(factors[0])
        self._values.sub_(step.masked_fill_(stopped, 0.0))
