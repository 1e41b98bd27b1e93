"""docs/performance.md from the results: ``python -m benchmarks.performance_page [--check]``."""

import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.record import Figure, Record, read_records
from patchlaw.verification.tables import markdown_lines

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"

# the order of the page, and the claims that have a target: what is said of them before they ran
ORDER = {
    "training_step_peers": "training step against TorchQuantum, PennyLane and Qulacs",
    "training_step_gpu_peers": "training step against fastQML, torchqml and lightning.gpu",
    "hessian_product_peers": "Hessian product against PyHessian and curvlinops",
    "full_data_forward": "full-data forward against its floor",
    "curvature_products": "Hessian and Gauss-Newton product, 60,000 images, against the floor",
    "training_step": "training step against its floor",
    "module_calls": "`model(images)` in plain torch code against the floor and the engine",
    "hessian_depth": "Hessian product at d=200 against d=50",
    "peak_memory": "peak memory at P=16 d=200",
    "top_eigenvalue_peers": "top eigenvalue against PyHessian and curvlinops",
    "spectrum_prediction": "a predicted spectrum against the measured one",
    "growth": "growth against d, P and N",
    "ranks": "two ranks of one thread against one process of two",
    "gemm_floor": "the floor",
    "cuda_engine": "the torch engine on a GPU",
    "cuda_kernels": "kernels and product modes on a GPU",
}

_PREFACE = """# Performance

<!-- Written by `python -m benchmarks.run` from benchmarks/results/*.json; do not edit. -->

Every ratio below compares times of one run on one machine. A floor is the time that the dense
256x256 complex products alone would take at the highest rate measured around the benchmark
(GEMM floor). Ratios to a floor and between patchlaw's own times use the fastest of the repeats,
ratios to another library the medians, since the slow ones are repeated only one to three times;
patchlaw's is then that of its repeats up to that library, timed anew beside each. Such a ratio
counts only where the library's numbers agree with patchlaw's; the differences are listed.
`benchmarks/README.md` says how to run this.
"""


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _measured(figure: Figure) -> str:
    return "not measured" if figure.value is None else f"{_number(figure.value)} {figure.unit}"


def _met(figure: Figure) -> str:
    if figure.value is None:
        return "not measured"
    if not figure.agrees:
        return "no: the numbers disagree"
    return {True: "yes", False: "**no**", None: ""}[figure.met]


def _targets(records: Mapping[str, Record]) -> list[str]:
    rows = []
    for name, title in ORDER.items():
        record = records.get(name)
        if record is None:
            rows.append((title, "", "not measured", ""))
            continue
        rows += [
            (f.what, f"{f.bound} {_number(f.target)}", _measured(f), _met(f))
            for f in record.figures
            if f.target is not None
        ]
    return [
        "## What must be reached",
        "",
        *markdown_lines(("what", "target", "measured", "met"), rows),
        "",
    ]


def _profile(record: Record) -> list[str]:
    lines: list[str] = []
    missed = {figure.what for figure in record.figures if figure.met is False}
    for label, phases in record.profile.items():
        total = sum(phases.values())
        shares = ", ".join(f"{name} {100 * s / total:.0f}%" for name, s in phases.items())
        prefix = "What stands in the way" if label in missed else "Where the time goes"
        lines += [f"{prefix}, {label}: {shares}.", ""]
    return lines


def _environment(record: Record) -> str:
    env = record.environment
    versions = ", ".join(f"{name} {version}" for name, version in env["versions"].items())
    changed = " with changes to simulators/" if env["simulators_changed_since"] else ""
    commit = (env["commit"] or "unknown")[:12]
    return (
        f"{env['time']}, {env['cpu']}, {env['cores']} cores, Python {env['python']}, {versions}, "
        f"commit {commit}{changed}; load average {env['load_average_before']} before, "
        f"{env['load_average_after']} after."
    )


def _section(name: str, record: Record) -> list[str]:
    lines = [f"## {name}", "", record.claim, ""]
    lines += markdown_lines(
        ("figure", "value"), ((figure.what, _measured(figure)) for figure in record.figures)
    )
    lines.append("")
    lines += markdown_lines(
        ("measurement", "fastest, s", "median, s", "repeats", "details"),
        (
            (
                m.label,
                _number(m.seconds_min),
                _number(m.seconds_median),
                str(m.repeats),
                ", ".join(f"{key} {_number(value)}" for key, value in m.details.items()),
            )
            for m in record.measurements
        ),
    )
    lines.append("")
    if record.agreements:
        lines += markdown_lines(
            ("agreement", "difference (limit)", "holds"),
            (
                (
                    a.label,
                    ", ".join(
                        f"{key} {value:.1e} ({a.limits[key]:.0e})"
                        for key, value in a.difference.items()
                    ),
                    "yes" if a.holds else "**no**",
                )
                for a in record.agreements
            ),
        )
        lines.append("")
    lines += _profile(record)
    lines += [f"Unavailable: {peer}: {why}\n" for peer, why in record.unavailable.items()]
    lines += [f"{note}\n" for note in record.notes]
    return [*lines, _environment(record), ""]


def render(records: Mapping[str, Record]) -> str:
    """The page.

    Raises:
        ValueError: a record of a tiny run, whose numbers mean nothing, or of an unknown benchmark.
    """
    for name, record in records.items():
        if record.scale != "full":
            raise ValueError(f"{name}: expected a record at full scale, got {record.scale!r}")
        if name not in ORDER or record.benchmark != name:
            raise ValueError(f"{name}: expected one of {sorted(ORDER)}, as in its file's name")
    lines = [_PREFACE, *_targets(records)]
    for name in ORDER:
        if name in records:
            lines += _section(name, records[name])
    return "\n".join(lines).rstrip() + "\n"


def main(arguments: list[str]) -> int:
    """Write the page, or with --check say whether it is in step with the results."""
    page = render(read_records())
    if arguments == ["--check"]:
        in_step = PAGE.exists() and PAGE.read_text() == page
        if not in_step:
            print(f"{PAGE.name}: not in step with the results; run {__spec__.name}")
        return 0 if in_step else 1
    PAGE.write_text(page)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
