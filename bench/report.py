# SPDX-License-Identifier: Apache-2.0
"""The rows as a table for the terminal and as docs/benchmarks/README.md."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from rows import Row, Run

OVER = "<-- over"


def number(value: float) -> str:
    """Three digits that count, and all of a large number."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3g}"


def _cells(row: Row) -> list[str]:
    target = "" if row.target is None else f"{row.target:g}"
    return [row.case, row.backend, number(row.ours), number(row.reference), row.unit, number(row.ratio), target]


HEADINGS = ["case", "backend", "ours", "reference", "unit", "ratio", "target"]
TO_THE_RIGHT = {"ours", "reference", "ratio", "target"}


def _aligned(cells: list[str], widths: list[int]) -> str:
    return "  ".join(cell.rjust(width) if heading in TO_THE_RIGHT else cell.ljust(width)
                     for cell, width, heading in zip(cells, widths, HEADINGS))


def _references(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(row.against for row in rows))


def table(rows: Iterable[Row]) -> str:
    """All rows, in groups by what they are held against."""
    rows = list(rows)
    lines = [_cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *lines)]
    text = [_aligned(HEADINGS, widths)]
    for against in _references(rows):
        text.append(f"\nreference: {against}")
        text += [f"{_aligned(cells, widths)}  {OVER if row.is_over else ''}".rstrip()
                 for row, cells in zip(rows, lines) if row.against == against]
    return "\n".join(text)


# ---- the document ---------------------------------------------------------------------------------


def _markdown_table(rows: Iterable[Row]) -> list[str]:
    marks = ["--:" if heading in TO_THE_RIGHT else "---" for heading in HEADINGS]
    lines = [HEADINGS, marks]
    for row in rows:
        cells = _cells(row)
        if row.is_over:
            cells[5] = f"**{cells[5]}**"
        lines.append(cells)
    return [f"| {' | '.join(cells)} |" for cells in lines]


def read_notes(file: Path) -> dict[str, str]:
    """What was written by hand: a heading is a part of the names of rows, and under it stands what to say of them."""
    sections = re.split(r"^## ", file.read_text(encoding="utf-8"), flags=re.M)[1:]
    split = [section.partition("\n") for section in sections]
    return {heading.strip(): " ".join(note.split()) for heading, _, note in split}


def _over(rows: Iterable[Row], notes: dict[str, str]) -> list[str]:
    lines = []
    for row in rows:
        if row.is_over:
            said = [note for heading, note in notes.items() if heading in row.name]
            lines.append(" ".join([f"- **{row.name}**: {number(row.ratio)}, target {row.target:g}.", *said]))
    return lines or ["None."]


def _where(runs: Iterable[Run]) -> list[str]:
    lines = []
    for run in runs:
        lines += [f"Measured on {run.date} by", "", "```console", f"$ {run.command}", "```", "",
                  f"on {run.machine}, with {run.versions}.", ""]
    return lines


def document(rows: list[Row], charts: dict[str, str], notes: dict[str, str]) -> str:
    """`charts`: titles by file."""
    runs = list(dict.fromkeys(row.run for row in rows if row.run))
    lines = ["# Benchmarks", "", "`script/bench --plots` wrote this page and the charts; change nothing here by hand.",
             "What the numbers mean, and how to get them on another machine, is in",
             "[docs/performance.md](../performance.md).", "", *_where(runs),
             "A ratio is ours / reference: less is better, below 1 is faster (or smaller) than the reference.",
             "Ratios over their target are bold.", "", *[f"![{title}]({file})\n" for file, title in charts.items()],
             "## Over the target", "",
             *_over(rows, notes), "", "## All rows", ""]
    for against in _references(rows):
        lines += [f"### Reference: {against}", "", *_markdown_table(r for r in rows if r.against == against), ""]
    return "\n".join(lines)
