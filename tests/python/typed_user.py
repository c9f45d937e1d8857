# SPDX-License-Identifier: Apache-2.0
"""A program as a user may write it, for mypy only; see test_typing.py."""

from __future__ import annotations

from typing import assert_type

import tgstore
from tgstore import aio


def look(session: tgstore.Session) -> None:
    peer = session.peer(username="telegram")
    assert_type(peer, tgstore.Peer | None)
    assert_type(session.get([tgstore.Kv("s", "k")]), list[tgstore.Kv | None])
    assert_type(session.page(tgstore.Conversation), tgstore.Page[tgstore.Conversation])
    if peer is not None and peer.access_hash is not tgstore.UNSET:
        assert_type(peer.access_hash, int | None)
    session.put([tgstore.Peer("user", 5), tgstore.Kv("s", "k")])
    session.put(5)  # type: ignore[arg-type]
    session.peer("planet", 5)  # type: ignore[call-overload]
    tgstore.Peer("planet", 5)  # type: ignore[arg-type]
    tgstore.Peer("user", 5, access_hash="hash")  # type: ignore[arg-type]
    tgstore.SessionData(auth_keys=b"")  # type: ignore[call-arg]


async def look_later(session: aio.Session) -> None:
    assert_type(await session.get_one(tgstore.Kv("s", "k")), tgstore.Kv | None)
    assert_type(await session.peer("user", 5), tgstore.Peer | None)
    assert_type(await session.put(tgstore.Peer("user", 5)), list[tgstore.Result])
    async with aio.open("memory:") as store:
        assert_type(store, aio.Store)
    async with session.acquire_lease("me") as leased:
        assert_type(leased, aio.Session)
    async for peer in session.peers():
        assert_type(peer, tgstore.Peer)
    await session.put(5)  # type: ignore[arg-type]
