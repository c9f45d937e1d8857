# SPDX-License-Identifier: Apache-2.0
"""Running the tgstore command, with pipes or on a terminal."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 30  # seconds that nothing here should take
AUTH_KEY = bytes((17 * i + 5) % 256 for i in range(256))
API_HASH = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Run:
    """What a command printed, and how it ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(**changes: str) -> dict[str, str]:
    variables = {**os.environ, "TERM": "xterm", **changes}
    if "NO_COLOR" not in changes:
        variables.pop("NO_COLOR", None)
    return variables


@dataclass(frozen=True)
class Terminal:
    """A command whose input and complaints are on a terminal; what it prints goes there too if `out` is."""

    process: subprocess.Popen[bytes]
    master: int
    seen: bytearray

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing more came after {bytes(self.seen)!r}"
        try:
            chunk = os.read(self.master, 65536)
        except OSError:  # the other side is closed
            return False
        self.seen.extend(chunk)
        return bool(chunk)

    def expect(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while text.encode() not in self.seen:
            assert self._read(deadline), f"{text!r} did not come; this did: {bytes(self.seen)!r}"

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def interrupt(self) -> None:
        self.type("\x03")

    def end(self) -> tuple[int, str]:
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        status = self.process.wait(PATIENCE)
        return status, self.seen.decode(errors="replace").replace("\r\n", "\n")


class Tool:
    """The command."""

    def __init__(self, program: Path):
        self.program = str(program)

    def __call__(self, *arguments: Any, stdin: bytes = b"", **environ: str) -> Run:
        done = subprocess.run(
            [self.program, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            timeout=PATIENCE,
            env=environment(**environ),
        )
        return Run(done.returncode, done.stdout.decode(), done.stderr.decode())

    def ok(self, *arguments: Any, **more: Any) -> Run:
        run = self(*arguments, **more)
        assert run.status == 0, run
        return run

    @contextlib.contextmanager
    def terminal(
        self, *arguments: Any, columns: int = 100, out: bool = False, **environ: str
    ) -> Iterator[Terminal]:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

        def take_terminal() -> None:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        process = subprocess.Popen(
            [self.program, *map(str, arguments)],
            stdin=slave,
            stdout=slave if out else subprocess.DEVNULL,
            stderr=slave,
            preexec_fn=take_terminal,
            env=environment(**environ),
        )
        os.close(slave)
        try:
            yield Terminal(process, master, bytearray())
        finally:
            process.kill()
            process.wait()
            os.close(master)
