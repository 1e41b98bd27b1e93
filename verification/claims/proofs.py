"""What no measurement is needed for: theorems proved again, exact checks run again."""

import time
from collections.abc import Iterator, Sequence

from patchlaw.hessian_theory.proof.derivation import Derivation
from patchlaw.verification.checks import CheckResult, exact_checks, random_instances
from patchlaw.verification.claims.claim import Findings, Part, TheoremResult
from patchlaw.verification.jobs.progress import Progress
from patchlaw.verification.kernels.record import KernelRecord
from patchlaw.verification.records import TrainedModel

FEW_CIRCUITS = 4  # random circuits of the exact checks: ours, a second of work


def load_theorems() -> Sequence[Derivation]:
    """Every theorem of ``hessian_theory``, Eqs. (4)-(6) first."""
    from patchlaw.hessian_theory.theorems import THEOREMS  # sympy: a second to import

    return THEOREMS


def re_prove(
    theorems: Sequence[Derivation], seed: int, progress: Progress
) -> Iterator[TheoremResult]:
    """Check every step of every theorem again."""
    progress.begin("Re-proving theorems", len(theorems))
    for number, theorem in enumerate(theorems, 1):
        begin = time.perf_counter()
        report = theorem.report(seed=seed)
        progress.advance(number, theorem.name)
        yield TheoremResult(
            name=theorem.name,
            status=report.status,
            steps=len(report.steps),
            title=theorem.title,
            source=theorem.source,
            error=next((step.error for step in report.steps if step.error), ""),
            seconds=time.perf_counter() - begin,
            numerical_test=theorem.numerical_test,
        )


def run_checks(instances: int, seed: int, progress: Progress) -> Iterator[CheckResult]:
    """The exact checks on so many random circuits, one after another."""
    checks = exact_checks(random_instances(instances, seed), seed)
    progress.begin("Exact checks on small circuits", len(checks))
    for number, (title, check) in enumerate(checks, 1):
        result = check()
        progress.advance(number, title)
        yield result


def prove_and_check(
    parts: Sequence[Part],
    models: tuple[TrainedModel, ...],
    seed: int,
    progress: Progress,
    kernels: tuple[KernelRecord, ...] = (),
) -> Findings:
    """Prove the theorems and run the exact checks that some parts of claims rest on.

    Args:
        parts: whose theorems and checks; others are left out.
        models: what is known of trained models.
        seed: of the numbers that steps are tried on, and of the circuits.
        progress: told of every theorem and check.
        kernels: spectra beside the tangent kernel's law.
    """
    names = {name for part in parts for name in part.all_theorems}
    wanted = [theorem for theorem in load_theorems() if theorem.name in names]
    proved = re_prove(wanted, seed, progress) if wanted else ()
    theorems = {result.name: result for result in proved}
    any_check = any(part.all_checks for part in parts)
    checked = run_checks(FEW_CIRCUITS, seed, progress) if any_check else ()
    checks = {result.name: result for result in checked}
    return Findings(theorems, checks, models, f"patchlaw claim --seed {seed}", kernels)
