# SPDX-License-Identifier: Apache-2.0
"""The interpreter ends while threads and tasks are inside calls: with its own exit status, and silently.

What the threads of a program are doing at that moment is chance: TGSTORE_SHUTDOWN_RUNS=50 runs each so often.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import tgstore

pytestmark = pytest.mark.slow

RUNS = int(os.environ.get("TGSTORE_SHUTDOWN_RUNS", "1"))

BEGIN = """
import asyncio, atexit, gc, os, signal, sys, threading
import tgstore
from tgstore import aio

url = {url!r}
store = tgstore.open(url, timeout_ms=20000)
session = store.session("main")
session.put([tgstore.Kv("s", str(i), value=b"v" * 100) for i in range(200)])
session.put([tgstore.Peer("user", i, usernames=[f"n{{i}}"]) for i in range(200)])
started = threading.Semaphore(0)

def work(number, tgstore=tgstore):
    started.release()
    while True:
        session.put(tgstore.Peer("user", number, usernames=["wanted"], first_name="f" * 50))
        list(session.list(tgstore.Kv, limit=50))
        session.peer(username="wanted")
        with session.batch() as batch:
            batch.put(tgstore.Kv("t", str(number), value=b"x" * 1000))
            batch.add_dedup([str(number)])
        session.enqueue(tgstore.QueueItem(str(number), lane="l"))
        session.claim("me", lease_ms=1)

def wait_for_lease(number):
    started.release()
    session.acquire_lease("waiter", wait_ms=10**9, timeout_ms=-1)

def start(target, daemon=True, count=4):
    for number in range(count):
        threading.Thread(target=target, args=(number,), daemon=daemon).start()
    for _ in range(count):
        started.acquire()

"""

PROGRAMS = {
    "daemon threads at work": "start(work)",
    "daemon threads that wait": "lease = session.acquire_lease('holder')\nstart(wait_for_lease)",
    "sys.exit from a thread's neighbour": "start(work)\nsys.exit()",
    # What the threads are told then, that it is closed, is theirs to catch.
    "closed by atexit": "start(work)\nthreading.excepthook = lambda args: None\natexit.register(store.close)",
    "closed with threads inside": "start(work)\nthreading.excepthook = lambda args: None\nstore.close()",
    "atexit still works": "start(work)\natexit.register(lambda: session.put(tgstore.Kv('s', 'late')))",
    "globals in another module": (
        "start(work)\nos.kept = store, session, session.batch(), session.page(tgstore.Kv)"
    ),
    "the package goes first": (
        "start(work)\nfor name in [name for name in sys.modules if name.startswith('tgstore')]:\n"
        "    del sys.modules[name]\ndel tgstore, aio\ngc.collect()"
    ),
    "a finalizer that calls": (
        "class Late:\n    def __del__(self, put=session.put, row=tgstore.Kv('s', 'late')): put(row)\n"
        "late = Late()\nstart(work)"
    ),
    "threads that end by themselves": (
        "def some(number):\n    started.release()\n"
        "    for i in range(50): session.put(tgstore.Kv('own', f'{number} {i}'))\n"
        "start(some, daemon=False)\n"
        "def check():\n    assert len(list(session.list(tgstore.Kv, scope='own'))) == 200\n"
        "atexit.register(check)"
    ),
    "tasks of asyncio": (
        "async def call(me):\n    while True:\n        await me.put(tgstore.Kv('s', 'k', value=b'v'))\n"
        "        async for row in me.list(tgstore.Kv): pass\n"
        "async def main():\n"
        "    opened = await aio.open(url)\n    me = opened.session('main')\n"
        "    os.kept = [asyncio.create_task(call(me)) for _ in range(4)]\n    await asyncio.sleep(0.02)\n"
        "asyncio.run(main())"
    ),
    "a loop that is left standing": (
        "async def call(me):\n    while True:\n        await me.put(tgstore.Kv('s', 'k', value=b'v'))\n"
        "async def main():\n"
        "    opened = await aio.open(url)\n    me = opened.session('main')\n"
        "    os.kept = [asyncio.ensure_future(call(me)) for _ in range(4)]\n    await asyncio.sleep(0.02)\n"
        "loop = asyncio.new_event_loop()\nloop.set_exception_handler(lambda loop, context: None)\n"
        "loop.run_until_complete(main())"
    ),
    "a child made by fork": (
        "start(work)\nchild = os.fork()\n"
        "if child:\n    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0"
    ),
    "a child that opens it anew": (
        "child = os.fork()\n"
        "if child == 0:\n    store = tgstore.open(url)\n    session = store.session('main')\n"
        "start(work)\n"
        "if child:\n    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0"
    ),
}


def run(program: str, url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "ignore", "-c", BEGIN.format(url=url) + program],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(tgstore.__file__).parent.parent)},
    )


@pytest.mark.parametrize("url", ["memory:", "sqlite:{}/store.db"], ids=["memory", "sqlite"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_interpreter_ends(tmp_path: Path, name: str, url: str) -> None:
    for number in range(RUNS):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = run(PROGRAMS[name], url.format(folder))
        assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("name", ["at work", "that waits"])
def test_an_interrupt_ends_it(tmp_path: Path, name: str) -> None:
    """As any program that does not catch it: by the signal, with Python's own traceback and no other."""
    interrupt = "threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
    call = {
        "at work": "start(work)\n" + interrupt + "work(0)",
        "that waits": "lease = session.acquire_lease('holder')\n"
        + interrupt
        + "session.acquire_lease('waiter', wait_ms=300, timeout_ms=300)\nwork(0)",
    }[name]
    for number in range(RUNS):
        done = run(call, f"sqlite:{tmp_path}/{number}.db")
        ended = done.returncode == -signal.SIGINT and done.stderr.splitlines()[-1] == "KeyboardInterrupt"
        busy = name == "that waits" and "BusyError" in done.stderr  # the signal is seen when the call ends
        assert ended or busy, done.stderr
