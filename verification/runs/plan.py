"""Sweeps: many runs from one TOML file, shared out among the jobs of an array.

A plan has tables ``[[runs]]`` whose keys are the fields of ``RunRequest``. Where a value is a list
the table stands for every combination, the key written last changing fastest. ``[defaults]`` holds
values for all tables::

    [defaults]
    epochs = 50

    [[runs]]
    depth = [50, 100]
    patches = [4, 9, 16]
"""

import itertools
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from verification.runs.request import RunRequest

T = TypeVar("T")
_FIELDS = tuple(field.name for field in fields(RunRequest))


class PlanError(ValueError):
    """A plan that cannot be carried out; the message names the table."""


def read_plan(path: Path) -> tuple[RunRequest, ...]:
    """The runs of a plan, in order.

    Raises:
        PlanError: no TOML, unknown keys, values out of range, no runs, or one run twice.
        OSError: the file cannot be read.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PlanError(f"{path}: expected TOML, got {error}") from None
    try:
        return parse_plan(document)
    except PlanError as error:
        raise PlanError(f"{path}: {error}") from None


def parse_plan(document: Mapping[str, Any]) -> tuple[RunRequest, ...]:
    """The runs of a plan that is already parsed; see ``read_plan``."""
    unknown = sorted(set(document) - {"defaults", "runs"})
    if unknown:
        raise PlanError(f"expected [defaults] and [[runs]] only, got {', '.join(unknown)}")
    defaults, tables = document.get("defaults", {}), document.get("runs", [])
    if not isinstance(defaults, dict):
        raise PlanError(f"defaults: expected a table, got {defaults!r}")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise PlanError(f"runs: expected tables [[runs]], got {tables!r}")
    requests: list[RunRequest] = []
    for number, table in enumerate(tables, 1):
        try:
            requests += _expand({key: v for key, v in defaults.items() if key not in table} | table)
        except (TypeError, ValueError) as error:
            raise PlanError(f"[[runs]] table {number}: {error}") from None
    if not requests:
        raise PlanError("expected at least one run, got none; add a table [[runs]]")
    seen: dict[RunRequest, int] = {}
    for number, request in enumerate(requests, 1):
        # runs that differ in epochs alone share a folder
        first = seen.setdefault(replace(request, epochs=1), number)
        if first != number:
            raise PlanError(f"expected every run once, got run {first} again as run {number}")
    return tuple(requests)


def _expand(table: dict[str, Any]) -> list[RunRequest]:
    unknown = sorted(set(table) - set(_FIELDS))
    if unknown:
        raise ValueError(f"expected keys among {', '.join(_FIELDS)}, got {', '.join(unknown)}")
    missing = [key for key in ("patches", "depth") if key not in table]
    if missing:
        raise ValueError(f"expected patches and depth, got no {' and no '.join(missing)}")
    choices = [value if isinstance(value, list) else [value] for value in table.values()]
    return [
        RunRequest(**dict(zip(table, values, strict=True)))
        for values in itertools.product(*choices)
    ]


@dataclass(frozen=True)
class Shard:
    """Part ``index`` of ``count``, counted from 1.

    Raises:
        ValueError: an index outside 1..count.
    """

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        """Check the range."""
        if not 1 <= self.index <= self.count:
            raise ValueError(f"shard: expected i/n with 1 <= i <= n, got {self.index}/{self.count}")

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read "i/n".

        Raises:
            ValueError: anything else.
        """
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if match is None:
            raise ValueError(f"shard: expected i/n, such as 2/4, got {text!r}")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], n_runs: int) -> "Shard":
        """The shard of a job array's task, or all of the plan outside of one.

        Slurm tells the array's size (SLURM_ARRAY_TASK_COUNT; its first index may be any). PBS
        does not, so there the array is taken to have one task a run, PBS_ARRAY_INDEX from 1.

        Raises:
            ValueError: variables that are no integers or do not fit together.
        """

        def number(name: str, default: int | None = None) -> int:
            text = environment.get(name, "" if default is None else str(default))
            if not re.fullmatch(r"\d+", text):
                raise ValueError(f"{name}: expected an integer, got {text!r}; give --shard i/n")
            return int(text)

        if "SLURM_ARRAY_TASK_ID" in environment:
            first, step = number("SLURM_ARRAY_TASK_MIN", 0), number("SLURM_ARRAY_TASK_STEP", 1)
            position = (number("SLURM_ARRAY_TASK_ID") - first) // max(step, 1)
            return cls(position + 1, number("SLURM_ARRAY_TASK_COUNT"))
        if "PBS_ARRAY_INDEX" in environment:
            return cls(number("PBS_ARRAY_INDEX"), n_runs)
        return cls()

    def of(self, items: Sequence[T]) -> tuple[T, ...]:
        """Every count-th item from the index-th on: the shards are disjoint and cover all."""
        return tuple(items[self.index - 1 :: self.count])
