"""Findings made now: theorems proved again, exact checks run again."""

from collections.abc import Sequence
from dataclasses import asdict

from patchlaw.verification.chain import Progress, load_theorems, re_prove, run_checks
from patchlaw.verification.claims.claim import Claim
from patchlaw.verification.claims.findings import Findings, ModelFindings
from patchlaw.verification.claims.sources import findings_from_report
from patchlaw.verification.report import VerifyConfig


def current_findings(
    claims: Sequence[Claim],
    models: tuple[ModelFindings, ...],
    config: VerifyConfig,
    progress: Progress,
    reproduce: str,
) -> Findings:
    """Prove the theorems and run the exact checks that some claims rest on.

    Args:
        claims: whose theorems and checks; others are left out.
        models: what is known of trained models.
        config: its seed and number of random circuits count, nothing is trained.
        progress: told of every theorem and check.
        reproduce: command that runs the checks again.
    """
    parts = [part for claim in claims for part in claim.parts]
    names = {name for part in parts for name in part.all_theorems}
    wanted = [theorem for theorem in load_theorems() if theorem.name in names]
    proved = list(re_prove(wanted, config.seed, progress)) if wanted else []
    checked = list(run_checks(config, progress)) if any(p.all_checks for p in parts) else []
    return findings_from_report(
        {
            "config": asdict(config),
            "theorems": [asdict(result) for result in proved],
            "checks": [asdict(result) for result in checked],
            "models": [],
            "reproduce": reproduce,
        },
        models,
    )
