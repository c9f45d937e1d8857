# SPDX-License-Identifier: Apache-2.0
"""Which drivers and back ends the cases run through, and which cases apply to them."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from api import Session, Store  # noqa: E402
from driver import Driver, Failure, InProcess, Subprocess  # noqa: E402

URLS = {"memory": "memory:", "sqlite": "sqlite:{tmp}/store.db"}
NOT_APPLICABLE = pytest.StashKey[Counter[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tgstore conformance")
    group.addoption(
        "--driver", action="append", help="python, c, or one of --driver-command; default: python and c"
    )
    group.addoption(
        "--driver-command",
        action="append",
        default=[],
        metavar="NAME=COMMAND",
        help="a driver that speaks JSON lines, as tests/conformance/README.md says",
    )
    group.addoption("--backend", action="append", help="memory, sqlite, or the scheme of --backend-url")
    group.addoption("--backend-url", help="URL of the back end to test; {tmp} is a new folder for each case")
    group.addoption("--backend-module", help="shared object that has the back end of --backend-url")


def _option(config: pytest.Config, name: str) -> Any:
    """None where pytest was started above this folder, and so has not heard of the option."""
    return config.getoption(name, default=None)


# --- what to run through


@dataclass(frozen=True)
class DriverKind:
    """A language's driver; command None: the binding in this process."""

    name: str
    command: tuple[str, ...] | None

    @property
    def program(self) -> tuple[str, ...]:
        return self.command or (sys.executable, str(HERE / "python_driver.py"))

    def start(self, folder: Path) -> Driver:
        if self.command is None:
            return InProcess()
        return Subprocess(list(self.command), folder / "driver.stderr")


@dataclass(frozen=True)
class BackendKind:
    name: str
    url: str
    module: str | None

    @property
    def has_files(self) -> bool:
        return "{tmp}" in self.url


def _built(name: str) -> Path:
    """Something that Meson made in this folder."""
    path = Path(os.environ.get("TGSTORE_BUILD", "build")).resolve() / "tests" / "conformance" / name
    if not path.exists():
        raise pytest.UsageError(f"{path} is not there; run the tests with script/test, or set TGSTORE_BUILD")
    return path


def _driver_kinds(config: pytest.Config) -> list[DriverKind]:
    commands = dict(pair.split("=", 1) for pair in _option(config, "--driver-command") or ())
    kinds = []
    for name in _option(config, "--driver") or ["python", "c", *commands]:
        if name in commands:
            kinds.append(DriverKind(name, tuple(shlex.split(commands[name]))))
        elif name == "python":
            kinds.append(DriverKind(name, None))
        elif name == "c":
            kinds.append(DriverKind(name, (str(_built("conformance-c-driver")),)))
        else:
            raise pytest.UsageError(f"no such driver: {name}; give its --driver-command")
    return kinds


def _backend_kinds(config: pytest.Config) -> list[BackendKind]:
    url, module = _option(config, "--backend-url"), _option(config, "--backend-module")
    if module and not url:
        raise pytest.UsageError("--backend-module needs --backend-url, such as 'jsonfile:{tmp}/db.json'")
    own = {url.split(":", 1)[0]: url} if url else URLS
    kinds = []
    for name in _option(config, "--backend") or own:
        if name not in own and name not in URLS:
            raise pytest.UsageError(f"no such back end: {name}; give its --backend-url")
        path = os.path.abspath(module) if module and name in own else None
        kinds.append(BackendKind(name, own.get(name) or URLS[name], path))
    return kinds


def _probe(driver: DriverKind, backends: list[BackendKind]) -> dict[str, frozenset[str]]:
    """What the driver and each back end can do: {"": features, "sqlite": features and capabilities}."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            running = driver.start(Path(folder))
        except ImportError as failure:
            raise pytest.UsageError(
                f"driver {driver.name}: {failure}; run the tests with script/test"
            ) from failure
        found = {"": running.features | ({"root"} if os.geteuid() == 0 else set())}
        for backend in backends:
            try:
                if backend.module:
                    running.request("load_backend", path=backend.module)
                store = Store.open(running, backend.url.format(tmp=folder))
            except Failure as failure:
                raise pytest.UsageError(f"back end {backend.name}: {failure}") from failure
            found[backend.name] = found[""] | store.capabilities | {backend.name}
            if backend.has_files:
                found[backend.name] |= {"files"}
            store.close()
        running.close()
    return found


# --- parameters


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*capabilities): of the back end, or features of the driver")
    config.addinivalue_line("markers", "slow: left out by -m 'not slow', the inner loop")
    config.stash[NOT_APPLICABLE] = Counter[str]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    config = metafunc.config
    if "driver_kind" in metafunc.fixturenames:
        kinds = _driver_kinds(config)
        metafunc.parametrize("driver_kind", kinds, ids=[kind.name for kind in kinds], scope="session")
    if "backend_kind" in metafunc.fixturenames:
        backends = _backend_kinds(config)
        metafunc.parametrize("backend_kind", backends, ids=[kind.name for kind in backends], scope="session")


def _lacks(item: pytest.Item, available: dict[str, dict[str, frozenset[str]]]) -> str | None:
    """Why the case does not apply, or None."""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    driver, backend = parameters.get("driver_kind"), parameters.get("backend_kind")
    if driver is None:
        return None
    has = available[driver.name][backend.name if backend else ""]
    wanted = {name for mark in item.iter_markers("needs") for name in mark.args}
    missing = sorted(wanted - has)
    return (
        f"{backend.name if backend else '-'} through {driver.name} lacks {', '.join(missing)}"
        if missing
        else None
    )


def _leave_to_the_long_run(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The inner loop has each driver and each back end, but not each pair of them."""
    drivers, backends = _driver_kinds(config), _backend_kinds(config)
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if "backend_kind" not in parameters:
            continue
        driver, backend = drivers.index(parameters["driver_kind"]), backends.index(parameters["backend_kind"])
        if driver % len(backends) != backend % len(drivers):
            item.add_marker("slow")


@pytest.hookimpl(tryfirst=True)  # before -m is looked at
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if HERE in item.path.parents]
    for item in ours:
        assert getattr(item, "function").__doc__, f"{item.nodeid}: a case quotes the rule that it states"
    if not ours:
        return
    _leave_to_the_long_run(config, ours)
    backends = _backend_kinds(config)
    available = {driver.name: _probe(driver, backends) for driver in _driver_kinds(config)}
    left_out = []
    for item in ours:
        reason = _lacks(item, available)
        if reason:
            config.stash[NOT_APPLICABLE][reason] += 1
            left_out.append(item)
    dropped = set(left_out)
    items[:] = [item for item in items if item not in dropped]
    if left_out:
        config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """With pytest-xdist the workers collect, and all of them the same."""
    node.config.stash[NOT_APPLICABLE] = Counter[str](
        getattr(node, "workeroutput", {}).get("not_applicable", {})
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["not_applicable"] = dict(session.config.stash[NOT_APPLICABLE])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    counts = config.stash[NOT_APPLICABLE]
    if counts:
        terminalreporter.section("conformance: cases that do not apply")
        for reason, count in sorted(counts.items()):
            terminalreporter.line(f"{count:4}  {reason}")


# --- fixtures


class Backend:
    """The back end under test: opens stores in this case's folder, through this case's driver or another one."""

    def __init__(self, kind: BackendKind, driver_kind: DriverKind, driver: Driver, folder: Path):
        self.kind, self.driver, self.folder = kind, driver, folder
        self.driver_kind = driver_kind
        self._spawned: list[Subprocess] = []
        self.url = kind.url.format(tmp=folder)

    @property
    def path(self) -> Path:
        """Of the database, where it is a file."""
        return Path(self.url.split(":", 1)[1])

    def open(self, url: str | None = None, driver: Driver | None = None, **options: Any) -> Store:
        texts = {name: str(value) for name, value in options.items()}
        return Store.open(driver or self.driver, url or self.url, texts)

    def spawn(self, **how: Any) -> Subprocess:
        """A process of its own with the same driver, for cases about two of them, and about their death."""
        stderr = self.folder / f"driver-{len(self._spawned)}.stderr"
        driver = Subprocess(list(self.driver_kind.program), stderr, **how)
        self._spawned.append(driver)
        if self.kind.module:
            driver.request("load_backend", path=self.kind.module)
        return driver

    def built(self, name: str) -> Path:
        return _built(name)

    def end(self) -> None:
        for driver in self._spawned:
            driver.close()


@pytest.fixture
def driver(driver_kind: DriverKind, tmp_path: Path) -> Iterator[Driver]:
    running = driver_kind.start(tmp_path)
    yield running
    running.close()


@pytest.fixture
def backend(
    backend_kind: BackendKind, driver_kind: DriverKind, driver: Driver, tmp_path: Path
) -> Iterator[Backend]:
    if backend_kind.module:
        driver.request("load_backend", path=backend_kind.module)
    under_test = Backend(backend_kind, driver_kind, driver, tmp_path)
    yield under_test
    under_test.end()


@pytest.fixture
def backend_in_the_open(backend: Backend) -> Iterator[Backend]:
    """In a folder that another user can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        elsewhere = Backend(backend.kind, backend.driver_kind, backend.driver, Path(folder))
        yield elsewhere
        elsewhere.end()


@pytest.fixture
def store(backend: Backend) -> Store:
    return backend.open()


@pytest.fixture
def me(store: Store) -> Session:
    return store.session("main")
