# SPDX-License-Identifier: Apache-2.0
"""The conformance driver in Python: requests become calls of the binding's public API.

In-process for most cases; as a program (`python python_driver.py`) where a case needs a process of its own.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import threading
from typing import Any, Callable

import tgstore
from records import RECORDS, STATUS_NAMES

CLASSES = {
    "session": tgstore.SessionData,
    "dc_auth": tgstore.DcAuth,
    "peer": tgstore.Peer,
    "update_state": tgstore.UpdateState,
    "dedup": tgstore.Dedup,
    "queue_item": tgstore.QueueItem,
    "conversation": tgstore.Conversation,
    "kv": tgstore.Kv,
    "session_info": tgstore.SessionInfo,
    "stats": tgstore.Stats,
}
NAMES = {cls: name for name, cls in CLASSES.items()}
FLAGS = {
    "if_present": tgstore.IF_PRESENT,
    "if_absent": tgstore.IF_ABSENT,
    "if_version": tgstore.IF_VERSION,
    "require": tgstore.REQUIRE,
    "exact": tgstore.EXACT,
    "replace_account": tgstore.REPLACE_ACCOUNT,
}
OUTCOMES = ("not_applied", "unknown", "not_durable")


def text_from(value: Any) -> Any:
    """Bytes that are not UTF-8 are given as Python gives such file names."""
    if isinstance(value, dict):
        return base64.b64decode(value["base64"]).decode("utf-8", "surrogateescape")
    return value


def member_from(kind: str, value: Any) -> Any:
    if value is None:
        return None
    if kind == "bytes":
        return base64.b64decode(value)
    if kind == "texts":
        return [text_from(text) for text in value]
    return text_from(value)


def row_from(record: str, value: dict[str, Any] | None) -> Any:
    if value is None:
        return None
    members = {
        field.name: member_from(field.type, value[field.name])
        for field in RECORDS[record].fields
        if field.name in value
    }
    unknown = value.keys() - members.keys() - {"flags"}
    if unknown:
        raise LookupError(f"no such member: {unknown}")
    flags = 0
    for flag in value.get("flags", ()):
        flags |= flag if isinstance(flag, int) else FLAGS[flag]
    return CLASSES[record](**members, **({"flags": flags} if flags else {}))


def row_to(row: Any) -> dict[str, Any] | None:
    if row is None:
        return None
    out: dict[str, Any] = {}
    for field in RECORDS[NAMES[type(row)]].fields:
        if "write_only" in field.flags:
            continue
        value = getattr(row, field.name)
        if value is tgstore.UNSET:
            continue
        out[field.name] = base64.b64encode(value).decode() if field.type == "bytes" else value
    return out


def result_to(result: Any) -> dict[str, Any]:
    notes = [name for name in ("new", "lower") if getattr(result, name)]
    return {"applied": bool(result.applied), "notes": notes, "version": result.version}


def error_to(failure: Any) -> dict[str, Any]:
    return {
        "code": STATUS_NAMES[int(failure.code)],
        "retryable": bool(failure.retryable),
        "outcome": OUTCOMES[int(failure.outcome)],
        "index": failure.index,
        "backend": failure.backend,
        "native": failure.native,
        "message": failure.message,
    }


def same_in_all(rows: list[dict[str, Any]], member: str) -> Any:
    """The binding gives one error text and one delay to all items of a call."""
    values = [row.get(member) for row in rows]
    if any(value != values[0] for value in values):
        raise LookupError(f"rows with different {member}")
    return text_from(values[0]) if values else None


class PythonDriver:
    def __init__(self) -> None:
        self._handles: dict[int, Any] = {}
        self._next = 0
        self._lock = threading.Lock()

    # --- requests

    def serve(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("fork"):
            return self._serve_in_child(request)
        reply: dict[str, Any] = {"id": request["id"]}
        try:
            reply.update(getattr(self, "op_" + request["op"])(request) or {})
        except tgstore.Error as failure:
            reply["error"] = error_to(failure)
            done = getattr(failure, "done", None)
            if done is not None:
                reply["count"] = done
        except (LookupError, AttributeError, TypeError, ValueError, OverflowError) as failure:
            message = f"{type(failure).__name__}: {failure}"
            reply["error"] = {"code": "driver", "message": message, "index": -1}
        return reply

    def _serve_in_child(self, request: dict[str, Any]) -> dict[str, Any]:
        readable, writable = os.pipe()
        child = os.fork()
        if child == 0:
            with open(writable, "w", encoding="utf-8") as out:
                json.dump(self.serve({**request, "fork": False}), out)
            os._exit(0)
        os.close(writable)
        with open(readable, encoding="utf-8") as replies:
            text = replies.read()
        _, status = os.waitpid(child, 0)
        if status != 0 or not text:
            return {
                "id": request["id"],
                "error": {"code": "driver", "message": "the forked child died", "index": -1},
            }
        reply: dict[str, Any] = json.loads(text)
        return reply

    def close(self) -> None:
        for value in list(self._handles.values()):
            if isinstance(value, tgstore.Store):
                value.close()
        self._handles.clear()

    # --- arguments and results

    def _new(self, value: Any) -> dict[str, Any]:
        with self._lock:
            self._next += 1
            self._handles[self._next] = value
            return {"handle": self._next}

    def _handle(self, request: dict[str, Any], name: str) -> Any:
        return self._handles[request[name]]

    def _call(self, request: dict[str, Any]) -> dict[str, Any]:
        call: dict[str, Any] = {}
        if "timeout_ms" in request:
            call["timeout_ms"] = request["timeout_ms"]
        if "cancel" in request:
            call["cancel"] = self._handle(request, "cancel")
        return call

    def _rows(self, request: dict[str, Any], record: str | None = None) -> list[Any]:
        return [row_from(record or request["record"], row) for row in request["rows"]]

    def _page(self, request: dict[str, Any], rows: Any) -> dict[str, Any]:
        if request.get("keep"):
            return self._new(rows)
        return {"rows": [row_to(row) for row in rows], "more": bool(getattr(rows, "more", False))}

    @staticmethod
    def _results(results: Any) -> dict[str, Any]:
        return {"results": [result_to(result) for result in results]}

    # --- stores

    def op_hello(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"driver": "python", "features": ["threads", "fork", "become"]}

    def op_become(self, request: dict[str, Any]) -> None:
        os.setgroups([])
        os.setgid(request["user"])
        os.setuid(request["user"])

    def op_open(self, request: dict[str, Any]) -> dict[str, Any]:
        options = {key: text_from(value) for key, value in request.get("options", {}).items()}
        return self._new(tgstore.open(text_from(request["url"]), **options, **self._call(request)))

    def op_free(self, request: dict[str, Any]) -> None:
        value = self._handles.pop(request["handle"])
        if hasattr(value, "close"):
            value.close()

    def op_store_info(self, request: dict[str, Any]) -> dict[str, Any]:
        store = self._handle(request, "store")
        names = [str(flag.name).lower() for flag in tgstore.Capability if flag in store.capabilities]
        return {"backend": store.backend, "capabilities": names}

    def op_sync(self, request: dict[str, Any]) -> None:
        self._handle(request, "store").sync(**self._call(request))

    def op_ping(self, request: dict[str, Any]) -> None:
        self._handle(request, "store").ping(**self._call(request))

    def op_backup(self, request: dict[str, Any]) -> None:
        self._handle(request, "store").backup(request["path"], **self._call(request))

    def op_load_backend(self, request: dict[str, Any]) -> None:
        tgstore.load_backend(request["path"])

    def op_sessions(self, request: dict[str, Any]) -> dict[str, Any]:
        store = self._handle(request, "store")
        page = store.sessions_page(
            after=text_from(request.get("after")), limit=request.get("limit", 1000), **self._call(request)
        )
        return self._page(request, page)

    def op_prune(self, request: dict[str, Any]) -> dict[str, Any]:
        store = self._handle(request, "store")
        return {"count": store.prune(request.get("peer_age_ms", 0), **self._call(request))}

    def op_stats(self, request: dict[str, Any]) -> dict[str, Any]:
        store = self._handle(request, "store")
        return {"rows": [row_to(store.stats(text_from(request.get("name")), **self._call(request)))]}

    # --- sessions

    def op_session(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._new(self._handle(request, "store").session(text_from(request["name"])))

    def op_session_info(self, request: dict[str, Any]) -> dict[str, Any]:
        session = self._handle(request, "session")
        return {"name": session.name, "token": session.token}

    def op_purge(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"count": self._handle(request, "session").purge(**self._call(request))}

    def op_put(self, request: dict[str, Any]) -> dict[str, Any]:
        session = self._handle(request, "session")
        return self._results(session.put(self._rows(request), **self._call(request)))

    def op_delete(self, request: dict[str, Any]) -> dict[str, Any]:
        session = self._handle(request, "session")
        return self._results(session.delete(self._rows(request), **self._call(request)))

    def op_get(self, request: dict[str, Any]) -> dict[str, Any]:
        session = self._handle(request, "session")
        return self._page(request, session.get(self._rows(request), **self._call(request)))

    def op_list(self, request: dict[str, Any]) -> dict[str, Any]:
        session = self._handle(request, "session")
        filters: dict[str, Any] = {
            name: request[name] for name in ("kind", "state", "order", "limit") if name in request
        }
        if "scope" in request:
            filters["scope"] = text_from(request["scope"])
        after = row_from(request["record"], request.get("after"))
        page = session.page(CLASSES[request["record"]], after=after, **filters, **self._call(request))
        return self._page(request, page)

    def op_load(self, request: dict[str, Any]) -> dict[str, Any]:
        session = self._handle(request, "session")
        return {"count": session.load(self._rows(request), **self._call(request))}

    def _texts(self, request: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        texts = [text_from(text) for text in request["texts"]]
        return texts, {"max_age_ms": request.get("max_age_ms", 0), **self._call(request)}

    def op_by_username(self, request: dict[str, Any]) -> dict[str, Any]:
        texts, keywords = self._texts(request)
        return self._page(request, self._handle(request, "session").peers_by_username(texts, **keywords))

    def op_by_phone(self, request: dict[str, Any]) -> dict[str, Any]:
        texts, keywords = self._texts(request)
        return self._page(request, self._handle(request, "session").peers_by_phone(texts, **keywords))

    def op_rows(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"rows": [row_to(row) for row in self._handle(request, "rows")]}

    # --- queue, lease

    def op_claim(self, request: dict[str, Any]) -> dict[str, Any]:
        session = self._handle(request, "session")
        items = session.claim(
            text_from(request["owner"]),
            limit=request.get("limit", 1),
            lease_ms=request.get("lease_ms", 60000),
            lane=text_from(request.get("lane")),
            **self._call(request),
        )
        return self._page(request, items)

    def _settle(self, target: Any, request: dict[str, Any]) -> None:
        rows, action, call = request["rows"], request["action"], self._call(request)
        keys = [{name: row[name] for name in ("id", "token") if name in row} for row in rows]
        items = [row_from("queue_item", key) for key in keys]
        if action == "fail":
            error, delay_ms = same_in_all(rows, "last_error"), same_in_all(rows, "delay_ms")
            target.fail(items, error=error, delay_ms=delay_ms, **call)
        elif action == "kill":
            target.kill(items, error=same_in_all(rows, "last_error"), **call)
        elif action == "extend":
            target.extend(items, same_in_all(rows, "delay_ms"), **call)
        elif action == "revive":
            target.revive([text_from(row["id"]) for row in rows], **call)
        else:
            getattr(target, action)(items, **call)

    def op_settle(self, request: dict[str, Any]) -> None:
        self._settle(self._handle(request, "session"), request)

    def op_acquire(self, request: dict[str, Any]) -> dict[str, Any]:
        session = self._handle(request, "session").acquire_lease(
            text_from(request["owner"]),
            mode=request.get("mode", "exclusive"),
            ttl_ms=request.get("ttl_ms", 30000),
            wait_ms=request.get("wait_ms", 0),
            **self._call(request),
        )
        return {**self._new(session), "token": session.token}

    def op_renew(self, request: dict[str, Any]) -> None:
        self._handle(request, "session").renew_lease(request.get("ttl_ms", 30000), **self._call(request))

    def op_release(self, request: dict[str, Any]) -> None:
        self._handle(request, "session").release_lease(**self._call(request))

    # --- batch

    def op_batch(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._new(self._handle(request, "session").batch())

    def op_batch_put(self, request: dict[str, Any]) -> None:
        self._handle(request, "batch").put(self._rows(request))

    def op_batch_delete(self, request: dict[str, Any]) -> None:
        self._handle(request, "batch").delete(self._rows(request))

    def op_batch_settle(self, request: dict[str, Any]) -> None:
        self._settle(self._handle(request, "batch"), request)

    def op_batch_count(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"count": len(self._handle(request, "batch"))}

    def op_batch_clear(self, request: dict[str, Any]) -> None:
        self._handle(request, "batch").clear()

    def op_batch_commit(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._results(self._handle(request, "batch").commit(**self._call(request)))

    # --- snapshots

    def op_snapshot_from_text(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._new(tgstore.Snapshot.from_text(text_from(request["text"])))

    def op_snapshot_from_file(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._new(tgstore.Snapshot.from_file(text_from(request["path"]), **self._call(request)))

    def op_snapshot_from_session(self, request: dict[str, Any]) -> dict[str, Any]:
        session, peers = self._handle(request, "session"), bool(request.get("peers", 1))
        return self._new(tgstore.Snapshot.from_session(session, peers=peers, **self._call(request)))

    def op_snapshot_info(self, request: dict[str, Any]) -> dict[str, Any]:
        snapshot = self._handle(request, "snapshot")
        members = {"dc_auth": "dc_auths", "peer": "peers", "update_state": "update_states", "kv": "kvs"}
        records = {
            name: [row_to(row) for row in getattr(snapshot, member)] for name, member in members.items()
        }
        records["session"] = [row_to(snapshot.session)]
        texts = {
            "format": snapshot.format,
            "description": snapshot.description,
            "notes": list(snapshot.notes),
        }
        return {**texts, "records": records}

    def op_snapshot_to_text(self, request: dict[str, Any]) -> dict[str, Any]:
        options = {name: text_from(value) for name, value in request.get("options", {}).items()}
        return {"text": self._handle(request, "snapshot").to_text(request["format"], **options)}

    def op_snapshot_to_session(self, request: dict[str, Any]) -> dict[str, Any]:
        snapshot, session = self._handle(request, "snapshot"), self._handle(request, "session")
        replace = request.get("replace_account", False)
        return {"count": snapshot.to_session(session, replace_account=replace, **self._call(request))}

    # --- calls

    def op_canceller(self, request: dict[str, Any]) -> dict[str, Any]:
        return self._new(tgstore.Canceller())

    def op_cancel(self, request: dict[str, Any]) -> None:
        self._handle(request, "canceller").cancel()

    def op_reset(self, request: dict[str, Any]) -> None:
        self._handle(request, "canceller").reset()

    def op_cancelled(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"count": int(self._handle(request, "canceller").cancelled)}


def main() -> None:
    driver, lock = PythonDriver(), threading.Lock()
    threads: list[threading.Thread] = []

    def answer(serve: Callable[[dict[str, Any]], dict[str, Any]], request: dict[str, Any]) -> None:
        line = json.dumps(serve(request))
        with lock:
            print(line, flush=True)

    for line in sys.stdin:
        request = json.loads(line)
        if request.get("async"):
            threads.append(threading.Thread(target=answer, args=(driver.serve, request)))
            threads[-1].start()
        else:
            answer(driver.serve, request)
    for thread in threads:
        thread.join()
    driver.close()


if __name__ == "__main__":
    main()
