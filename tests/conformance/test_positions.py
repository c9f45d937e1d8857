# SPDX-License-Identifier: Apache-2.0
"""Update states rise, and an account's identity is not changed by accident."""

from __future__ import annotations

import pytest
from api import Row, Session, Store, dc_auth, fails, kv, peer, session_data, update_state
from records import INT64_MAX, INT64_MIN
from samples import AUTH_KEY

POSITIONS = ("pts", "qts", "date", "seq")


@pytest.mark.parametrize("position", POSITIONS)
def test_positions_rise(me: Session, position: str) -> None:
    """Each of pts, qts, date and seq becomes max(stored, given); a lower one is ignored and noted."""

    def put(value: int) -> tuple[bool, bool, int]:
        result = me.put_one(update_state(5, **{position: value}))
        return result.applied, result.lower, me.get_one(update_state(5))[position]

    assert put(5) == (True, False, 5)
    assert put(7) == (True, False, 7)
    assert put(6) == (True, True, 7)
    assert put(7) == (True, False, 7)
    assert put(INT64_MAX) == (True, False, INT64_MAX)
    assert put(INT64_MIN) == (True, True, INT64_MAX)


@pytest.mark.parametrize("position", POSITIONS)
def test_exact_sets_them(me: Session, position: str) -> None:
    """TGS_ROW_EXACT: set the positions, even to lower ones."""
    me.put(update_state(5, **{position: 7}))
    result = me.put_one(update_state(5, **{position: 3}, flags=["exact"]))
    assert result.applied and not result.lower
    assert me.get_one(update_state(5))[position] == 3


def test_positions_rise_within_one_put(me: Session) -> None:
    """A key that repeats is applied in order: the largest remains, or what EXACT set last."""
    results = me.put(update_state(pts=5), update_state(pts=3, qts=9), update_state(pts=4))
    assert [result.lower for result in results] == [False, True, True]
    assert me.get_one(update_state()) == {"channel_id": 0, "pts": 5, "qts": 9}
    me.put(update_state(pts=8), update_state(pts=1, flags=["exact"]), update_state(pts=2))
    assert me.get_one(update_state())["pts"] == 2


def test_each_position_rises_alone(me: Session) -> None:
    """A lower one is ignored; the others of the row are not."""
    me.put(update_state(pts=5, qts=5, date=5, seq=5))
    assert me.put_one(update_state(pts=4, qts=6, date=4, seq=7)).lower
    assert me.get_one(update_state()) == {"channel_id": 0, "pts": 5, "qts": 6, "date": 5, "seq": 7}


def test_cleared_position_starts_anew(me: Session) -> None:
    """nulls clear a position; the next one is stored, whatever it is."""
    me.put(update_state(pts=5))
    me.put(update_state(pts=None))
    assert "pts" not in me.get_one(update_state())
    assert not me.put_one(update_state(pts=-3)).lower
    assert me.get_one(update_state())["pts"] == -3


def test_account_and_channels_are_apart(me: Session) -> None:
    """channel_id: bare id, 0 = the account itself."""
    me.put(update_state(0, pts=1), update_state(5, pts=2), update_state(-5, pts=3))
    assert {row["channel_id"]: row["pts"] for row in me.list("update_state")} == {-5: 3, 0: 1, 5: 2}


def test_zero_never_replaces_a_channels_access_hash(me: Session) -> None:
    """access_hash of the channel; a zero never replaces a stored one."""
    me.put(update_state(5, access_hash=-9))
    me.put(update_state(5, access_hash=0), update_state(5, access_hash=0, flags=["exact"]))
    assert me.get_one(update_state(5))["access_hash"] == -9


# --- the session's own record


def fill(me: Session) -> None:
    me.put(session_data(user_id=1, dc=2, auth_key=AUTH_KEY))
    me.put(peer("user", 5, usernames=["five"], phone="5"))
    me.put(update_state(pts=5), update_state(7, pts=7))
    me.put(dc_auth(4, auth_key=AUTH_KEY))
    me.put(kv("s", "k", value=b"v"))


def test_changed_user_id_is_conflict(me: Session) -> None:
    """A put that changes a stored user_id is CONFLICT, since access hashes belong to one account."""
    fill(me)
    batch = me.batch(kv("s", "other", value=b""), session_data(user_id=2, dc=5))
    with fails("conflict", index=1):
        batch.commit()
    assert me.get_one(session_data())["user_id"] == 1 and me.get_one(session_data())["dc"] == 2
    assert me.get_one(kv("s", "other")) is None
    assert len(me.list("peer")) == 1 and len(me.list("update_state")) == 2


def test_same_user_id_is_no_change(me: Session) -> None:
    """Only a put that changes the stored user_id is CONFLICT."""
    fill(me)
    me.put(session_data(user_id=1, dc=4))
    me.put(session_data(user_id=1, flags=["replace_account"]))
    assert me.get_one(session_data())["dc"] == 4
    assert len(me.list("peer")) == 1 and len(me.list("update_state")) == 2


def test_user_id_with_a_condition(me: Session) -> None:
    """A condition that does not hold skips the row, user_id or not; a changed user_id stays a CONFLICT."""
    assert not me.put_one(session_data(user_id=1, flags=["if_present"])).applied
    fill(me)
    for user_id in (1, 2):
        assert not me.put_one(session_data(user_id=user_id, flags=["if_absent"])).applied
    with fails("conflict", index=0):
        me.put(session_data(user_id=2, flags=["if_present"]))
    assert me.get_one(session_data())["user_id"] == 1


def test_first_user_id_drops_nothing(me: Session) -> None:
    """A user_id where none is stored changes none."""
    me.put(peer("user", 5))
    me.put(session_data(dc=2))
    me.put(session_data(user_id=1))
    assert me.get_one(session_data()) == {"dc": 2, "user_id": 1}
    assert len(me.list("peer")) == 1


def test_a_skipped_row_changes_no_account(me: Session) -> None:
    """A row whose condition fails is skipped, whatever user_id it has; with REQUIRE that is the CONFLICT."""
    assert not me.put_one(session_data(user_id=2, flags=["if_present"])).applied
    fill(me)
    assert not me.put_one(session_data(user_id=2, flags=["if_absent"])).applied
    with fails("conflict", index=0):
        me.put(session_data(user_id=2, flags=["if_absent", "require"]))
    with fails("conflict", index=0):
        me.put(session_data(user_id=2, flags=["if_present"]))
    assert me.get_one(session_data())["user_id"] == 1


def test_replace_account(me: Session) -> None:
    """TGS_ROW_REPLACE_ACCOUNT: the session's peers and update states are deleted in the same step."""
    fill(me)
    me.put(session_data(user_id=2, flags=["replace_account"]))
    assert me.get_one(session_data())["user_id"] == 2
    assert me.list("peer") + me.list("update_state") == []
    assert me.by_username("five") + me.by_phone("5") == [None, None]
    assert len(me.list("kv")) == 1


def test_replace_account_without_user_id(me: Session) -> None:
    """TGS_ROW_REPLACE_ACCOUNT: only a changed user_id drops peers and update states."""
    fill(me)
    me.put(session_data(dc=4, flags=["replace_account"]))
    assert me.get_one(session_data())["user_id"] == 1
    assert len(me.list("peer")) == 1 and len(me.list("update_state")) == 2


def test_replace_account_with_new_peers_in_one_batch(me: Session) -> None:
    """The old account's rows go first; those of the same batch stay."""
    fill(me)
    batch = me.batch(session_data(user_id=2, flags=["replace_account"]))
    batch.put(peer("user", 6, usernames=["five"]), update_state(pts=1))
    batch.commit()
    assert [row["id"] for row in me.list("peer")] == [6]
    assert me.list("update_state") == [{"channel_id": 0, "pts": 1}]
    assert [row["id"] for row in me.by_username("five")] == [6]


def test_deleting_the_session_record(me: Session) -> None:
    """Deleting it deletes the session's dc_auth rows too, and keeps the peers."""
    fill(me)
    assert me.delete(session_data())[0].applied
    assert me.list("session") + me.list("dc_auth") == []
    assert len(me.list("peer")) == 1 and len(me.list("kv")) == 1
    assert not me.delete(session_data())[0].applied


def test_deleting_the_session_record_leaves_others_auth(me: Session, store: Store) -> None:
    """Deleting the session record deletes the dc_auth rows of that session only."""
    other: Session = store.session("other")
    fill(me)
    fill(other)
    me.delete(session_data())
    assert len(other.list("dc_auth")) == 1 and len(other.list("session")) == 1


@pytest.mark.parametrize("length", [1, 255, 257])
@pytest.mark.parametrize("row", [session_data(), dc_auth(2)], ids=["session", "dc_auth"])
def test_auth_keys_have_256_bytes(me: Session, row: Row, length: int) -> None:
    """auth_key: 256 bytes, or 0 bytes: logged out."""
    bad = Row(row.record, {**row, "auth_key": b"k" * length})
    with fails("invalid", index=0):
        me.put(bad)


@pytest.mark.parametrize(
    "members",
    [
        {"port": -1},
        {"port": 65536},
        {"api_id": -1},
        {"test_mode": 2},
        {"is_bot": -1},
        {"status": 6},
        {"status": -1},
    ],
    ids=str,
)
def test_values_out_of_range(me: Session, members: dict[str, int]) -> None:
    """port: 0 to 65535; test_mode, is_bot: 0 or 1; status: TGS_SESSION_STATUS_*."""
    with fails("invalid", index=0):
        me.put(session_data(**members))
    assert me.list("session") == []


@pytest.mark.parametrize(
    ("slot", "dc"), [("permanent", 2), ("temporary", 2), ("permanent", -7), ("permanent", 10002)]
)
def test_dc_auth_keys(me: Session, slot: str, dc: int) -> None:
    """dc_auth is keyed by dc and slot: TGS_DC_AUTH_PERMANENT or _TEMPORARY."""
    me.put(dc_auth(dc, slot, salt=5))
    assert me.list("dc_auth") == [{"dc": dc, "slot": slot, "salt": 5}]
    other = "temporary" if slot == "permanent" else "permanent"
    assert me.get(dc_auth(dc, other), dc_auth(dc, slot)) == [None, {"dc": dc, "slot": slot, "salt": 5}]
