# SPDX-License-Identifier: Apache-2.0
"""Telethon's SQLiteSession beside tgstore.

By default Telethon leaves a transaction open until save, which the client calls once a minute: what comes in
between is lost when the process is killed.  save commits with a rollback journal and synchronous=FULL, so that it is
safe from a power cut.  tgstore commits each call, safe from a kill; durability=full makes that safe from a power cut.
"""

from __future__ import annotations

import datetime
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import telethon
import tgstore
from beside import EXCLUSIVE, Case, Ours, batches_in_a_round, run
from people import Kind, Person
from telethon import utils
from telethon.sessions import MemorySession, SQLiteSession
from telethon.tl import types
from turns import Amount

SCANS = 10  # look-ups by username in a round: with 100,000 peers each takes milliseconds


# --- the adapter -------------------------------------------------------------------------------------


def usernames_of(entity: Any) -> list[str]:
    names = [entity.username] if entity.username else []
    if entity.usernames:
        names += [other.username for other in entity.usernames]
    return names


def peer_of(entity: Any) -> tgstore.Peer | None:
    """An entity as tgstore stores it; None if it can't stand for an input peer.  Gone names and phones are None."""
    kind = type(entity)
    if kind is types.Chat:
        return tgstore.Peer("chat", entity.id, access_hash=0, subtype="group", first_name=entity.title)
    if kind is types.User and entity.access_hash is not None and not entity.min:
        return tgstore.Peer("user", entity.id, access_hash=entity.access_hash, subtype="bot" if entity.bot else "none",
                            usernames=usernames_of(entity), phone=entity.phone, first_name=entity.first_name,
                            last_name=entity.last_name)
    if kind is types.Channel and entity.access_hash is not None and not entity.min:
        return tgstore.Peer("channel", entity.id, access_hash=entity.access_hash,
                            subtype="supergroup" if entity.megagroup else "broadcast", usernames=usernames_of(entity),
                            first_name=entity.title)
    return None


def input_peer_of(peer: Any) -> Any:
    if peer.kind == "user":
        return types.InputPeerUser(peer.id, peer.access_hash)
    if peer.kind == "chat":
        return types.InputPeerChat(peer.id)
    return types.InputPeerChannel(peer.id, peer.access_hash)


KINDS: dict[Any, Kind] = {types.PeerUser: "user", types.PeerChat: "chat", types.PeerChannel: "channel"}


class TgstoreSession(MemorySession):  # type: ignore[misc]
    """A Telethon session whose entities and update states are in tgstore."""

    def __init__(self, store: tgstore.Store) -> None:
        super().__init__()
        self._store = store
        self._session = store.session("main")

    def process_entities(self, tlo: Any) -> None:
        entities = tlo if isinstance(tlo, list) else [*tlo.users, *tlo.chats]
        if peers := [peer for entity in entities if (peer := peer_of(entity)) is not None]:
            self._session.put_peers(peers)

    def get_input_entity(self, key: Any) -> Any:
        if isinstance(key, int):
            peer = self._by_id(key)
        elif isinstance(key, str):
            peer = self._by_text(key)
        else:
            return super().get_input_entity(key)
        if peer is None:
            raise ValueError("Could not find input entity with key ", key)
        return input_peer_of(peer)

    def _by_id(self, key: int) -> tgstore.Peer | None:
        if key >= 0:
            return self._session.peer("any", key)
        id, kind = utils.resolve_id(key)
        return self._session.peer(KINDS[kind], id)

    def _by_text(self, key: str) -> tgstore.Peer | None:
        if phone := utils.parse_phone(key):
            return self._session.peer(phone=phone)
        username, is_invitation = utils.parse_username(key)
        return self._session.peer(username=username) if username and not is_invitation else None

    def get_update_state(self, entity_id: int) -> Any:
        state: Any = self._session.update_state(entity_id)
        if state is None:
            return None
        date = datetime.datetime.fromtimestamp(state.date, tz=datetime.timezone.utc)
        return types.updates.State(state.pts, state.qts, date, state.seq, unread_count=0)

    def set_update_state(self, entity_id: int, state: Any) -> None:
        self._session.put(tgstore.UpdateState(
            entity_id, pts=state.pts, qts=state.qts, date=int(state.date.timestamp()), seq=state.seq))

    def close(self) -> None:
        self._store.close()


# --- the workload ------------------------------------------------------------------------------------


def entity_of(person: Person) -> Any:
    if person.kind == "user":
        return types.User(person.id, access_hash=person.access_hash, bot=person.subtype == "bot",
                          first_name=person.first_name, last_name=person.last_name, username=person.username,
                          phone=person.phone)
    photo = types.ChatPhotoEmpty()
    if person.kind == "chat":
        return types.Chat(person.id, person.first_name, photo, 5, None, 1)
    return types.Channel(person.id, person.first_name, photo, None, access_hash=person.access_hash,
                         megagroup=person.subtype == "supergroup", username=person.username)


def marked(person: Person) -> int:
    """The id as Telethon's users have it."""
    if person.kind == "user":
        return person.id
    return -person.id if person.kind == "chat" else -1000000000000 - person.id


def state_of(number: int) -> Any:
    date = datetime.datetime.fromtimestamp(1_700_000_000 + number, tz=datetime.timezone.utc)
    return types.updates.State(1000 + number, 7, date, 100 + number, unread_count=0)


Work = Callable[[Any, int], float]
Answers = Callable[[Any], object]


def both_states(case: Case, people: list[Person]) -> list[Case]:
    """A look-up while Telethon has a transaction open, as it has whenever a client is at work, and after save, when
    SQLite has to lock the file for it."""
    some = [entity_of(person) for person in people[:100]]
    working = case._replace(what=f"{case.what}, in their transaction", before=lambda side: side.process_entities(some))
    return [working, working._replace(what=f"{working.what}, locking=exclusive", ours=EXCLUSIVE),
            case._replace(what=f"{case.what}, after save")]


def looks_up(keys: Sequence[int | str]) -> tuple[Work, Answers]:
    def work(side: Any, number: int) -> float:
        start = time.perf_counter()
        for key in keys:
            side.get_input_entity(key)
        return time.perf_counter() - start

    return work, lambda side: [side.get_input_entity(key) for key in keys]


def processes(batches: list[list[Person]], in_a_round: int) -> tuple[Work, Answers]:
    entities = [[entity_of(person) for person in batch] for batch in batches]
    seen = {person.id: person for batch in batches for person in batch}.values()
    named = [person.username for person in seen if person.username][:SCANS]

    def work(side: Any, number: int) -> float:
        now = entities[number * in_a_round:(number + 1) * in_a_round]
        start = time.perf_counter()
        for batch in now:
            side.process_entities(batch)
        seconds = time.perf_counter() - start
        side.save()  # as the client does once in a minute
        return seconds

    return work, lambda side: [side.get_input_entity(key) for key in [*map(marked, seen), *named]]


def sets_state(side: Any, number: int) -> float:
    state = state_of(number)
    start = time.perf_counter()
    side.set_update_state(0, state)
    side.save()
    return time.perf_counter() - start


class Telethon:
    name = "Telethon"
    against = f"Telethon {telethon.__version__} SQLiteSession"

    def open_theirs(self, folder: Path) -> Any:
        return SQLiteSession(str(folder / "theirs"))

    def open_ours(self, folder: Path, ours: Ours) -> Any:
        return TgstoreSession(tgstore.open(f"sqlite:{folder}/ours.db", **ours.options))

    def close(self, side: Any) -> None:
        side.close()

    def fill(self, folder: Path, people: list[Person]) -> None:
        entities = [entity_of(person) for person in people]
        theirs = self.open_theirs(folder)
        theirs.process_entities(entities)
        self.close(theirs)
        with tgstore.open(f"sqlite:{folder}/ours.db") as store:
            store.session("main").load(peer for entity in entities if (peer := peer_of(entity)) is not None)

    def cases(self, people: list[Person], batches: list[list[Person]], amount: Amount) -> list[Case]:
        choice = random.Random(2)
        in_a_round = batches_in_a_round(amount)
        ids = [marked(person) for person in choice.choices(people, k=amount.calls)]
        names = [f"@{person.username}" for person in choice.sample(people, min(len(people), 100)) if person.username]
        process = processes(batches, in_a_round)
        state: tuple[Work, Answers] = sets_state, lambda side: side.get_update_state(0)
        return [
            Case("process_entities of 100, defaults", *process, in_a_round),
            Case("process_entities of 100, durability=relaxed", *process, in_a_round, Ours("relaxed")),
            Case("process_entities of 100, relaxed, locking=exclusive", *process, in_a_round, EXCLUSIVE),
            *both_states(Case("get_input_entity by id", *looks_up(ids), len(ids)), people),
            Case("get_input_entity by username", *looks_up(names[:SCANS]), SCANS, target=0.1),
            Case("set_update_state + save, defaults", *state, 1, target=0.1, syncs=True),
            Case("set_update_state + save, durability=full", *state, 1, Ours("full"), syncs=True),
        ]


if __name__ == "__main__":
    run(Telethon())
