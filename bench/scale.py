# SPDX-License-Identifier: Apache-2.0
"""How tgstore grows: curves over the number of peers, sessions, queue items and calls; and what records take on disk.

tgstore-bench-scale (c/scale.c) measures, and this makes rows of it.  A curve's reference is its smallest size.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import sizes
from rows import Row
from turns import arguments, say, show

PROGRAM = Path(os.environ["TGSTORE_BUILD"]) / "bench" / "tgstore-bench-scale"
LANES = 10_000
WORKERS = 8


class Sizes(NamedTuple):
    """At which sizes to measure."""

    peers: list[int]
    memory_peers: list[int]
    sessions: list[int]
    pruned_peers: list[int]
    queue_items: list[int]
    lane_items: list[int]
    calls: list[int]
    records: int


FULL = Sizes([1_000, 10_000, 100_000, 1_000_000, 5_000_000], [1_000, 10_000, 100_000, 1_000_000],
             [10, 100, 1_000, 10_000], [10_000, 100_000, 1_000_000], [10_000, 100_000, 1_000_000],
             [1_000, 10_000, 100_000], [200_000, 400_000, 600_000, 800_000, 1_000_000], 20_000)
QUICK = Sizes([1_000, 10_000, 100_000], [1_000, 10_000, 100_000], [10, 100, 300], [10_000, 50_000],
              [10_000, 50_000], [1_000, 10_000], [50_000, 100_000], 5_000)
TINY = Sizes([1_000, 2_000], [1_000, 2_000], [2, 4], [1_000, 2_000], [1_000, 2_000], [200, 400], [1_000, 2_000], 500)


class Curve(NamedTuple):
    """What the program measures of one kind of store, under its names, and what that is called here."""

    part: str  # of the program
    title: str
    backend: str
    counts: list[int]
    things: str
    names: dict[str, str]

    def case(self, what: str, count: int) -> str:
        return f"{self.title}: {self.names[what]}, {count:,} {self.things}"

    def is_wanted(self, text: str) -> bool:
        return any(text in self.case(what, count) for what in self.names for count in self.counts)


PEERS = {
    "put": "put in batches of 100",
    "get by id": "get by id",
    "get by username": "get by username",
    "get by phone": "get by phone",
    "first page": "list the first 100",
    "page from the middle": "list 100 from the middle",
    "memory": "memory of the process",
}
SESSIONS = {"load": "load", "get by id": "get by id", "open and close": "open and close", "file": "size on disk"}
QUEUE = {"enqueue": "enqueue", "claim and ack": f"claim and ack by {WORKERS} workers"}


def curves(chosen: Sizes) -> list[Curve]:
    return [
        Curve("peers", "one session", "sqlite", chosen.peers, "peers", PEERS),
        Curve("peers", "one session", "memory", chosen.memory_peers, "peers", PEERS),
        Curve("sessions", "sessions of 1,000 peers", "sqlite", chosen.sessions, "sessions", SESSIONS),
        Curve("prune", "maintenance", "sqlite", chosen.pruned_peers, "peers", {"prune": "prune every other peer"}),
        Curve("queue", "queue", "sqlite", chosen.queue_items, "items", QUEUE),
        Curve("lane", "queue of one lane", "sqlite", chosen.lane_items, "items",
              {"claim and ack": "claim of the lane and ack"}),
        Curve("steady", "the same peers put and got again", "sqlite", chosen.calls, "calls",
              {"memory": "memory of the process"}),
    ]


def measure(*words: str | int) -> Iterator[dict[str, Any]]:
    """What the program says, line by line."""
    say(f"scale: {' '.join(map(str, words))}")
    with subprocess.Popen([PROGRAM, *map(str, words)], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        for line in program.stdout:
            yield json.loads(line)
    if program.returncode:
        raise SystemExit(f"scale.py: tgstore-bench-scale failed with status {program.returncode}")


def measure_curve(curve: Curve) -> Iterator[dict[str, Any]]:
    """One store that grows, except that each queue is emptied by its workers."""
    runs = [curve.counts]
    if curve.part == "queue":
        runs = [[count, min(LANES, count // 10), WORKERS] for count in curve.counts]
    for numbers in runs:
        with tempfile.TemporaryDirectory() as folder:
            url = "memory:" if curve.backend == "memory" else f"sqlite:{folder}/store.db"
            yield from measure(curve.part, url, *numbers)


def rows_of(curve: Curve) -> Iterator[Row]:
    smallest: dict[str, float] = {}
    for found in measure_curve(curve):
        what, count, value = found["what"], found["count"], found["value"]
        yield Row(curve.case(what, count), curve.backend, value, smallest.setdefault(what, value), found["unit"], None,
                  f"the same with {curve.counts[0]:,} {curve.things}")


def all_rows(chosen: Sizes, text: str) -> Iterator[Row]:
    for curve in curves(chosen):
        if curve.is_wanted(text):
            yield from rows_of(curve)
    yield from sizes.measure(chosen.records, text)


def main() -> None:
    options = arguments("Measure how tgstore grows.")
    for row in all_rows(TINY if options.tiny else QUICK if options.quick else FULL, options.only):
        if options.only in row.case:
            show(row)


if __name__ == "__main__":
    main()
