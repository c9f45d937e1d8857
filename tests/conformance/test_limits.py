# SPDX-License-Identifier: Apache-2.0
"""Limits are equal everywhere; beyond: TOO_LARGE, before any I/O.  Text is UTF-8 without NUL."""

from __future__ import annotations

from typing import Any

import pytest
from api import (
    Row,
    Session,
    Store,
    conversation,
    dedup,
    fails,
    item,
    kv,
    peer,
    session_data,
    text_out,
    update_state,
)
from records import (
    INT64_MAX,
    INT64_MIN,
    MAX_BATCH_BYTES,
    MAX_BLOB_BYTES,
    MAX_KEY_BYTES,
    MAX_ROWS,
    MAX_SESSION_NAME_BYTES,
)

KEY = "k" * MAX_KEY_BYTES


def refused(me: Session, row: Row, code: str = "too large") -> None:
    with fails(code, index=0):
        me.put(row)
    assert me.list(row.record) == []


# --- sizes


@pytest.mark.parametrize(
    "make",
    [
        lambda text: dedup(text),
        lambda text: item(text),
        lambda text: kv(text, "k", value=b""),
        lambda text: kv("s", text, value=b""),
        lambda text: conversation(1, business_connection=text),
        lambda text: conversation(1, name_space=text),
        lambda text: item("i", lane=text),
        lambda text: peer("user", 1, usernames=["a", text]),
        lambda text: session_data(username=text),
    ],
    ids=[
        "dedup.key",
        "queue_item.id",
        "kv.scope",
        "kv.key",
        "business_connection",
        "name_space",
        "lane",
        "username",
        "session.username",
    ],
)
@pytest.mark.parametrize("letter", ["k", "é"])
def test_key_texts(me: Session, make: Any, letter: str) -> None:
    """TGS_MAX_KEY_BYTES 512: one key text, lane, owner, username; in bytes."""
    longest = letter * (MAX_KEY_BYTES // len(letter.encode()))
    for text in (longest + "x", longest * 2):
        refused(me, make(text))
    for text in (longest[:-1], longest):
        me.put(make(text))
        assert me.get_one(make(text)) is not None


@pytest.mark.parametrize("what", ["owner", "lane", "lease owner", "username", "phone"])
def test_other_short_texts(me: Session, what: str) -> None:
    """One key text, lane, owner, username: just at and above the limit."""
    calls = {
        "owner": lambda text: me.claim(owner=text),
        "lane": lambda text: me.claim(lane=text),
        "lease owner": lambda text: me.acquire(text, mode="shared"),
        "username": lambda text: me.by_username(text),
        "phone": lambda text: me.by_phone("4" * len(text)),
    }
    calls[what](KEY)
    with fails("too large"):
        calls[what](KEY + "k")


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_session_names(store: Store, extra: int) -> None:
    """TGS_MAX_SESSION_NAME_BYTES 128: a session's name."""
    name = "n" * (MAX_SESSION_NAME_BYTES + extra)
    if extra > 0:
        with fails("too large"):
            store.session(name)
        return
    store.session(name).put(kv("s", "k", value=b""))
    assert list(store.sessions()) == [name]


@pytest.mark.parametrize(
    "make",
    [
        lambda n: kv("s", "k", value=b"v" * n),
        lambda n: item("i", payload=b"v" * n),
        lambda n: conversation(1, data=b"v" * n),
        lambda n: conversation(1, name="v" * n),
        lambda n: session_data(state=b"v" * n),
        lambda n: session_data(first_name="v" * n),
        lambda n: peer("user", 1, first_name="v" * n),
    ],
    ids=["kv.value", "payload", "data", "name", "state", "session.first_name", "peer.first_name"],
)
@pytest.mark.slow
def test_blobs(me: Session, make: Any) -> None:
    """TGS_MAX_BLOB_BYTES 4 MiB: one blob, or one text that is not a key."""
    refused(me, make(MAX_BLOB_BYTES + 1))
    for n in (MAX_BLOB_BYTES - 1, MAX_BLOB_BYTES):
        row = make(n)
        me.delete(row)
        me.put(row)
        assert {name: me.get_one(row)[name] for name in row} == row


@pytest.mark.slow
def test_batch_bytes(me: Session) -> None:
    """TGS_MAX_BATCH_BYTES 8 MiB: texts and blobs of one batch, added up."""
    keys = 4  # "s" and one digit, twice
    half = MAX_BATCH_BYTES // 2 - keys // 2
    me.put(kv("s", "1", value=bytes(half)), kv("s", "2", value=bytes(half)))
    with fails("too large"):
        me.put(kv("s", "3", value=bytes(half)), kv("s", "4", value=bytes(half + 1)))
    assert [row["key"] for row in me.list("kv")] == ["1", "2"]


@pytest.mark.slow
def test_batch_bytes_added_up_over_adds(me: Session) -> None:
    """A row that is refused leaves the batch as it was."""
    batch = me.batch(kv("s", "1", value=bytes(3 << 20)), kv("s", "2", value=bytes(3 << 20)))
    with fails("too large"):
        batch.put(kv("s", "3", value=bytes(3 << 20)))
    assert len(batch) == 2
    batch.put(kv("s", "3", value=bytes(1 << 20)))
    assert len(batch.commit()) == 3


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_rows_of_a_batch(me: Session, extra: int) -> None:
    """TGS_MAX_ROWS 4096: rows in one batch, keys in one get."""
    rows = [update_state(n, pts=n) for n in range(MAX_ROWS + extra)]
    if extra > 0:
        for call in (me.put, me.get, me.delete):
            with fails("too large"):
                call(*rows)
        assert me.list("update_state") == []
        return
    assert len(me.put(*rows)) == len(rows)
    assert [row["pts"] for row in me.get(*rows)] == list(range(len(rows)))
    assert all(result.applied for result in me.delete(*rows))


def test_rows_added_up_over_adds(me: Session) -> None:
    """The limit is of the batch, not of a call that adds to it."""
    batch = me.batch(*(update_state(n) for n in range(MAX_ROWS - 1)))
    with fails("too large"):
        batch.put(dedup("a"), dedup("b"))
    batch.put(dedup("a"))
    with fails("too large"):
        batch.delete(dedup("b"))
    assert len(batch) == MAX_ROWS
    assert len(batch.commit()) == MAX_ROWS


@pytest.mark.parametrize("what", ["by_username", "by_phone"])
def test_look_ups_of_many(me: Session, what: str) -> None:
    """TGS_MAX_ROWS: keys in one get."""
    texts = [f"{n}" for n in range(MAX_ROWS + 1)]
    assert len(getattr(me, what)(*texts[:MAX_ROWS])) == MAX_ROWS
    with fails("too large"):
        getattr(me, what)(*texts)


def test_many_usernames_of_one_peer(me: Session) -> None:
    """A peer's list is bounded like a batch's rows."""
    refused(me, peer("user", 1, usernames=[f"u{n}" for n in range(MAX_ROWS + 1)]))
    me.put(peer("user", 1, usernames=[f"u{n}" for n in range(MAX_ROWS)]))
    assert len(me.get_one(peer("user", 1))["usernames"]) == MAX_ROWS


# --- text

BAD_TEXTS = {
    "NUL": b"a\0b",
    "NUL alone": b"\0",
    "lone continuation": b"a\x80",
    "truncated": b"a\xc3",
    "overlong": b"\xc0\xaf",
    "surrogate": b"\xed\xa0\x80",
    "beyond Unicode": b"\xf4\x90\x80\x80",
    "latin-1": b"caf\xe9",
}
every_bad = pytest.mark.parametrize("bad", BAD_TEXTS.values(), ids=BAD_TEXTS.keys())


@every_bad
@pytest.mark.parametrize(
    "make",
    [
        lambda text: dedup(text),
        lambda text: item(text),
        lambda text: item("i", lane=text),
        lambda text: item("i", last_error=text),
        lambda text: kv(text, "k"),
        lambda text: kv("s", text),
        lambda text: conversation(1, name_space=text),
        lambda text: conversation(1, step=text),
        lambda text: peer("user", 1, usernames=[text]),
        lambda text: peer("user", 1, phone=text),
        lambda text: peer("user", 1, language=text),
        lambda text: session_data(api_hash=text),
        lambda text: session_data(address=text),
    ],
    ids=[
        "dedup.key",
        "queue_item.id",
        "lane",
        "last_error",
        "kv.scope",
        "kv.key",
        "name_space",
        "step",
        "username",
        "phone",
        "language",
        "api_hash",
        "address",
    ],
)
def test_text_is_utf8_without_nul(me: Session, make: Any, bad: bytes) -> None:
    """Text is UTF-8 without NUL; anything else is INVALID before it reaches a database."""
    refused(me, make(bad), "invalid")


@every_bad
def test_text_arguments_are_utf8_without_nul(me: Session, store: Store, bad: bytes) -> None:
    """Anything else is INVALID: names, owners, lanes, scopes, usernames, URLs."""
    calls = [
        lambda: store.session(bad),
        lambda: me.by_username(bad),
        lambda: me.by_phone(bad),
        lambda: me.request("claim", owner=text_out(bad)),
        lambda: me.request("claim", owner="o", lane=text_out(bad)),
        lambda: me.request("acquire", owner=text_out(bad)),
        lambda: me.request("list", record="kv", scope=text_out(bad)),
        lambda: me.request("get", record="kv", rows=[{"scope": text_out(bad), "key": ""}]),
        lambda: me.request("delete", record="dedup", rows=[{"key": text_out(bad)}]),
        lambda: store.request("sessions", after=text_out(bad)),
        lambda: store.request("stats", name=text_out(bad)),
        lambda: store.driver.request("open", url=text_out(bad), options={}),
    ]
    for call in calls:
        with fails("invalid"):
            call()


@pytest.mark.parametrize(
    "text", ["\x01", "\x7f", "\u0080", "\ud7ff", "\ue000", "\uffff", "\U0010ffff", "e\u0301", "'\";--\\%_"]
)
def test_every_other_text_comes_back_exactly(me: Session, text: str) -> None:
    """UTF-8 without NUL: neither normalised nor escaped."""
    me.put(kv(text, text, value=text.encode()))
    me.put(peer("user", 1, first_name=text))
    assert me.list("kv", scope=text) == [kv(text, text, value=text.encode())]
    assert me.get_one(peer("user", 1))["first_name"] == text


# --- numbers


@pytest.mark.parametrize("number", [INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX])
def test_numbers_at_the_ends(me: Session, number: int) -> None:
    """Fixed-width integers: the whole range of int64 comes back."""
    me.put(session_data(user_id=number, date=number))
    me.put(conversation(number, number, number, step_number=number))
    me.put(update_state(number, pts=number, access_hash=number))
    assert me.get_one(session_data()) == {"user_id": number, "date": number}
    assert me.get_one(conversation(number, number, number))["step_number"] == number
    assert me.get_one(update_state(number)) == {"channel_id": number, "pts": number, "access_hash": number}


@pytest.mark.parametrize(
    "row",
    [
        kv("s", "k", expires=-1),
        conversation(1, expires=INT64_MIN),
        dedup("k", created=-1),
        item("i", due=-1),
        item("i", attempts=-1),
        item("i", delay_ms=-1),
        dedup("k", ttl_ms=INT64_MIN),
    ],
    ids=lambda row: "-".join(map(str, row)),
)
def test_numbers_that_can_not_be_negative(me: Session, row: Row) -> None:
    """Stored times are Unix milliseconds, durations and counts are not negative."""
    refused(me, row, "invalid")


def test_delay_beyond_the_end_of_time(me: Session) -> None:
    """A sum of now and a duration does not wrap around."""
    me.put(item("i", delay_ms=INT64_MAX))
    assert me.claim() == [] and me.get_one(item("i"))["due"] > 0
    me.put(item("j"))
    (row,) = me.claim(lease_ms=INT64_MAX)
    assert row["lease_expires"] > 0
    lease = me.acquire(ttl_ms=INT64_MAX)
    lease.renew(ttl_ms=INT64_MAX)
    lease.put(kv("s", "k", value=b""))
