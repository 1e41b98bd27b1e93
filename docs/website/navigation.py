"""What stands where in the site's menu. A page that is not placed here stands under "More"."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from docs.website.pages import Page

Menu: TypeAlias = list[Any]

# Section, then paths in order; "folder/*" is what is left of a folder. Paths without a page are
# passed over, so that a page can be placed before it is written.
SECTIONS: Mapping[str, Sequence[str]] = {
    "Start": ("index.md",),
    "Tutorials": (
        "tutorials/check-the-theory.md",
        "tutorials/regenerate-the-figures.md",
        "tutorials/predict-for-your-model.md",
        "notebooks/*",
    ),
    "How to": (
        "own-models.md",
        "own-models/*",
        "experiments.md",
        "experiments/*",
        "clusters.md",
        "noise.md",
        "contributing.md",
    ),
    "Theory": ("theory.md", "model.md", "theory/*"),
    "Results": ("claims.md", "findings.md", "studies.md", "paper.md", "artifact.md"),
    "Gallery": ("gallery.md", "interactive.md"),
    "Reference": ("reference.md", "reference/*"),
    "Project": ("architecture.md", "performance.md", "benchmarks.md", "changelog.md"),
}


def navigation(pages: Iterable[Page]) -> Menu:
    """The menu, every page of the site in it once."""
    left = {page.path: page for page in pages}
    menu: Menu = []
    for section, patterns in SECTIONS.items():
        entries = []
        for pattern in patterns:
            folder = pattern.removesuffix("*")
            # explicit names further on keep their place
            paths = [p for p in left if p.startswith(folder)] if "*" in pattern else [pattern]
            entries += [entry(left.pop(path)) for path in paths if path in left]
        if entries:
            menu.append({section: entries})
    if left:
        menu.append({"More": [entry(page) for page in left.values()]})
    return menu


def entry(page: Page) -> dict[str, str]:
    """A page under its own title."""
    return {page.title.replace("\\", ""): page.path}
