"""JSON files as this package writes them: read strictly, and held against their fields' types.

A checksum says that a file is as somebody sealed it, not that it makes sense. So what is read is
bounded in bytes and depth and holds finite numbers only, and every field's type and range is
checked once, here, by msgspec against the dataclass that will hold it.
"""

import json
import math
import re
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec

from patchlaw.simulators.datasets.errors import DatasetError
from patchlaw.simulators.datasets.regular_file import read_regular

T = TypeVar("T")

MAX_BYTES = 2**28  # ours: forty times the largest record
MAX_DEPTH = 40
_MAX_INTEGER = 2**63

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
PositiveCount: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10**12)]
Patches: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10**4)]  # ours: a hundred a side
Depth: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10**6)]
Rate: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=10**6)]  # a learning rate
NonNegative: TypeAlias = Annotated[float, msgspec.Meta(ge=0)]
Fraction: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]


class JsonFileError(ValueError):
    """The content is no JSON of ours; the message says expected and got, its caller the fix."""


def read_json(path: Path) -> Any:
    """The value in a JSON file.

    Raises:
        JsonFileError: no regular file, too large, cut, too deep, or numbers that are not finite.
        FileNotFoundError: nothing is there.
        OSError: it cannot be read.
    """
    path.stat()
    try:
        content = read_regular(path, "a JSON file", "give a file", MAX_BYTES)
    except DatasetError as error:
        raise JsonFileError(str(error).removeprefix(f"{path}: ").rpartition(";")[0]) from None
    try:
        value = json.loads(content, parse_float=_finite, parse_int=_bounded, parse_constant=_finite)
    except RecursionError:
        raise JsonFileError(f"expected at most {MAX_DEPTH} levels, got far more") from None
    except ValueError as error:
        raise JsonFileError(
            f"expected a whole JSON file, got {len(content)} bytes that do not parse ({error}); "
            "it is truncated or no file of patchlaw"
        ) from None
    _check_depth(value, MAX_DEPTH)
    return value


def exactly(value: Any, kind: type[T]) -> T:
    """As ``typed``, for a dataclass that is to have all of the value's fields."""
    found = typed(value, kind)
    if unknown := sorted(set(value) - {field.name for field in fields(found)}):  # type: ignore[arg-type]
        raise JsonFileError(f"expected no field {', '.join(unknown)}, got one")
    return found


def typed(value: Any, kind: type[T]) -> T:
    """The value as ``kind``, a dataclass say, with every field of the type and range it declares.

    Raises:
        JsonFileError: a field is missing, of another type or out of range.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        text = re.sub(r" - at `\$\.?(.*)`$", r" at \1", str(error)).removesuffix(" at ")
        raise JsonFileError(text[0].lower() + text[1:]) from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is not a finite number")
    return number


def _bounded(text: str) -> int:
    if len(text) > 20 or abs(number := int(text)) >= _MAX_INTEGER:
        raise ValueError(f"an integer of {len(text)} digits")
    return number


def _check_depth(value: Any, left: int) -> None:
    if isinstance(value, dict | list):
        if left == 0:
            raise JsonFileError(f"expected at most {MAX_DEPTH} levels, got more")
        for inner in value.values() if isinstance(value, dict) else value:
            _check_depth(inner, left - 1)
