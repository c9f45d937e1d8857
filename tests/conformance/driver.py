# SPDX-License-Identifier: Apache-2.0
"""How the cases reach a library: one request, one reply, both plain JSON objects (README.md)."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any


class Failure(Exception):
    """The library answered with a status other than TGS_OK."""

    def __init__(self, error: dict[str, Any], count: int | None = None):
        super().__init__(f"{error['code']}: {error['message']} (row {error['index']})")
        self.code: str = error["code"]
        self.retryable: bool = error["retryable"]
        self.outcome: str = error["outcome"]
        self.index: int = error["index"]
        self.backend: str = error["backend"]
        self.native: str = error["native"]
        self.message: str = error["message"]
        self.count = count


class DriverDied(Exception):
    """The driver's process ended in the middle of a request."""


def unpack(reply: dict[str, Any]) -> dict[str, Any]:
    error = reply.get("error")
    if error is None:
        return reply
    if error["code"] == "driver":
        raise AssertionError(f"driver: {error['message']}")
    raise Failure(error, reply.get("count"))


class Driver:
    """What all drivers do.  `start` is a call on a thread of its own; its future gives the reply."""

    features: frozenset[str]

    def start(self, op: str, **arguments: Any) -> Future[dict[str, Any]]:
        raise NotImplementedError

    def request(self, op: str, **arguments: Any) -> dict[str, Any]:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError


class Subprocess(Driver):
    """A driver that is a program and speaks JSON lines."""

    def __init__(self, command: list[str], stderr: Path, *, env: dict[str, str] | None = None):
        self._stderr_path = stderr
        with open(stderr, "ab") as stderr_file:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr_file,
                env={**os.environ, **(env or {})},
            )
        self._ids = itertools.count()
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._killed = False
        self.features = frozenset(self.request("hello")["features"])

    @property
    def pid(self) -> int:
        return self._process.pid

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            reply = json.loads(line)
            with self._lock:
                future = self._waiting.pop(reply["id"])
            future.set_result(reply)
        with self._lock:
            lost, self._waiting = self._waiting, {}
        for future in lost.values():
            future.set_exception(DriverDied(self._stderr_path.read_text(errors="replace")))

    def _send(self, op: str, arguments: dict[str, Any]) -> Future[dict[str, Any]]:
        future: Future[dict[str, Any]] = Future()
        number = next(self._ids)
        line = json.dumps({"id": number, "op": op, **arguments}).encode() + b"\n"
        assert self._process.stdin
        with self._lock:
            self._waiting[number] = future
            try:
                self._process.stdin.write(line)
                self._process.stdin.flush()
            except BrokenPipeError:
                self._waiting.pop(number, None)
                future.set_exception(DriverDied(self._stderr_path.read_text(errors="replace")))
        return future

    def start(self, op: str, **arguments: Any) -> Future[dict[str, Any]]:
        return self._send(op, {**arguments, "async": True})

    def send(self, op: str, **arguments: Any) -> Future[dict[str, Any]]:
        """Without waiting, in order with the other requests."""
        return self._send(op, arguments)

    def request(self, op: str, **arguments: Any) -> dict[str, Any]:
        return unpack(self._send(op, arguments).result(timeout=120))

    def kill(self) -> None:
        """SIGKILL: what a power cut is to a process."""
        self._killed = True
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join()

    def close(self) -> None:
        """End the driver; it must end well, with nothing on stderr (a sanitizer would write there)."""
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass
        status = self._process.wait(timeout=60)
        self._reader.join()
        self._process.stdout.close()
        complaints = self._stderr_path.read_text(errors="replace")
        if not self._killed:
            assert status == 0 and not complaints, f"driver ended with {status}\n{complaints}"


class InProcess(Driver):
    """The Python binding in this very process."""

    def __init__(self) -> None:
        from python_driver import PythonDriver

        self._driver = PythonDriver()
        self._ids = itertools.count()
        self.features = frozenset(self.request("hello")["features"])

    def _serve(self, op: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return self._driver.serve({"id": next(self._ids), "op": op, **arguments})

    def start(self, op: str, **arguments: Any) -> Future[dict[str, Any]]:
        future: Future[dict[str, Any]] = Future()

        def run() -> None:
            try:
                future.set_result(self._serve(op, arguments))
            except BaseException as failure:  # noqa: BLE001, the one who waits shall see it
                future.set_exception(failure)

        threading.Thread(target=run, daemon=True).start()
        return future

    def request(self, op: str, **arguments: Any) -> dict[str, Any]:
        return unpack(self._serve(op, arguments))

    def close(self) -> None:
        self._driver.close()
