"""What a user may choose: fields declared once, with their least value and the command's words."""

from collections.abc import Mapping
from dataclasses import field, fields
from typing import Any


def setting(default: Any, argument: str, text: str, *, least: int | None = 1, **facts: Any) -> Any:
    """A field of a dataclass that is an option of a command too.

    Args:
        default: a tuple for an option that may be given several times.
        argument: what the command calls it.
        text: help.
        least: None where there is none.
        facts: more to know of it.
    """
    told = {"argument": argument, "help": text, "least": least, **facts}
    return field(default=default, metadata=told)


def check_settings(chosen: Any) -> None:
    """``check_integers`` for every count among the settings of a dataclass."""
    counts = [each for each in fields(chosen) if not isinstance(each.default, float | tuple)]
    check_integers(chosen, {each.name: each.metadata["least"] for each in counts})


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
