"""What lies in a folder of one's own work, and what to do next with it."""

from collections.abc import Iterator
from pathlib import Path

# folders that the commands write to unless told otherwise, and what a record in each looks like
KINDS = {
    "runs": "[!.]*/config.json",
    "analyses": "*.json",
    "landscapes": "*.json",
    "kernels": "*.json",
}
REPORT = Path("verify-report", "report.html")

FIRST = (
    ("patchlaw predict --from 4 --to 9", "a ratio of eigenvalues"),
    ("patchlaw verify --quick", "everything once, 2 minutes"),
    ("patchlaw claim", "verdicts on the paper"),
    ("patchlaw train --patches 4 --depth 1 --images 1000", "a first run"),
)
ALWAYS = (
    ("patchlaw --help", "every command"),
    ("patchlaw doctor", "check the installation"),
)


def counted(folder: Path) -> dict[str, int]:
    """Records of each kind in a folder, by the names of their own folders."""
    return {kind: len(list((folder / kind).glob(form))) for kind, form in KINDS.items()}


def next_steps(folder: Path) -> list[str]:
    """A few lines for who types ``patchlaw`` alone: what is here, and commands that go on from it.

    Commands are those to be typed in the folder.
    """
    found = counted(folder)
    here = ", ".join(f"{kind}: {count}" for kind, count in found.items() if count)
    steps = [*_of_runs(folder, found["runs"]), *_of_analyses(found["analyses"])]
    if (folder / REPORT).is_file():
        steps.append((str(REPORT), "the report of `patchlaw verify`, for a browser"))
    head = f"In this folder: {here}. Next:" if here else "Next:" if steps else "To begin:"
    rows = [*(steps or FIRST), *ALWAYS]
    width = max(len(command) for command, _ in rows)
    return [head, *(f"  {command:<{width}}  {what}" for command, what in rows)]


def _of_runs(folder: Path, count: int) -> Iterator[tuple[str, str]]:
    if not count:
        return
    from patchlaw.verification.runs.status import all_statuses

    states: dict[str, list[str]] = {}
    for status in all_statuses(folder / "runs"):
        states.setdefault(status.state, []).append(status.run)
    for state, what in (
        ("damaged", "damaged: which, and why"),
        ("running", "running: how far"),
        ("partial", "not finished: their `patchlaw train` or `sweep` again goes on"),
    ):
        if names := states.get(state):
            yield "patchlaw status", f"{len(names)} {what}"
    done = [*states.get("finished", ()), *states.get("thinned", ())]
    fresh = [name for name in done if not (folder / "analyses" / f"{name}.json").is_file()]
    if fresh:
        which = f"runs/{fresh[0]}" if len(done) > len(fresh) or len(fresh) == 1 else "runs/*"
        yield f"patchlaw analyse {which}", f"curvature; {len(fresh)} without"


def _of_analyses(count: int) -> Iterator[tuple[str, str]]:
    if count > 1:
        yield "patchlaw compare --records analyses", "measured ratios beside every law"
    if count:
        yield "patchlaw claim --records analyses", "the claims, judged with these"
        yield "patchlaw figures --small --records .", "figures of these"
