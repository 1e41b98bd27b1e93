"""JSON files as this package writes them: read strictly, and held against their fields' types.

A checksum says that a file is as somebody sealed it, not that it makes sense. So what is read is
bounded in bytes and depth and holds finite numbers only, and every field's type and range is
checked once, here, by msgspec against the dataclass that will hold it.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar, get_origin

import msgspec
import numpy as np
from numpy.typing import NDArray

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
MAX_RATE = 1e6  # ours: Adam moves an angle by about as much, whose period is 4 pi
Rate: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=MAX_RATE)]  # a learning rate
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


def typed(value: Any, kind: type[T], *, exactly: bool = False) -> T:
    """The value as ``kind``, a dataclass say, with every field of the type and range it declares.

    Lists become numpy arrays where one is declared, null a NaN in them.

    Args:
        value: of JSON.
        kind: what it is to be.
        exactly: refuse keys that the dataclasses do not have.

    Raises:
        JsonFileError: a field is missing, of another type or out of range, or unknown.
    """
    try:
        found = msgspec.convert(value, kind, dec_hook=_array)
    except msgspec.ValidationError as error:
        text = re.sub(r" - at `\$\.?(.*)`$", r" at \1", str(error)).removesuffix(" at ")
        raise JsonFileError(text[0].lower() + text[1:]) from None
    if exactly:
        _check_known(value, plain(found), "")
    return found


def plain(value: Any, none_for: Callable[[float], bool] | None = None) -> Any:
    """Dataclasses, msgspec's structs, mappings, tuples and arrays as JSON has them.

    A dataclass that leaves something out has an ``as_plain`` of its own.

    Args:
        value: of them.
        none_for: numbers that become null; the NaN of an array only if left out.
    """
    if hasattr(value, "as_plain"):
        return value.as_plain()
    if is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, msgspec.Struct):  # whose keys on disk may have other names
        names = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
        value = {key: getattr(value, name) for key, name in names}
    if isinstance(value, Mapping):
        return {str(key): plain(entry, none_for) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry, none_for) for entry in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist(), none_for or math.isnan)
    return None if isinstance(value, float) and none_for and none_for(value) else value


def without_defaults(value: Any, *names: str) -> dict[str, Any]:
    """A dataclass as ``plain`` has it, without those of some fields that are at their defaults."""
    return {
        field.name: plain(getattr(value, field.name))
        for field in fields(value)
        if field.name not in names or getattr(value, field.name) != field.default
    }


def first_difference(stored: Any, wanted: Any, name: str = "") -> str:
    """Where two JSON values first differ, and how."""
    if isinstance(stored, list) and isinstance(wanted, list) and len(stored) == len(wanted):
        stored, wanted = dict(enumerate(stored)), dict(enumerate(wanted))
    if isinstance(stored, dict) and isinstance(wanted, dict):
        for key in sorted({*stored, *wanted}):
            if stored.get(key) != wanted.get(key):
                inner = f"{name}.{key}" if name else f"{key}"
                return first_difference(stored.get(key), wanted.get(key), inner)
    return f"{name}: stored {stored}, now {wanted}"


def _array(kind: Any, value: Any) -> NDArray[np.float64]:
    if get_origin(kind) is not np.ndarray:
        raise TypeError(f"{kind}: expected a type that JSON has, or an array")
    rows = msgspec.convert(value, list[float | list[float | None] | None])
    array = np.array(rows, dtype=np.float64)
    array.flags.writeable = False
    return array


def _check_known(value: Any, known: Any, at: str) -> None:
    """Refuse a key of ``value`` that ``known`` does not have."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if key not in known:
                raise JsonFileError(f"expected no field {at}{key}, got one")
            _check_known(entry, known[key], f"{at}{key}.")
    elif isinstance(value, list):
        for number, (entry, other) in enumerate(zip(value, known, strict=True)):
            _check_known(entry, other, f"{at}{number}.")


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
