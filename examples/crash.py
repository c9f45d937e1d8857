# SPDX-License-Identifier: Apache-2.0
"""Kills bot.py in the middle of its work, starts it again, and compares the store with the recording.

    python crash.py sqlite:bot.db --updates 400 --kills 2
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import tgstore
from updates import first_pts, update

BOT = Path(__file__).with_name("bot.py")


def start(url: str, total: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(BOT), url, "--updates", str(total)])


def replies(session: tgstore.Session) -> int:
    return sum(1 for _ in session.list(tgstore.Kv, scope="replies"))


def kill_after(bot: subprocess.Popen[bytes], session: tgstore.Session, count: int) -> None:
    """Kill the bot as soon as it has given `count` replies, without a word."""
    deadline = time.monotonic() + 60
    while replies(session) < count:
        if bot.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"crash.py: the bot ended before it had given {count} replies")
        time.sleep(0.002)
    bot.send_signal(signal.SIGKILL)
    bot.wait()


def report(store: tgstore.Store, session: tgstore.Session) -> None:
    stats = store.stats("bot")
    print(f"    in the store: pts {session.update_state().pts}, {replies(session)} replies given, "
          f"{stats.queue_ready} updates waiting, {stats.queue_leased} taken by the bot that is dead", flush=True)


def verify(session: tgstore.Session, total: int) -> None:
    """Each update has exactly one effect.  A lost one, or one done twice, would change a count."""
    recorded = [update(number) for number in range(1, total + 1)]
    expected = Counter((u.chat_id, u.user_id) for u in recorded)
    counted = {(c.chat_id, c.user_id): c.step_number for c in session.list(tgstore.Conversation)}
    answered = {int(kv.key) for kv in session.list(tgstore.Kv, scope="replies")}
    if answered != {u.message_id for u in recorded}:
        raise SystemExit(f"crash.py: {total - len(answered)} replies are missing")
    if counted != expected:
        raise SystemExit(f"crash.py: the conversations count {counted}, the recording {dict(expected)}")
    if session.update_state().pts != first_pts() + total:
        raise SystemExit("crash.py: the position is not that of the last update")
    print(f"    {total} updates, {len(answered)} replies, and the {len(counted)} conversations "
          f"count {sum(counted.values())} messages: nothing lost, nothing twice")


def main(url: str, total: int, kills: int) -> None:
    with tgstore.open(url) as store:
        session = store.session("bot")
        for n in range(1, kills + 1):
            bot = start(url, total)
            kill_after(bot, session, n * total // (kills + 1))
            print(f"    SIGKILL to bot {bot.pid}", flush=True)
            report(store, session)
        if start(url, total).wait() != 0:
            raise SystemExit("crash.py: the bot failed")
        verify(session, total)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--updates", type=int, default=400)
    parser.add_argument("--kills", type=int, default=2)
    arguments = parser.parse_args()
    main(arguments.url, arguments.updates, arguments.kills)
