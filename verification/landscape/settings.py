"""What a user may choose of a landscape."""

from dataclasses import dataclass

from patchlaw.verification.memory import check_memory
from patchlaw.verification.settings import check_settings, setting

# the grid's float64 and its 17 digits in the record's text; ours
_POINT_BYTES = 32
MAX_MARGIN = 1e6  # ours: angles have period 4 pi, and beyond 1e6 float32 has no digits left of it


@dataclass(frozen=True)
class LandscapeSettings:
    """The grid and the images behind its losses; the defaults are the paper's.

    Raises:
        TypeError: a count that is no integer.
        ValueError: a number out of range.
    """

    images: int | None = setting(
        None,
        "--images",
        "Compute the losses over a stratified part of the training images.  [default: all]",
    )
    seed: int = setting(0, "--seed", "Seed of --images.", least=0)
    points: int = setting(20, "--points", "Points of the grid along each component.", least=2)
    margin: float = setting(
        5.0, "--margin", "Radians between the trajectory's range and the grid's edge.", least=0
    )

    def __post_init__(self) -> None:
        """Refuse at the door what would fail later."""
        check_settings(self)
        if not 0 <= self.margin <= MAX_MARGIN:
            raise ValueError(
                f"margin: expected a finite number >= 0, at most {MAX_MARGIN:g}, got {self.margin}"
            )
        check_memory(
            f"points {self.points}, {self.points**2} losses",
            self.points**2 * _POINT_BYTES,
            "use a coarser grid",
        )
