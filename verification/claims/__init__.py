"""The ledger of the paper's claims: statements, evidence, and verdicts computed from it."""

from patchlaw.verification.claims.claim import Claim, Entry, Part, PartEntry
from patchlaw.verification.claims.evidence import Band, Evidence, Grade, Outcome
from patchlaw.verification.claims.findings import Findings, ModelFindings
from patchlaw.verification.claims.ledger import CLAIMS, entry_record, find, finite, ledger
from patchlaw.verification.claims.records import read_records
from patchlaw.verification.claims.sources import (
    author_models,
    default_records_folder,
    findings_from_report,
    load_report,
)
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
    "ModelFindings",
    "Outcome",
    "Part",
    "PartEntry",
    "Reach",
    "Role",
    "Verdict",
    "author_models",
    "default_records_folder",
    "entry_record",
    "find",
    "findings_from_report",
    "finite",
    "judge_claim",
    "judge_part",
    "ledger",
    "load_report",
    "read_records",
]
