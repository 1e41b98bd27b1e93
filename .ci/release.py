"""A release: ``python .ci/release.py 1.2.0``, or ``make release VERSION=1.2.0``.

The changelog's top section becomes that version's, CITATION.cff and codemeta.json get version and
date, all three are committed, and the commit is tagged with the section as the tag's message. The
notes are printed. Nothing is pushed.
"""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UNRELEASED = "## Unreleased\n"


class ReleaseError(ValueError):
    """Why there is no release."""


def git(*arguments: str, root: Path = ROOT) -> str:
    """What git says, without blanks at the ends."""
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ReleaseError(f"git {arguments[0]}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def released(changelog: str, version: str, date: str) -> tuple[str, str]:
    """The changelog with its top section named after the version, and the section's text.

    Raises:
        ReleaseError: the top section is not "Unreleased", or has no entry.
    """
    before, mark, after = changelog.partition(UNRELEASED)
    if not mark or "\n## " in before:
        raise ReleaseError("CHANGELOG.md: expected '## Unreleased' as the top section, got another")
    body, further, rest = after.partition("\n## ")
    if not re.search(r"^- \S", body, re.MULTILINE):
        raise ReleaseError("CHANGELOG.md: expected entries below '## Unreleased', got none")
    text = f"{before}{UNRELEASED}\n## {version} - {date}\n{body}{further}{rest}"
    return text, body.strip() + "\n"


def cited(citation: str, version: str, date: str) -> str:
    """CITATION.cff with this version and date, in place of any others."""
    kept = re.sub(r"^(version|date-released): .*\n", "", citation, flags=re.MULTILINE)
    return f'{kept.rstrip()}\nversion: "{version}"\ndate-released: "{date}"\n'


def described(codemeta: str, version: str, date: str) -> str:
    """codemeta.json, likewise."""
    facts = json.loads(codemeta) | {"version": version, "dateModified": date}
    return json.dumps(facts, indent=2) + "\n"


def release(version: str, root: Path = ROOT) -> str:
    """Commit and tag; the notes.

    Raises:
        ReleaseError: no version such as 1.2.0, changed or unknown files in the tree, a tag of that
            name, an empty section; then nothing is changed.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ReleaseError(f"VERSION: expected three numbers such as 1.2.0, got {version!r}")
    tag = f"v{version}"
    if dirty := git("status", "--porcelain", root=root):
        raise ReleaseError(f"tree: expected no change that is not committed, got\n{dirty}")
    if git("tag", "--list", tag, root=root):
        raise ReleaseError(f"tag: expected a new one, got {tag}, which exists; choose another")
    date = datetime.now(UTC).date().isoformat()
    changelog, notes = released((root / "CHANGELOG.md").read_text("utf-8"), version, date)
    files = {
        "CHANGELOG.md": changelog,
        "CITATION.cff": cited((root / "CITATION.cff").read_text("utf-8"), version, date),
        "codemeta.json": described((root / "codemeta.json").read_text("utf-8"), version, date),
    }
    try:
        for name, text in files.items():
            (root / name).write_text(text, "utf-8")
        git("commit", "--quiet", "--message", f"Release {version}", "--", *files, root=root)
    except (OSError, ReleaseError):
        git("checkout", "--quiet", "HEAD", "--", *files, root=root)
        raise
    git("tag", "--annotate", tag, "--cleanup=verbatim", "--message", notes, root=root)
    return notes


if __name__ == "__main__":
    try:
        print(release(*sys.argv[1:2] or [""]))
    except (OSError, ReleaseError) as error:
        sys.exit(f"Error: {error}")
