# SPDX-License-Identifier: Apache-2.0
"""Secrets never appear in messages."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from api import Session, Store, dc_auth, fails, kv, session_data
from driver import Driver, Failure

SECRET = "s3cr3t-api-hash"
AUTH_KEY = b"KEYMATERIAL!" * 21 + b"KEY!"  # 256 bytes
FORMS = [SECRET, "KEYMATERIAL", AUTH_KEY.hex()[:16], base64.b64encode(AUTH_KEY).decode()[:12]]


def clean(seen: list[Any]) -> None:
    (failure,) = seen
    text = f"{failure.message} {failure.native} {failure.backend}".lower()
    for form in FORMS:
        assert form.lower() not in text, failure.message


def test_messages_of_refused_secrets(me: Session) -> None:
    """No message holds an auth key, an api_hash or a password: not when the secret itself is at fault."""
    assert len(AUTH_KEY) == 256
    rows = [
        session_data(auth_key=AUTH_KEY + b"x"),
        session_data(auth_key=AUTH_KEY[:-1], api_hash=SECRET),
        session_data(api_hash=SECRET.encode() + b"\xff"),
        session_data(api_hash=SECRET.encode() + b"\0"),
        dc_auth(2, auth_key=AUTH_KEY * 2),
        session_data(api_hash=SECRET, port=-1),
    ]
    for row in rows:
        with fails("invalid") as seen:
            me.put(row)
        clean(seen)


def test_messages_of_failed_writes(me: Session) -> None:
    """Not when a condition or a lease refuses the row."""
    secret = session_data(auth_key=AUTH_KEY, api_hash=SECRET, user_id=1)
    me.put(secret)
    with fails("conflict") as seen:
        me.put(session_data(auth_key=AUTH_KEY, api_hash=SECRET, user_id=2))
    clean(seen)
    with fails("conflict") as seen:
        me.put(session_data(auth_key=AUTH_KEY, api_hash=SECRET, flags=["if_absent", "require"]))
    clean(seen)
    me.acquire()
    with fails("fenced") as seen:
        me.put(secret)
    clean(seen)


@pytest.mark.parametrize(
    "url",
    [
        "nosuch://user:{secret}@host/db",
        "nosuch:x?password={secret}",
        "memory:?password={secret}",
        "memory:?{secret}",
    ],
)
def test_messages_about_urls(store: Store, url: str) -> None:
    """Passwords never come back in messages."""
    code = "unsupported" if url.startswith("nosuch") else "invalid"
    with fails(code) as seen:
        Store.open(store.driver, url.format(secret=SECRET))
    if "=" in url or "@" in url:
        clean(seen)


SESSION_STRING = "1" + base64.urlsafe_b64encode(bytes(7) + AUTH_KEY[::-1]).decode()


@pytest.mark.parametrize(
    ("op", "arguments"),
    [
        ("snapshot_from_text", {"text": SESSION_STRING[:-5]}),
        ("snapshot_from_file", {"path": SESSION_STRING}),
        ("snapshot_from_file", {"path": f"/tmp/{SESSION_STRING}"}),
        ("open", {"url": SESSION_STRING}),
        ("open", {"url": f"sqlite:{SESSION_STRING}"}),
        ("open", {"url": f"@{SESSION_STRING}"}),
        ("open", {"url": f"env:{SESSION_STRING}"}),
    ],
)
def test_messages_about_session_strings_in_a_wrong_place(
    driver: Driver, op: str, arguments: dict[str, str]
) -> None:
    """Not when a session string is taken for the name of a file or of a store."""
    with pytest.raises(Failure) as caught:
        driver.request(op, **arguments)
    message = caught.value.message
    assert message
    assert not [i for i in range(len(SESSION_STRING) - 11) if SESSION_STRING[i : i + 12] in message], message


def test_sessions_and_stats_hold_no_secrets(store: Store) -> None:
    """What is shown without asking for the record has no secrets."""
    store.session("a").put(session_data(auth_key=AUTH_KEY, api_hash=SECRET))
    store.session("a").put(kv("s", "k", value=b""))
    text = f"{store.sessions()} {store.stats()}"
    assert not [form for form in FORMS if form in text]
