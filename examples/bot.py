# SPDX-License-Identifier: Apache-2.0
"""A bot that may be killed at any moment: nothing is lost, and nothing is done twice.

    python bot.py sqlite:bot.db --updates 400

Each update is taken in one batch: who wrote, the new position, a key that tells a repetition, and the work in
the queue.  Each piece of work ends in one batch, too: its effect and its acknowledgement.  So whatever the
moment of the kill, either both are there or neither is.
"""

from __future__ import annotations

import argparse
import json
import os
import time

import tgstore
from updates import Update, first_pts, updates_after

LEASE_MS = 1000  # for how long the work of a worker that died stays its own
BURST = 20       # updates that arrive before there is time to answer


def receive(session: tgstore.Session, update: Update) -> bool:
    """Take in one update; False if it had been taken in before."""
    with session.batch() as batch:
        try:
            batch.add_dedup([f"message {update.message_id}"], require=True)
            batch.put([
                tgstore.Peer("user", update.user_id, access_hash=update.access_hash, first_name=update.first_name),
                tgstore.UpdateState(0, pts=update.pts),
                tgstore.QueueItem(str(update.message_id), lane=f"chat {update.chat_id}",
                                  payload=json.dumps(update.__dict__).encode()),
            ])
            batch.commit()
        except tgstore.ConflictError:
            batch.clear()
            return False
    return True


def answer(session: tgstore.Session, item: tgstore.QueueItem) -> None:
    """Do the work of one item; here: count the messages of the conversation, and write down the reply."""
    update = Update(**json.loads(item.payload))
    key = tgstore.Conversation(update.chat_id, update.user_id)
    before = session.get_one(key)
    count = before.get("step_number", 0) + 1 if before else 1
    time.sleep(0.002)  # the time that a real reply takes

    after = tgstore.Conversation(update.chat_id, update.user_id, step=count)
    if before:
        after.version, after.flags = before.version, tgstore.IF_VERSION | tgstore.REQUIRE
    else:
        after.flags = tgstore.IF_ABSENT | tgstore.REQUIRE
    reply = f"{update.first_name}, that was number {count}"
    with session.batch() as batch:
        batch.put([after, tgstore.Kv("replies", str(update.message_id), value=reply.encode())])
        batch.ack([item])


def work(session: tgstore.Session, worker: str) -> int:
    """Answer all that is due now."""
    done = 0
    while items := session.claim(worker, limit=4, lease_ms=LEASE_MS):
        for item in items:
            answer(session, item)
            done += 1
    return done


def run(url: str, total: int) -> None:
    worker = f"bot {os.getpid()}"
    with tgstore.open(url) as store:
        session = store.session("bot")
        state = session.update_state()
        pts = state.pts if state else first_pts()
        print(f"    {worker}: starts at pts {pts}", flush=True)
        new = repeated = 0
        for update in updates_after(pts, total):
            if receive(session, update):
                new += 1
            else:
                repeated += 1
            if (new + repeated) % BURST == 0:
                work(session, worker)
        while left := store.stats("bot").queue_ready + store.stats("bot").queue_leased:
            if not work(session, worker):
                print(f"    {worker}: {left} to do, behind work that a dead bot still has", flush=True)
                time.sleep(LEASE_MS / 2000)
        print(f"    {worker}: done, {new} new updates and {repeated} repeated ones", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--updates", type=int, default=400, help="length of the recording")
    arguments = parser.parse_args()
    run(arguments.url, arguments.updates)
