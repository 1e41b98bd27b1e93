"""How a data set is split over threads and chunks."""

from dataclasses import dataclass

from patchlaw.simulators.fast_engine.simd import LANES

# ours: a state of 1,040 float32 columns is 2 MiB, so a product's three operands stay in the last
# level of cache; larger chunks gain nothing on the machines tried
MAX_CHUNK = 1040


@dataclass(frozen=True)
class Chunk:
    """Samples start..stop of a data set, computed on ``width`` columns (a multiple of 16)."""

    start: int
    stop: int
    width: int

    @property
    def size(self) -> int:
        """Number of samples."""
        return self.stop - self.start


def split_into_chunks(n_samples: int, n_threads: int, max_chunk: int) -> list[Chunk]:
    """Chunks of one width, as few as the threads can share evenly.

    The last ones may be shorter; the columns past a chunk's samples carry weight zero.
    """
    rounds = -(-n_samples // (n_threads * max_chunk))
    size = -(-n_samples // (rounds * n_threads))
    width = -(-size // LANES) * LANES
    return [
        Chunk(start, min(start + size, n_samples), width) for start in range(0, n_samples, size)
    ]
