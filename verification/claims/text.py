"""An entry in words and numbers, as every renderer shows it."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from patchlaw.verification.claims.claim import PartEntry
from patchlaw.verification.claims.piece_of_evidence import Evidence
from patchlaw.verification.tables import Table


def number_text(piece: Evidence) -> str:
    """The number with its interval; an em dash for a proof, which has none."""
    if piece.value is None:
        return "—"
    text = _number(piece.value)
    if piece.interval is None:
        return text
    low, high = piece.interval
    if math.isfinite(low) and math.isfinite(high):
        return _between(piece.value, low, high)
    return f"{text} [{_number(low)}, open]" if math.isfinite(low) else f"{text} (no bounds)"


def evidence_table(found: PartEntry) -> Table:
    """The evidence for one part, piece by piece; the last column has the commands."""
    rows = tuple(
        (
            f"{piece.label} ({piece.note})" if piece.note else piece.label,
            number_text(piece),
            piece.criterion,
            piece.outcome,
            piece.grade,
            piece.samples,
            piece.reproduce,
        )
        for piece in found.evidence
    )
    header = ("evidence", "number [interval]", "criterion", "says", "kind", "from", "reproduce")
    return Table(f"Evidence for {found.part.id}", header, rows)


def criterion_text(found: PartEntry) -> str:
    """Who set the criterion, when, and what other thresholds for its word would say."""
    part = found.part
    text = f"Criterion: {part.criterion_by}, {part.since}"
    if part.known:
        text += f", set with numbers known: {part.known}"
    if part.threshold is None:
        return text
    others = "; ".join(f"at {value:g} {judged.verdict}" for value, judged in found.others)
    word, value = part.threshold.word, part.threshold.value
    return f"{text}, {value:g} for '{word}' ({found.judgement.verdict}; {others})"


def rule_text(quorum: float, complete: int) -> str:
    """How many measured pieces must agree."""
    share = "every one" if quorum >= 1 else f"at least {quorum:.0%}"
    many = f"{complete} comparison{'s' * (complete > 1)}"
    return f"{share} must meet the criterion; {many} at the paper's scale for a full verdict"


def _number(value: float) -> str:
    if math.isfinite(value) and value == round(value) and abs(value) < 1e6:
        return str(round(value))
    return f"{value:.4g}"


def _between(value: float, low: float, high: float) -> str:
    """The number inside its interval, whose printed ends contain the ends: rounded outwards.

    As many digits as tell the ends apart, four at least.
    """
    if low == high == round(value):
        return f"{round(value)} [{round(value)}, {round(value)}]"
    size, width = max(abs(low), abs(high), 1e-300), max(high - low, 1e-300)
    digits = min(15, max(4, 2 + math.ceil(math.log10(max(1.0, size / width)))))
    unit = Decimal(1).scaleb(math.floor(math.log10(size)) + 1 - digits)
    ends = [
        Decimal(str(end)).quantize(unit, rounding)
        for end, rounding in ((low, ROUND_FLOOR), (high, ROUND_CEILING))
    ]
    middle = min(max(Decimal(str(value)).quantize(unit), ends[0]), ends[1])
    number, bottom, top = (f"{float(x):.{digits}g}" for x in (middle, *ends))
    return f"{number} [{bottom}, {top}]"
