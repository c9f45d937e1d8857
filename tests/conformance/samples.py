# SPDX-License-Identifier: Apache-2.0
"""For each member that a put can merge: two values and the zero one."""

from __future__ import annotations

from typing import Any

from api import Row, conversation, dc_auth, kv, peer, session_data, update_state

AUTH_KEY = bytes(range(256))
OTHER_AUTH_KEY = AUTH_KEY[::-1]
FAR = 4102444800000  # the year 2100, in ms

KEYS: dict[str, Row] = {
    "session": session_data(),
    "dc_auth": dc_auth(2),
    "peer": peer("user", 777000),
    "update_state": update_state(5),
    "conversation": conversation(-100, 5),
    "kv": kv("scope", "key"),
}

_TEXT = ("Zoë", "x" * 1000, "")
_NUMBER = (7, -(1 << 63), 0)
_BLOB = (b"\x00\xff blob", b"y" * 1000, b"")

MEMBERS: dict[str, dict[str, tuple[Any, Any, Any]]] = {
    "session": {
        "dc": (2, 203, 0),
        "test_mode": (True, True, False),
        "is_bot": (True, True, False),
        "port": (443, 65535, 0),
        "status": ("active", "banned", "unknown"),
        "api_id": (6, (1 << 63) - 1, 0),
        "date": _NUMBER,
        "auth_key": (AUTH_KEY, OTHER_AUTH_KEY, b""),
        "state": _BLOB,
        "api_hash": ("014b35b6184100b085b0d0572f9b5103", "x", ""),
        "first_name": _TEXT,
        "last_name": _TEXT,
        "username": ("durov", "Durov_2", ""),
        "phone": ("42777", "123456789012345", ""),
        "address": ("149.154.167.50", "2001:67c:4e8:f002::a", ""),
    },
    "dc_auth": {
        "port": (443, 65535, 0),
        "salt": _NUMBER,
        "expires": (FAR, FAR + 1, 0),
        "auth_key": (AUTH_KEY, OTHER_AUTH_KEY, b""),
        "address": ("149.154.167.50", "host.example", ""),
    },
    "peer": {
        "access_hash": (-5, (1 << 63) - 1, None),
        "min_access_hash": _NUMBER,
        "photo_id": _NUMBER,
        "seen_at": (1700000000000, 1, 0),
        "subtype": ("bot", "community", "none"),
        "usernames": (["Telegram", "second"], ["third"], None),
        "phone": ("42777", "123456789012345", None),
        "first_name": _TEXT,
        "last_name": _TEXT,
        "language": ("de", "pt-br", ""),
    },
    "update_state": {
        "pts": (5, 6, None),
        "qts": (5, (1 << 63) - 1, None),
        "date": (1700000000, 1700000001, None),
        "seq": (5, 6, None),
        "access_hash": (-5, 9, None),
    },
    "conversation": {
        "name": _TEXT,
        "step": _TEXT,
        "step_number": _NUMBER,
        "data": _BLOB,
        "created": (1700000000000, 1, 0),
        "updated": (1700000000000, 1, 0),
        "expires": (FAR, FAR + 1, 0),
    },
    "kv": {
        "value": _BLOB,
        "expires": (FAR, FAR + 1, 0),
    },
}

MERGED = [(record, member) for record, members in MEMBERS.items() for member in members]
"""Where the third value is None, a rule of its own says what a zero does (test_peers.py,
test_update_states.py).
"""
ZEROED = [(record, member) for record, member in MERGED if MEMBERS[record][member][2] is not None]


def row_with(record: str, **members: Any) -> Row:
    return Row(record, {**KEYS[record], **members})


def full_row(record: str, which: int = 0) -> Row:
    """All members that can stand together."""
    members = {name: values[which] for name, values in MEMBERS[record].items() if name != "step_number"}
    return row_with(record, **members)
