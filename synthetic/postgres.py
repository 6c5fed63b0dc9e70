# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of one's own: Debian's program on 127.0.0.1 and a free port, stopped by its own pid."""

from __future__ import annotations

import getpass
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from rwe.errors import MachineError


class Missing(MachineError):
    """A program or driver is not installed here; says which Debian package holds it."""


@contextmanager
def postgres() -> Iterator[int]:
    """Start an empty PostgreSQL whose owner, ``postgres``, is asked for no password; yield its port.

    Raises
    ------
    Missing
        If it is not installed.
    """
    import psycopg

    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        raise Missing("no PostgreSQL server: install the Debian package postgresql")
    with folder_of("rwe-pgtcp-", "postgres") as (folder, user):
        port, data = free_port(), str(folder / "data")
        start = [str(programs[-1] / "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        ran([*start, "--locale=C"], user)
        settings = {"port": port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        address = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        with serving([str(programs[-1] / "postgres"), "-D", data, *options], user, folder):
            wait(lambda: psycopg.connect(address, connect_timeout=5).close())
            yield port


def free_port() -> int:
    """Return a port that nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def folder_of(prefix: str, user: str) -> Iterator[tuple[Path, str | None]]:
    """Make a temporary folder; for root it belongs to the server's user, who may not be root and is named too."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    chosen = user if getpass.getuser() == "root" else None
    if chosen:
        shutil.chown(folder, chosen)
    try:
        yield folder, chosen
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ran(command: Sequence[str], user: str | None) -> None:
    """Run a program to its end, as a user."""
    done = subprocess.run(command, user=user, capture_output=True, text=True, cwd="/", check=False)
    if done.returncode:
        raise MachineError(f"{Path(command[0]).name} failed: {done.stderr[-2000:]}")


@contextmanager
def serving(command: Sequence[str], user: str | None, folder: Path) -> Iterator[None]:
    """Run a server, its words in a log in the folder, until it is left."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, user=user, stdout=log, stderr=log, cwd="/")
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait(ready: Callable[[], None], seconds: float = 60) -> None:
    """Wait until `ready` raises nothing."""
    end = time.monotonic() + seconds
    while True:
        try:
            return ready()
        except Exception:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
