"""What a user may choose of a landscape."""

from dataclasses import dataclass

from patchlaw.verification.memory import check_memory

# the grid's float64 and its 17 digits in the record's text; ours
_POINT_BYTES = 32
MAX_MARGIN = 1e6  # ours: angles have period 4 pi, and beyond 1e6 float32 has no digits left of it


@dataclass(frozen=True)
class LandscapeSettings:
    """The grid and the images behind its losses; the defaults are the paper's.

    Attributes:
        images: stratified part of the run's training images; None for all.
        seed: of that draw.
        points: of the grid along each component (paper: 20).
        margin: between the trajectory's range and the grid's edge, radians (paper: 5).

    Raises:
        TypeError: a count that is no integer.
        ValueError: a number out of range.
    """

    images: int | None = None
    seed: int = 0
    points: int = 20
    margin: float = 5.0

    def __post_init__(self) -> None:
        """Refuse at the door what would fail later."""
        for name, least in {"images": 1, "seed": 0, "points": 2}.items():
            value = getattr(self, name)
            if name == "images" and value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"{name}: expected an integer, got {value!r}")
            if value < least:
                raise ValueError(f"{name}: expected an integer >= {least}, got {value}")
        if not 0 <= self.margin <= MAX_MARGIN:
            raise ValueError(
                f"margin: expected a finite number >= 0, at most {MAX_MARGIN:g}, got {self.margin}"
            )
        check_memory(
            f"points {self.points}, {self.points**2} losses",
            self.points**2 * _POINT_BYTES,
            "use a coarser grid",
        )
