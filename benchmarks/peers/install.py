"""Create the peers' environment (.venv-peers): ``python -m benchmarks.peers.install [gpu]``."""

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parents[1] / ".venv-peers"


def commands(python: Path, gpu: bool = False) -> list[list[str]]:
    """The pip calls that fill the environment of ``python``, in order; ``gpu`` with CUDA's own."""
    install = [str(python), "-m", "pip", "install", "--constraint", str(HERE / "constraints.txt")]
    files = ["requirements.txt", *(["requirements-gpu.txt"] if gpu else [])]
    return [
        *([*install, "--requirement", str(HERE / file)] for file in files),
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
    for command in commands(ENVIRONMENT / "bin" / "python", gpu=sys.argv[1:] == ["gpu"]):
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
