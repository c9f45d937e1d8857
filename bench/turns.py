# SPDX-License-Identifier: Apache-2.0
"""How the Python parts of the benchmark measure: ours and the reference take turns, several rounds each."""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from rows import Row, to_json

#: Does one round, given its number, and returns the seconds it took.
Turn = Callable[[int], float]


def arguments(description: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=description)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="fewer rounds")
    size.add_argument("--tiny", action="store_true", help="the smallest sizes: tells only that all of it works")
    parser.add_argument("--only", metavar="TEXT", default="", help="only cases whose name contains this")
    return parser.parse_args()


class Amount(NamedTuple):
    """How often things are done."""

    rounds: int
    calls: int  # in a round
    syncs: int  # calls that wait for the disk, each of which is measured


def take_turns(turns: Sequence[Turn], rounds: int) -> list[list[float]]:
    """The seconds of each round of each."""
    seconds: list[list[float]] = [[] for _ in turns]
    gc.freeze()  # nobody's rounds pay for what was there before
    for number in range(rounds):
        order = list(enumerate(turns))
        for place, turn in order if number % 2 == 0 else reversed(order):
            seconds[place].append(turn(number))
    gc.unfreeze()
    return seconds


def best(turns: Sequence[Turn], rounds: int, calls: int) -> list[float]:
    """Microseconds of a call in the best round of each: whatever else the machine does can only add."""
    return [min(seconds) / calls * 1e6 for seconds in take_turns(turns, rounds)]


def median(turns: Sequence[Turn], calls: int) -> list[float]:
    """Microseconds of a call that waits for the disk, whose time varies by itself; a round is one call."""
    return [statistics.median(seconds) * 1e6 for seconds in take_turns(turns, calls)]


def show(row: Row) -> None:
    print(json.dumps(to_json(row), ensure_ascii=False), flush=True)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
