"""``patchlaw doctor``: whether an installation has what the other commands need."""

import json
from dataclasses import asdict
from pathlib import Path
from textwrap import TextWrapper
from typing import Any

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(as_json: bool) -> None:
    """Check this installation: versions, threads, device, memory, data and records.

    Exit code: 1 if something is missing that the commands need; each line says how to get it.
    """
    problems = missing_packages()
    facts = {} if problems else _facts(problems)
    if as_json:
        click.echo(json.dumps({**facts, "problems": problems}, indent=1, allow_nan=False))
    else:
        for name, text in (*_lines(facts), *(("missing", problem) for problem in problems)):
            wrapper = TextWrapper(80, f"{name:<10}", " " * 10)
            wrapper.break_long_words = wrapper.break_on_hyphens = False
            click.echo(wrapper.fill(text))
        if not problems:
            click.echo("Nothing is missing.")
    if problems:
        raise SystemExit(1)


def missing_packages() -> list[str]:
    """What the installed patchlaw requires and does not find, each with the command that helps."""
    from importlib.metadata import PackageNotFoundError, requires, version

    from packaging.requirements import Requirement

    try:
        required = [Requirement(text) for text in requires("patchlaw") or ()]
    except PackageNotFoundError:
        return ["patchlaw: expected it installed, got a folder on Python's path; pip install -e ."]
    problems = []
    for each in required:
        if each.marker is not None and not each.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(each.name)
        except PackageNotFoundError:
            found = "none"
        if found == "none" or not each.specifier.contains(found, prereleases=True):
            problems.append(
                f'{each.name}: expected {each.specifier}, got {found}; pip install "{each}"'
            )
    return problems


def _facts(problems: list[str]) -> dict[str, Any]:
    """What there is; what should be and is not goes to the problems."""
    import torch
    from threadpoolctl import threadpool_info

    from patchlaw.paper_figures.records import RESULTS
    from patchlaw.simulators.datasets.embedded import read_packed
    from patchlaw.simulators.datasets.mnist import EMBEDDED_FILE
    from patchlaw.verification.memory import available_bytes
    from patchlaw.verification.store.environment import current_environment
    from patchlaw.work_folder import counted

    device = "cuda" if torch.cuda.is_available() else "cpu"
    data = None
    try:
        packed, manifest = read_packed(EMBEDDED_FILE)
        data = {
            "name": manifest.name,
            "images": len(packed.train_labels) + len(packed.test_labels),
            "licence": manifest.licence,
        }
    except (OSError, ValueError) as error:
        problems.append(f"data: {error}")
    shipped = counted(RESULTS)
    if not shipped["analyses"]:
        problems.append(
            f"records: expected analyses in {RESULTS}, got none; install patchlaw again"
        )
    return {
        "environment": asdict(current_environment(device)),
        "blas": [
            {key: pool.get(key) for key in ("internal_api", "version", "num_threads")}
            for pool in threadpool_info()
        ],
        "device": device,
        "memory_bytes": available_bytes(),
        "data": data,
        "records": {"shipped": shipped, "here": counted(Path())},
    }


def _lines(facts: dict[str, Any]) -> list[tuple[str, str]]:
    if not facts:
        return []
    environment, data, memory = facts["environment"], facts["data"], facts["memory_bytes"]
    versions = dict(environment["versions"])
    own, python = versions.pop("patchlaw"), versions.pop("python")
    pools = (
        f"{pool['internal_api']} {pool['version'] or ''}".strip() + f": {pool['num_threads']}"
        for pool in facts["blas"]
    )

    def shown(found: dict[str, int]) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in found.items() if count) or "none"

    return [
        ("patchlaw", f"{own}, commit {(environment['commit'] or 'unknown')[:12]}"),
        ("python", f"{python}, {environment['machine']}"),
        ("packages", ", ".join(f"{name} {text}" for name, text in versions.items())),
        (
            "threads",
            f"{environment['threads']} on {environment['cpus']} CPUs ({environment['processor']}); "
            + ", ".join(pools),
        ),
        ("device", environment["accelerator"] or "cpu, as torch finds no GPU here"),
        ("memory", "unknown" if memory is None else f"{memory / 1e9:.1f} GB available"),
        ("data", "damaged" if data is None else f"{data['name']}, {data['images']:,} images"),
        ("records", f"{shown(facts['records']['shipped'])} with patchlaw"),
        ("", f"{shown(facts['records']['here'])} in this folder"),
    ]
