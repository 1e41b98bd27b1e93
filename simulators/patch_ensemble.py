"""An ensemble of any torch modules on overlapping patches, their outputs aggregated to logits."""

import copy
from collections.abc import Callable, Sequence

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from patchlaw.simulators.patch_model import PatchBlockModel, PatchModule
from patchlaw.simulators.patches import PatchGrid


class ModuleBlock(PatchBlockModel):
    """One patch's module as a model of its own; see PatchBlockModel.

    Args:
        model: its module is copied.
        patch: p, counted from 0.

    Raises:
        ValueError: no such patch.
    """

    def __init__(self, model: "PatchEnsemble", patch: int) -> None:
        super().__init__(model, patch)
        self.module = copy.deepcopy(model.patches[patch])
        self.side = model.module_side

    def outputs(self, features: Tensor) -> Tensor:
        """f_p of features (n, side^2), shape (n, C)."""
        outputs: Tensor = self.module(_shaped(features, self.side))
        return outputs


class PatchEnsemble(PatchModule):
    """z = c P^(-alpha) sum_p module_p(patch_p(image)) + shared(image).

    The aggregation is the distributed QNN's, so its laws can be asked about any modules. Flat
    parameters go patch by patch, then the shared module's.

    Args:
        patches: P modules, each with parameters of its own, or a function that makes one; it is
            called P times in the order of the patches, after torch's generator is seeded.
        grid: where the patches lie.
        aggregation_exponent: alpha; 1 is the mean over the patches.
        scale: c.
        shared: module of the whole images (n, side, side) whose logits (n, C) are added, or a
            function that makes it, called after the patches'.
        square: whether the modules take patches (n, side, side) instead of rows (n, side^2).
        seed: of the generator, where functions make modules; torch's own is left as it was.
        dtype: torch.float32 or torch.float64, to which the modules are moved.
        device: where.

    Attributes:
        patches: ModuleList of P modules.
        shared: as given.

    Raises:
        TypeError: something else than modules; a dtype other than float32 and float64.
        ValueError: another number of modules than patches, parameters that two modules share or
            none at all, outputs that are not (n, C) with one C, what PatchGrid refuses.
    """

    def __init__(
        self,
        patches: Sequence[torch.nn.Module] | torch.nn.ModuleList | Callable[[], torch.nn.Module],
        grid: PatchGrid,
        *,
        aggregation_exponent: float = 1.0,
        scale: float = 1.0,
        shared: torch.nn.Module | Callable[[], torch.nn.Module] | None = None,
        square: bool = False,
        seed: int = 0,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ) -> None:
        if dtype not in (torch.float32, torch.float64):
            raise TypeError(f"dtype: expected torch.float32 or torch.float64, got {dtype}")
        if not isinstance(patches, list | tuple | torch.nn.ModuleList) and (
            isinstance(patches, torch.nn.Module) or not callable(patches)
        ):
            raise TypeError(
                "patches: expected a list of modules or a function that makes one, got "
                f"{type(patches).__name__}"
            )
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            if isinstance(patches, list | tuple | torch.nn.ModuleList):
                modules = list(patches)
            else:
                modules = [patches() for _ in range(grid.n_patches)]
            if shared is not None and not isinstance(shared, torch.nn.Module):
                shared = shared()
        if len(modules) != grid.n_patches:
            raise ValueError(
                f"patches: expected {grid.n_patches} modules, one a patch, got {len(modules)}"
            )
        named = [(f"patches[{p}]", module) for p, module in enumerate(modules)]
        named += [] if shared is None else [("shared", shared)]
        _check_apart(named)
        super().__init__(grid, 0, scale, aggregation_exponent)
        self.module_side = grid.patch_side if square else None
        self.patches = torch.nn.ModuleList(modules)
        self.shared = shared
        self.to(device=device, dtype=dtype)
        self.n_classes = self._check_outputs(named)

    @property
    def patch_selections(self) -> tuple[str, ...]:
        """Each patch's module."""
        return tuple(f"patches.{p}" for p in range(self.n_patches))

    def patch_block(self, patch: int) -> ModuleBlock:
        """See PatchModel."""
        return ModuleBlock(self, patch)

    def patch_outputs(self, images: Tensor | ArrayLike) -> Tensor:
        """Outputs f_p of every patch, shape (N, P, C)."""
        features = self.patch_features(self.check_images(images))
        outputs = [
            m(_shaped(x.T, self.module_side)) for m, x in zip(self.patches, features, strict=True)
        ]
        return torch.stack(outputs, dim=1)

    def shared_logits(self, images: Tensor) -> Tensor | None:
        """What the shared module gives."""
        if self.shared is None:
            return None
        logits: Tensor = self.shared(images)
        return logits

    def forward(self, images: Tensor | ArrayLike) -> Tensor:
        """Logits, shape (N, C), of images of shape (N, side, side)."""
        return self.autograd_logits(images)

    def _check_outputs(self, named: Sequence[tuple[str, torch.nn.Module]]) -> int:
        """C, from two blank images; layers whose train mode would notice are in evaluation mode."""
        side, like = self.grid.image_side, next(self.parameters())
        blank = torch.zeros(2, side, side, dtype=like.dtype, device=like.device)
        training = [(module, module.training) for module in self.modules()]
        self.eval()
        n_classes = 0
        try:
            with torch.no_grad():
                features = self.patch_features(blank)
                for p, (name, module) in enumerate(named):
                    whole = module is self.shared
                    rows = blank if whole else _shaped(features[p].T, self.module_side)
                    out = _tried(name, module, rows)
                    found = tuple(out.shape) if isinstance(out, Tensor) else type(out).__name__
                    if not isinstance(out, Tensor) or found != (2, n_classes or out.shape[-1]):
                        raise ValueError(
                            f"{name}: expected logits of shape (2, {n_classes or 'C'}) for two "
                            f"blank {'images' if whole else 'patches'}, got {found}"
                        )
                    n_classes = int(out.shape[1])
        finally:
            for module, flag in training:
                module.training = flag
        return n_classes


def _shaped(features: Tensor, side: int | None) -> Tensor:
    """Rows (n, side^2) as a module takes them, made square where a side is given."""
    return features if side is None else features.reshape(len(features), side, side)


def _tried(name: str, module: torch.nn.Module, batch: Tensor) -> object:
    """Outputs of a batch of two, with what a user's module says of its shape."""
    try:
        return module(batch)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        shape = ", ".join(map(str, ("n", *batch.shape[1:])))
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"{name}: expected a module that takes features of shape ({shape}) and gives (n, C), "
            f"got: {said}; give a first layer that fits, or square for (n, side, side)"
        ) from error


def _check_apart(named: Sequence[tuple[str, torch.nn.Module]]) -> None:
    """Every module has parameters, and none of them is another's."""
    owner: dict[int, str] = {}
    for name, module in named:
        if not isinstance(module, torch.nn.Module):
            raise TypeError(f"{name}: expected a torch.nn.Module, got {type(module).__name__}")
        parameters = {id(p) for p in module.parameters()}
        if not parameters:
            raise ValueError(f"{name}: expected a module with parameters, got none")
        for key in parameters:
            if key in owner:
                raise ValueError(
                    f"patches: expected modules with parameters of their own, got {owner[key]} and "
                    f"{name} with one in common; copy.deepcopy the module"
                )
            owner[key] = name
