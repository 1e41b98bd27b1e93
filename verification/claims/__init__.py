"""The ledger of the paper's claims: statements, evidence, and verdicts computed from it."""

from patchlaw.verification.claims.claim import (
    Claim,
    Entry,
    Findings,
    Part,
    PartEntry,
    TheoremResult,
)
from patchlaw.verification.claims.ledger import CLAIMS, entry_record, find, finite, ledger
from patchlaw.verification.claims.piece_of_evidence import Band, Evidence, Grade, Outcome
from patchlaw.verification.claims.report_file import read_report
from patchlaw.verification.claims.verdict import (
    Judgement,
    Reach,
    Role,
    Verdict,
    judge_claim,
    judge_part,
)

__all__ = [
    "CLAIMS",
    "Band",
    "Claim",
    "Entry",
    "Evidence",
    "Findings",
    "Grade",
    "Judgement",
    "Outcome",
    "Part",
    "PartEntry",
    "Reach",
    "Role",
    "TheoremResult",
    "Verdict",
    "entry_record",
    "find",
    "finite",
    "judge_claim",
    "judge_part",
    "ledger",
    "read_report",
]
