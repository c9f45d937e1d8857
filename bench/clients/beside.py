# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of the client libraries have in common.

A client's store and tgstore are two sides with the same interface, that of the client: tgstore stands behind an
adapter such as a user would write, and what the adapter does counts as tgstore's time.  For each case both sides are
opened anew, on copies of files that hold the same peers; afterwards they must give the same answers.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from people import Crowd, Person
from rows import Row
from turns import Amount, arguments, best, median, say, show

BATCH = 100


class Ours(NamedTuple):
    """How tgstore is used."""

    durability: str = "normal"
    locking: str = "shared"
    is_async: bool = False

    @property
    def options(self) -> dict[str, str]:
        return {"durability": self.durability, "locking": self.locking}


# A client that has a transaction open keeps other processes from writing; so does this.
EXCLUSIVE = Ours("relaxed", "exclusive")


def nothing(side: Any) -> None:
    pass


class Case(NamedTuple):
    what: str
    work: Callable[[Any, int], float]  # one round on a side, given its number; returns the seconds
    answers: Callable[[Any], object]   # what a side answers afterwards
    calls: int                         # in a round
    ours: Ours = Ours()
    target: float | None = 1.0
    syncs: bool = False                # waits for the disk, one call a round
    before: Callable[[Any], object] = nothing  # what a side does first, and nobody measures


class Client(Protocol):
    name: str
    against: str

    def fill(self, folder: Path, people: list[Person]) -> None:
        """Store the people on both sides, each in a file in the folder."""

    def open_theirs(self, folder: Path) -> Any: ...

    def open_ours(self, folder: Path, ours: Ours) -> Any: ...

    def close(self, side: Any) -> None: ...

    def cases(self, people: list[Person], batches: list[list[Person]], amount: Amount) -> list[Case]:
        """The cases.  A call that writes takes a batch, which each side gets once in a case; `amount` says how many
        calls that read are in a round."""


def batches_in_a_round(amount: Amount) -> int:
    return max(1, amount.calls // 50)


def _measure(client: Client, case: Case, amount: Amount, folder: Path) -> list[float]:
    theirs, ours = client.open_theirs(folder), client.open_ours(folder, case.ours)
    try:
        case.before(ours)
        case.before(theirs)
        turns = [lambda number: case.work(ours, number), lambda number: case.work(theirs, number)]
        found = median(turns, amount.syncs) if case.syncs else best(turns, amount.rounds, case.calls)
        if case.answers(ours) != case.answers(theirs):
            raise SystemExit(f"{client.name}: {case.what}: the two sides do not answer the same")
        return found
    finally:
        client.close(ours)
        client.close(theirs)


def _measure_all(client: Client, count: int, amount: Amount, only: str, folder: Path) -> None:
    def name(case: Case) -> str:
        return f"{client.name}, {count:,} peers: {case.what}"

    crowd = Crowd()
    people = crowd.people(count)
    batches = crowd.batches(people, amount.rounds * batches_in_a_round(amount), BATCH)
    cases = [case for case in client.cases(people, batches, amount) if only in name(case)]
    if cases:
        client.fill(folder, people)
    for case in cases:
        say(name(case))
        with tempfile.TemporaryDirectory(prefix="tgstore-client-") as copy:
            shutil.copytree(folder, copy, dirs_exist_ok=True)
            ours, theirs = _measure(client, case, amount, Path(copy))
        show(Row(name(case), "sqlite", ours, theirs, "us/call", case.target, client.against))


def run(client: Client) -> None:
    options = arguments(f"Measure {client.name}'s store beside tgstore.")
    sizes, amount = [1_000, 100_000], Amount(rounds=7, calls=2_000, syncs=100)
    if options.quick:
        amount = Amount(rounds=3, calls=500, syncs=20)
    if options.tiny:
        sizes, amount = [200], Amount(rounds=1, calls=50, syncs=2)
    for count in sizes:
        with tempfile.TemporaryDirectory(prefix="tgstore-client-") as folder:
            _measure_all(client, count, amount, options.only, Path(folder))
