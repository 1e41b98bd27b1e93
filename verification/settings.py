"""What a user may choose: fields declared once, with their least value and the command's words."""

from collections.abc import Mapping
from dataclasses import field, fields
from numbers import Integral
from typing import Any

from patchlaw.hessian_theory.input_checks import unknown

DATASETS = ("mnist", "fashion-mnist", "digits")  # named here, as the data themselves load torch


def setting(default: Any, argument: str, text: str, *, least: int | None = 1, **facts: Any) -> Any:
    """A field of a dataclass that is an option of a command too.

    Args:
        default: a tuple for an option that may be given several times, MISSING for one that must.
        argument: what the command calls it.
        text: help.
        least: None where there is none.
        facts: more to know of it: "choices" of a text; "most" of a number, "above" where it is not
            the least itself; "real" of a number that is no integer and has no default; "fix".
    """
    told = {"argument": argument, "help": text, "least": least, **facts}
    return field(default=default, metadata=told)


def command_of(command: str, chosen: Any) -> str:
    """A command with every setting that is not its default; an empty tuple has no word."""
    words = [command]
    for each in fields(chosen):
        value = getattr(chosen, each.name)
        if value != each.default:
            every = value if isinstance(value, tuple) else (value,)
            words += [f"{each.metadata['argument']} {one}" for one in every]
    return " ".join(words)


def check_settings(chosen: Any) -> None:
    """Check every setting of a dataclass: counts, truth values, choices, floats with a most.

    An integer in the place of a float becomes one.

    Raises:
        TypeError: a value of another type.
        ValueError: a value out of range.
    """
    for each in fields(chosen):
        value, facts = getattr(chosen, each.name), each.metadata
        if value is None and each.default is None:
            continue
        if choices := facts.get("choices"):
            if value not in choices:
                raise ValueError(f"{unknown(each.name, value, choices)}{facts.get('fix', '')}")
        elif isinstance(each.default, bool):
            if not isinstance(value, bool):
                raise TypeError(f"{each.name}: expected true or false, got {value!r}")
        elif isinstance(each.default, float) or facts.get("real"):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{each.name}: expected a number, got {value!r}")
            low, most = facts["least"], facts.get("most")
            if most is None:  # by whose own rules it is judged
                continue
            if not low <= value <= most or (facts.get("above") and value == low):
                raise ValueError(
                    f"{each.name}: expected a number from {low} to {most:g}, got {value}"
                )
            object.__setattr__(chosen, each.name, float(value))
        elif not isinstance(each.default, tuple):
            check_integers(chosen, {each.name: facts["least"]})
            if value > facts.get("most", value):
                raise ValueError(f"{each.name}: expected at most {facts['most']}, got {value}")


def check_integers(chosen: Any, least: Mapping[str, int]) -> None:
    """Refuse at the door what would fail hours later: fields that are no integers, or too small.

    Args:
        chosen: a dataclass; None passes in a field whose default it is.
        least: value by name of the field.

    Raises:
        TypeError: no integer.
        ValueError: a smaller one.
    """
    optional = {each.name for each in fields(chosen) if each.default is None}
    for name, low in least.items():
        value = getattr(chosen, name)
        if value is None and name in optional:
            continue
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{name}: expected an integer, got {value!r}")
        if value < low:
            raise ValueError(f"{name}: expected an integer >= {low}, got {value}")


def check_integer(
    name: str, value: object, least: int = 1, most: int | None = None, *, note: str = ""
) -> None:
    """Raise ValueError unless an integer from ``least`` to D = ``most``; ``note`` says why."""
    number = None if isinstance(value, bool) or not isinstance(value, Integral) else int(value)
    if number is None or number < least or (most is not None and number > most):
        wanted = f">= {least}" if most is None else f"from {least} to D = {most}"
        raise ValueError(f"{name}: expected an integer {wanted}{note}, got {value!r}")
