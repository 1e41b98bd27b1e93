"""Exact checks on random small circuits: identities that hold to rounding or not at all."""

from patchlaw.verification.checks.exact import CheckResult, exact_checks
from patchlaw.verification.checks.instances import Instance, random_instances

__all__ = ["CheckResult", "Instance", "exact_checks", "random_instances"]
