"""Functions that make the modules of a run, named so that another process finds them again."""

import importlib
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, get_type_hints

import torch


@dataclass(frozen=True)
class Factory:
    """``function(**arguments)`` gives a torch module, as a run's configuration keeps it.

    A run is opened by other processes, today or in a year, which know only what its files say. So
    the function is written down as an import path; a lambda, or a function inside another one, has
    none, and a process that resumes the run could not build its model. It is a module class or is
    annotated as giving a module, which is checked before it is called: a file that names another
    program's function is refused.

    Attributes:
        function: "package.module:function".
        arguments: plain JSON data.

    Raises:
        ValueError: a path of another form, arguments that JSON does not hold.
    """

    function: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what could not be written down."""
        module, _, name = self.function.partition(":")
        if not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
            raise ValueError(
                f"factory: expected 'package.module:function', got {self.function!r}; a lambda, "
                "a function inside another or one of __main__ cannot be found again by the process "
                "that resumes the run: write it as a function of a module"
            )
        try:
            kept = json.loads(json.dumps(self.arguments, allow_nan=False))
        except (TypeError, ValueError):
            kept = None
        if kept != self.arguments:
            raise ValueError(
                "arguments: expected plain JSON data (texts, finite numbers, lists, objects), got "
                f"{self.arguments!r}"
            )

    @classmethod
    def of(cls, function: Callable[..., torch.nn.Module], **arguments: Any) -> "Factory":
        """The factory of a function or module class that stands in a module.

        Raises:
            ValueError: a lambda, an inner function, or one of ``__main__``.
        """
        module = "" if function.__module__ == "__main__" else function.__module__
        return cls(f"{module}:{function.__qualname__}", arguments)

    def make(self) -> torch.nn.Module:
        """Import the function and call it.

        Raises:
            ValueError: nothing of that name, nothing that says it gives a module, or arguments
                that it does not take.
            TypeError: it gives something else.
        """
        module, _, name = self.function.partition(":")
        try:
            function = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ValueError(
                f"factory: expected a function that can be imported, got {self.function!r} "
                f"({error}); run where its module is found (PYTHONPATH)"
            ) from None
        given = function if inspect.isclass(function) else _return_type(function)
        if not (inspect.isclass(given) and issubclass(given, torch.nn.Module)):
            raise ValueError(
                "factory: expected a module class, or a function annotated as giving one (-> "
                f"torch.nn.Module), got {self.function!r}"
            )
        try:
            inspect.signature(function).bind(**self.arguments)
        except TypeError as error:
            raise ValueError(
                f"arguments: expected those of {self.function}, got {self.arguments!r}: {error}"
            ) from None
        made = function(**self.arguments)
        if not isinstance(made, torch.nn.Module):
            raise TypeError(
                f"factory: expected a torch.nn.Module of {self.function}, got {type(made).__name__}"
            )
        return made


def _return_type(function: Any) -> Any:
    try:
        return get_type_hints(function).get("return")
    except (TypeError, NameError):
        return None
