"""Exact checks on random small circuits: identities that hold to rounding or not at all."""

from verification.checks.exact import exact_checks
from verification.checks.instances import Instance, random_instances
from verification.checks.result import CheckResult

__all__ = ["CheckResult", "Instance", "exact_checks", "random_instances"]
