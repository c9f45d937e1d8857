# SPDX-License-Identifier: Apache-2.0
"""One account's records in memory, as read from a session string or a store.  (Formats: tests/formats.)"""

from __future__ import annotations

from typing import Any

import pytest
from api import (
    Row,
    Session,
    Store,
    dc_auth,
    fails,
    kv,
    outcome_of,
    page_in,
    peer,
    session_data,
    text_out,
    update_state,
)
from driver import Driver
from samples import AUTH_KEY, OTHER_AUTH_KEY

ACCOUNT = session_data(
    dc=2,
    auth_key=AUTH_KEY,
    user_id=5,
    is_bot=False,
    api_id=6,
    test_mode=False,
    port=443,
    address="149.154.167.50",
)


class Snapshot:
    def __init__(self, driver: Driver, op: str, **arguments: Any):
        self.driver = driver
        self.handle: int = driver.request(op, **arguments)["handle"]
        self.info = driver.request("snapshot_info", snapshot=self.handle)

    @classmethod
    def of(cls, me: Session, peers: int = 1) -> Snapshot:
        return cls(me.driver, "snapshot_from_session", session=me.handle, peers=peers)

    def rows(self, record: str) -> list[Any]:
        return list(page_in(record, {"rows": self.info["records"].get(record, [])}))

    def to_text(self, format: str, **options: str) -> str:
        reply = self.driver.request("snapshot_to_text", snapshot=self.handle, format=format, options=options)
        return str(reply["text"])

    def to_session(self, me: Session, **arguments: Any) -> int:
        reply = self.driver.request(
            "snapshot_to_session", snapshot=self.handle, session=me.handle, **arguments
        )
        return int(reply["count"])


def fill(me: Session) -> None:
    me.put(ACCOUNT)
    me.put(dc_auth(4, auth_key=OTHER_AUTH_KEY))
    me.put(kv("s", "k", value=b"v"))
    me.put(peer("user", 1, access_hash=7, usernames=["a"], phone="42", seen_at=1700000000000))
    me.put(update_state(pts=5), update_state(9, pts=9, access_hash=-9))


RECORDS = ("session", "dc_auth", "kv", "peer", "update_state")


def test_snapshot_of_a_session(me: Session) -> None:
    """A session of a store: its own record, dc_auth, kv, and with `peers` 1 its peers and update states too."""
    fill(me)
    whole = Snapshot.of(me)
    assert whole.info["format"] == "store" and whole.info["description"]
    for record in RECORDS:
        assert whole.rows(record) == me.list(record)
    part = Snapshot.of(me, peers=0)
    assert part.rows("peer") + part.rows("update_state") == []
    assert part.rows("session") == [ACCOUNT] and len(part.rows("kv")) == 1


def test_snapshots_are_immutable(me: Session, store: Store) -> None:
    """Immutable: what becomes of the session or the store does not matter to it."""
    fill(me)
    snapshot = Snapshot.of(me)
    me.purge()
    store.close()
    again = me.driver.request("snapshot_info", snapshot=snapshot.handle)
    assert again["records"] == snapshot.info["records"]


def test_snapshot_of_no_session(me: Session) -> None:
    """NOT_FOUND (the session has no record), without a message."""
    with fails("not found"):
        Snapshot.of(me)
    me.put(kv("s", "k", value=b""))
    with fails("not found"):
        Snapshot.of(me)


def test_merge_into_a_session(me: Session, store: Store) -> None:
    """Merge into a session; done: rows stored."""
    fill(me)
    other = store.session("other")
    other.put(kv("s", "theirs", value=b"kept"))
    assert Snapshot.of(me).to_session(other) == 6
    for record in ("session", "dc_auth", "peer", "update_state"):
        assert other.list(record) == me.list(record)
    assert [row["key"] for row in other.list("kv")] == ["k", "theirs"]


def test_another_account_is_conflict(me: Session, store: Store) -> None:
    """CONFLICT (the session belongs to another user_id), unless TGS_ROW_REPLACE_ACCOUNT."""
    fill(me)
    other = store.session("other")
    other.put(session_data(user_id=77))
    other.put(peer("chat", 3))
    snapshot = Snapshot.of(me)
    with fails("conflict"):
        snapshot.to_session(other)
    assert other.list("session") == [{"user_id": 77}] and other.list("dc_auth") == []
    snapshot.to_session(other, replace_account=True)
    assert other.get_one(session_data())["user_id"] == 5
    assert [row["kind"] for row in other.list("peer")] == ["user"]


@pytest.mark.parametrize(
    "format", ["telethon", "pyrogram", "pyrogram-old-64", "pyrogram-old-32", "kurigram", "mtgo", "mtgo-2"]
)
def test_there_and_back_as_text(me: Session, format: str) -> None:
    """Write as a session string; read a session string of any known format.  White space around it is
    ignored.
    """
    fill(me)
    text = Snapshot.of(me).to_text(format)
    for given in (text, f" \n{text}\t\r\n"):
        snapshot = Snapshot(me.driver, "snapshot_from_text", text=given)
        (session,) = snapshot.rows("session")
        assert (session["dc"], session["auth_key"]) == (2, AUTH_KEY)


@pytest.mark.parametrize(
    "format", ["gramjs", "telethon-sqlite", "pyrogram-sqlite", "pyrogram-json", "nosuch", ""]
)
def test_formats_that_are_not_written(me: Session, format: str) -> None:
    """UNSUPPORTED (not a format that can be written)."""
    fill(me)
    with fails("unsupported"):
        Snapshot.of(me).to_text(format)


def test_text_of_what_is_logged_out(me: Session) -> None:
    """NOT_FOUND (no auth key)."""
    me.put(session_data(dc=2, auth_key=b""))
    with fails("not found"):
        Snapshot.of(me).to_text("telethon")


def test_values_that_a_format_needs(me: Session) -> None:
    """INVALID (a needed value is missing, or does not fit: the message names it); options give it."""
    me.put(session_data(dc=2, auth_key=AUTH_KEY))
    snapshot = Snapshot.of(me)
    options = {"api_id": "6", "user_id": "5", "is_bot": "0", "test_mode": "0"}
    for name in options:
        with fails("invalid", says=[name]):
            snapshot.to_text("pyrogram", **{key: value for key, value in options.items() if key != name})
        with fails("invalid", says=[name]):
            snapshot.to_text("pyrogram", **{**options, name: "x"})
    with fails("invalid", says=["nosuch"]):
        snapshot.to_text("pyrogram", **options, nosuch="1")
    assert snapshot.to_text("pyrogram", **options)


@pytest.mark.parametrize(
    "text", ["", " ", "x", "1", "1" + "A" * 352, "A" * 361, "A" * 363, b"\xff", b"1\0", "1" + "é" * 100]
)
def test_texts_that_are_no_session_string(driver: Driver, text: Any) -> None:
    """INVALID (not a session string; the message says what is wrong)."""
    with fails("invalid"):
        Snapshot(driver, "snapshot_from_text", text=text_out(text))


def test_secret_of_a_broken_string_is_not_told(me: Session) -> None:
    """No message holds an auth key."""
    fill(me)
    text = Snapshot.of(me).to_text("telethon")
    with fails("invalid") as seen:
        Snapshot(me.driver, "snapshot_from_text", text=text[:-5])
    assert text[10:26] not in seen[0].message


def test_files_that_are_none(driver: Driver, tmp_path: Any) -> None:
    """NOT_FOUND (no such file), INVALID (not a session file)."""
    with fails("not found"):
        Snapshot(driver, "snapshot_from_file", path=str(tmp_path / "none"))
    (tmp_path / "text").write_text("hello\n")
    for path in (tmp_path / "text", tmp_path):
        with fails("invalid"):
            Snapshot(driver, "snapshot_from_file", path=str(path))


def test_file_that_holds_a_string(me: Session, tmp_path: Any) -> None:
    """... or a file that holds a session string."""
    fill(me)
    (tmp_path / "string").write_text(Snapshot.of(me).to_text("telethon") + "\n")
    snapshot = Snapshot(me.driver, "snapshot_from_file", path=str(tmp_path / "string"))
    assert snapshot.info["format"] == "telethon" and snapshot.rows("session")[0]["auth_key"] == AUTH_KEY


@pytest.mark.needs("raw")
@pytest.mark.parametrize(
    ("op", "arguments", "null"),
    [
        ("snapshot_from_text", {"text": None}, []),
        ("snapshot_from_text", {"text": "x"}, ["out"]),
        ("snapshot_from_file", {"path": None}, []),
        ("snapshot_from_file", {"path": "/nonexistent"}, ["out"]),
        ("snapshot_from_session", {}, []),
        ("snapshot_to_text", {"format": "telethon"}, []),
        ("snapshot_to_session", {}, []),
    ],
    ids=lambda value: str(value),
)
def test_null_arguments(driver: Driver, op: str, arguments: dict[str, Any], null: list[str]) -> None:
    """Pointer arguments must not be NULL."""
    with fails("invalid"):
        driver.request(op, null=null, **arguments)


@pytest.mark.needs("raw")
def test_more_null_arguments(me: Session) -> None:
    """Pointer arguments must not be NULL, but those marked nullable; flags: 0 or TGS_ROW_REPLACE_ACCOUNT."""
    fill(me)
    snapshot = Snapshot.of(me)
    for arguments in ({"null": ["out"]}, {"format": None}, {"null": ["options"], "options": {"dc": "2"}}):
        with fails("invalid"):
            me.driver.request(
                "snapshot_to_text", snapshot=snapshot.handle, **{"format": "telethon", **arguments}
            )
    with fails("invalid"):
        me.driver.request("snapshot_to_session", snapshot=snapshot.handle)
    with fails("invalid"):
        snapshot.to_session(me, flags=1 << 20)
    me.request("snapshot_to_session", snapshot=snapshot.handle, null=["done"])
    assert me.driver.request("snapshot_info")["records"] == {}, "NULL has nothing"


def test_snapshots_are_used_by_many_threads(me: Session) -> None:
    """Immutable, and so for any number of threads."""
    fill(me)
    snapshot = Snapshot.of(me)
    calls = [me.driver.start("snapshot_info", snapshot=snapshot.handle) for _ in range(8)]
    assert all(outcome_of(call)["records"] == snapshot.info["records"] for call in calls)


def test_rows_may_be_put_elsewhere(me: Session, store: Store) -> None:
    """The rows of one record are rows like those of a get."""
    fill(me)
    rows = Snapshot.of(me).rows("peer")
    other = store.session("other")
    other.put(*(Row("peer", row) for row in rows))
    assert other.list("peer") == me.list("peer")
