"""Which flat parameters are whose: by name, patch by patch, and shared."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

_SELECTION = re.compile(r"(?P<name>[^\[\]]+)(\[(?P<index>\d+)\])?")
_PATCH = re.compile(r"patch (?P<number>\d+)")


@dataclass(frozen=True)
class ParameterLayout:
    """The flat order of a module's parameters, and selections of them by name.

    A selection is a parameter's name ("angles"), with an index of its first axis ("angles[2]"), a
    submodule's name (all parameters below it), or a group: "patch 2", the parameters of that patch
    alone; "patches", those of all patches; "shared", all others. A module without patches has
    names only.

    Attributes:
        shapes: (name, shape) of every parameter in flat order.
        patches: selection that is a patch's own parameters, one a patch; a single one, that of
            them all, where the patches share theirs.
    """

    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    patches: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, parameters: Iterable[tuple[str, torch.Tensor]], patches: Iterable[str] = ()
    ) -> "ParameterLayout":
        """The layout of named parameters, ``model.named_parameters()`` say."""
        return cls(tuple((n, tuple(p.shape)) for n, p in parameters), tuple(patches))

    @cached_property
    def _spans(self) -> Mapping[str, tuple[int, int]]:
        """First index and end of each parameter."""
        spans, begin = {}, 0
        for name, shape in self.shapes:
            spans[name] = begin, begin + math.prod(shape)
            begin += math.prod(shape)
        return spans

    @property
    def size(self) -> int:
        """D."""
        return sum(math.prod(shape) for _, shape in self.shapes)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names in flat order."""
        return tuple(name for name, _ in self.shapes)

    @property
    def n_patches(self) -> int:
        """P; 0 for a module without patches."""
        return len(self.patches)

    @cached_property
    def own(self) -> NDArray[np.int64]:
        """Indices of all patches' own parameters (of a circuit model: all angles)."""
        parts = [self.patch(p) for p in range(self.n_patches)]
        return np.concatenate([np.empty(0, dtype=np.int64), *parts])

    @cached_property
    def shared(self) -> NDArray[np.int64]:
        """Indices of the parameters that belong to no patch (of a circuit model: the bias)."""
        return np.setdiff1d(np.arange(self.size), self.own)

    def patch(self, p: int) -> NDArray[np.int64]:
        """Indices of patch p's own parameters.

        Raises:
            ValueError: no such patch.
        """
        if not 0 <= p < self.n_patches:
            raise ValueError(f"patch: expected an integer from 0 to {self.n_patches - 1}, got {p}")
        return self.indices(self.patches[p])

    def pair(self, p: int, q: int) -> NDArray[np.int64]:
        """Indices of two patches' parameters, p's first: [[A_pp, A_pq], [A_qp, A_qq]].

        Raises:
            ValueError: no such patch, or one patch twice.
        """
        if p == q:
            raise ValueError(f"pair: expected two different patches, got {p} twice")
        return np.concatenate([self.patch(p), self.patch(q)])

    def indices(self, selection: str) -> NDArray[np.int64]:
        """Indices of a selection, ascending.

        Raises:
            ValueError: nothing of that name, or an index out of range.
        """
        if self.patches and selection in ("patches", "shared"):
            return self.own if selection == "patches" else self.shared
        if self.patches and (patch := _PATCH.fullmatch(selection)):
            return self.patch(int(patch["number"]))
        match = _SELECTION.fullmatch(selection)
        name = match["name"] if match else selection
        if match and name in self._spans:
            begin, end = self._spans[name]
            if match["index"] is None:
                return np.arange(begin, end)
            shape, index = dict(self.shapes)[name], int(match["index"])
            if not shape or index >= shape[0]:
                raise ValueError(
                    f"selection: expected an index of {name}'s first axis, whose shape is {shape}, "
                    f"got {selection!r}"
                )
            step = (end - begin) // shape[0]
            return np.arange(begin + index * step, begin + (index + 1) * step)
        below = [span for other, span in self._spans.items() if other.startswith(f"{name}.")]
        if not below or (match and match["index"] is not None):
            known = [*self.names[:8], *(["..."] if len(self.shapes) > 8 else [])]
            groups = ", or patch 0, patches, shared" if self.patches else ""
            raise ValueError(
                f"selection: expected a parameter or submodule ({', '.join(known)}){groups}, got "
                f"{selection!r}"
            )
        return np.concatenate([np.arange(*span) for span in below])

    def split(self, vector: torch.Tensor) -> list[torch.Tensor]:
        """A flat vector (D,) as views of the parameters' shapes."""
        parts = vector.split([math.prod(shape) for _, shape in self.shapes])
        return [part.reshape(shape) for part, (_, shape) in zip(parts, self.shapes, strict=True)]
