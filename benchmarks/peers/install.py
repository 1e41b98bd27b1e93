"""Create the peers' environment: ``python -m benchmarks.peers.install`` (.venv-peers)."""

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parents[1] / ".venv-peers"


def commands(python: Path) -> list[list[str]]:
    """The pip calls that fill the environment of ``python``, in order."""
    install = [str(python), "-m", "pip", "install", "--constraint", str(HERE / "constraints.txt")]
    return [
        [*install, "--requirement", str(HERE / "requirements.txt")],
        [*install, "--no-deps", "--requirement", str(HERE / "requirements-no-deps.txt")],
    ]


def main() -> None:
    """Build the environment, or complete one that is there."""
    if sys.version_info[:2] != (3, 11):
        sys.exit(
            "peers: expected Python 3.11 (the last with the module imp, which TorchQuantum "
            f"imports), got {sys.version.split()[0]}"
        )
    venv.create(ENVIRONMENT, with_pip=True)
    for command in commands(ENVIRONMENT / "bin" / "python"):
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
