"""``python -m patchlaw``, the same as ``patchlaw``."""

from patchlaw.cli import main

main(prog_name="patchlaw")
