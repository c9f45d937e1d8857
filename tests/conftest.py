# SPDX-License-Identifier: Apache-2.0
"""What all the tests share: where the build is, and that nothing is skipped in silence."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent

# Ignored where a shell has put this into the background; the programs that tests interrupt would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def source() -> Path:
    """The source tree."""
    return SOURCE


@pytest.fixture(scope="session")
def build() -> Path:
    """The Meson build folder under test."""
    folder = os.environ.get("TGSTORE_BUILD")
    if not folder:
        pytest.fail("TGSTORE_BUILD is not set; run the tests with script/test")
    return Path(folder).resolve()


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{reason}: what can't be tested here is a failure, not a pass"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    _fail_if_skipped(report)
    return report
