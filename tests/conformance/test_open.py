# SPDX-License-Identifier: Apache-2.0
"""Opening a store: URLs, options, files and their permissions."""

from __future__ import annotations

import os
import random
import stat
from pathlib import Path
from typing import Any

import pytest
from api import Store, fails, kv, peer
from driver import Driver, Subprocess

ROW = kv("s", "k", value=b"v")
NOBODY = 65534
files = pytest.mark.needs("files")
sqlite = pytest.mark.needs("sqlite")
as_nobody = pytest.mark.needs("root", "become", "files")


def nobody(backend: Any) -> Subprocess:
    driver: Subprocess = backend.spawn()
    driver.request("become", user=NOBODY)
    return driver


@pytest.mark.parametrize("url", ["nosuchthing:x", "http://example.org/", "sqlite2:x"])
def test_unknown_scheme(driver: Driver, url: str) -> None:
    """UNSUPPORTED (no such back end); the message names the thing."""
    with fails("unsupported", says=[url.split(":")[0]]):
        Store.open(driver, url)


@pytest.mark.parametrize(
    "url",
    ["", "memory", ":", ":memory:", "/tmp/bot.db", "1memory:", "Memory:", "mem_ory:", "memoRy:", f"{33 * 'm'}:"],
)
def test_no_scheme(driver: Driver, url: str) -> None:
    """A URL has a scheme: "memory:", "sqlite:bot.db"."""
    with fails("invalid"):
        Store.open(driver, url)


def test_unknown_parameter(backend: Any) -> None:
    """Unknown or malformed ones are INVALID; the message names it."""
    with fails("invalid", says=["nosuch"]):
        backend.open(nosuch="1")
    with fails("invalid", says=["nosuch"]):
        backend.open(f"{backend.url}?nosuch=1")


@pytest.mark.parametrize("name", ["timeout_ms", "dedup_ttl_ms", "done_ttl_ms", "dead_ttl_ms"])
@pytest.mark.parametrize("value", ["", "x", "1x", " 1", "1.5", "99999999999999999999", "-2"])
def test_malformed_option(backend: Any, name: str, value: str) -> None:
    """Malformed ones are INVALID."""
    with fails("invalid", says=[name]):
        backend.open(**{name: value})


def test_no_time_at_all(backend: Any) -> None:
    """timeout_ms: -1 is no limit; 0 would leave no time for any call, and is INVALID."""
    with fails("invalid", says=["timeout_ms"]):
        backend.open(timeout_ms="0")
    assert backend.open(timeout_ms="-1").session().list("kv") == []


def test_too_many_options(backend: Any) -> None:
    """No more options than TGS_MAX_ROWS."""
    with fails("too large"):
        backend.open(**{f"option{n}": "1" for n in range(4097)})


def test_parameter_of_the_url(backend: Any) -> None:
    """options: the same as parameters after "?" in the URL, which they override."""
    me = backend.open(f"{backend.url}?timeout_ms=100").session()
    me.acquire()
    with fails("busy"):
        me.acquire(wait_ms=3_600_000)
    with fails("invalid", says=["timeout_ms"]):
        backend.open(f"{backend.url}?timeout_ms=x")
    backend.open(f"{backend.url}?timeout_ms=x", timeout_ms=100).close()


@pytest.mark.parametrize("parameters", ["timeout_ms", "=1", "timeout_ms=%4", "timeout_ms=%zz"])
def test_malformed_parameters(backend: Any, parameters: str) -> None:
    """Malformed ones are INVALID."""
    with fails("invalid"):
        backend.open(f"{backend.url}?{parameters}")


def test_store_info(backend: Any, store: Store) -> None:
    """The back end's name; TGS_CAP_* bits."""
    assert store.backend == backend.kind.name
    assert store.capabilities <= {"durable", "shared", "network", "read_only", "backup"}
    assert "read_only" not in store.capabilities


def test_url_from_a_file(backend: Any, tmp_path: Path) -> None:
    """ "@FILE" takes the URL from a file."""
    (tmp_path / "url").write_text(f"{backend.url}\n")
    store = backend.open(f"@{tmp_path}/url")
    assert store.backend == backend.kind.name
    with fails("unavailable", says=["nothing"]):
        backend.open(f"@{tmp_path}/nothing")


def test_url_from_the_environment(backend: Any) -> None:
    """ "env:NAME" takes the URL from an environment variable."""
    driver = backend.spawn(env={"TGSTORE_TEST_URL": backend.url})
    assert backend.open("env:TGSTORE_TEST_URL", driver=driver).backend == backend.kind.name
    for name in ("TGSTORE_TEST_NOTHING", ""):
        with fails("invalid", says=[name, "not set"]):
            backend.open(f"env:{name}", driver=driver)


@pytest.mark.needs("durable")
def test_what_was_written_is_there_again(backend: Any) -> None:
    """TGS_CAP_DURABLE: survives the process, and all the more a close."""
    store = backend.open()
    store.session("a").put(ROW)
    store.session("a").put(peer("user", 1, usernames=["a"], phone="42"))
    version = store.session("a").put_one(kv("s", "other", value=b"")).version
    store.close()
    me = backend.open().session("a")
    assert me.get_one(ROW)["value"] == b"v" and version == 0
    assert [row["id"] for row in me.by_username("a") + me.by_phone("42")] == [1, 1]


# --- files


@files
def test_file_is_private(backend: Any) -> None:
    """0600 from creation, whatever the umask."""
    before = os.umask(0)
    try:
        backend.open().session().put(ROW)
    finally:
        os.umask(before)
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in backend.path.parent.iterdir()
        if path.is_file()
    }
    ours = {name: mode for name, mode in modes.items() if name.startswith(backend.path.name)}
    assert ours and set(ours.values()) == {0o600}, ours


@files
def test_path_is_a_folder(backend: Any) -> None:
    """A path that is a directory: the documented status, a message that names the thing, nothing changed."""
    backend.path.mkdir()
    with fails("unavailable", says=[backend.path.name]):
        backend.open()
    assert list(backend.path.iterdir()) == []


@files
def test_folder_is_not_there(backend: Any) -> None:
    """UNAVAILABLE: no such file; the message names it."""
    scheme = backend.url.split(":")[0]
    with fails("unavailable", says=["none"]):
        backend.open(f"{scheme}:{backend.folder}/none/db")


@files
@pytest.mark.parametrize(
    "content",
    [b"hello, world", b"\0" * 4096, b"SQLite format 3\0" + b"\xff" * 4080, random.Random(1).randbytes(8192)],
    ids=["text", "zeros", "broken", "encrypted"],
)
def test_file_is_not_ours(backend: Any, content: bytes) -> None:
    """CORRUPT (not a database, or not one of ours); the file is left as it is."""
    backend.path.write_bytes(content)
    with fails("corrupt", says=[backend.path.name]):
        backend.open()
    assert backend.path.read_bytes() == content


@files
@pytest.mark.parametrize("share", [0.01, 0.5, 0.9])
def test_file_that_is_cut_off(backend: Any, share: float) -> None:
    """CORRUPT (stored data can't be decoded), never an empty store; the file is left as it is."""
    store = backend.open()
    store.session().put(*(peer("user", n, first_name="x" * 100) for n in range(1000)))
    store.close()
    content = backend.path.read_bytes()
    content = content[: int(len(content) * share)]
    backend.path.write_bytes(content)
    with fails("corrupt", says=[backend.path.name]):
        backend.open().session().list("peer")
    assert backend.path.read_bytes() == content


@files
def test_special_characters_in_a_path(backend: Any) -> None:
    """In paths and values "%41" is "A"."""
    scheme = backend.url.split(":")[0]
    folder = backend.folder / "a b?#é%"
    folder.mkdir()
    escaped = str(folder).replace("%", "%25").replace("?", "%3F")
    backend.open(f"{scheme}:{escaped}/d%42.db").session().put(ROW)
    assert (folder / "dB.db").exists()


@files
@pytest.mark.parametrize("escape", ["%00", "%4", "%zz"])
def test_malformed_escapes(backend: Any, escape: str) -> None:
    """A path never has a NUL inside; a malformed escape is INVALID."""
    with fails("invalid"):
        backend.open(f"{backend.url}{escape}")


@as_nobody
def test_file_of_somebody_else(backend_in_the_open: Any) -> None:
    """AUTH (permissions)."""
    backend = backend_in_the_open
    backend.open().session().put(ROW)
    driver = nobody(backend)
    with fails("auth", says=[backend.path.name]):
        backend.open(driver=driver).session().put(ROW)


@as_nobody
def test_folder_without_write_permission(backend_in_the_open: Any) -> None:
    """A directory without write permission: AUTH, and nothing is made."""
    backend = backend_in_the_open
    os.chmod(backend.folder, 0o555)
    driver = nobody(backend)
    with fails("auth", says=[backend.path.name]):
        backend.open(driver=driver).session().put(ROW)
    assert not backend.path.exists()


@files
@pytest.mark.needs("durable")
def test_full_disk(backend: Any) -> None:
    """NO_SPACE: nothing is changed, and once there is room again all goes on."""
    switch = backend.folder / "full"
    library = backend.built("libconformance-full-disk.so")
    driver = backend.spawn(env={"LD_PRELOAD": str(library), "TGSTORE_TEST_FULL_DISK": str(switch)})
    me = backend.open(driver=driver).session()
    me.put(kv("s", "before", value=b"x"))
    switch.touch()
    with fails("no space") as seen:
        me.put(*(kv("s", f"{n}", value=bytes(100_000)) for n in range(50)))
    assert seen[0].retryable and seen[0].outcome == "not_applied"
    assert [row["key"] for row in me.list("kv")] == ["before"]
    switch.unlink()
    me.put(kv("s", "after", value=b"x"))
    assert [row["key"] for row in me.list("kv")] == ["after", "before"]


# --- SQLite's own options


@sqlite
@pytest.mark.parametrize("mode", ["rw", "ro"])
def test_mode_without_a_file(backend: Any, mode: str) -> None:
    """UNAVAILABLE (no such file with mode rw or ro)."""
    with fails("unavailable", says=[backend.path.name]):
        backend.open(mode=mode)
    assert not backend.path.exists()


@sqlite
def test_read_only(backend: Any) -> None:
    """mode=ro: only read.  TGS_CAP_READ_ONLY; any write READ_ONLY."""
    writable = backend.open()
    writable.session().put(ROW)
    store = backend.open(mode="ro")
    me = store.session()
    assert "read_only" in store.capabilities and me.get_one(ROW)["value"] == b"v"
    for call in (
        lambda: me.put(ROW),
        lambda: me.claim(),
        lambda: me.acquire(),
        lambda: me.purge(),
        lambda: store.prune(),
    ):
        with fails("read only"):
            call()
    writable.session().put(kv("s", "later", value=b""))
    assert me.get_one(kv("s", "later")) is not None


@sqlite
@as_nobody
def test_read_only_folder(backend_in_the_open: Any) -> None:
    """Works in a read-only directory for reading (mode=ro)."""
    backend = backend_in_the_open
    store = backend.open()
    store.session().put(ROW)
    store.close()
    os.chmod(backend.path, 0o644)
    os.chmod(backend.folder, 0o555)
    driver = nobody(backend)
    me = backend.open(driver=driver, mode="ro").session()
    assert me.get_one(ROW)["value"] == b"v"
    assert sorted(path.name for path in backend.folder.glob("store.db*")) == ["store.db"]


@sqlite
@pytest.mark.parametrize("durability", ["full", "normal", "relaxed"])
def test_durability(backend: Any, durability: str) -> None:
    """durability: what survives a power cut; a killed process loses nothing in any of them."""
    driver = backend.spawn()
    me = backend.open(driver=driver, durability=durability).session()
    me.put(ROW)
    driver.kill()
    assert backend.open().session().get_one(ROW)["value"] == b"v"


@sqlite
def test_exclusive_is_for_one_process(backend: Any) -> None:
    """locking=exclusive: for this process alone until it closes, and without a -shm beside the file."""
    store = backend.open(locking="exclusive")
    me = store.session()
    me.put(ROW)
    assert me.get_one(ROW)["value"] == b"v"
    assert "shared" not in store.capabilities
    assert sorted(path.name for path in backend.folder.glob("store.db*")) == ["store.db", "store.db-wal"]
    other = backend.spawn()
    with fails("busy", says=["another program"]):
        backend.open(driver=other, timeout_ms=100).session().get_one(ROW)
    store.close()
    assert backend.open(driver=other).session().get_one(ROW)["value"] == b"v"


@sqlite
def test_a_killed_process_holds_no_exclusive_store(backend: Any) -> None:
    """A killed process loses nothing, and what it held is free."""
    driver = backend.spawn()
    backend.open(driver=driver, locking="exclusive").session().put(ROW)
    driver.kill()
    assert backend.open(locking="exclusive").session().get_one(ROW)["value"] == b"v"


@sqlite
def test_exclusive_waits_for_others_to_close(backend: Any) -> None:
    """BUSY, if another has the store open for the whole deadline."""
    store = backend.open()
    store.session().put(ROW)
    with fails("busy"):
        backend.open(driver=backend.spawn(), locking="exclusive", timeout_ms=100)


@sqlite
@pytest.mark.parametrize(
    "options",
    [
        {"locking": "x"},
        {"locking": "exclusive", "mode": "ro"},
        {"mode": "x"},
        {"mode": ""},
        {"durability": "none"},
        {"max_readers": "-1"},
        {"max_readers": "x"},
    ],
    ids=str,
)
def test_options_of_unknown_value(backend: Any, options: dict[str, str]) -> None:
    """Malformed ones are INVALID, and the message names the option."""
    with fails("invalid", says=list(options)[:1]):
        backend.open(**options)
    assert not backend.path.exists()


@sqlite
def test_newer_schema_is_refused_untouched(backend: Any) -> None:
    """UNSUPPORTED (a newer schema): refused untouched."""
    import sqlite3

    store = backend.open()
    store.session().put(ROW)
    store.close()
    with sqlite3.connect(backend.path) as database:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        database.execute(f"PRAGMA user_version = {version + 1}")
    database.close()
    before = backend.path.read_bytes()
    with fails("unsupported", says=["newer"]):
        backend.open()
    assert backend.path.read_bytes() == before


@sqlite
def test_database_of_another_program(backend: Any) -> None:
    """application_id checked: a database that is not one of ours is CORRUPT, and left as it is."""
    import sqlite3

    with sqlite3.connect(backend.path) as database:
        database.execute("CREATE TABLE theirs (x)")
    database.close()
    before = backend.path.read_bytes()
    with fails("corrupt"):
        backend.open()
    assert backend.path.read_bytes() == before
