# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of Pyrogram and Kurigram have in common.

Their stores leave a transaction open, with a rollback journal and synchronous=FULL, until a setter such as date, or
save, which a client calls when it stops; what comes in between is lost when the process is killed.  tgstore commits
each call, safe from a kill.  What it stores of the session itself (date) is always safe from a power cut, too.

Their methods are coroutines that do not wait for anything: the event loop stands still while SQLite works.  An adapter
that calls tgstore in the same way is the equal of that.  tgstore.aio, which leaves the loop free while it writes and
pays for that with a thread, is shown beside it, without a target.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine
from operator import attrgetter
from pathlib import Path
from typing import Any

import tgstore
import tgstore.aio
from beside import EXCLUSIVE, Case, Ours, batches_in_a_round, nothing
from people import Kind, Person, Subtype
from pyrogram import raw
from turns import Amount

CHANNELS = -1000000000000
USERNAME_TTL_MS = 8 * 60 * 60 * 1000  # after which the clients ask the server anew

loop = asyncio.new_event_loop()
types: Any = raw.types

# --- the adapter -------------------------------------------------------------------------------------

KINDS: dict[str, tuple[Kind, Subtype]] = {
    "user": ("user", "none"), "bot": ("user", "bot"), "group": ("chat", "group"),
    "channel": ("channel", "broadcast"), "supergroup": ("channel", "supergroup"),
}


def key_of(peer_id: int) -> tuple[Kind, int]:
    if peer_id >= 0:
        return "user", peer_id
    return ("chat", -peer_id) if peer_id > CHANNELS else ("channel", CHANNELS - peer_id)


def input_peer_of(peer: Any, asked: object) -> Any:
    if peer is None:
        raise KeyError(f"Not found: {asked}")
    if peer.kind == "user":
        return types.InputPeerUser(user_id=peer.id, access_hash=peer.access_hash)
    if peer.kind == "chat":
        return types.InputPeerChat(chat_id=peer.id)
    return types.InputPeerChannel(channel_id=peer.id, access_hash=peer.access_hash)


class InLoop:
    """tgstore's session with the methods of tgstore.aio's, but called in the event loop."""

    def __init__(self, session: tgstore.Session) -> None:
        self._session = session

    async def peer(self, *key: Any, **options: Any) -> tgstore.Peer | None:
        return self._session.peer(*key, **options)

    async def put(self, rows: list[tgstore.Record] | tgstore.Record) -> list[tgstore.Result]:
        return self._session.put(rows)

    async def get_one(self, key: Any) -> Any:
        return self._session.get_one(key)


class TgstoreStorage:
    """What the clients' storages have in common.  `session` is of tgstore.aio, or InLoop."""

    def __init__(self, store: Any, session: Any) -> None:
        self._store = store
        self._session = session

    async def get_peer_by_id(self, peer_id: int) -> Any:
        return input_peer_of(await self._session.peer(*key_of(peer_id)), peer_id)

    async def get_peer_by_username(self, username: str) -> Any:
        peer = await self._session.peer(username=username, max_age_ms=USERNAME_TTL_MS)
        return input_peer_of(peer, username)

    async def get_peer_by_phone_number(self, phone_number: str) -> Any:
        return input_peer_of(await self._session.peer(phone=phone_number), phone_number)

    async def date(self, value: Any = object) -> Any:
        if value is object:
            return (await self._session.get_one(tgstore.SessionData())).date
        await self._session.put(tgstore.SessionData(date=value))

    async def save(self) -> None:
        await self.date(int(time.time()))

    async def close(self) -> None:
        closing = self._store.close()
        if closing is not None:
            await closing


def open_tgstore(storage: Callable[[Any, Any], Any], folder: Path, ours: Ours) -> Any:
    """The adapter of class `storage` on the folder's store."""
    url = f"sqlite:{folder}/ours.db"
    if not ours.is_async:
        store = tgstore.open(url, **ours.options)
        return storage(store, InLoop(store.session("main")))

    async def open_store() -> tgstore.aio.Store:
        return await tgstore.aio.open(url, **ours.options)

    opened = loop.run_until_complete(open_store())
    return storage(opened, opened.session("main"))


# --- the workload ------------------------------------------------------------------------------------

Method = Callable[[Any], Callable[[Any], Coroutine[Any, Any, Any]]]  # of a side; it takes one argument
Work = Callable[[Any, int], float]
Answers = Callable[[Any], object]


def marked(person: Person) -> int:
    """The id as the clients have it."""
    if person.kind == "user":
        return person.id
    return -person.id if person.kind == "chat" else CHANNELS - person.id


def type_of(person: Person) -> str:
    return next(type for type, kind in KINDS.items() if kind == (person.kind, person.subtype))


def calls(method: Method, arguments: Callable[[int], list[Any]]) -> Work:
    """Rounds of calls, with the arguments that `arguments` gives for a round's number."""

    async def one_round(side: Any, given: list[Any]) -> float:
        call = method(side)
        start = time.perf_counter()
        for argument in given:
            await call(argument)
        return time.perf_counter() - start

    return lambda side, number: loop.run_until_complete(one_round(side, arguments(number)))


def answers(*asked: tuple[Method, list[Any]]) -> Answers:
    async def ask(side: Any) -> list[Any]:
        return [await method(side)(argument) for method, arguments in asked for argument in arguments]

    return lambda side: loop.run_until_complete(ask(side))


BY_ID, BY_USERNAME, BY_PHONE = map(attrgetter, (
    "get_peer_by_id", "get_peer_by_username", "get_peer_by_phone_number"))


def read_cases(people: list[Person], update: Method, convert: Callable[[list[Person]], Any],
               amount: Amount) -> list[Case]:
    """Look-ups while the client's store has a transaction open, as it has whenever a client is at work, and after save,
    when SQLite has to lock the file for it."""
    choice = random.Random(2)
    some = [convert(people[:100])]
    update_some = calls(update, lambda _: some)

    def working(method: Method, what: str, known: list[Any]) -> Case:
        keys = choice.choices(known, k=amount.calls)
        return Case(f"{what}, in their transaction", calls(method, lambda _: keys), answers((method, keys)), len(keys),
                    before=lambda side: update_some(side, 0))

    def both_lockings(case: Case) -> list[Case]:
        return [case, case._replace(what=f"{case.what}, locking=exclusive", ours=EXCLUSIVE)]

    def all_states(method: Method, what: str, known: list[Any]) -> list[Case]:
        case = working(method, what, known)
        return [*both_lockings(case), case._replace(what=f"{what}, after save", before=nothing),
                case._replace(what=f"{what}, tgstore.aio", ours=Ours(is_async=True), target=None)]

    return [
        *all_states(BY_ID, "get_peer_by_id", [marked(person) for person in people]),
        *all_states(BY_USERNAME, "get_peer_by_username", [person.username for person in people if person.username]),
        *both_lockings(
            working(BY_PHONE, "get_peer_by_phone_number", [person.phone for person in people if person.phone])),
    ]


def update_cases(what: str, method: Method, convert: Callable[[list[Person]], Any], batches: list[list[Person]],
                 amount: Amount) -> list[Case]:
    """Batches of peers, as `method` takes them when `convert` has made them its argument."""
    in_a_round = batches_in_a_round(amount)
    converted = [convert(batch) for batch in batches]
    seen = {person.id: person for batch in batches for person in batch}.values()
    case = Case(
        f"{what} of 100, defaults",
        calls(method, lambda number: converted[number * in_a_round:(number + 1) * in_a_round]),
        answers((BY_ID, [marked(person) for person in seen]),
                (BY_USERNAME, [person.username for person in seen if person.username]),
                (BY_PHONE, [person.phone for person in seen if person.phone])),
        in_a_round)
    relaxed = case._replace(what=f"{what} of 100, durability=relaxed", ours=Ours("relaxed"))
    return [case, relaxed, case._replace(what=f"{what} of 100, tgstore.aio", ours=Ours(is_async=True), target=None)]


class Family:
    """The files and the two sides."""

    def __init__(self, theirs: Callable[[str, Path], Any], ours: Callable[[Any, Any], Any],
                 fill: Callable[[Any, list[Person]], Coroutine[Any, Any, None]]) -> None:
        self._theirs, self._ours, self._fill = theirs, ours, fill

    def open_theirs(self, folder: Path) -> Any:
        storage = self._theirs("theirs", folder)
        loop.run_until_complete(storage.open())
        return storage

    def open_ours(self, folder: Path, ours: Ours) -> Any:
        return open_tgstore(self._ours, folder, ours)

    def close(self, side: Any) -> None:
        loop.run_until_complete(side.close())

    def fill(self, folder: Path, people: list[Person]) -> None:
        for side in self.open_theirs(folder), self.open_ours(folder, Ours()):
            for first in range(0, len(people), 1000):
                loop.run_until_complete(self._fill(side, people[first:first + 1000]))
            loop.run_until_complete(side.save())
            self.close(side)
