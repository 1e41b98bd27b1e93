"""Sentences of a page held against the committed records, and the numbers that these give.

A sentence is quoted with ``#`` for each of its numbers; the numbers that stand on the page are held
against given ones to the digits printed.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from patchlaw.paper_figures.records import Records
from patchlaw.paper_figures.tables.page_markup import marked, marks, replaced_between
from patchlaw.verification.kernels.record import KernelRecord
from patchlaw.verification.records import TrainedModel
from patchlaw.verification.records.run_facts import AUTHOR_SEED, AXES, SCALE_IMAGES, RunFacts

MINUS = "\N{MINUS SIGN}"
NUMBER = rf"[+{MINUS}]?\d+(?:,\d{{3}})*(?:\.\d+)?"


@cache
def by_hand(*pages: Path) -> str:
    """The pages without what stands between marks."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    for name in marked(text):
        text = replaced_between(text, *marks(name), "")
    return text


def as_number(text: str) -> tuple[float, float]:
    """A printed number, and half a unit of its last digit."""
    plain = text.replace(MINUS, "-").replace(",", "")
    return float(plain), 0.5 * 10.0 ** -len(plain.partition(".")[2])


def same(printed: Iterable[str], expected: Iterable[float], where: str) -> None:
    """Hold printed numbers against others."""
    for text, value in zip(printed, expected, strict=True):
        number, half = as_number(text)
        assert abs(number - value) <= half * (1 + 1e-9), f"{where}: {text}, on record {value}"


def held(text: str, quoted: str, expected: Iterable[float]) -> None:
    """Hold the numbers of one quoted sentence against others."""
    pattern = re.escape(quoted).replace(r"\#", f"({NUMBER})")
    found = re.findall(pattern, " ".join(text.split()))
    assert len(found) == 1, f"{quoted}: expected once on the page, got {len(found)}"
    same([found[0]] if isinstance(found[0], str) else found[0], expected, quoted)


@cache
def records() -> Records:
    return Records.read()


@cache
def model(patches: int, depth: int, seed: int = AUTHOR_SEED, **axes: object) -> TrainedModel:
    """The paper's but for these fields of ``RunFacts``; the family by a word of it.

    Depths below 50 are those of 2,000 images, 1,500 where they are digits.
    """
    family = str(axes.pop("family", ""))
    wanted = {name: getattr(RunFacts, name) for name in AXES} | axes
    for name in ("family", "circuit", "n_qubits"):  # of other images circuits have another size
        del wanted[name]
    wanted |= {"n_patches": patches, "depth": depth, "seed": seed}
    if not family:
        shallow = 1500 if axes.get("dataset") == "digits" else 2000
        wanted["images"] = SCALE_IMAGES if depth >= 50 else shallow
    (found,) = (
        each
        for each in records().analyses.values()
        if all(getattr(each.run, name) == value for name, value in wanted.items())
        and (family in each.run.family if family else not each.run.has_modules)
    )
    return found


def kernel(*place: int, **axes: object) -> KernelRecord:
    """The same model's spectra."""
    return records().kernels[model(*place, **axes).run.id]


def top(matrix: str, *place: int, **axes: object) -> float:
    """Largest eigenvalue."""
    found = model(*place, **axes).top(matrix)
    assert found is not None, (matrix, place, axes)
    return found.value


def term(matrix: str) -> Callable[..., float]:
    """``top`` of one matrix."""
    return lambda *place, **axes: top(matrix, *place, **axes)


def loss(*place: int, **axes: object) -> float:
    """Training loss."""
    found = model(*place, **axes).minimum.train.loss
    assert found is not None
    return found


def loss_on_tests(*place: int, **axes: object) -> float:
    found = model(*place, **axes).minimum.test.loss
    assert found is not None
    return found


def each_of(of: Callable[..., float], places: Iterable[tuple[int, ...]]) -> list[float]:
    return [of(*place) for place in places]


def fall(of: Callable[..., float], one: int, two: int, depth: int = 50, **axes: object) -> float:
    """From one P to another."""
    return of(two, depth, **axes) / of(one, depth, **axes)


def ends(values: Iterable[float]) -> list[float]:
    """Least and most."""
    found = list(values)
    return [min(found), max(found)]
