# SPDX-License-Identifier: Apache-2.0
"""Peers: keys, access hashes, usernames, phones."""

from __future__ import annotations

from typing import Any

import pytest
from api import Row, Session, fails, now_ms, peer
from records import INT64_MAX, INT64_MIN, KINDS, SUBTYPES


def found(rows: list[Any]) -> list[Any]:
    return [row and (row["kind"], row["id"]) for row in rows]


# --- keys


def test_kind_is_part_of_the_key(me: Session) -> None:
    """User 5 and chat 5 are two peers."""
    me.put(*(peer(kind, 5, first_name=kind) for kind in KINDS))
    rows = me.get(*(peer(kind, 5) for kind in KINDS))
    assert [row["first_name"] for row in rows] == list(KINDS)
    me.delete(peer("chat", 5))
    assert found(me.list("peer")) == [("user", 5), ("channel", 5)]


@pytest.mark.parametrize("number", [0, -1, 1, INT64_MIN, INT64_MAX, 1 << 32, -(1 << 32), (1 << 53) + 1])
def test_ids_and_hashes_are_signed_64_bit(me: Session, number: int) -> None:
    """Ids, hashes, photo ids are signed 64-bit everywhere; id 0 is legal."""
    row = peer("channel", number, access_hash=number or 1, min_access_hash=number, photo_id=number)
    me.put(row)
    stored = me.get_one(peer("channel", number))
    assert {name: stored[name] for name in row} == row
    assert found(me.list("peer")) == [("channel", number)]


@pytest.mark.parametrize("subtype", SUBTYPES)
def test_subtypes(me: Session, subtype: str) -> None:
    """subtype: TGS_PEER_SUBTYPE_*."""
    me.put(peer("channel", 1, subtype=subtype))
    assert me.get_one(peer("channel", 1))["subtype"] == subtype


@pytest.mark.parametrize(
    ("member", "number"), [("subtype", 9), ("subtype", -1), ("kind", 3), ("kind", -2), ("kind", -1)]
)
def test_values_that_are_none(me: Session, member: str, number: int) -> None:
    """A kind or subtype that is not in the header is INVALID; TGS_PEER_ANY is for look-ups and filters only."""
    row = peer("user", 1)
    row[member] = number
    with fails("invalid", index=1):
        me.put(peer("user", 2), row)
    assert me.list("peer") == []


# --- kind ANY


def test_any_prefers_a_real_access_hash(me: Session) -> None:
    """Kind ANY prefers a real access hash, then the newest seen_at, then user, chat, channel."""
    me.put(
        peer("user", 5, access_hash=0, seen_at=3),
        peer("chat", 5, min_access_hash=9, seen_at=9),
        peer("channel", 5, access_hash=-1, seen_at=1),
    )
    assert found(me.get(peer("any", 5))) == [("channel", 5)]


def test_any_prefers_the_newest(me: Session) -> None:
    """... then the newest seen_at ..."""
    me.put(peer("user", 5, seen_at=1), peer("chat", 5, seen_at=3), peer("channel", 5, seen_at=2))
    assert found(me.get(peer("any", 5))) == [("chat", 5)]
    me.put(peer("user", 6, access_hash=1, seen_at=1), peer("channel", 6, access_hash=2, seen_at=2))
    assert found(me.get(peer("any", 6))) == [("channel", 6)]


def test_any_then_prefers_user_chat_channel(me: Session) -> None:
    """... then user, chat, channel."""
    me.put(*(peer(kind, 5, seen_at=7) for kind in reversed(KINDS)))
    assert found(me.get(peer("any", 5), peer("any", 6), peer("user", 6))) == [("user", 5), None, None]
    me.delete(peer("user", 5))
    assert found(me.get(peer("any", 5))) == [("chat", 5)]


def test_any_among_exact_keys(me: Session) -> None:
    """Get accepts TGS_PEER_ANY, beside other keys."""
    me.put(peer("chat", 1), peer("user", 2))
    rows = me.get(peer("any", 1), peer("user", 1), peer("chat", 1), peer("any", 2), peer("any", 0))
    assert found(rows) == [("chat", 1), None, ("chat", 1), ("user", 2), None]


def test_any_is_not_for_delete(me: Session) -> None:
    """TGS_PEER_ANY: in look-ups and filters only."""
    me.put(peer("user", 1))
    with fails("invalid", index=0):
        me.delete(peer("any", 1))
    assert found(me.list("peer")) == [("user", 1)]


# --- access hashes


@pytest.mark.parametrize("again", [False, True], ids=["apart", "one put"])
def test_zero_never_replaces_a_real_access_hash(me: Session, again: bool) -> None:
    """A zero access_hash never replaces a stored one."""
    rows = [peer("user", 1, access_hash=-5), peer("user", 1, access_hash=0, first_name="A")]
    if again:
        me.put(*rows)
    else:
        for row in rows:
            me.put(row)
    stored = me.get_one(peer("user", 1))
    assert (stored["access_hash"], stored["first_name"]) == (-5, "A")


def test_zero_is_stored_where_nothing_is(me: Session) -> None:
    """Bit set with 0: that value, where no other is stored."""
    me.put(peer("user", 1, access_hash=0))
    assert me.get_one(peer("user", 1))["access_hash"] == 0
    me.put(peer("user", 1, access_hash=7))
    assert me.get_one(peer("user", 1))["access_hash"] == 7


def test_min_access_hash_never_stands_in(me: Session) -> None:
    """min_access_hash: from a "min" object; never stands in for access_hash."""
    me.put(peer("user", 1, min_access_hash=9))
    assert "access_hash" not in me.get_one(peer("user", 1))
    me.put(peer("user", 1, access_hash=5), peer("user", 1, min_access_hash=0))
    stored = me.get_one(peer("user", 1))
    assert (stored["access_hash"], stored["min_access_hash"]) == (5, 0)


# --- usernames


def names(me: Session, kind: str, id: int) -> list[str]:
    return list(me.get_one(peer(kind, id)).get("usernames", []))


@pytest.mark.parametrize("asked", ["telegram", "TELEGRAM", "@Telegram", "@tElEgRaM"])
def test_usernames_compare_without_case_and_at(me: Session, asked: str) -> None:
    """Names compare without ASCII case; a leading "@" is dropped."""
    me.put(peer("user", 777000, usernames=["@Telegram"]))
    assert names(me, "user", 777000) == ["Telegram"]
    assert found(me.by_username(asked)) == [("user", 777000)]


def test_only_ascii_is_folded(me: Session) -> None:
    """ASCII case is folded, and nothing else: servers compare bytes."""
    me.put(peer("user", 1, usernames=["Ärger"]))
    assert found(me.by_username("Ärger", "äRGER", "ärger")) == [("user", 1), None, None]


def test_only_one_at_is_dropped(me: Session) -> None:
    """A leading "@" is dropped."""
    me.put(peer("user", 1, usernames=["@@x"]))
    assert names(me, "user", 1) == ["@x"]
    assert found(me.by_username("x", "@@X")) == [None, ("user", 1)]


def test_username_look_up_in_the_order_asked(me: Session) -> None:
    """n_usernames rows in the order asked; TGS_ROW_FOUND tells which exist."""
    me.put(peer("user", 1, usernames=["a", "b"]), peer("channel", 2, usernames=["c"], first_name="C"))
    rows = me.by_username("c", "nobody", "b", "a", "@A")
    assert found(rows) == [("channel", 2), None, ("user", 1), ("user", 1), ("user", 1)]
    assert rows[0]["first_name"] == "C" and rows[0]["usernames"] == ["c"]
    assert me.by_username() == []


def test_a_username_has_one_owner(me: Session) -> None:
    """A put that carries a name takes it from whoever had it."""
    me.put(peer("user", 1, usernames=["first", "Shared", "last"]))
    me.put(peer("channel", 2, usernames=["sHARED"]))
    assert found(me.by_username("shared")) == [("channel", 2)]
    assert names(me, "user", 1) == ["first", "last"]
    assert names(me, "channel", 2) == ["sHARED"]


def test_within_a_batch_the_later_row_wins(me: Session) -> None:
    """Last commit wins; within a batch, the later row."""
    me.put(
        peer("user", 1, usernames=["x", "a"]),
        peer("chat", 1, usernames=["b", "x"]),
        peer("user", 2, usernames=["X"]),
    )
    assert found(me.by_username("x")) == [("user", 2)]
    assert (names(me, "user", 1), names(me, "chat", 1), names(me, "user", 2)) == (["a"], ["b"], ["X"])


def test_within_a_batch_an_earlier_key_may_come_again(me: Session) -> None:
    """The later row wins, also where its key has come before."""
    me.put(
        peer("user", 1, usernames=["x"]), peer("user", 2, usernames=["x"]), peer("user", 1, usernames=["x"])
    )
    assert found(me.by_username("x")) == [("user", 1)]
    assert names(me, "user", 2) == []


def test_names_swapped_in_one_batch(me: Session) -> None:
    """Two peers may exchange their names in one put."""
    me.put(peer("user", 1, usernames=["a"]), peer("user", 2, usernames=["b"]))
    me.put(peer("user", 1, usernames=["b"]), peer("user", 2, usernames=["a"]))
    assert found(me.by_username("a", "b")) == [("user", 2), ("user", 1)]
    assert (names(me, "user", 1), names(me, "user", 2)) == (["b"], ["a"])


def test_the_list_replaces_the_list(me: Session) -> None:
    """The list given replaces the peer's list; the first is the primary."""
    me.put(peer("user", 1, usernames=["a", "b"]))
    me.put(peer("user", 1, usernames=["c", "a"]))
    assert names(me, "user", 1) == ["c", "a"]
    assert found(me.by_username("a", "b", "c")) == [("user", 1), None, ("user", 1)]


@pytest.mark.parametrize("cleared", [[], None], ids=["empty", "null"])
def test_usernames_are_cleared(me: Session, cleared: list[str] | None) -> None:
    """An empty one clears it."""
    me.put(peer("user", 1, usernames=["a"]))
    me.put(peer("user", 1, first_name="A"))
    assert names(me, "user", 1) == ["a"]
    me.put(peer("user", 1, usernames=cleared))
    assert names(me, "user", 1) == []
    assert me.by_username("a") == [None]


def test_a_name_twice_in_one_list(me: Session) -> None:
    """A name that repeats in a list counts once, where it stands first."""
    me.put(peer("user", 1, usernames=["A", "b", "a", "@A"]))
    assert names(me, "user", 1) == ["A", "b"]


def test_many_usernames_keep_their_order(me: Session) -> None:
    """The list keeps its order, however long it is."""
    wanted = [f"name{n * 7919 % 100:02}" for n in range(100)]
    me.put(peer("user", 1, usernames=wanted))
    assert names(me, "user", 1) == wanted


def test_deleting_a_peer_drops_its_names(me: Session) -> None:
    """Deleting a peer drops its names and its phone."""
    me.put(peer("user", 1, usernames=["a"], phone="42"))
    me.delete(peer("user", 1))
    assert me.by_username("a") + me.by_phone("42") == [None, None]
    me.put(peer("user", 1))
    assert names(me, "user", 1) == []


@pytest.mark.parametrize("bad", ["", "@", "a\x01b", "a\nb"])
def test_usernames_that_are_none(me: Session, bad: str) -> None:
    """A name is not empty and has no control characters."""
    with fails("invalid", index=0):
        me.put(peer("user", 1, usernames=["ok", bad]))
    assert me.list("peer") == []


@pytest.mark.parametrize("bad", ["", "@", "a\x01b"])
def test_looking_for_usernames_that_are_none(me: Session, bad: str) -> None:
    """A name is not empty and has no control characters, in look-ups either; err->index tells which."""
    with fails("invalid", index=1):
        me.by_username("ok", bad)


def test_skipped_row_takes_no_names(me: Session) -> None:
    """A row whose condition fails is skipped, with its names."""
    me.put(peer("user", 1, usernames=["a"], phone="42"))
    me.put(peer("user", 2, usernames=["a"], phone="42", flags=["if_present"]))
    assert found(me.by_username("a") + me.by_phone("42")) == [("user", 1), ("user", 1)]


def test_a_look_up_may_give_a_maximum_age(me: Session) -> None:
    """max_age_ms > 0: a name counts only if a put carried it within that time, to a minute."""
    ten_minutes = 600_000
    me.put(peer("user", 1, usernames=["old"], phone="42", seen_at=now_ms() - ten_minutes))
    assert found(me.by_username("old", max_age_ms=2 * ten_minutes)) == [("user", 1)]
    assert me.by_username("old", max_age_ms=ten_minutes // 2) == [None]
    assert me.by_phone("42", max_age_ms=ten_minutes // 2) == [None]
    me.put(peer("user", 1, first_name="A"))
    assert me.by_username("old", max_age_ms=1000) == [None], (
        "a put that does not carry the name does not refresh it"
    )
    assert found(me.by_username("old")) == [("user", 1)]
    me.put(peer("user", 1, usernames=["old"], phone="42"))
    assert found(me.by_username("old", max_age_ms=1) + me.by_phone("42", max_age_ms=1)) == [("user", 1)] * 2


def test_maximum_ages_at_their_ends(me: Session) -> None:
    """max_age_ms > 0; the largest is no limit, a negative one is INVALID."""
    me.put(peer("user", 1, usernames=["old"], seen_at=1))
    assert found(me.by_username("old", max_age_ms=2**63 - 1)) == [("user", 1)]
    with fails("invalid"):
        me.by_username("old", max_age_ms=-1)


def test_a_peer_that_is_seen_again_is_known_as_seen_to_a_minute(me: Session) -> None:
    """A put that changes nothing else may leave a seen_at that is less than a minute old, but no older one."""
    everything = {"usernames": ["a"], "phone": "42", "access_hash": 7, "first_name": "A"}
    me.put(peer("user", 1, **everything, seen_at=now_ms() - 600_000))
    before = now_ms()
    for _ in range(2):
        results = me.put(peer("user", 1, **everything))
        assert [result.applied for result in results] == [1]
        assert me.get_one(peer("user", 1))["seen_at"] >= before - 60_000
        assert found(me.by_username("a", max_age_ms=1) + me.by_phone("42", max_age_ms=1)) == [("user", 1)] * 2


def test_a_time_in_the_future_does_not_stay(me: Session) -> None:
    """After a clock that was ahead, a put sets seen_at right."""
    me.put(peer("user", 1, seen_at=now_ms() + 3_600_000))
    me.put(peer("user", 1))
    assert me.get_one(peer("user", 1))["seen_at"] <= now_ms() + 60_000


@pytest.mark.parametrize(
    "change",
    [
        {"access_hash": 8},
        {"first_name": "B"},
        {"first_name": None},
        {"usernames": ["A"]},
        {"usernames": ["a", "b"]},
        {"usernames": []},
        {"phone": "43"},
        {"subtype": "bot"},
        {"seen_at": 5},
        {"seen_at": None},
        {"last_name": ""},
    ],
    ids=str,
)
def test_whatever_changes_is_stored_at_once(me: Session, change: dict[str, Any]) -> None:
    """Only a put that changes nothing but times may be left out."""
    row = {"access_hash": 7, "usernames": ["a"], "phone": "42", "first_name": "A", "subtype": "none"}
    me.put(peer("user", 1, **row))
    me.put(peer("user", 1, **{**row, **change}))
    stored = me.get_one(peer("user", 1))
    for name, value in change.items():
        assert stored.get(name) == (None if value == [] else value)


def test_an_imported_name_has_the_rows_age(me: Session) -> None:
    """Each name of the list gets seen_at = the row's seen_at if that is given."""
    me.put(peer("user", 1, usernames=["a"], phone="42", seen_at=1700000000000))
    assert me.by_username("a", max_age_ms=1000) + me.by_phone("42", max_age_ms=1000) == [None, None]
    assert found(me.by_username("a") + me.by_phone("42")) == [("user", 1)] * 2


def test_usernames_and_phone_have_ages_of_their_own(me: Session) -> None:
    """A put refreshes the names it carries, and no others."""
    me.put(peer("user", 1, usernames=["a"], phone="42", seen_at=1000))
    me.put(peer("user", 1, phone="42"))
    assert me.by_username("a", max_age_ms=60000) == [None]
    assert found(me.by_phone("42", max_age_ms=60000)) == [("user", 1)]
    me.put(peer("user", 1, usernames=["a"], seen_at=1000))
    assert found(me.by_phone("42", max_age_ms=60000)) == [("user", 1)], "though the peer's seen_at is old again"
    assert me.by_username("a", max_age_ms=60000) == [None]


@pytest.mark.parametrize("seen_at", [None, 0, -5])
def test_a_name_has_an_age_whatever_its_peer_has(me: Session, seen_at: int | None) -> None:
    """seen_at may be cleared, 0 or negative: then a name is as old as its put, or as that says."""
    me.put(peer("user", 1, usernames=["a"], seen_at=seen_at))
    assert found(me.by_username("a")) == [("user", 1)]
    fresh = [("user", 1)] if seen_at is None else [None]
    assert found(me.by_username("a", max_age_ms=60000)) == fresh
    me.put(peer("user", 1, first_name="A"))
    assert found(me.by_username("a", max_age_ms=60000)) == fresh
    me.put(peer("user", 1, seen_at=None))
    assert found(me.by_username("a", max_age_ms=60000)) == fresh
    assert found(me.by_username("a")) == [("user", 1)]


# --- phones


@pytest.mark.parametrize("asked", ["42777", "+42 777", "4-2.7(7)7"])
def test_phones_are_digits(me: Session, asked: str) -> None:
    """phone: digits; "+", spaces, "-", "(", ")" and "." are dropped."""
    me.put(peer("user", 1, phone="+42 (7)-7.7"))
    assert me.get_one(peer("user", 1))["phone"] == "42777"
    assert found(me.by_phone(asked)) == [("user", 1)]


@pytest.mark.parametrize("bad", ["abc", "42x", "+", " ", "٤٢"])
def test_phones_that_are_none(me: Session, bad: str) -> None:
    """Anything but digits and what is dropped is INVALID."""
    with fails("invalid", index=0):
        me.put(peer("user", 1, phone=bad))
    with fails("invalid"):
        me.by_phone(bad)
    assert me.list("peer") == []


def test_a_phone_has_one_owner(me: Session) -> None:
    """Phones have one owner, too."""
    me.put(peer("user", 1, phone="42"))
    me.put(peer("user", 2, phone="42"))
    assert found(me.by_phone("42", "43")) == [("user", 2), None]
    assert "phone" not in me.get_one(peer("user", 1))
    me.put(peer("user", 2, phone="43"), peer("user", 1, phone="42"))
    assert found(me.by_phone("42", "43")) == [("user", 1), ("user", 2)]


@pytest.mark.parametrize("cleared", ["", None], ids=["empty", "null"])
def test_a_phone_is_cleared(me: Session, cleared: str | None) -> None:
    """Phones follow the same rule as usernames: an empty one clears."""
    me.put(peer("user", 1, phone="42"))
    me.put(peer("user", 1, phone=cleared))
    assert not me.get_one(peer("user", 1)).get("phone")
    assert me.by_phone("42") == [None]


def test_names_belong_to_a_session(me: Session, store: Any) -> None:
    """A username has one owner in a session; another session has its own."""
    other: Session = store.session("other")
    rows: list[Row] = [
        peer("user", 1, usernames=["a"], phone="1"),
        peer("user", 2, usernames=["a"], phone="1"),
    ]
    me.put(rows[0])
    other.put(rows[1])
    assert found(me.by_username("a") + me.by_phone("1")) == [("user", 1)] * 2
    assert found(other.by_username("a") + other.by_phone("1")) == [("user", 2)] * 2
