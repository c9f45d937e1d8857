# SPDX-License-Identifier: Apache-2.0
"""Every session file and string that the real libraries wrote gives what it is known to hold."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

import tgstore

FIXTURES = Path(__file__).parent.parent / "fixtures"
MANIFEST = json.loads((FIXTURES / "manifest.json").read_text())
STRINGS = json.loads((FIXTURES / "strings.json").read_text())["strings"]
VECTORS = json.loads((FIXTURES / "session-vectors.json").read_text())
VECTOR_KEY = bytes((i * 7 + 3) & 255 for i in range(256))
FILES = {entry["file"]: entry for entry in MANIFEST["files"]}

CHANNEL_MARK = 10**12
SUBTYPES = {"user": "none", "bot": "bot", "group": "group", "channel": "broadcast", "supergroup": "supergroup"}
KINDS = {"user": "user", "bot": "user", "group": "chat", "channel": "channel", "supergroup": "channel"}


def of_expect(*kinds: str) -> list[str]:
    names = [name for name, entry in FILES.items() if entry["expect"] in kinds]
    assert names, f"the manifest has no file that expects {kinds}"
    return names


def folder_state(folder: Path) -> dict[str, tuple[str, int, int]]:
    return {
        path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns, path.stat().st_mode)
        for path in folder.iterdir()
    }


@pytest.fixture
def copy_of(tmp_path: Path):
    """Copies a fixture with its side files; in the end nothing of the copy may have changed."""
    folder = tmp_path / "copy"
    folder.mkdir()
    states = []

    def copy(name: str) -> Path:
        source = FIXTURES / name
        for suffix in ["", *FILES[name]["side_files"]]:
            shutil.copyfile(f"{source}{suffix}", folder / f"{source.name}{suffix}")
        states.append(folder_state(folder))
        return folder / source.name

    yield copy
    assert folder_state(folder) == states[-1], "reading changed the file or its folder"


def check_session(data: tgstore.SessionData, expected: dict[str, Any]) -> None:
    names = {"dc_id": "dc", "server_address": "address"}
    for key in ("dc_id", "server_address", "port", "user_id", "api_id", "is_bot", "test_mode"):
        if key in expected:
            value = expected[key] or None if key == "dc_id" else expected[key]
            assert data.get(names.get(key, key)) == value, key
    if "auth_key" in expected:
        key = expected["auth_key"]
        assert data.get("auth_key") == (bytes.fromhex(key) if key else None)


def kept(snapshot: tgstore.Snapshot, family: str) -> dict[str, str]:
    return {kv.key: kv.value.decode() for kv in snapshot.kvs if kv.scope == f"tgstore.{family}"}


def check_ids(snapshot: tgstore.Snapshot, entry: dict[str, Any]) -> None:
    """The peers have the bare ids and hashes that the library was given."""
    own = {("user", entry["session"]["user_id"])} if entry["session"].get("user_id") else set()
    wanted = entry["peers"] if isinstance(entry["peers"], list) else MANIFEST["peer_sets"][entry["peers"]]
    if not entry["rows"] and entry["format"] != "pyrogram-json":
        wanted = []
    found = {(peer.kind, peer.id): peer.get("access_hash", 0) for peer in snapshot.peers}
    for peer in wanted:
        assert found.pop((KINDS[peer["kind"]], peer["id"])) == peer["access_hash"]
    if entry["format"] == "telethon-sqlite" and found:  # Telethon stores the account itself as well
        own = own or {("user", 5012345678)}
        assert set(found) == own
    else:
        assert not found


def row_of_peer(peer: tgstore.Peer, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The row is found by its hash, so that the test does not share the reader's idea of marks."""
    column = "access_hash" if "access_hash" in rows[0] else "hash"
    if peer.kind == "chat":
        return next(row for row in rows if row["id"] == -peer.id)
    return next(row for row in rows if row[column] == peer.access_hash and row["id"] != 0)


def expected_usernames(row: dict[str, Any], username_rows: list[list[Any]]) -> set[str]:
    names = {row["username"]} if row.get("username") else set()
    for first, second, *_ in username_rows:
        peer, name = (second, first) if isinstance(first, str) else (first, second)
        if peer == row["id"]:
            names.add(name)
    return names


def check_rows(snapshot: tgstore.Snapshot, entry: dict[str, Any]) -> None:
    for peer in snapshot.peers:
        row = row_of_peer(peer, entry["rows"])
        assert set(peer.get("usernames", [])) == expected_usernames(row, entry.get("username_rows", []))
        phone = row.get("phone", row.get("phone_number"))
        assert peer.get("phone") == (str(phone) if phone else None)
        seen = row.get("date", row.get("last_update_on"))
        assert peer.get("seen_at") == (seen * 1000 if seen else None)
        if "name" in row:
            assert peer.get("first_name") == row["name"]
        if "type" in row:
            assert peer.subtype == SUBTYPES[row["type"]]


def check_update_states(snapshot: tgstore.Snapshot, rows: list[dict[str, Any]]) -> None:
    found = {state.channel_id: state for state in snapshot.update_states}
    assert len(found) == len(rows)
    for row in rows:
        state = found[row["id"] if row["id"] >= 0 else -row["id"] - CHANNEL_MARK]
        for member in ("pts", "qts", "date", "seq"):
            if member in row:
                assert state.get(member) == row[member], member


def check_sent_files(snapshot: tgstore.Snapshot, files: list[dict[str, Any]]) -> None:
    found = {key: value for key, value in kept(snapshot, "telethon").items() if key.startswith("sent_files/")}
    types = {"document": 0, "photo": 1}
    assert found == {
        f"sent_files/{file['md5']}/{file['size']}/{types[file['type']]}": f"{file['id']} {file['hash']}"
        for file in files
    }


@pytest.mark.parametrize("name", of_expect("ok"))
def test_file_holds_what_its_library_stored(name: str, copy_of: Any) -> None:
    entry = FILES[name]
    snapshot = tgstore.Snapshot.from_file(copy_of(name))
    assert snapshot.format == entry["format"]
    if entry["schema_version"]:
        assert snapshot.description.endswith(f"schema {entry['schema_version']}")
    check_session(snapshot.session, entry["session"])
    check_ids(snapshot, entry)
    if entry["rows"]:
        check_rows(snapshot, entry)
    if "update_states" in entry:
        check_update_states(snapshot, entry["update_states"])
    if "sent_files" in entry:
        check_sent_files(snapshot, entry["sent_files"])


def test_takeout_and_temporary_key_survive(copy_of: Any) -> None:
    name = "telethon/1.45.0-takeout-tmpkey.session"
    snapshot = tgstore.Snapshot.from_file(copy_of(name))
    expected = FILES[name]["session"]
    assert kept(snapshot, "telethon")["takeout_id"] == str(expected["takeout_id"])
    (temporary,) = snapshot.dc_auths
    assert (temporary.dc, temporary.slot) == (expected["dc_id"], "temporary")
    assert temporary.auth_key == bytes.fromhex(expected["tmp_auth_key"])


def test_several_usernames_keep_their_order(copy_of: Any) -> None:
    for name in ("kurigram/2.2.26-main.session", "pyrofork/2.3.69-main.session"):
        snapshot = tgstore.Snapshot.from_file(copy_of(name))
        (peer,) = [peer for peer in snapshot.peers if peer.id == 1234567890]
        assert peer.usernames == ["telegram_x", "second_name", "third_name"]


def test_json_peers_have_names_and_phones(copy_of: Any) -> None:
    path = copy_of("pyrogram/0.14.1-jsonpeers.session")
    stored = json.loads(path.read_text())
    found = {peer.id: peer for peer in tgstore.Snapshot.from_file(path).peers}
    for name, marked in stored["peers_by_username"].items():
        assert found[marked if marked > 0 else -marked - CHANNEL_MARK].usernames == [name]
    for phone, marked in stored["peers_by_phone"].items():
        assert found[marked].phone == phone


@pytest.mark.parametrize("name", of_expect("session_ok", "session_ok_or_refuse", "error_or_repair"))
def test_odd_file_gives_its_session(name: str, copy_of: Any) -> None:
    snapshot = tgstore.Snapshot.from_file(copy_of(name))
    check_session(snapshot.session, FILES[name].get("session", {}))
    assert len(snapshot.session.auth_key) == 256
    assert snapshot.peers


def test_unknown_peer_type_survives_in_kv(copy_of: Any) -> None:
    snapshot = tgstore.Snapshot.from_file(copy_of("odd/kurigram-typecase.session"))
    types = [value for key, value in kept(snapshot, "pyrogram").items() if key.endswith("/type")]
    assert types == ["weird"]


@pytest.mark.parametrize("name", of_expect("session_ok_peers_lost"))
def test_damaged_peers_do_not_cost_the_session(name: str, copy_of: Any) -> None:
    snapshot = tgstore.Snapshot.from_file(copy_of(name))
    check_session(snapshot.session, FILES[name]["session"])
    assert any("entities is damaged" in note for note in snapshot.notes)


@pytest.mark.parametrize("name", of_expect("no_key"))
def test_logged_out_file_is_no_error(name: str, copy_of: Any) -> None:
    snapshot = tgstore.Snapshot.from_file(copy_of(name))
    assert not snapshot.session.get("auth_key")
    assert any("no auth key" in note for note in snapshot.notes)
    assert snapshot.peers
    with pytest.raises(tgstore.NotFoundError):
        snapshot.to_text("telethon")


def test_two_accounts_in_a_file_are_refused(copy_of: Any) -> None:
    (name,) = of_expect("ambiguous")
    with pytest.raises(tgstore.InvalidError, match="2 rows with an auth key"):
        tgstore.Snapshot.from_file(copy_of(name))


REFUSALS = {
    "odd/telethon-key255.session": (tgstore.CorruptError, "255 bytes"),
    "odd/unrelated-db.session": (tgstore.InvalidError, "its tables are x"),
    "damaged/empty.session": (tgstore.InvalidError, "is empty"),
    "damaged/garbage-sessions.session": (tgstore.CorruptError, "is damaged"),
    "damaged/magic.session": (tgstore.CorruptError, "cut off or damaged"),
    "damaged/text.session": (tgstore.InvalidError, "a text, but no session"),
    "damaged/trunc-header.session": (tgstore.CorruptError, "cut off or damaged"),
    "damaged/trunc-page.session": (tgstore.CorruptError, "cut off inside a page"),
    "damaged/trunc-whole-pages.session": (tgstore.CorruptError, "is damaged"),
    "damaged/zeros.session": (tgstore.CorruptError, "all zero"),
}


@pytest.mark.parametrize("name", of_expect("error", "not_a_session"))
def test_unusable_file_is_refused_by_name(name: str, copy_of: Any) -> None:
    error, message = REFUSALS[name]
    with pytest.raises(error, match=message):
        tgstore.Snapshot.from_file(copy_of(name))


# --- strings -------------------------------------------------------------------------------


def of_strings(variants: bool) -> list[Any]:
    chosen = [entry for entry in STRINGS if (entry["format"] == "telethon-variant") == variants]
    return [pytest.param(entry, id=f"{entry['format']}-{entry.get('case', entry['library'])}-{i}")
            for i, entry in enumerate(chosen)]  # fmt: skip


@pytest.mark.parametrize("entry", of_strings(variants=False))
def test_string_holds_what_its_library_wrote(entry: dict[str, Any]) -> None:
    snapshot = tgstore.Snapshot.from_text(entry["string"])
    assert snapshot.format == entry["format"]
    check_session(snapshot.session, entry["expected"])
    assert snapshot.notes == []
    if entry["format"] != "gramjs":
        assert snapshot.to_text(entry["format"]) == entry["string"]


@pytest.mark.parametrize("entry", of_strings(variants=True))
def test_damaged_string(entry: dict[str, Any]) -> None:
    accepted = ("accept", "accept_or_error", "no_key", "error_or_default")
    if entry["want"] not in accepted or entry["case"] == "url_quoted":
        with pytest.raises(tgstore.InvalidError) as caught:
            tgstore.Snapshot.from_text(entry["string"])
        assert entry["string"][:12] not in str(caught.value) or not entry["string"]
        return
    snapshot = tgstore.Snapshot.from_text(entry["string"])
    main = next(known for known in STRINGS if known["format"] == "telethon" and known["account"] == entry["account"])
    expected = dict(main["expected"], auth_key=None) if entry["want"] == "no_key" else main["expected"]
    check_session(snapshot.session, expected)


@pytest.mark.parametrize("name", ["telethon", "telethon6", "pyrogram", "pyrogram_old351", "pyrogram_old356", "gramjs",
                                  "mtgo_storage_sqlite"])  # fmt: skip
def test_vector(name: str) -> None:
    vector = VECTORS["vectors"][name]
    snapshot = tgstore.Snapshot.from_text(vector["text"])
    expected = {{"address": "server_address"}.get(key, key): value for key, value in vector["fields"].items()}
    check_session(snapshot.session, {**expected, "auth_key": VECTOR_KEY.hex()})
    if snapshot.format != "gramjs":
        assert snapshot.to_text(snapshot.format) == vector["text"]


@pytest.mark.parametrize("name, client", [("mtcute", "mtcute"), ("mtkruto", "MTKruto"), ("mtkruto_old", "MTKruto"),
                                          ("gogram", "gogram")])  # fmt: skip
def test_string_of_a_client_that_is_not_read_is_named(name: str, client: str) -> None:
    with pytest.raises(tgstore.UnsupportedError, match=client):
        tgstore.Snapshot.from_text(VECTORS["vectors"][name]["text"])


FILLED = {"api_id": 2040, "user_id": 123456789012, "is_bot": 1, "test_mode": 0}


@pytest.mark.parametrize("target", ["telethon", "pyrogram", "pyrogram-old-64", "kurigram", "mtgo", "mtgo-2"])
@pytest.mark.parametrize("source", ["telethon", "telethon6", "pyrogram", "gramjs", "mtgo_storage_sqlite"])
def test_conversion_keeps_the_account(source: str, target: str) -> None:
    snapshot = tgstore.Snapshot.from_text(VECTORS["vectors"][source]["text"])
    back = tgstore.Snapshot.from_text(snapshot.to_text(target, **FILLED))
    assert back.format == {"kurigram": "pyrogram"}.get(target, target)
    assert back.session.auth_key == VECTOR_KEY
    assert back.session.dc == 2
    for member in ("api_id", "user_id", "is_bot", "test_mode"):
        assert back.session.get(member, FILLED[member]) == FILLED[member]


def test_missing_value_is_named() -> None:
    snapshot = tgstore.Snapshot.from_text(VECTORS["vectors"]["telethon"]["text"])
    with pytest.raises(tgstore.InvalidError, match="pyrogram needs api_id"):
        snapshot.to_text("pyrogram")
    with pytest.raises(tgstore.InvalidError, match="pyrogram needs is_bot"):
        snapshot.to_text("pyrogram", api_id=1, user_id=2)
    with pytest.raises(tgstore.InvalidError, match="can't hold user_id"):
        snapshot.to_text("pyrogram-old-32", user_id=2**32, is_bot=0)


def test_options_are_checked() -> None:
    snapshot = tgstore.Snapshot.from_text(VECTORS["vectors"]["telethon"]["text"])
    for options in ({"api_id": "x"}, {"api_id": -1}, {"is_bot": 2}, {"port": 0}, {"colour": 1}, {"address": "0.0.0.0"}):
        with pytest.raises(tgstore.InvalidError, match="option"):
            snapshot.to_text("telethon", **options)
    with pytest.raises(tgstore.UnsupportedError, match="telethon, pyrogram"):
        snapshot.to_text("gramjs")


def test_browser_host_becomes_an_address() -> None:
    entry = next(entry for entry in STRINGS if entry.get("note") == "browser host name")
    snapshot = tgstore.Snapshot.from_text(entry["string"])
    assert snapshot.session.address == "venus.web.telegram.org"
    back = tgstore.Snapshot.from_text(snapshot.to_text("telethon"))
    assert (back.session.address, back.session.port) == ("149.154.167.51", 443)


# --- into a store and back ---------------------------------------------------------------------


@pytest.mark.parametrize("name", of_expect("ok"))
def test_everything_survives_a_store(name: str, copy_of: Any) -> None:
    snapshot = tgstore.Snapshot.from_file(copy_of(name))
    with tgstore.open("memory:") as store:
        session = store.session("main")
        stored = snapshot.to_session(session)
        assert stored == 1 + sum(map(len, (snapshot.dc_auths, snapshot.peers, snapshot.update_states, snapshot.kvs)))
        back = tgstore.Snapshot.from_session(session)
    assert back.format == "store"
    assert back.session == snapshot.session
    assert back.dc_auths == snapshot.dc_auths
    assert sorted(back.kvs, key=lambda kv: kv.key) == sorted(snapshot.kvs, key=lambda kv: kv.key)
    assert {(peer.kind, peer.id): (peer.get("access_hash"), peer.get("usernames"), peer.get("phone")) for peer in back.peers} == {
        (peer.kind, peer.id): (peer.get("access_hash"), peer.get("usernames"), peer.get("phone")) for peer in snapshot.peers
    }
    assert {state.channel_id: state for state in back.update_states} == {
        state.channel_id: state for state in snapshot.update_states
    }


def test_another_account_does_not_overwrite_a_session(copy_of: Any) -> None:
    main = tgstore.Snapshot.from_file(copy_of("pyrogram/2.0.106-main.session"))
    bot = tgstore.Snapshot.from_file(copy_of("pyrogram/2.0.106-bot.session"))
    with tgstore.open("memory:") as store:
        session = store.session("main")
        main.to_session(session)
        with pytest.raises(tgstore.ConflictError):
            bot.to_session(session)
        assert session.data().user_id == main.session.user_id
        bot.to_session(session, replace_account=True)
        assert session.data().user_id == bot.session.user_id
        assert {peer.id for peer in session.peers()} == {peer.id for peer in bot.peers}


def test_logged_out_file_does_not_delete_a_key(copy_of: Any) -> None:
    main = tgstore.Snapshot.from_file(copy_of("telethon/1.45.0-main.session"))
    empty = tgstore.Snapshot.from_file(copy_of("telethon/1.45.0-loggedout.session"))
    with tgstore.open("memory:") as store:
        session = store.session()
        main.to_session(session)
        empty.to_session(session)
        assert session.data().auth_key == main.session.auth_key


def test_session_without_a_record_is_not_found() -> None:
    with tgstore.open("memory:") as store, pytest.raises(tgstore.NotFoundError):
        tgstore.Snapshot.from_session(store.session("nobody"))


# --- files that are written ----------------------------------------------------------------------------


def peers_by_key(snapshot: tgstore.Snapshot) -> dict[tuple[str, int], tgstore.Peer]:
    return {(peer.kind, peer.id): peer for peer in snapshot.peers}


@pytest.mark.parametrize("name, target", [
    ("telethon/1.45.0-main.session", "telethon-sqlite"),
    ("pyrogram/2.0.106-main.session", "pyrogram-sqlite"),
    ("kurigram/2.2.26-main.session", "kurigram-sqlite"),
    ("odd/kurigram-typecase.session", "kurigram-sqlite"),
])  # fmt: skip
def test_file_goes_through_a_store_and_back(name: str, target: str, copy_of: Any, tmp_path: Path) -> None:
    before = tgstore.Snapshot.from_file(copy_of(name))
    with tgstore.open("memory:") as store:
        before.to_session(store.session("a"))
        tgstore.Snapshot.from_session(store.session("a")).to_file(target, tmp_path / "out.session")
    after = tgstore.Snapshot.from_file(tmp_path / "out.session")
    assert after.session == before.session
    assert peers_by_key(after) == peers_by_key(before)
    assert {state.channel_id: state for state in after.update_states} == {
        state.channel_id: state for state in before.update_states
    }
    assert {(kv.scope, kv.key): kv.value for kv in after.kvs} == {(kv.scope, kv.key): kv.value for kv in before.kvs}


def test_file_of_another_library(copy_of: Any, tmp_path: Path) -> None:
    telethon = tgstore.Snapshot.from_file(copy_of("telethon/1.45.0-main.session"))
    telethon.to_file("kurigram-sqlite", tmp_path / "k.session", api_id=2040, is_bot=0)
    kurigram = tgstore.Snapshot.from_file(tmp_path / "k.session")
    assert kurigram.description == "Kurigram session file, schema 7"
    assert (kurigram.session.api_id, kurigram.session.is_bot) == (2040, False)
    assert kurigram.session.auth_key == telethon.session.auth_key
    found = peers_by_key(kurigram)
    for key, peer in peers_by_key(telethon).items():
        assert (found[key].access_hash, found[key].get("usernames")) == (peer.access_hash, peer.get("usernames"))


def test_file_is_never_written_over_another(copy_of: Any, tmp_path: Path) -> None:
    snapshot = tgstore.Snapshot.from_file(copy_of("telethon/1.45.0-small.session"))
    path = tmp_path / "mine.session"
    path.write_text("precious")
    with pytest.raises(tgstore.ConflictError, match="mine.session exists"):
        snapshot.to_file("telethon-sqlite", path)
    assert path.read_text() == "precious"
    assert [entry.name for entry in tmp_path.iterdir() if entry.is_file()] == ["mine.session"]


def test_only_what_can_be_written_is(copy_of: Any, tmp_path: Path) -> None:
    snapshot = tgstore.Snapshot.from_file(copy_of("telethon/1.45.0-small.session"))
    path = tmp_path / "out.session"
    with pytest.raises(tgstore.InvalidError, match="needs is_bot"):
        snapshot.to_file("pyrogram-sqlite", path)
    with pytest.raises(tgstore.UnsupportedError, match="telethon-sqlite"):
        snapshot.to_file("pyrogram-json", path)
    with pytest.raises(tgstore.UnavailableError, match="No such file"):
        snapshot.to_file("telethon-sqlite", tmp_path / "missing" / "out.session")
    assert not path.exists()


# --- rows that no library wrote ------------------------------------------------------------------------


def altered(path: Path, sql: str) -> tgstore.Snapshot:
    connection = sqlite3.connect(path)
    connection.executescript(sql)
    connection.close()
    return tgstore.Snapshot.from_file(path)


def test_values_of_wrong_types_are_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "odd.session"
    shutil.copyfile(FIXTURES / "telethon/1.45.0-main.session", path)
    snapshot = altered(path, """
        UPDATE entities SET username = 5, date = 'yesterday' WHERE id = 424242;
        UPDATE entities SET phone = 'none' WHERE id = 555933175;
        UPDATE entities SET hash = x'00' WHERE id = 592657117;
        UPDATE update_state SET pts = 'many' WHERE id = 0;
        UPDATE sessions SET port = 'x', takeout_id = x'';
    """)
    found = {(peer.kind, peer.id): peer for peer in snapshot.peers}
    assert len(found) == 27
    # SQLite's affinity makes a text of the 5, so that it is a username.
    assert found["user", 424242].usernames == ["5"]
    assert found["user", 424242].get("seen_at") is None
    assert found["user", 555933175].get("phone") is None
    assert found["user", 592657117].get("access_hash") is None
    assert [state.get("pts") for state in snapshot.update_states if state.channel_id == 0] == [None]
    assert snapshot.session.port == 443
    assert "5 values left out: wrong types or beyond limits" in snapshot.notes


def test_text_that_is_not_utf_8_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "latin.session"
    shutil.copyfile(FIXTURES / "telethon/1.45.0-main.session", path)
    snapshot = altered(path, """
        UPDATE entities SET name = CAST(x'4a6f73e9' AS TEXT) WHERE id = 424242;
        UPDATE entities SET name = CAST(x'610062' AS TEXT) WHERE id = 555933175;
    """)
    names = {peer.id: peer.first_name for peer in snapshot.peers if peer.kind == "user"}
    assert names[424242] == "Jos\ufffd"
    assert names[555933175] == "a\ufffdb"
    assert "2 texts were not UTF-8; U+FFFD stands for what is not" in snapshot.notes
    with tgstore.open("memory:") as store:
        snapshot.to_session(store.session())


def test_keys_and_names_of_any_length_are_no_danger(tmp_path: Path) -> None:
    path = tmp_path / "long.session"
    shutil.copyfile(FIXTURES / "kurigram/2.2.26-main.session", path)
    snapshot = altered(path, """
        UPDATE usernames SET username = printf('%600c', 'x') WHERE username = 'durov_x';
        INSERT INTO usernames VALUES (NULL, 'nobody'), (31337, 'orphan'), ('x', 'text'), (424242, '');
    """)
    found = {(peer.kind, peer.id): peer for peer in snapshot.peers}
    assert len(found) == 26
    assert found["user", 424242].get("usernames") is None
    assert sum(len(peer.get("usernames", [])) for peer in snapshot.peers) == 16
    assert any("rows left out" in note for note in snapshot.notes)


def test_a_view_or_virtual_table_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "view.session"
    shutil.copyfile(FIXTURES / "telethon/1.45.0-main.session", path)
    with pytest.raises(tgstore.InvalidError, match="no session file"):
        altered(path, "ALTER TABLE sessions RENAME TO hidden; CREATE VIEW sessions AS SELECT * FROM hidden")


# --- where files are -----------------------------------------------------------------------------


def test_places_that_are_no_session_file(tmp_path: Path) -> None:
    with pytest.raises(tgstore.NotFoundError):
        tgstore.Snapshot.from_file(tmp_path / "missing.session")
    with pytest.raises(tgstore.InvalidError, match="is a directory"):
        tgstore.Snapshot.from_file(tmp_path)
    (tmp_path / "key_datas").write_bytes(b"TDF$")
    with pytest.raises(tgstore.UnsupportedError, match="tdata"):
        tgstore.Snapshot.from_file(tmp_path)
    with pytest.raises(tgstore.UnsupportedError, match="tdata"):
        tgstore.Snapshot.from_file(tmp_path / "key_datas")
    huge = tmp_path / "huge.session"
    with huge.open("wb") as file:
        file.truncate(2**30 + 1)
    with pytest.raises(tgstore.TooLargeError, match="1 GiB"):
        tgstore.Snapshot.from_file(huge)


def test_databases_of_other_programs_are_named(tmp_path: Path) -> None:
    with tgstore.open(f"sqlite:{tmp_path / 'store.db'}") as store:
        store.session().put(tgstore.SessionData(dc=2))
    with pytest.raises(tgstore.UnsupportedError, match="store.db is a store of tgstore"):
        tgstore.Snapshot.from_file(tmp_path / "store.db")
    tables = {
        "mtcute": "CREATE TABLE mtcute_migrations(repo, version)",
        "mtgo": "CREATE TABLE sessions(session_id, dc_id INTEGER PRIMARY KEY, auth_key, user_id, state)",
        "Telethon 2": "CREATE TABLE datacenter(id, ipv4_addr, ipv6_addr, auth)",
        "grammers": "CREATE TABLE dc_option(dc_id, ipv4, ipv6, auth_key)",
        "gotgproto": "CREATE TABLE sessions(version, data)",
    }
    for client, sql in tables.items():
        with pytest.raises(tgstore.UnsupportedError, match=client):
            altered(tmp_path / f"{client}.session", sql)


def test_file_that_holds_a_string(tmp_path: Path) -> None:
    path = tmp_path / "session.txt"
    path.write_text(VECTORS["vectors"]["pyrogram"]["text"] + "\n")
    assert tgstore.Snapshot.from_file(path).session.auth_key == VECTOR_KEY
    path.write_text(VECTORS["vectors"]["pyrogram"]["text"][:300])
    with pytest.raises(tgstore.InvalidError, match="session.txt: not a session string: 300 characters"):
        tgstore.Snapshot.from_file(path)


def test_read_only_folder(copy_of: Any, tmp_path: Path) -> None:
    for name in ("telethon/1.45.0-wal.session", "odd/telethon-hot-journal.session"):
        path = copy_of(name)
        mode = path.stat().st_mode
        path.chmod(0o400)
        path.parent.chmod(0o500)
        try:
            check_session(tgstore.Snapshot.from_file(path).session, FILES[name]["session"])
        finally:
            path.parent.chmod(0o700)
            path.chmod(mode)
