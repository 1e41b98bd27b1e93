"""Sweeps: many runs from one TOML file.

A plan has tables ``[[runs]]`` whose keys are the fields of ``RunRequest``. Where a value is a list
the table stands for every combination, the key written last changing fastest. ``[defaults]`` holds
values for all tables::

    [defaults]
    epochs = 50

    [[runs]]
    depth = [50, 100]
    patches = [4, 9, 16]

``[analyse]`` and ``[kernel]`` hold options of these commands, named as there, for the plan's runs::

    [analyse]
    stages = ["hessian"]
    subset-top = 1
"""

import itertools
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from patchlaw.hessian_theory.input_checks import nearest
from patchlaw.simulators.datasets.errors import DatasetError
from patchlaw.simulators.datasets.regular_file import read_regular
from patchlaw.verification.runs.config import batches_of
from patchlaw.verification.runs.request import RunRequest

MAX_BYTES = 10**6  # ours
_FIELDS = tuple(field.name for field in fields(RunRequest))
_COMMANDS = ("analyse", "kernel")


class PlanError(ValueError):
    """A plan that cannot be carried out; the message names the table."""


def read_plan(path: Path, data: str | None = None) -> tuple[RunRequest, ...]:
    """The runs of a plan, in order.

    Args:
        path: of the plan.
        data: a data set in place of those that the runs name.

    Raises:
        PlanError: no TOML, unknown keys, values out of range, no runs, or one run twice.
        OSError: the file cannot be read.
    """
    document = _document(path)
    try:
        requests = parse_plan(document)
        if data is not None:
            requests = tuple(replace(request, data=data) for request in requests)
            check_once(requests)
    except ValueError as error:
        raise PlanError(f"{path}: {error}") from None
    return requests


def read_options(path: Path, command: str) -> dict[str, Any]:
    """What a plan says of one command's options, by their names without dashes.

    Raises:
        PlanError: no TOML, or no table.
        OSError: the file cannot be read.
    """
    table = _document(path).get(command, {})
    if not isinstance(table, dict):
        raise PlanError(f"{path}: {command}: expected a table, got {table!r}")
    return table


def _document(path: Path) -> dict[str, Any]:
    try:
        content = read_regular(path, "a plan", "give a TOML file", MAX_BYTES)
    except DatasetError as error:
        raise PlanError(str(error)) from None
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise PlanError(f"{path}: expected TOML, got {error}") from None


def parse_plan(document: Mapping[str, Any]) -> tuple[RunRequest, ...]:
    """The runs of a plan that is already parsed; see ``read_plan``."""
    known = {"defaults", "runs", *_COMMANDS}
    if unknown := sorted(set(document) - known):
        raise PlanError(
            f"expected [defaults], [[runs]], {' and '.join(f'[{name}]' for name in _COMMANDS)} "
            f"only, got {', '.join(unknown)}"
            f"{nearest(unknown[0], known)}"
        )
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
    check_once(requests)
    return tuple(requests)


def check_once(requests: Iterable[RunRequest]) -> None:
    """Refuse a run that is there twice, which two shares of a plan would both train.

    Raises:
        PlanError: naming the two.
    """
    seen: dict[tuple[Any, ...], int] = {}
    for number, request in enumerate(requests, 1):
        # runs that differ in epochs alone, or in a default written out, share a folder; so do those
        # of as many batches, which is known before the samples are where their number is asked for
        images, size = request.images, request.batch_size
        batches = (size,) if images is None else batches_of(images, size)
        run = request.protocol().sha256, request.data, images, batches
        first = seen.setdefault(run, number)
        if first != number:
            raise PlanError(f"expected every run once, got run {first} again as run {number}")


def side_by_side(
    requests: Iterable[RunRequest], together: bool
) -> tuple[tuple[RunRequest, ...], ...]:
    """The runs in groups that ``execute_runs`` takes, in the order of their first ones.

    Args:
        requests: the runs.
        together: those that differ in their seed alone in one group, else each by itself.
    """
    groups: dict[RunRequest, list[RunRequest]] = {}
    for request in requests:
        groups.setdefault(replace(request, seed=0) if together else request, []).append(request)
    return tuple(tuple(group) for group in groups.values())


def _expand(table: dict[str, Any]) -> list[RunRequest]:
    unknown = sorted(set(table) - set(_FIELDS))
    if unknown:
        raise ValueError(
            f"expected keys among {', '.join(_FIELDS)}, got {', '.join(unknown)}"
            f"{nearest(unknown[0], _FIELDS)}"
        )
    missing = [key for key in ("patches", "depth") if key not in table]
    if missing:
        raise ValueError(f"expected patches and depth, got no {' and no '.join(missing)}")
    if empty := [key for key, value in table.items() if value == []]:
        raise ValueError(f"{empty[0]}: expected a value or several, got none; leave it out")
    choices = [value if isinstance(value, list) else [value] for value in table.values()]
    return [
        RunRequest(**dict(zip(table, values, strict=True)))
        for values in itertools.product(*choices)
    ]
