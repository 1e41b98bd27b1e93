"""The ledger: every claim of the paper beside its evidence, with verdicts computed from it."""

import math
import re
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from patchlaw.hessian_theory.input_checks import nearest
from patchlaw.verification.claims import (
    eigenvalue_law,
    future_work,
    pixel_bias,
    structure,
    trained_models,
    vanishing_loss,
)
from patchlaw.verification.claims.claim import Claim, Entry, Findings, PartEntry
from patchlaw.verification.claims.verdict import Role

CLAIMS: tuple[Claim, ...] = tuple(
    sorted(
        (
            *structure.CLAIMS,
            *eigenvalue_law.CLAIMS,
            vanishing_loss.CLAIM,
            pixel_bias.CLAIM,
            *trained_models.CLAIMS,
            future_work.CLAIM,
        ),
        key=lambda claim: int(claim.id),
    )
)


def ledger(findings: Findings, claims: Iterable[Claim] = CLAIMS) -> tuple[Entry, ...]:
    """One entry a claim, in the order of their numbers."""
    return tuple(claim.entry(findings) for claim in claims)


def find(name: str) -> tuple[Claim, str | None]:
    """A claim by its number ("4"), with the part if one was named ("4a").

    Raises:
        ValueError: there is none.
    """
    match = re.fullmatch(r"(\d+)([a-z]?)", name.strip().lower())
    if match:
        for claim in CLAIMS:
            if claim.id == match[1]:
                wanted = claim.id + match[2]
                if not match[2]:
                    return claim, None
                if wanted in (part.id for part in claim.parts):
                    return claim, wanted
                known = ", ".join(part.id for part in claim.parts)
                raise ValueError(f"claim {claim.id} has no part {wanted!r}; it has {known}")
    every = [each for claim in CLAIMS for each in (claim.id, *(part.id for part in claim.parts))]
    raise ValueError(
        f"expected a claim from 1 to {len(CLAIMS)}, as in 4 or 4a, got {name!r}"
        f"{nearest(name, every)}; `patchlaw claim` lists them"
    )


def entry_record(entry: Entry) -> dict[str, Any]:
    """An entry as plain data for JSON."""
    return {
        "id": entry.claim.id,
        "title": entry.claim.title,
        "source": entry.claim.source,
        "verdict": str(entry.judgement.verdict),
        "reason": entry.judgement.reason,
        "carried_by": [p.id for p in entry.claim.parts if p.role is Role.STATED],
        "parts": [_part_record(part) for part in entry.parts],
    }


def _part_record(entry: PartEntry) -> dict[str, Any]:
    part = entry.part
    names = (
        *("id", "statement", "source", "quote", "refuted_if", "criterion_by", "since"),
        *("reasoning", "quorum", "complete"),
    )
    return {
        **{name: getattr(part, name) for name in names},
        "threshold": part.threshold
        and {"word": part.threshold.word, "value": part.threshold.value},
        "at_other_thresholds": [
            {"value": value, "verdict": str(found.verdict), "reason": found.reason}
            for value, found in entry.others
        ],
        "role": str(part.role),
        "speaks_of": str(part.reach),
        "verdict": str(entry.judgement.verdict),
        "reason": entry.judgement.reason,
        "evidence": [
            {**asdict(piece), "grade": str(piece.grade), "outcome": str(piece.outcome)}
            | {"ours": piece.ours}
            for piece in entry.evidence
        ],
    }


def finite(value: Any) -> Any:
    """The value with infinities and NaN, which JSON lacks, as strings."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
