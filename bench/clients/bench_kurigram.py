# SPDX-License-Identifier: Apache-2.0
"""Kurigram's SQLiteStorage, which is what its FileStorage has become, beside tgstore."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from operator import attrgetter
from typing import Any

import pyrogram
import tgstore
from beside import EXCLUSIVE, Case, Ours, run
from people import Person
from pyrogram.storage import SQLiteStorage, UpdateState
from pyrogram_family import (
    CHANNELS,
    KINDS,
    Family,
    TgstoreStorage,
    answers,
    calls,
    key_of,
    marked,
    read_cases,
    type_of,
    update_cases,
)
from turns import Amount

Row = tuple[int, int, str, str | None]  # as update_peers takes it
Names = tuple[int, list[str]]           # as update_usernames takes it
MEMBERS = ("pts", "qts", "date", "seq")


def peer_of(row: Row) -> tgstore.Peer:
    peer_id, access_hash, type, phone = row
    kind, subtype = KINDS[type]
    return tgstore.Peer(kind, key_of(peer_id)[1], access_hash=access_hash, subtype=subtype, phone=phone)


def named_of(names: Names) -> tgstore.Peer:
    kind, id = key_of(names[0])
    return tgstore.Peer(kind, id, usernames=names[1])


def state_row_of(state: UpdateState) -> tgstore.UpdateState:
    row = tgstore.UpdateState(key_of(state.id)[1])
    for member in MEMBERS:
        if (value := getattr(state, member)) is not None:
            setattr(row, member, value)
    return row


def state_of(row: tgstore.UpdateState) -> UpdateState:
    id = CHANNELS - row.channel_id if row.channel_id else 0
    return UpdateState(id, *(row.get(member) for member in MEMBERS))


class Storage(TgstoreStorage):
    async def update_peers(self, peers: list[Row]) -> None:
        if peers:
            await self._session.put([peer_of(row) for row in peers])

    async def update_usernames(self, usernames: list[Names]) -> None:
        if usernames:
            await self._session.put([named_of(names) for names in usernames])

    async def set_update_state(self, update_state: UpdateState | list[UpdateState]) -> None:
        states = [update_state] if isinstance(update_state, UpdateState) else update_state
        await self._session.put([state_row_of(state) for state in states])

    async def get_update_states(self, ids: int) -> list[UpdateState]:
        row = await self._session.get_one(tgstore.UpdateState(key_of(ids)[1]))
        return [state_of(row)] if row else []


# --- the workload ------------------------------------------------------------------------------------


def arrived(people: list[Person]) -> tuple[list[Row], list[Names]]:
    return ([(marked(person), person.access_hash, type_of(person), person.phone) for person in people],
            [(marked(person), [person.username]) for person in people if person.username])


def update_both(side: Any) -> Callable[[Any], Coroutine[Any, Any, None]]:
    async def update(batch: tuple[list[Row], list[Names]]) -> None:
        await side.update_peers(batch[0])
        await side.update_usernames(batch[1])

    return update


def set_and_save(side: Any) -> Callable[[Any], Coroutine[Any, Any, None]]:
    async def update(state: UpdateState) -> None:
        await side.set_update_state(state)
        await side.save()

    return update


async def fill(side: Any, people: list[Person]) -> None:
    await update_both(side)(arrived(people))


def state_at(position: int) -> UpdateState:
    """Every other update is a channel's, whose states have pts only."""
    if position % 2:
        return UpdateState(CHANNELS - 1_000_000_000 - position % 50, 1000 + position, None, None, None)
    return UpdateState(0, 1000 + position, 7, 1_700_000_000 + position, 100 + position)


class Kurigram(Family):
    name = "Kurigram"
    against = f"Kurigram {pyrogram.__version__} SQLiteStorage"

    def cases(self, people: list[Person], batches: list[list[Person]], amount: Amount) -> list[Case]:
        known = answers((attrgetter("get_update_states"), [state_at(position).id for position in range(50)]))
        many = range(amount.calls)
        set_many = calls(attrgetter("set_update_state"),
                         lambda number: [state_at(number * amount.calls + i) for i in many])
        set_one = calls(set_and_save, lambda number: [state_at(number)])
        state = Case("set_update_state, defaults", set_many, known, amount.calls)
        saved = Case("set_update_state + save", set_one, known, 1, syncs=True)
        return [
            *update_cases("update_peers + update_usernames", update_both, arrived, batches, amount),
            *read_cases(people, update_both, arrived, amount),
            state,
            state._replace(what="set_update_state, durability=relaxed", ours=Ours("relaxed")),
            state._replace(what="set_update_state, relaxed, locking=exclusive", ours=EXCLUSIVE),
            state._replace(what="set_update_state, tgstore.aio", ours=Ours(is_async=True), target=None),
            saved,
        ]


if __name__ == "__main__":
    run(Kurigram(SQLiteStorage, Storage, fill))
