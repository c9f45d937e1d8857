# SPDX-License-Identifier: Apache-2.0
"""The command, and stores to use it on."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "conformance"))

from api import (  # noqa: E402
    Session,
    Store,
    conversation,
    dc_auth,
    dedup,
    item,
    kv,
    peer,
    session_data,
    update_state,
)
from command import API_HASH, AUTH_KEY, Tool  # noqa: E402
from driver import Subprocess  # noqa: E402


@pytest.fixture(scope="session")
def tool(build: Path) -> Tool:
    program = Path(os.environ.get("TGSTORE_CLI", build / "cli" / "tgstore"))
    assert program.exists(), f"{program} was not built: configure with -Dcli=enabled"
    return Tool(program)


@pytest.fixture(scope="session")
def fixtures(source: Path) -> Path:
    return source / "tests" / "fixtures"


@pytest.fixture(scope="session")
def strings(fixtures: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Session strings by format and account."""
    listed = json.loads((fixtures / "strings.json").read_text())["strings"]
    return {(each["format"], each["account"]): each for each in listed if "account" in each}


@pytest.fixture
def open_store(
    build: Path, tmp_path: Path
) -> Iterator[Callable[[str], contextlib.AbstractContextManager[Store]]]:
    """Open a store through the library, to fill it or to look what is in it."""
    driver = Subprocess(
        [str(build / "tests" / "conformance" / "conformance-c-driver")], tmp_path / "driver.stderr"
    )

    @contextlib.contextmanager
    def opened(url: str) -> Iterator[Store]:
        store = Store.open(driver, url)
        try:
            yield store
        finally:
            store.close()

    yield opened
    driver.close()


def fill(me: Session) -> None:
    """Some rows of every record."""
    me.put(
        session_data(dc=2, api_id=6, api_hash=API_HASH, auth_key=AUTH_KEY, user_id=5012345678, is_bot=False,
                     test_mode=False, first_name="Zoë", address="149.154.167.51", port=443)
    )  # fmt: skip
    me.put(dc_auth(2, auth_key=AUTH_KEY, salt=-5), dc_auth(4, auth_key=AUTH_KEY[::-1]))
    me.put(
        peer(
            "user",
            777000,
            access_hash=-5,
            usernames=["telegram"],
            first_name="Telegram",
            seen_at=1700000000000,
        ),
        peer("user", 5, access_hash=7, phone="491701234567", first_name="Анна", last_name="Кузнецова"),
        peer("user", 6, access_hash=8, first_name="evil\n\x1b[31mname", usernames=["anna_b"]),
        peer("chat", 5, first_name="Family"),
        peer("channel", 1234567890, access_hash=-(1 << 63), subtype="broadcast", first_name="News"),
    )
    me.put(
        update_state(pts=10, qts=2, date=1700000000, seq=3), update_state(1234567890, pts=77, access_hash=9)
    )
    me.put(dedup("update:1"), dedup("update:2"))
    me.put(*(item(f"item-{i}", lane="a", payload=bytes([i]), delay_ms=60000 - 1000 * i) for i in range(5)))
    me.put(item("now", payload=b"x", max_attempts=3))
    me.put(conversation(5, 5, name="order", step="size", data=b"{}"), conversation(6, step_number=3))
    me.put(kv("scope", "key", value=b"\x00\xff"), kv("scope", "other", value=b""))


@pytest.fixture
def store(open_store: Any, tmp_path: Path) -> str:
    """URL of a store with the sessions "main", with rows of every record, and "second", nearly empty."""
    url = f"sqlite:{tmp_path}/bot.db"
    with open_store(url) as opened:
        fill(opened.session("main"))
        opened.session("second").put(session_data(dc=4, user_id=1))
    return url
