#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Lines and branches of capi/ and backends/ that the tests have run, and that the rest has a reason.

    report.py BUILD      after the tests have run in that build (script/test --coverage does both)

Fails below 95 % of the lines of a folder, and for a line or branch that was not run and that exceptions.txt does not
have; fails, too, for an exception whose line is no longer there.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
EXCEPTIONS = Path(__file__).with_name("exceptions.txt")
FOLDERS = ("capi", "backends")
LEAST_LINES = 95.0


@dataclass(frozen=True)
class Place:
    """A line as it is named in exceptions.txt, so that what is added above it changes nothing."""

    file: str
    function: str
    text: str

    def __str__(self) -> str:
        return f"{self.file} {self.function}: {self.text}"


@dataclass
class Count:
    lines: int = 0
    lines_run: int = 0
    branches: int = 0
    branches_run: int = 0

    def add(self, other: Count) -> None:
        self.lines += other.lines
        self.lines_run += other.lines_run
        self.branches += other.branches
        self.branches_run += other.branches_run

    def percent(self) -> float:
        return 100 * self.lines_run / self.lines

    def __str__(self) -> str:
        branches = f"{100 * self.branches_run / self.branches:6.1f} %" if self.branches else "       -"
        return (
            f"{self.lines_run:6} of {self.lines:5} lines {self.percent():6.1f} %"
            f"{self.branches_run:8} of {self.branches:5} branches {branches}"
        )


@dataclass
class Measured:
    files: dict[str, Count] = field(default_factory=dict)
    lines_not_run: dict[Place, int] = field(default_factory=dict)  # with the line's number, for people
    branches_not_run: dict[Place, int] = field(default_factory=dict)


@dataclass
class Exceptions:
    places: set[Place] = field(default_factory=set)
    patterns: list[re.Pattern[str]] = field(default_factory=list)  # of branches only


def read_exceptions() -> Exceptions:
    """`FILE FUNCTION: TEXT` is a place; `/EXPRESSION/` any branch on a line of such text; the rest is for people."""
    found = Exceptions()
    for line in EXCEPTIONS.read_text().splitlines():
        if pattern := re.fullmatch(r"    /(.+)/", line):
            found.patterns.append(re.compile(pattern[1]))
        elif place := re.fullmatch(r"    (\S+) (\w+): (.+)", line):
            found.places.add(Place(*place.groups()))
        elif line.startswith(" "):
            sys.exit(f"{EXCEPTIONS.name}: neither a place nor a pattern: {line}")
    return found


def gcovr(build: Path) -> dict[str, object]:
    command = ["gcovr", "--root", str(SOURCE), "--object-directory", str(build), "--json", "-"]
    command += ["--exclude-directories", r".*_fast\.a\.p"]  # optimised, so that lines are not what they were
    command += [argument for folder in FOLDERS for argument in ("--filter", str(SOURCE / folder) + "/")]
    return json.loads(subprocess.run([*command, str(build)], check=True, stdout=subprocess.PIPE).stdout)


def measure(build: Path) -> Measured:
    found = Measured()
    for file in gcovr(build)["files"]:
        text = (SOURCE / file["file"]).read_text().splitlines()
        count = found.files[file["file"]] = Count()
        for line in file["lines"]:
            if line.get("gcovr/noncode"):
                continue
            number, branches = line["line_number"], line["branches"]
            taken = sum(branch["count"] > 0 for branch in branches)
            count.add(Count(1, line["count"] > 0, len(branches), taken))
            place = Place(file["file"], line["function_name"], text[number - 1].strip())
            if not line["count"]:
                found.lines_not_run[place] = number
            elif taken < len(branches):
                found.branches_not_run[place] = number
    return found


def print_table(measured: Measured) -> dict[str, Count]:
    width = max(map(len, measured.files))
    totals = {folder: Count() for folder in FOLDERS}
    for name, count in sorted(measured.files.items()):
        totals[name.split("/")[0]].add(count)
        print(f"{name:{width}}{count}")
    for folder, count in totals.items():
        print(f"{folder + '/':{width}}{count}")
    return totals


def without_reason(measured: Measured, exceptions: Exceptions) -> Iterator[str]:
    for place, number in measured.lines_not_run.items():
        if place not in exceptions.places:
            yield f"line {number} was not run: {place}"
    for place, number in measured.branches_not_run.items():
        if place not in exceptions.places and not any(p.search(place.text) for p in exceptions.patterns):
            yield f"line {number} went one way only: {place}"


def no_longer_there(exceptions: Exceptions) -> Iterator[str]:
    for place in exceptions.places:
        path = SOURCE / place.file
        if not path.exists() or place.text not in map(str.strip, path.read_text().splitlines()):
            yield f"{EXCEPTIONS.name} has what is not in the source: {place}"


def main() -> int:
    exceptions, measured = read_exceptions(), measure(Path(sys.argv[1]).resolve())
    totals = print_table(measured)
    failures = [*sorted(without_reason(measured, exceptions)), *sorted(no_longer_there(exceptions))]
    failures += [
        f"{folder}/ has {count.percent():.1f} % of its lines run, of {LEAST_LINES} %"
        for folder, count in totals.items()
        if count.percent() < LEAST_LINES
    ]
    not_run = measured.lines_not_run.keys() | measured.branches_not_run.keys()
    for place in sorted(exceptions.places - not_run, key=str):
        print(f"run this time, though {EXCEPTIONS.name} has it: {place}")
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
