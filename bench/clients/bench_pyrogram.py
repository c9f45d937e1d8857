# SPDX-License-Identifier: Apache-2.0
"""Pyrogram's FileStorage beside tgstore.  It has no update states; what it writes besides peers are the session's
own members, each in a transaction that is committed at once."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import pyrogram
import tgstore
from beside import Case, Ours, run
from people import Person
from pyrogram.storage import FileStorage
from pyrogram_family import (
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

Row = tuple[int, int, str, str | None, str | None]  # as update_peers takes it


def peer_of(row: Row) -> tgstore.Peer:
    peer_id, access_hash, type, username, phone = row
    kind, subtype = KINDS[type]
    return tgstore.Peer(kind, key_of(peer_id)[1], access_hash=access_hash, subtype=subtype,
                        usernames=[username] if username else [], phone=phone)


class Storage(TgstoreStorage):
    async def update_peers(self, peers: list[Row]) -> None:
        if peers:
            await self._session.put([peer_of(row) for row in peers])


def rows_of(people: list[Person]) -> list[Row]:
    return [(marked(person), person.access_hash, type_of(person), person.username, person.phone) for person in people]


async def fill(side: Any, people: list[Person]) -> None:
    await side.update_peers(rows_of(people))


class Pyrogram(Family):
    name = "Pyrogram"
    against = f"Pyrogram {pyrogram.__version__} FileStorage"

    def cases(self, people: list[Person], batches: list[list[Person]], amount: Amount) -> list[Case]:
        update, set_date = attrgetter("update_peers"), attrgetter("date")
        work = calls(set_date, lambda number: [1_700_000_000 + number])
        date = Case("date(value)", work, answers((set_date, [object])), 1, syncs=True)
        return [
            *update_cases("update_peers", update, rows_of, batches, amount),
            *read_cases(people, update, rows_of, amount),
            date,
            date._replace(what="date(value), tgstore.aio", ours=Ours(is_async=True), target=None),
        ]


if __name__ == "__main__":
    run(Pyrogram(FileStorage, Storage, fill))
