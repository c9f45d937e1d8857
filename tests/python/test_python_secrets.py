# SPDX-License-Identifier: Apache-2.0
"""Nothing that Python shows by itself has a secret in it, and the binding keeps no copies of any."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
import random
import secrets
import subprocess
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

import tgstore
import tgstore.aio

KEY = random.Random(7).randbytes(256)
API_HASH = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
ACCOUNT = {"dc": 2, "port": 443, "address": "149.154.167.51", "auth_key": KEY, "api_hash": API_HASH}


def shown_secrets(text: str) -> list[str]:
    forms = [API_HASH, KEY.hex(), base64.b64encode(KEY).decode(), base64.urlsafe_b64encode(KEY).decode()]
    forms += [repr(KEY)[2:-1], str(list(KEY))[1:-1]]
    return [form for form in forms for i in range(0, len(form) - 16, 4) if form[i : i + 16] in text]


def test_what_is_looked_for() -> None:
    assert shown_secrets(f"... {KEY!r}") and shown_secrets(API_HASH) and not shown_secrets("<secret, 256>")


@pytest.fixture
def snapshot(session: tgstore.Session) -> Iterator[tgstore.Snapshot]:
    session.put([tgstore.SessionData(**ACCOUNT), tgstore.DcAuth(4, auth_key=KEY)])
    with tgstore.Snapshot.from_session(session) as made:
        yield made


def test_objects_do_not_show_them(
    store: tgstore.Store, session: tgstore.Session, snapshot: tgstore.Snapshot
) -> None:
    with session.batch() as batch:
        batch.put([tgstore.DcAuth(2, auth_key=KEY)])
        things: list[object] = [
            store, session, snapshot, batch, session.data(), session.get([tgstore.DcAuth(4)]),
            snapshot.session, snapshot.dc_auths, snapshot.notes, list(store.sessions()), store.stats(),
            tgstore.SessionData(**ACCOUNT), [tgstore.DcAuth(1, auth_key=KEY)],
        ]  # fmt: skip
        for thing in things:
            assert not shown_secrets(f"{thing!r} {thing!s}"), thing


def failures(session: tgstore.Session) -> Iterator[Exception]:
    text = "1" + base64.urlsafe_b64encode(bytes(7) + KEY).decode()
    calls = [
        lambda: session.put([tgstore.SessionData(auth_key=KEY + b"x", api_hash=API_HASH)]),
        lambda: session.put([tgstore.SessionData(auth_key=KEY[1:], api_hash=API_HASH)]),
        lambda: session.put([tgstore.SessionData(api_hash=API_HASH + "\0")]),
        lambda: session.put([tgstore.SessionData(api_hash=API_HASH + "\udc80")]),
        lambda: session.put([tgstore.SessionData(auth_key=KEY.hex())]),  # type: ignore[arg-type]
        lambda: session.put([tgstore.SessionData(api_hash=API_HASH.encode())]),  # type: ignore[arg-type]
        lambda: session.put([tgstore.DcAuth(2, auth_key=KEY, flags=1 << 20)]),
        lambda: tgstore.Snapshot.from_text(text[:-9]),
        lambda: tgstore.Snapshot.from_text(text + "*"),
        lambda: tgstore.Snapshot.from_file(text),
        lambda: tgstore.open(text),
        lambda: tgstore.open(f"memory:?password={API_HASH}"),
        lambda: tgstore.open("memory:", password=API_HASH),
    ]
    for i, call in enumerate(calls):
        try:
            call()
        except Exception as error:
            yield error
        else:
            pytest.fail(f"call {i} went well")


def test_errors_do_not_show_them(session: tgstore.Session) -> None:
    for error in failures(session):
        told = "".join(traceback.format_exception(error))
        assert not shown_secrets(f"{error!r} {error!s} {error.args} {told}"), told


def test_warnings_do_not_show_them() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        store = tgstore.open("memory:")
        store.session("main").put([tgstore.SessionData(**ACCOUNT)])
        del store
    assert caught and not shown_secrets(" ".join(str(each.message) for each in caught))


def test_asyncio_does_not_log_them(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Not even where it logs all that it does."""

    async def use() -> None:
        asyncio.get_running_loop().slow_callback_duration = 0
        async with await tgstore.aio.open(f"sqlite:{tmp_path}/bot.db") as store:
            me = store.session("main")
            await me.put([tgstore.SessionData(**ACCOUNT), tgstore.DcAuth(4, auth_key=KEY)])
            await me.data()
            with contextlib.suppress(tgstore.Error):
                await me.put([tgstore.SessionData(auth_key=KEY[1:])])
            snapshot = await tgstore.aio.Snapshot.from_session(me)
            text = snapshot.to_text("telethon")
            tgstore.aio.Snapshot.from_text(text).close()
            with contextlib.suppress(tgstore.Error):
                await tgstore.aio.open(f"memory:?password={API_HASH}")

    with caplog.at_level(logging.DEBUG):
        asyncio.run(use(), debug=True)
    assert "Executing" in caplog.text  # it did log
    assert not shown_secrets(caplog.text)


# --- memory


PROGRAM = """
import gc, os, sys
import tgstore
keys = bytes.fromhex(sys.stdin.readline())
key, other = keys[:256], keys[256:]
with tgstore.open("memory:") as store, tgstore.open("sqlite:" + sys.argv[1]) as database:
    for each in (store, database):
        me = each.session("main")
        me.put([tgstore.SessionData(dc=2, port=443, address="149.154.167.51", auth_key=key)])
        me.put([tgstore.SessionData(api_hash=key[:16].hex())])
        me.put([tgstore.DcAuth(2, auth_key=other), tgstore.DcAuth(3, auth_key=key)])
        with me.batch() as batch:
            batch.put([tgstore.DcAuth(4, auth_key=other)])
        for bad in (key[1:], key + b"x"):
            try: me.put([tgstore.DcAuth(5, auth_key=other), tgstore.DcAuth(6, auth_key=bad)])
            except tgstore.InvalidError: pass
            else: raise SystemExit("it was taken")
        assert me.data().auth_key == key
        assert me.get([tgstore.DcAuth(2)])[0].auth_key == other
        with tgstore.Snapshot.from_session(me) as snapshot:
            with tgstore.Snapshot.from_text(snapshot.to_text("telethon")) as again:
                assert again.session.auth_key == key
"""


def test_the_binding_keeps_no_copies(build: Path, tmp_path: Path) -> None:
    """All that is left in memory was allocated by Python itself, or is SQLite's."""
    tests = build / "tests" / "secrets"
    keys = secrets.token_bytes(512)
    (tmp_path / "secrets").write_text(f"KEY {keys[:256].hex()}\nOTHER {keys[256:].hex()}\n")
    done = subprocess.run(
        [tests / "look_after", tests / "libkeeper.so", tmp_path / "secrets", tmp_path / "findings",
         sys.executable, "-c", PROGRAM, tmp_path / "bot.db"],
        input=keys.hex() + "\n", text=True, capture_output=True, timeout=60,
        env={**os.environ, "PYTHONMALLOC": "malloc", "PYTHONPATH": str(Path(tgstore.__file__).parent.parent)},
    )  # fmt: skip
    assert done.returncode == 0, done
    found = [line.split("\t") for line in (tmp_path / "findings").read_text().splitlines()]
    callers = {Path(caller).name for _, _, caller, _ in found}
    assert any("python" in caller for caller in callers), "Python's own copies were not seen"
    assert not [caller for caller in callers if "tgstore" in caller or "lowlevel" in caller]
