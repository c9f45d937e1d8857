# SPDX-License-Identifier: Apache-2.0
"""What Python costs over C: the same calls on the same store, through the package and by a program in C."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tgstore
from people import Crowd, Person
from rows import Row
from turns import Amount, Turn, arguments, best, say, show

BUILD = Path(os.environ["TGSTORE_BUILD"]) / "bench"
PUT_SIZE = 100
STEP = 7919  # from one peer that is looked up to the next, as in binding_timer.c


class Timer:
    """The program that does the same in C."""

    def __init__(self) -> None:
        self._program = subprocess.Popen(
            [BUILD / "tgstore-binding-timer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self, command: str) -> float:
        assert self._program.stdin and self._program.stdout
        self._program.stdin.write(f"{command}\n")
        self._program.stdin.flush()
        answer = self._program.stdout.readline()
        if not answer:
            raise SystemExit(f"binding.py: the program in C failed at {command!r}")
        return float(answer)

    def __enter__(self) -> Timer:
        return self

    def __exit__(self, *exception: object) -> None:
        self._program.communicate()


def peer_of(person: Person) -> tgstore.Peer:
    peer = tgstore.Peer(person.kind, person.id, access_hash=person.access_hash, subtype=person.subtype,
                        first_name=person.first_name)
    if person.username:
        peer.usernames = [person.username]
    if person.phone:
        peer.phone = person.phone
    if person.last_name:
        peer.last_name = person.last_name
    return peer


def timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - start
    del result  # not a part of what is measured
    return seconds


class Cases:
    """Each case, on the same peers."""

    def __init__(self, count: int, amount: Amount, folder: Path, timer: Timer) -> None:
        self.amount = amount
        self.folder = folder
        self.timer = timer
        self.size = f"{count:,} peers"
        order = ["user", "chat", "channel"]  # as the store lists them, since the program in C loads what it has read
        people = sorted(Crowd().people(count), key=lambda person: (order.index(person.kind), person.id))
        self.peers = [peer_of(person) for person in people]
        self.url = f"sqlite:{folder}/peers.db"
        with tgstore.open(self.url) as store:
            store.session("main").load(self.peers)
        timer.seconds(f"open {self.url}")
        timer.seconds("read")

    @contextmanager
    def both_open(self, url: str) -> Iterator[tgstore.Session]:
        self.timer.seconds(f"open {url}")
        with tgstore.open(url) as store:
            yield store.session("main")

    def get(self, session: tgstore.Session) -> list[float]:
        calls, count = self.amount.calls, len(self.peers)
        known = [(peer.kind, peer.id) for peer in session.peers()]

        def python(number: int) -> float:
            wanted = [known[(number + i * STEP) % count] for i in range(calls)]

            def work() -> None:
                for kind, id in wanted:
                    session.peer(kind, id)

            return timed(work)

        turns = [python, lambda number: self.timer.seconds(f"get {calls} {number}")]
        return best(turns, self.amount.rounds, calls)

    def put(self, session: tgstore.Session) -> list[float]:
        calls = self.amount.calls // PUT_SIZE + 1
        firsts = [i * PUT_SIZE % (len(self.peers) - PUT_SIZE + 1) for i in range(calls)]
        batches = [self.peers[first:first + PUT_SIZE] for first in firsts]

        def work() -> None:
            for batch in batches:
                session.put_peers(batch)

        turns = [lambda _: timed(work), lambda _: self.timer.seconds(f"put {calls}")]
        return best(turns, self.amount.rounds, calls)

    def load(self) -> list[float]:
        """Into a new store in each round."""
        def python(number: int) -> float:
            with tgstore.open(f"sqlite:{self.folder}/python-{number}.db") as store:
                session = store.session("main")
                return timed(lambda: session.load(self.peers))

        def c(number: int) -> float:
            self.timer.seconds(f"open sqlite:{self.folder}/c-{number}.db")
            return self.timer.seconds("load")

        return best([python, c], self.amount.rounds, len(self.peers))

    def list_all(self, session: tgstore.Session, *others: Turn) -> list[float]:
        turns = [lambda _: timed(lambda: list(session.peers())), lambda _: self.timer.seconds("list"), *others]
        return best(turns, self.amount.rounds, len(self.peers))

    def list_all_and_objects(self, session: tgstore.Session) -> list[float]:
        """Beside C's list, the making of the objects is measured alone: by binding_objects.c, from rows that
        are in memory, straight into the slots.  That is the work that any binding has to do, done as fast as
        Python's C interface lets us; both sides keep all objects to the end, and none is let go in the
        time that is measured."""
        import binding_objects

        binding_objects.read(self.url, tgstore.Peer, tgstore.UNSET)
        if binding_objects.make() != list(session.peers()):
            raise SystemExit("binding.py: the objects made by hand are not those of the binding")
        python, c, objects = self.list_all(session, lambda _: timed(binding_objects.make))
        say(f"list: C {c:.3f}, objects {objects:.3f}, Python {python:.3f} us/peer")
        return [python, c + objects]


def measure(cases: Cases, only: str) -> None:
    def case(what: str, backend: str, unit: str, target: float | None, work: Callable[[], list[float]],
             against: str = "the same calls in C") -> None:
        name = f"Python, {cases.size}: {what}"
        if only not in name:
            return
        say(f"{name} ({backend})")
        ours, reference = work()
        show(Row(name, backend, ours, reference, unit, target, against))

    with cases.both_open(cases.url) as session:
        case("get one by id", "sqlite", "us/call", 1.5, lambda: cases.get(session))
        case("list", "sqlite", "us/peer", 1.2, lambda: cases.list_all_and_objects(session),
             "the same calls in C + the making of the objects")
    case("load", "sqlite", "us/peer", 1.5, cases.load)
    with cases.both_open("memory:") as session:
        session.load(cases.peers)
        cases.timer.seconds("load")
        case("get one by id", "memory", "us/call", None, lambda: cases.get(session))
        case("put 100", "memory", "us/call", None, lambda: cases.put(session))
        case("list", "memory", "us/peer", None, lambda: cases.list_all(session))


def main() -> None:
    options = arguments("Measure the Python binding.")
    count, amount = 100_000, Amount(rounds=9, calls=20_000, syncs=0)
    if options.quick:
        amount = Amount(rounds=3, calls=10_000, syncs=0)
    if options.tiny:
        count, amount = 1_000, Amount(rounds=1, calls=100, syncs=0)
    sys.path.append(str(BUILD))  # where binding_objects is
    with tempfile.TemporaryDirectory(prefix="tgstore-binding-") as folder, Timer() as timer:
        measure(Cases(count, amount, Path(folder), timer), options.only)


if __name__ == "__main__":
    main()
