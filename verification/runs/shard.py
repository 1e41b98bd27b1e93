"""Which part of a plan one process does: as asked, or as the job array's scheduler says.

A task takes its share only where the scheduler's variables leave no doubt which one that is:

- Slurm tells first, last, step and number of the array's tasks, SGE all but the number. The k-th
  of n tasks does share k/n, if the tasks are evenly spaced and at least two.
- PBS and Torque tell the task's index alone, so task I does run I of the plan. LSF tells the last
  index besides, but not the first: the same, if the last one is the number of runs.

What remains is refused: a list with gaps such as ``--array=1,2,5``, and a single task, which may
be one of an earlier array, submitted again, of unknown size.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

T = TypeVar("T")


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
        match = re.fullmatch(r"([0-9]{1,18})/([0-9]{1,18})", text)
        if match is None:
            raise ValueError(f"shard: expected i/n, such as 2/4, got {text!r}")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], n_runs: int) -> "Shard":
        """The shard of a job array's task, or all of the plan outside of one.

        Raises:
            ValueError: variables that leave open which share the task is to do.
        """
        shards = [
            shard for read in (_slurm, _sge, _pbs, _lsf) if (shard := read(environment, n_runs))
        ]
        if len(set(shards)) > 1:
            found = " and ".join(f"{each.index}/{each.count}" for each in shards)
            raise ValueError(
                f"job array: expected the variables of one scheduler, got several, which mean the "
                f"shares {found}; {_FIX}"
            )
        return shards[0] if shards else cls()

    def of(self, items: Sequence[T]) -> tuple[T, ...]:
        """Every count-th item from the index-th on: the shards are disjoint and cover all."""
        return tuple(items[self.index - 1 :: self.count])


_FIX = "give --shard I/N, share I of N"


class _Tasks(NamedTuple):
    """Evenly spaced tasks of an array, and which of them this is."""

    task: int
    first: int
    last: int
    step: int

    def shard(self, n_runs: int) -> Shard:
        """The share of this task among all."""
        count = (self.last - self.first) // max(self.step, 1) + 1
        position, beside = divmod(self.task - self.first, max(self.step, 1))
        if self.step < 1 or beside or not 0 <= position < count:
            raise ValueError(
                f"job array: expected one of the tasks {self.first} to {self.last} in steps of "
                f"{self.step}, got task {self.task}; {_FIX}"
            )
        if count == 1 and n_runs > 1:
            raise ValueError(
                f"job array: expected at least two tasks, got task {self.task} alone, which would "
                f"do all {n_runs} runs; if it is one of an earlier array of N tasks, give --shard "
                f"I/N, and if it is to do all, --shard 1/1"
            )
        return Shard(position + 1, count)


def _slurm(environment: Mapping[str, str], n_runs: int) -> Shard | None:
    prefix = "SLURM_ARRAY_TASK_"
    if f"{prefix}ID" not in environment:
        return None
    task, first, last, count = (
        _number(environment, prefix + name) for name in ("ID", "MIN", "MAX", "COUNT")
    )
    step = _number(environment, f"{prefix}STEP", "1")
    if (count - 1) * step != last - first:
        raise ValueError(
            f"job array: expected evenly spaced tasks, got {count} from {first} to {last} with "
            f"step {step}, so that it is open which share task {task} is to do; {_FIX}"
        )
    return _Tasks(task, first, last, step).shard(n_runs)


def _sge(environment: Mapping[str, str], n_runs: int) -> Shard | None:
    # outside of an array SGE says so in these words
    if environment.get("SGE_TASK_ID", "undefined") == "undefined":
        return None
    names = ("SGE_TASK_ID", "SGE_TASK_FIRST", "SGE_TASK_LAST", "SGE_TASK_STEPSIZE")
    return _Tasks(*(_number(environment, name) for name in names)).shard(n_runs)


def _pbs(environment: Mapping[str, str], n_runs: int) -> Shard | None:
    # PBS Professional's and Torque's name
    names = [name for name in ("PBS_ARRAY_INDEX", "PBS_ARRAYID") if name in environment]
    return _one_run_a_task(environment, names[0], n_runs) if names else None


def _lsf(environment: Mapping[str, str], n_runs: int) -> Shard | None:
    if environment.get("LSB_JOBINDEX", "0") == "0":  # outside of an array
        return None
    last, step = (
        _number(environment, "LSB_JOBINDEX_END"),
        _number(environment, "LSB_JOBINDEX_STEP", "1"),
    )
    if (last, step) != (n_runs, 1):
        raise ValueError(
            f"job array: expected the tasks 1 to {n_runs}, one a run, as LSF does not tell an "
            f"array's first task, got one that ends at {last} with step {step}; {_FIX}, such as "
            "--shard $LSB_JOBINDEX/$LSB_JOBINDEX_END for an array from 1"
        )
    return _one_run_a_task(environment, "LSB_JOBINDEX", n_runs)


def _one_run_a_task(environment: Mapping[str, str], name: str, n_runs: int) -> Shard:
    task = _number(environment, name)
    if not 1 <= task <= n_runs:
        raise ValueError(
            f"job array: expected {name} from 1 to {n_runs}, one task a run, got {task}; {_FIX}"
        )
    return Shard(task, n_runs)


def _number(environment: Mapping[str, str], name: str, default: str = "") -> int:
    text = environment.get(name, default)
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ValueError(f"job array: {name}: expected an integer, got {text[:40]!r}; {_FIX}")
    return int(text)
