"""The JSON file beside a table: which records, seeds, samples and commits its numbers are from."""

import json
from dataclasses import asdict

from patchlaw.paper_figures.provenance import samples_of, seeds_of
from patchlaw.paper_figures.tables.content import TableContent

FORMAT = "patchlaw table"
VERSION = 1
AUTHOR_SOURCE = "arXiv 2504.19239, results printed by the author's own runs (verification.records)"


def render(name: str, content: TableContent) -> str:
    """The provenance as JSON; it holds no numbers of the table, which are in the CSV file."""
    facts = {
        "format": FORMAT,
        "version": VERSION,
        "table": name,
        "number": content.number,
        "title": content.title,
        "author": AUTHOR_SOURCE,
        "records": [asdict(source) for source in content.sources],
        "seeds": seeds_of(content.sources),
        "n_samples": samples_of(content.sources),
        "commits": sorted({commit for source in content.sources for commit in source.commits}),
        "found": content.n_found,
        "missing": content.n_missing,
        "commands": list(content.missing),
        "notes": list(content.notes),
    }
    return json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
