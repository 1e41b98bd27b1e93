"""Tables read back from their files, without the code that wrote them."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

Cells = dict[tuple[int, int], list[list[str]]]
"""Cells after P and d, by (P, d); one list a panel."""


def read_csv(path: Path) -> dict[tuple[int, int], dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, strict=True))
    return {(int(row["patches"]), int(row["depth"])): row for row in rows}


def read_markdown(path: Path) -> Cells:
    cells: Cells = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if re.match(r"\| \d", line):
            patches, depth, *rest = (c.strip() for c in line.strip("|").split(" |"))
            cells.setdefault((int(patches), int(depth)), []).append([_plain(c) for c in rest])
    return cells


def read_latex(path: Path) -> Cells:
    cells: Cells = {}
    for line in path.read_text(encoding="ascii").splitlines():
        if re.match(r"\d+ & \d", line):
            patches, depth, *rest = line.removesuffix(r"\\").split("&")
            cells.setdefault((int(patches), int(depth)), []).append([_unset(c) for c in rest])
    return cells


def columns(path: Path) -> list[list[str]]:
    """Headings of a Markdown table after P and d, one list a panel."""
    lines = path.read_text(encoding="utf-8").splitlines()
    heads = [line for line in lines if line.startswith("| P ")]
    return [[c.strip() for c in line.strip("|").split("|")][2:] for line in heads]


def _plain(cell: str) -> str:
    return cell.replace("\N{MINUS SIGN}", "-").replace("—", "---")


def _unset(cell: str) -> str:
    """LaTeX as the Markdown table would show it."""
    text = cell.strip().strip("$").replace(r"\pm", "±").replace("{,}", ",")
    return text.replace(r"\,\%", " %")


def shown_numbers(cell: str) -> Sequence[str]:
    return re.findall(r"[+-]?[\d,]*\.?\d+", cell) if re.search(r"\d", cell) else ()


def is_rounded(shown: str, full: str, *, percent: bool, bound: bool) -> bool:
    """To nearest; a bound upwards, by what it and the value beside it lose at most."""
    digits = shown.replace(",", "")
    places = len(digits.split(".")[1]) if "." in digits else 0
    more = float(digits) - float(full) * (100 if percent else 1)
    low, high = (0, 1.5) if bound else (-0.5, 0.5)
    slack = 1e-9
    return low - slack <= more * 10.0**places <= high + slack


def check_latex(text: str) -> None:
    body = "".join(line + "\n" for line in text.splitlines() if not line.startswith("%"))
    depth = 0
    for character in re.sub(r"\\[\\{}%&#$_]", "", body):
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    stack = []
    for kind, environment in re.findall(r"\\(begin|end)\{(\w+)\}", body):
        if kind == "begin":
            stack.append(environment)
        else:
            assert stack.pop() == environment
    assert stack == []
    tabulars = re.findall(r"\\begin\{tabular\}\{(r+)\}\n(.*?)\\end\{tabular\}", body, re.DOTALL)
    assert tabulars
    for specification, rows in tabulars:
        for line in (line for line in rows.splitlines() if line.endswith(r"\\")):
            spans = [int(n) for n in re.findall(r"\\multicolumn\{(\d+)\}", line)]
            cells = len(re.findall(r"(?<!\\)&", line)) + 1
            assert cells - len(spans) + sum(spans) == len(specification), line
    outside = re.sub(r"\\begin\{tabular\}.*?\\end\{tabular\}", "", body, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)[&#_^~%]", outside), "bare special characters"
    assert len(re.findall(r"(?<!\\)\$", body)) % 2 == 0
    known = {
        "begin", "end", "centering", "caption", "label", "footnotesize", "setlength", "tabcolsep",
        "textit", "par", "smallskip", "medskip", "toprule", "midrule", "bottomrule", "addlinespace",
        "cmidrule", "multicolumn", "scriptsize", "raggedright", "linewidth", "texttt", "pm",
        "lambda", "max",
    }  # fmt: skip
    assert set(re.findall(r"\\([a-zA-Z]+)", body)) <= known
