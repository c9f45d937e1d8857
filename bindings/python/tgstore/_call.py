# SPDX-License-Identifier: Apache-2.0
"""What the calls have in common: how to cancel one, and how their arguments are given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, TypeVar, Union

from . import _lowlevel
from ._errors import invalid
from ._records import CHOICES, UNSET, Dedup, QueueItem, Record, Result

R = TypeVar("R", bound=Record)

#: One record or any number of them.
Rows = Union[R, Iterable[R]]

#: What an argument of the database's own is given as.
Option = Union[str, int]


class Canceller:
    """Cancels calls from another thread.

    Give it to any number of calls as ``cancel=``.  Thread-safe and sticky: once cancelled, calls
    that carry it raise CancelledError, until it is reset.
    """

    __slots__ = ("_followers", "_handle")

    def __init__(self) -> None:
        self._handle = _lowlevel.tgs_canceller_new()
        self._followers: set[Canceller] = set()

    def cancel(self) -> None:
        """Cancel all calls that carry this, now and until reset.  Does not block."""
        _lowlevel.tgs_canceller_cancel(self._handle)
        for follower in tuple(self._followers):
            follower.cancel()

    def reset(self) -> None:
        """Let calls through again.  Does not block."""
        _lowlevel.tgs_canceller_reset(self._handle)

    @property
    def cancelled(self) -> bool:
        return bool(_lowlevel.tgs_canceller_cancelled(self._handle))

    def _add_follower(self, follower: Canceller) -> None:
        """Have `follower` cancelled together with this one."""
        self._followers.add(follower)
        if self.cancelled:
            follower.cancel()

    def _remove_follower(self, follower: Canceller) -> None:
        self._followers.discard(follower)


def each_row(rows: Rows[R]) -> Iterator[R]:
    """The records of an argument that takes one or many."""
    if isinstance(rows, Record):
        return iter((rows,))
    try:
        return iter(rows)
    except TypeError:
        raise TypeError(f"rows must be records, not {type(rows).__name__}") from None


def as_rows(rows: Rows[R]) -> Sequence[R]:
    """The same all at once."""
    if isinstance(rows, (list, tuple)):
        return rows
    return (rows,) if isinstance(rows, Record) else list(each_row(rows))


def runs_of(rows: Sequence[R]) -> Iterable[tuple[int, Sequence[R]]]:
    """Neighbours of the same kind of record together, since the order of writes counts."""
    record = _lowlevel.record_of(rows)
    if record:
        return [(record, rows)]
    return [(record, list(group)) for record, group in groupby(rows, lambda row: row.record)]


def choice(record: int, name: str, value: str | int | None) -> int:
    """The number of a choice given by name or number; -1 for None and "any"."""
    if value is None or value == "any":
        return -1
    choices = CHOICES[record, name]
    if isinstance(value, int):
        return value
    if value not in choices:
        raise invalid(f"{name} can't be {value!r}; give one of {', '.join(choices)}")
    return choices.index(value)


def option_texts(options: dict[str, Any]) -> dict[str, str]:
    """Options as the library takes them."""
    texts = {}
    for name, value in options.items():
        if not isinstance(value, (str, int)):
            raise TypeError(f"option {name} must be str or int, not {type(value).__name__}")
        texts[name] = value if isinstance(value, str) else str(int(value))
    return texts


def dedup_rows(keys: str | Iterable[str], ttl_ms: int | None, require: bool) -> list[Dedup]:
    ttl = UNSET if ttl_ms is None else ttl_ms
    flags = _lowlevel.TGS_ROW_REQUIRE if require else 0
    return [Dedup(key, ttl_ms=ttl, flags=flags) for key in ([keys] if isinstance(keys, str) else keys)]


def settle_rows(
    items: Rows[QueueItem] | str | Iterable[str], *, error: str | None = None, delay_ms: int | None = None
) -> list[QueueItem]:
    """What settling needs of claimed items: their ids and tokens, and what became of them."""
    rows = []
    for item in [items] if isinstance(items, (str, QueueItem)) else items:
        if isinstance(item, str):
            item = QueueItem(item)
        elif not isinstance(item, QueueItem):
            raise TypeError(f"items must be QueueItem, not {type(item).__name__}")
        row = QueueItem(item.id, token=item.token)
        if error is not None:
            row.last_error = error
        if delay_ms is not None:
            row.delay_ms = delay_ms
        rows.append(row)
    return rows


def are_new(results: list[Result]) -> list[bool]:
    return [result.applied for result in results]
