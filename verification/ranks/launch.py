"""How this process was launched: alone, or as one of several ranks, by torchrun or by MPI."""

import os
from dataclasses import dataclass

# Of each launcher the rank, the number of ranks, and the rank among those of this machine.
_VARIABLES = (
    ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"),
)


class RankError(Exception):
    """The ranks can go on no longer: one has ended, hangs, or is at other work than the others."""


def quiet_torch() -> None:
    """Leave what a lost rank means to ``RankError``: torch's own lines on it fill pages.

    To be called before torch is imported.
    """
    if any(names[0] in os.environ for names in _VARIABLES):
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")


@dataclass(frozen=True)
class Launch:
    """One of ``world`` ranks; ``local_rank`` counts those of its machine."""

    rank: int
    world: int
    local_rank: int


def launched() -> Launch | None:
    """What the launcher's variables say; None for a process alone.

    Raises:
        ValueError: numbers that are no rank and world size.
    """
    for names in _VARIABLES:
        rank, world, local = (os.environ.get(name) for name in names)
        if rank is None or world is None:
            continue
        texts = (rank, world, rank if local is None else local)
        if not all(text.isascii() and text.isdigit() for text in texts) or int(rank) >= int(world):
            raise ValueError(
                f"{names[0]}, {names[1]}: expected a rank and the larger number of ranks, got "
                f"{rank!r} and {world!r}; start with torchrun or mpirun, or unset them"
            )
        return Launch(*map(int, texts)) if int(world) > 1 else None
    return None
