"""Exact checks on random small circuits: identities that hold to rounding or not at all."""

from patchlaw.verification.checks.exact import exact_checks
from patchlaw.verification.checks.instances import Instance, random_instances
from patchlaw.verification.checks.result import CheckResult

__all__ = ["CheckResult", "Instance", "exact_checks", "random_instances"]
