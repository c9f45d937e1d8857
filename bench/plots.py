# SPDX-License-Identifier: Apache-2.0
"""Charts of the rows, as SVG and PNG; the same rows give the same SVG."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator
from report import number
from rows import Row

# Colours that people tell apart who see few (Okabe and Ito).
BLUE, ORANGE, GREEN, RED, SKY, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#8C8C8C"
SERIES = [(BLUE, "o"), (ORANGE, "s"), (GREEN, "^"), (RED, "D")]
WIDTH = 8.4  # inches, of all charts
BAR = 0.3  # inches, of one bar with its gap
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "svg.hashsalt": "tgstore",
    "figure.dpi": 150,
}


class Chart(NamedTuple):
    name: str  # of the files
    title: str
    draw: Callable[[list[Row]], Figure | None]  # None: there are no rows for it


# ---- what charts have in common -------------------------------------------------------------------


def _plain(value: float, _: object = None) -> str:
    return f"{value:,g}"


def _short(value: float, _: object = None) -> str:
    """10k, 5M"""
    if value >= 1_000_000:
        return f"{value / 1_000_000:g}M"
    return f"{value / 1_000:g}k" if value >= 1_000 else f"{value:g}"


def _label(axes: Axes, text: str, place: tuple[float, float], colour: str = "black") -> None:
    """To the right of what it is about."""
    axes.annotate(text, place, (6, 0), textcoords="offset points", va="center", color=colour)


def _figure(n_columns: int, height: float) -> tuple[Figure, list[Axes]]:
    figure, axes = pyplot.subplots(1, n_columns, figsize=(WIDTH, height), layout="constrained", squeeze=False)
    return figure, list(axes[0])


class Point(NamedTuple):
    things: int
    value: float


def _curves(rows: Iterable[Row], pattern: str, backend: str) -> dict[str, list[Point]]:
    """Points by name from cases such as "<name>, 1,000 peers"; `pattern` has groups for both."""
    found: dict[str, list[Point]] = {}
    for row in rows:
        match = re.fullmatch(pattern, row.case)
        if match and row.backend == backend:
            count = int(match[2].replace(",", ""))
            found.setdefault(match[1], []).append(Point(count, row.ours))
    return {name: sorted(points) for name, points in found.items()}


def _draw_curves(axes: Axes, curves: dict[str, list[Point]], things: str, unit: str) -> None:
    """Lines over the number of things, upward from zero, each with its last value."""
    for (name, points), (colour, marker) in zip(curves.items(), SERIES):
        xs, ys = [point.things for point in points], [point.value for point in points]
        axes.plot(xs, ys, color=colour, marker=marker, markersize=5, linewidth=1.6, label=name, clip_on=False)
    axes.set_xscale("log")
    axes.set_xticks(sorted({point.things for points in curves.values() for point in points}))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(_short))
    axes.set_xlabel(f"{things} (log scale)")
    axes.yaxis.set_major_formatter(FuncFormatter(_plain))
    axes.set_ylabel(unit)
    axes.set_ylim(0, axes.get_ylim()[1] * (1.1 if len(curves) == 1 else 1.35))
    _label_ends(axes, curves)
    if len(curves) > 1:
        axes.legend(loc="upper left")  # there is room, since times do not shrink


def _label_ends(axes: Axes, curves: dict[str, list[Point]]) -> None:
    """The last values, a line of text apart at least."""
    ends = sorted((points[-1], colour) for points, (colour, _) in zip(curves.values(), SERIES))
    lowest, apart = 0.0, axes.get_ylim()[1] / 18
    for end, colour in ends:
        place = max(end.value, lowest)
        _label(axes, number(end.value), (end.things, place), colour)
        lowest = place + apart


def _bars(axes: Axes, names: list[str], lengths: list[float], colours: list[str], left: float = 0) -> None:
    """Horizontal bars, the first on top."""
    places = range(len(names))
    axes.barh(places, [length - left for length in lengths], left=left, color=colours, height=0.62)
    axes.set_yticks(places, names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)


# ---- beside the clients ---------------------------------------------------------------------------

CLIENT = r"(Telethon|Pyrogram|Kurigram), ([\d,]+) peers: (.+)"


def _times(ratio: float) -> str:
    times = 1 / ratio
    if 0.95 < times < 1.05:
        return "the same"
    if times >= 1:
        return f"{times:,.0f} times faster" if times >= 10 else f"{times:.1f} times faster"
    return f"{ratio:.1f} times slower"


def _client_rows(rows: list[Row]) -> dict[str, list[tuple[str, Row]]]:
    """The cases with the most peers, by client."""
    matches = [(match, row) for row in rows if (match := re.fullmatch(CLIENT, row.case))]
    most = max((int(match[2].replace(",", "")) for match, _ in matches), default=0)
    found: dict[str, list[tuple[str, Row]]] = {}
    for match, row in matches:
        if int(match[2].replace(",", "")) == most:
            found.setdefault(f"{row.against}, {most:,} peers", []).append((match[3], row))
    return found


def draw_clients(rows: list[Row]) -> Figure | None:
    clients = _client_rows(rows)
    if not clients:
        return None
    heights = [len(cases) for cases in clients.values()]
    figure, panels = pyplot.subplots(
        len(clients), 1, figsize=(WIDTH, BAR * sum(heights) + 0.55 * len(heights) + 1.3), sharex=True, squeeze=False,
        layout="constrained", height_ratios=heights)
    for axes, (client, cases) in zip(panels[:, 0], clients.items()):
        _draw_client(axes, client, cases)
    panels[-1, 0].set_xlabel("times as fast as the client's own store (log scale)")
    panels[0, 0].set_xlim(right=150 / min(row.ratio for cases in clients.values() for _, row in cases))  # for labels
    return figure


def _draw_client(axes: Axes, client: str, cases: list[tuple[str, Row]]) -> None:
    speeds = [1 / row.ratio for _, row in cases]
    axes.set_xscale("log")
    _bars(axes, [what for what, _ in cases], speeds, [BLUE if speed >= 1 else RED for speed in speeds], left=1)
    axes.axvline(1, color="black", linewidth=1)
    axes.xaxis.set_major_formatter(FuncFormatter(_plain))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_title(client, fontweight="bold")
    for place, (_, row) in enumerate(cases):
        _label(axes, _times(row.ratio), (max(1 / row.ratio, 1), place))


# ---- growth ---------------------------------------------------------------------------------------

BACKENDS = {"sqlite": "SQLite", "memory": "memory back end"}


def draw_look_ups(rows: list[Row]) -> Figure | None:
    curves = {backend: _curves(rows, r"one session: (get by \w+), ([\d,]+) peers", backend) for backend in BACKENDS}
    if not any(curves.values()):
        return None
    figure, panels = _figure(2, 3.4)
    for axes, (backend, found) in zip(panels, curves.items()):
        _draw_curves(axes, found, "peers in the session", "microseconds a call")
        axes.set_title(BACKENDS[backend], fontweight="bold")
    return figure


def draw_queue(rows: list[Row]) -> Figure | None:
    curves = _curves(rows, r"queue: (.+), ([\d,]+) items", "sqlite")
    if not curves:
        return None
    figure, (axes,) = _figure(1, 3.4)
    _draw_curves(axes, curves, "items in the queue", "microseconds an item")
    return figure


GROWTH = [
    ("Storing one more peer", r"one session: (put in batches of 100), ([\d,]+) peers", "peers in the session",
     "microseconds a peer"),
    ("Memory of the process", r"one session: (memory of the process), ([\d,]+) peers", "peers in the session",
     "MB"),
    ("Loading one more session", r"sessions of 1,000 peers: (load), ([\d,]+) sessions", "sessions of 1,000 peers",
     "microseconds a peer"),
    ("Look-up in one of them", r"sessions of 1,000 peers: (get by id), ([\d,]+) sessions",
     "sessions of 1,000 peers", "microseconds a call"),
]


def draw_growth(rows: list[Row]) -> Figure | None:
    found = [(*chart, _curves(rows, chart[1], "sqlite")) for chart in GROWTH]
    if not any(curves for *_, curves in found):
        return None
    figure, panels = pyplot.subplots(2, 2, figsize=(WIDTH, 5.6), layout="constrained")
    for axes, (title, _, things, unit, curves) in zip(panels.flat, found):
        _draw_curves(axes, curves, things, unit)
        axes.set_title(title, fontweight="bold")
    return figure


# ---- beside hand-written code, and sizes ----------------------------------------------------------

BY_HAND = {"hand-written sqlite3": "SQLite, beside hand-written sqlite3",
           "hash table behind a mutex": "memory back end, beside a hash table behind a mutex"}


def draw_overhead(rows: list[Row]) -> Figure | None:
    groups = {title: [row for row in rows if row.against == against] for against, title in BY_HAND.items()}
    groups = {title: found for title, found in groups.items() if found}
    if not groups:
        return None
    heights = [len(found) for found in groups.values()]
    figure, panels = pyplot.subplots(
        len(groups), 1, figsize=(WIDTH, BAR * sum(heights) + 0.7 * len(heights) + 1.0), squeeze=False,
        layout="constrained", height_ratios=heights)
    for axes, (title, found) in zip(panels[:, 0], groups.items()):
        _draw_overhead(axes, title, found)
    panels[-1, 0].set_xlabel("our time / reference time (black line: the reference; orange: the target)")
    return figure


def _draw_overhead(axes: Axes, title: str, rows: list[Row]) -> None:
    _bars(axes, [row.case.removeprefix("memory: ") for row in rows], [row.ratio for row in rows],
          [RED if row.is_over else BLUE for row in rows])
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlim(0, max(max(row.ratio, row.target or 0) for row in rows) * 1.12)
    axes.set_title(title, fontweight="bold")
    for place, row in enumerate(rows):
        end = max(row.ratio, row.target or 0)
        _label(axes, f"{row.ratio:.2f}", (end, place))
        if row.target:
            ends = [place - 0.42, place + 0.42]
            axes.plot([row.target] * 2, ends, color=ORANGE, linewidth=2.5, solid_capstyle="butt")


def draw_sizes(rows: list[Row]) -> Figure | None:
    found = sorted((row for row in rows if row.case.startswith("size on disk: ")), key=lambda row: row.ours)
    if not found:
        return None
    figure, (axes,) = _figure(1, BAR * len(found) + 1.3)
    names = [row.case.removeprefix("size on disk: ").replace("_", " ") for row in found]
    _bars(axes, names, [row.ours for row in found], [SKY] * len(found))
    axes.barh(range(len(found)), [row.reference for row in found], color=BLUE, height=0.62)
    for place, row in enumerate(found):
        _label(axes, f"{row.ours:.0f}, of which data {row.reference:.0f}", (row.ours, place))
    axes.set_xlim(0, found[-1].ours * 1.35)
    axes.set_xlabel("bytes a row: its own data (dark), and keys in indexes, page headers and free space (light)")
    return figure


# ---- files ----------------------------------------------------------------------------------------

CHARTS = [
    Chart("clients", "How many times as fast as the clients' own stores", draw_clients),
    Chart("overhead", "What tgstore costs over code written by hand for the same work", draw_overhead),
    Chart("look-ups", "A look-up in a small session and in a large one", draw_look_ups),
    Chart("growth", "What grows with the store (SQLite)", draw_growth),
    Chart("queue", "The durable queue: microseconds an item, by the number of items", draw_queue),
    Chart("sizes", "What a row takes on disk (SQLite)", draw_sizes),
]


def _caption(rows: list[Row]) -> str:
    lines = []
    for run in dict.fromkeys(row.run for row in rows if row.run):
        lines += [f"{run.machine}, {run.versions}", f"{run.date}: {run.command}"]
    return "\n".join(textwrap.fill(line, 165) for line in lines)


def _finish(figure: Figure, chart: Chart, rows: list[Row]) -> None:
    figure.suptitle(chart.title, x=0.01, ha="left", fontsize=12.5, fontweight="bold")
    figure.supxlabel(_caption(rows), x=0.01, ha="left", fontsize=6.5, color="#666666")


def draw(rows: list[Row], folder: Path) -> dict[str, str]:
    """Titles of the charts that there are rows for, by file."""
    folder.mkdir(parents=True, exist_ok=True)
    titles = {}
    pyplot.switch_backend("agg")
    with pyplot.rc_context(STYLE):
        for chart in CHARTS:
            figure = chart.draw(rows)
            if figure:
                _finish(figure, chart, rows)
                figure.savefig(folder / f"{chart.name}.svg", metadata={"Date": None})
                figure.savefig(folder / f"{chart.name}.png", metadata={"Software": None})
                pyplot.close(figure)
                titles[f"{chart.name}.svg"] = chart.title
    return titles
