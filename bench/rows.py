# SPDX-License-Identifier: Apache-2.0
"""What the parts of the benchmark say: one row a case, and where it was measured."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Run:
    """Where and when rows were measured."""

    date: str
    command: str
    machine: str
    versions: str


@dataclasses.dataclass(frozen=True)
class Row:
    """One case: `ours` beside `reference`, both in `unit`, of which less is better."""

    case: str
    backend: str
    ours: float
    reference: float
    unit: str
    target: float | None  # the ratio that `ours` should not go beyond
    against: str  # what the reference is
    run: Run | None = None

    @property
    def ratio(self) -> float:
        return self.ours / self.reference

    @property
    def name(self) -> str:
        """The case with what tells it from the same one on another back end."""
        return f"{self.case} ({self.backend})"

    @property
    def is_over(self) -> bool:
        return self.target is not None and self.ratio > self.target


def from_json(found: dict[str, Any]) -> Row:
    """A row that a part printed or a file holds; TypeError or ValueError if it is none."""
    members = {key: value for key, value in found.items() if key != "ratio"}
    run = members.pop("run", None)
    row = Row(**members, run=Run(**run) if run else None)
    if not (row.ours >= 0 and row.reference > 0):
        raise ValueError(f"{row.name}: {row.ours} and {row.reference} can't be compared")
    return row


def to_json(row: Row) -> dict[str, Any]:
    members = dataclasses.asdict(row) | {"ratio": row.ratio}
    return {key: value for key, value in members.items() if key != "run" or value}


def save(rows: Iterable[Row], file: Path) -> None:
    """An array of rows, one a line."""
    lines = ",\n".join(json.dumps(to_json(row), ensure_ascii=False) for row in rows)
    file.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def load(file: Path) -> list[Row]:
    return [from_json(found) for found in json.loads(file.read_text(encoding="utf-8"))]


# ---- where it was measured ------------------------------------------------------------------------


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return " ".join(line.split(":", 1)[1].replace("(R)", "").split())
    return platform.machine()


def _gigabytes() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30)


def _system() -> str:
    return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())


def this_run(command: str, tgstore_version: str) -> Run:
    return Run(
        date=time.strftime("%Y-%m-%d"),
        command=command,
        machine=f"{_processor()}, {os.cpu_count()} cores, {_gigabytes()} GB, "
                f"Linux {platform.release().split('-')[0]}, {_system()}",
        versions=f"tgstore {tgstore_version}, SQLite {sqlite3.sqlite_version}, "
                 f"Python {platform.python_version()}",
    )
