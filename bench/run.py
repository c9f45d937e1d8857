# SPDX-License-Identifier: Apache-2.0
"""Runs the parts of the benchmark and shows what they measured.  script/bench builds first and calls this."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import report
import rows
from rows import Row

BENCH = Path(__file__).resolve().parent
DOCUMENTS = BENCH.parent / "docs" / "benchmarks"


PARTS = ["c", "binding", "clients", "scale"]


def commands(build: Path, folder: str) -> dict[str, list[str]]:
    """How to run the parts.  Each prints rows, as JSON, one a line, and may make files in `folder`."""
    return {
        "c": [str(build / "bench" / "tgstore-bench"), "--folder", folder],
        "binding": [sys.executable, str(BENCH / "binding.py")],
        "clients": [sys.executable, str(BENCH / "clients" / "run.py")],
        "scale": [sys.executable, str(BENCH / "scale.py")],
    }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="script/bench", description="Measure tgstore and print a table; ratio is our time / reference time.")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="fewer rounds and smaller sizes: under two minutes")
    size.add_argument("--tiny", action="store_true", help="the smallest sizes: tells only that all of it works")
    parser.add_argument("--only", metavar="TEXT", help="only cases whose name contains this")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part; may be repeated")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the rows as a JSON array")
    parser.add_argument("--from", metavar="FILE", type=Path, dest="saved",
                        help="measure nothing; show the rows that --json wrote")
    parser.add_argument("--plots", metavar="FOLDER", type=Path, nargs="?", const=DOCUMENTS,
                        help="draw charts and write all rows as README.md, into docs/benchmarks or FOLDER")
    return parser.parse_args()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def run_part(command: list[str]) -> Iterator[Row]:
    """Its rows; OSError, CalledProcessError, TypeError or ValueError if it goes wrong, after the rows before that.
    What it says on its way is for the user to see."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as part:
        assert part.stdout
        for line in part.stdout:
            yield rows.from_json(json.loads(line))
    if part.returncode:
        raise subprocess.CalledProcessError(part.returncode, command)


def measure(arguments: argparse.Namespace) -> tuple[list[Row], list[str]]:
    """The rows of all parts, and the names of the parts that failed."""
    build = Path(os.environ["TGSTORE_BUILD"])
    options = [option for option in ("--quick", "--tiny") if getattr(arguments, option[2:])]
    if arguments.only:
        options += ["--only", arguments.only]
    found: list[Row] = []
    failed = []
    with tempfile.TemporaryDirectory(dir=build, prefix="bench-") as folder:
        os.environ["TMPDIR"] = folder  # on the disk of the build, since /tmp may be memory
        for name, command in commands(build, folder).items():
            if arguments.part and name not in arguments.part:
                continue
            say(f"--- {name}")
            try:
                found.extend(run_part([*command, *options]))
            except (OSError, subprocess.CalledProcessError, TypeError, ValueError) as error:
                say(f"script/bench: {name}: {error}")
                failed.append(name)
    return found, failed


def with_run(found: list[Row]) -> list[Row]:
    import tgstore

    command = shlex.join(["script/bench", *sys.argv[1:]])
    run = rows.this_run(command, tgstore.__version__)
    return [dataclasses.replace(row, run=row.run or run) for row in found]


def repeated_names(found: list[Row]) -> list[str]:
    names = [row.name for row in found]
    return sorted({name for name in names if names.count(name) > 1})


def draw(found: list[Row], folder: Path) -> None:
    import plots

    charts = plots.draw(found, folder)
    text = report.document(found, charts, report.read_notes(BENCH / "notes.md"))
    (folder / "README.md").write_text(text, encoding="utf-8")


def main() -> int:
    arguments = parse_arguments()
    failed: list[str] = []
    if arguments.saved:
        found = rows.load(arguments.saved)
    else:
        found, failed = measure(arguments)
        found = with_run(found)
    print(report.table(found))
    if arguments.json:
        rows.save(found, arguments.json)
    if arguments.plots:
        draw(found, arguments.plots)
    for name in repeated_names(found):
        say(f"script/bench: two rows are called {name}")
    if failed:
        say(f"script/bench: failed: {', '.join(failed)}")
    return 1 if failed or repeated_names(found) else 0


if __name__ == "__main__":
    sys.exit(main())
