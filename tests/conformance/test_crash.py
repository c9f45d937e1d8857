# SPDX-License-Identifier: Apache-2.0
"""SIGKILL in the middle of writes: what was acknowledged is there, and batches are whole or absent."""

from __future__ import annotations

import random
from typing import Any

import pytest
from api import Row, Session, Store, dc_auth, eventually, item, kv, peer, row_out, session_data, update_state
from driver import DriverDied, Subprocess

pytestmark = [pytest.mark.slow, pytest.mark.needs("durable")]


def stream(driver: Subprocess, me: Session, batches: list[list[Row]], acknowledged: int) -> int:
    """Send all batches without waiting, kill the driver after so many replies; how many it did acknowledge."""
    replies = []
    for rows in batches:
        handle = driver.request("batch", session=me.handle)["handle"]
        for row in rows:
            driver.request("batch_put", batch=handle, record=row.record, rows=[row_out(row)])
        replies.append((driver, handle))
    futures = [driver.send("batch_commit", batch=handle) for _, handle in replies]
    eventually(lambda: sum(future.done() for future in futures) >= acknowledged, within=60)
    driver.kill()
    done = 0
    for future in futures:
        try:
            reply = future.result(timeout=10)
        except DriverDied:
            continue
        assert "error" not in reply, reply
        done += 1
    return done


def batch_of(n: int) -> list[Row]:
    return [
        dc_auth(n, salt=n, auth_key=bytes([n % 256]) * 256),
        peer("user", n, usernames=[f"user{n}", "last"]),
        update_state(0, pts=n),
        item(f"{n}"),
        kv("effects", f"{n:05}", value=bytes(2000)),
    ]


@pytest.mark.parametrize("seed", range(4))
def test_batches_are_whole_or_absent(backend: Any, seed: int) -> None:
    """All acknowledged auth writes are there, batches whole or absent."""
    total, acknowledged = 300, random.Random(seed).randrange(5, 150)
    driver = backend.spawn()
    me = backend.open(driver=driver).session("main")
    done = stream(driver, me, [batch_of(n) for n in range(total)], acknowledged)
    assert acknowledged <= done <= total

    store: Store = backend.open()
    me = store.session("main")
    keys = [
        {row["dc"] for row in me.list("dc_auth")},
        {row["id"] for row in me.list("peer")},
        {int(row["id"]) for row in me.list("queue_item")},
        {int(row["key"]) for row in me.list("kv")},
    ]
    assert all(found == set(range(len(found))) for found in keys), "a gap"
    assert len({len(found) for found in keys}) == 1, "a batch in part"
    there = len(keys[0])
    assert there >= done
    assert me.get_one(update_state())["pts"] == there - 1
    assert [row["id"] for row in me.by_username("last")] == [there - 1]
    me.put(*batch_of(there)[:1])
    store.ping()


def test_auth_key_survives_at_once(backend: Any) -> None:
    """Auth material is always durable: acknowledged, killed, there."""
    for n in range(5):
        driver = backend.spawn()
        me = backend.open(driver=driver).session("main")
        me.put(session_data(auth_key=bytes([n]) * 256, dc=n))
        driver.kill()
        assert backend.open().session("main").get_one(session_data()) == {
            "auth_key": bytes([n]) * 256,
            "dc": n,
        }


def test_purge_that_was_killed_is_ended_by_another(backend: Any) -> None:
    """Until it has ended, reads find nothing and writes are CONFLICT; one that failed midway is ended by
    calling it again.
    """
    store: Store = backend.open()
    me = store.session("main")
    me.load(*(peer("user", n, usernames=[f"u{n}"]) for n in range(12000)))
    me.put(session_data(dc=2))
    driver = backend.spawn()
    doomed = backend.open(driver=driver).session("main")
    driver.send("purge", session=doomed.handle)
    eventually(lambda: me.list("session", limit=1) == [], within=60)
    driver.kill()
    purging = store.sessions().get("main", {}).get("purging")
    if purging:
        assert me.page("peer", limit=1) == [] and me.by_username("u11999") == [None]
    me.purge()
    assert store.sessions() == {} and store.stats()["peers"] == 0
    me.put(peer("user", 1))
    assert len(me.list("peer")) == 1


def test_leases_of_the_dead_run_out(backend: Any) -> None:
    """A lease outlives its process, and ends by its ttl."""
    driver = backend.spawn()
    backend.open(driver=driver).session("main").acquire("doomed", ttl_ms=300)
    driver.kill()
    me = backend.open().session("main")
    assert me.acquire("next", wait_ms=20000, timeout_ms=20000).token > 0


def test_claims_of_the_dead_are_claimed_again(backend: Any) -> None:
    """An item whose lease ran out is claimed again: delivery is at least once."""
    driver = backend.spawn()
    doomed = backend.open(driver=driver).session("main")
    doomed.put(item("a", payload=b"p"))
    assert doomed.claim(lease_ms=100)
    driver.kill()
    me = backend.open().session("main")
    (row,) = eventually(me.claim)
    assert (row["payload"], row["attempts"]) == (b"p", 2)
