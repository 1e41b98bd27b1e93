"""What stands where in the site's menu. A page that is not placed here stands under "More"."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from docs.website.pages import Page

Menu: TypeAlias = list[Any]

# Section, then paths in order; "folder/*" is what is left of a folder. A page brings its chapters,
# and paths without a page are passed over, so that one can be placed before it is written.
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
        "experiments.md",
        "clusters.md",
        "noise.md",
        "contributing.md",
    ),
    "Theory": ("theory.md", "model.md"),
    "Results": (
        "claims.md",
        "findings.md",
        "findings-laws.md",
        "findings-axes.md",
        "paper.md",
        "artifact.md",
    ),
    "Gallery": ("gallery.md", "interactive.md"),
    "Reference": ("reference.md",),
    "Project": ("architecture.md", "performance.md", "benchmarks.md", "changelog.md"),
}


def navigation(pages: Iterable[Page]) -> Menu:
    """The menu, every page of the site in it once."""
    left = {page.path: page for page in pages}
    menu: Menu = []
    for section, patterns in SECTIONS.items():
        paths = [path for pattern in patterns for path in paths_of(pattern, left)]
        entries = [entry(path, left) for path in paths if path in left]
        if len(entries) == 1 and isinstance(alone := next(iter(entries[0].values())), list):
            entries = alone  # a group of its own would only be one more thing to open
        if entries:
            menu.append({section: entries})
    if left:
        menu.append({"More": [entry(path, left) for path in list(left) if path in left]})
    return menu


def paths_of(pattern: str, left: Mapping[str, Page]) -> list[str]:
    """The paths that a pattern stands for."""
    folder = pattern.removesuffix("*")
    return [path for path in left if path.startswith(folder)] if folder != pattern else [pattern]


def entry(path: str, left: dict[str, Page]) -> dict[str, Any]:
    """A page under its own title, with its chapters if it has any; they are left no more."""
    title = left.pop(path).title.replace("\\", "")
    folder = path.removesuffix(".md") + "/"
    chapters = [entry(each, left) for each in list(left) if each.startswith(folder)]
    return {title: [{"Overview": path}, *chapters] if chapters else path}
