# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""An intake that is stopped with the test that started it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.serve.server import Server


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Return what starts an intake in this test's folder; it is stopped with the test."""
    made: list[Server] = []

    def begin(*options: str) -> Server:
        made.append(Server(tmp_path, options))
        return made[-1].start()

    yield begin
    for server in made:
        if server.process is not None and server.process.poll() is None:
            server.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return an intake for small messages, for tests that leave nothing in it."""
    server = Server(tmp_path_factory.mktemp("strict"), ("--max-bytes", "100000")).start()
    yield server
    server.stop()


@pytest.fixture
def server(start: Callable[..., Server]) -> Server:
    return start()
