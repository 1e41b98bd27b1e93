"""An entry in words and numbers, as every renderer shows it."""

import math

from verification.claims.evidence import Evidence


def number_text(piece: Evidence) -> str:
    """The number with its interval; an em dash for a proof, which has none."""
    if piece.value is None:
        return "—"
    text = _number(piece.value)
    if piece.interval is None:
        return text
    low, high = piece.interval
    if math.isfinite(low) and math.isfinite(high):
        return f"{text} [{_number(low)}, {_number(high)}]"
    return f"{text} (no bounds)"


def rule_text(quorum: float, complete: int) -> str:
    """How many measured pieces must agree."""
    share = "every one" if quorum >= 1 else f"at least {quorum:.0%}"
    return f"{share} must meet the criterion; {complete} at the paper's scale for a full verdict"


def _number(value: float) -> str:
    if math.isfinite(value) and value == round(value) and abs(value) < 1e6:
        return str(round(value))
    return f"{value:.4g}"
