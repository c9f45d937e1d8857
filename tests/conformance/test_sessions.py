# SPDX-License-Identifier: Apache-2.0
"""Sessions: names, isolation, the list of them; purge, prune, stats, backup, sync."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest
from api import (
    Row,
    Session,
    Store,
    conversation,
    dc_auth,
    dedup,
    fails,
    item,
    kv,
    peer,
    session_data,
    update_state,
)
from samples import AUTH_KEY

ONE_OF_EACH: list[Row] = [
    session_data(dc=2, auth_key=AUTH_KEY),
    dc_auth(4, auth_key=AUTH_KEY),
    peer("user", 1, usernames=["a", "b"], phone="42"),
    update_state(pts=1),
    dedup("k"),
    item("i"),
    conversation(1, name="n"),
    kv("s", "k", value=b"v"),
]
RECORDS = [row.record for row in ONE_OF_EACH]


def fill(me: Session) -> None:
    me.batch(*ONE_OF_EACH).commit()


def everything(me: Session) -> dict[str, list[Any]]:
    return {record: me.list(record) for record in RECORDS}


# --- sessions


@pytest.mark.parametrize(
    "name", ["", " ", "main", "Main", "a/b:c?d%41", "é😀", "x" * 128, "tgstore.", "{a}", "a*b"]
)
def test_any_text_is_a_name(store: Store, name: str) -> None:
    """Every record belongs to a session (a name: text, "" allowed)."""
    me = store.session(name)
    assert me.name == name and me.token == 0
    fill(me)
    assert list(store.sessions()) == [name]
    assert everything(store.session(name)) == everything(me)


def test_sessions_do_not_see_each_other(store: Store) -> None:
    """A session is one account's name and its records."""
    fill(store.session("a"))
    for name in ("", "A", "a ", "aa", "b"):
        assert not any(everything(store.session(name)).values())
        store.session(name).delete(kv("s", "k"))
    before = everything(store.session("a"))
    fill(store.session("b"))
    store.session("b").purge()
    assert everything(store.session("a")) == before


@pytest.mark.parametrize("row", ONE_OF_EACH, ids=lambda row: row.record)
def test_a_session_exists_while_it_has_a_record(store: Store, row: Row) -> None:
    """A session exists while it has a record, of any kind."""
    me = store.session("a")
    assert store.sessions() == {}
    me.put(row)
    assert list(store.sessions()) == ["a"]
    me.delete(row)
    assert store.sessions() == {}


def test_reads_make_no_session(store: Store) -> None:
    """A session that was only asked for does not exist."""
    me = store.session("a")
    assert me.list("peer") == [] and me.get_one(peer("user", 1)) is None and me.claim() == []
    me.delete(kv("s", "k"))
    assert store.sessions() == {}


def test_sessions_are_listed_in_byte_order(store: Store) -> None:
    """The sessions of a store, by name in byte order, a page at a time."""
    names = sorted(["", "B", "a", "aa", "é", "z", "A", "10", "9"], key=str.encode)
    for name in reversed(names):
        store.session(name).put(kv("s", "k", value=b""))
    assert [row["name"] for row in store.sessions_page()] == names
    seen, page = [], store.sessions_page(limit=2)
    while page:
        seen += [row["name"] for row in page]
        assert page.more == (seen != names)
        page = store.sessions_page(after=seen[-1], limit=2)
    assert seen == names
    assert [row["name"] for row in store.sessions_page(after="")] == names[1:]
    assert [row["name"] for row in store.sessions_page(after="ab")] == ["z", "é"]


@pytest.mark.parametrize(("limit", "code"), [(0, "invalid"), (4097, "too large")])
def test_limits_of_the_list(store: Store, limit: int, code: str) -> None:
    """limit: 1 to TGS_MAX_ROWS rows."""
    with fails(code):
        store.sessions_page(limit=limit)


def test_session_info(store: Store) -> None:
    """A session as the store knows it: created, purging, its lease."""
    before = time.time_ns() // 1_000_000
    store.session("a").put(kv("s", "k", value=b""))
    row = store.sessions()["a"]
    assert before - 60_000 <= row["created"] <= time.time_ns() // 1_000_000 + 60_000
    assert (row["purging"], row["lease_mode"], row["lease_holders"]) == (False, "none", 0)


# --- purge


def test_purge_deletes_everything(store: Store) -> None:
    """Delete a session with all its records.  removed: rows."""
    me = store.session("a")
    fill(me)
    assert me.purge() >= len(ONE_OF_EACH)
    assert not any(everything(me).values()) and store.sessions() == {}
    assert me.by_username("a", "b") + me.by_phone("42") == [None] * 3
    stats = store.stats()
    assert {name: count for name, count in stats.items() if count and name != "bytes"} == {}


def test_purge_of_nothing(store: Store) -> None:
    """A purge of a session that is not there removes 0 rows."""
    assert store.session("a").purge() == 0


def test_a_purged_name_may_be_used_again(store: Store) -> None:
    """Once the purge has ended, the name is as new."""
    me = store.session("a")
    fill(me)
    me.purge()
    me.put(kv("s", "new", value=b""))
    assert [row["key"] for row in me.list("kv")] == ["new"] and me.list("session") == []


@pytest.mark.slow
def test_purge_of_many_rows(store: Store) -> None:
    """In steps: any number of rows."""
    me = store.session("a")
    me.load(*(peer("user", n, usernames=[f"n{n}"]) for n in range(6000)))
    assert me.purge() >= 6000
    assert me.list("peer") == [] and store.stats()["usernames"] == 0


# --- prune, stats


def test_stats_count_rows(store: Store) -> None:
    """Row counts of a session, or of all sessions."""
    expected = {
        "sessions": 1,
        "session_data": 1,
        "dc_auths": 1,
        "peers": 1,
        "usernames": 2,
        "phones": 1,
        "update_states": 1,
        "dedup_keys": 1,
        "queue_ready": 1,
        "queue_leased": 0,
        "queue_done": 0,
        "queue_dead": 0,
        "conversations": 1,
        "kvs": 1,
        "expired": 0,
    }
    for name in ("a", "b"):
        fill(store.session(name))
    assert expected.items() <= store.stats("a").items()
    assert {name: 2 * count for name, count in expected.items()}.items() <= store.stats().items()
    assert {"sessions": 0, "peers": 0}.items() <= store.stats("none").items()


def test_stats_count_the_queues_states(store: Store) -> None:
    """queue_ready, _leased (lease not run out), _done, _dead."""
    me = store.session("")
    me.put(item("1", state="done"), item("2", state="dead"), item("3"), item("4"), item("5"))
    me.claim()
    stats = store.stats("")
    assert [stats[f"queue_{state}"] for state in ("ready", "leased", "done", "dead")] == [2, 1, 1, 1]


def test_stats_do_not_count_what_is_expired(store: Store) -> None:
    """expired: rows that tgs_prune would remove; they are counted nowhere else."""
    me = store.session("a")
    me.put(kv("s", "old", expires=1), kv("s", "new", value=b""))
    me.put(conversation(1, expires=1))
    me.put(dedup("k", expires=1))
    stats = store.stats()
    assert (stats["kvs"], stats["conversations"], stats["dedup_keys"]) == (1, 0, 0)
    assert stats["expired"] in (0, 3), "a back end may sweep as soon as it likes"


def test_prune_removes_what_is_expired(store: Store) -> None:
    """Remove expired rows of all sessions; removed: rows."""
    for name in ("a", "b"):
        me = store.session(name)
        me.put(kv("s", "old", expires=1), kv("s", "new", ttl_ms=3_600_000), kv("s", "ever", value=b""))
        me.put(conversation(1, expires=1))
        me.put(dedup("k", expires=1))
        me.put(dc_auth(2, "temporary", expires=1))
        me.put(item("ready"), item("done", state="done"))
    assert store.prune() in (0, 8)
    assert store.prune() == 0
    stats = store.stats()
    assert (stats["expired"], stats["kvs"], stats["queue_ready"], stats["queue_done"]) == (0, 4, 2, 2)


def test_prune_of_peers_not_seen(store: Store) -> None:
    """peer_age_ms > 0: also remove peers not seen for so long, with their names; 0: none."""
    me = store.session("a")
    me.put(peer("user", 1, seen_at=1, usernames=["old"], phone="1"), peer("user", 2, usernames=["new"]))
    assert store.prune() == 0
    assert store.prune(3_600_000) >= 1
    assert [row["id"] for row in me.list("peer")] == [2]
    assert [row and row["id"] for row in me.by_username("old", "new") + me.by_phone("1")] == [None, 2, None]


def test_prune_ends_empty_sessions(store: Store) -> None:
    """A session whose last record was swept does not exist."""
    store.session("a").put(kv("s", "k", expires=1))
    store.prune()
    assert store.sessions() == {}


def test_negative_age(store: Store) -> None:
    """A duration is not negative."""
    with fails("invalid"):
        store.prune(-1)


@pytest.mark.slow
def test_prune_of_many_rows(store: Store) -> None:
    """In small steps: any number of rows."""
    me = store.session("a")
    me.load(*(dedup(f"{n}", expires=1) for n in range(9000)))
    me.put(dedup("lasting"))
    assert store.prune() in (0, 9000)
    assert [row["key"] for row in me.list("dedup")] == ["lasting"] and store.stats()["expired"] == 0


# --- backup, sync, ping


def test_sync_and_ping(store: Store) -> None:
    """Wait until all that was written is safe; ask for a sign of life."""
    store.session("a").put(kv("s", "k", value=b""))
    store.sync()
    store.ping()


@pytest.mark.needs("backup")
def test_backup_is_a_store(store: Store, backend: Any, tmp_path: Path) -> None:
    """Write a consistent copy of the whole database to a new file, mode 0600."""
    for name in ("a", "b"):
        fill(store.session(name))
    copy = tmp_path / "copy.db"
    store.backup(copy)
    assert stat.S_IMODE(os.stat(copy).st_mode) == 0o600
    scheme = backend.url.split(":")[0]
    restored = backend.open(f"{scheme}:{copy}")
    for name in ("a", "b"):
        assert everything(restored.session(name)) == everything(store.session(name))


@pytest.mark.needs("backup")
def test_backup_overwrites_nothing(store: Store, tmp_path: Path) -> None:
    """CONFLICT (the file exists)."""
    there = tmp_path / "there"
    there.write_text("precious")
    with fails("conflict"):
        store.backup(there)
    assert there.read_text() == "precious"


@pytest.mark.needs("backup")
def test_backup_to_nowhere(store: Store, tmp_path: Path) -> None:
    """A folder that is not there is UNAVAILABLE, and the message names the file."""
    with fails("unavailable", says=["copy.db"]):
        store.backup(tmp_path / "none" / "copy.db")


def test_backup_of_what_has_none(store: Store, tmp_path: Path) -> None:
    """UNSUPPORTED (no TGS_CAP_BACKUP): a missing capability is an error, not a silent no-op."""
    if "backup" in store.capabilities:
        store.backup(tmp_path / "copy.db")
        return
    with fails("unsupported"):
        store.backup(tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
