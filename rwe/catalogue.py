# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The ledger of runs and of schedule windows: what was done, when, and how it ended.

One SQLite file in the home folder. Instants are UTC text to the second, so that they sort and read
the same in every database. Rows are added and closed, never deleted.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from rwe.errors import MachineError

TABLES = sa.MetaData()
RUNS = sa.Table(
    "runs",
    TABLES,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.String, nullable=False, index=True),
    sa.Column("study", sa.String, nullable=False, index=True),
    sa.Column("started", sa.String, nullable=False),
    sa.Column("finished", sa.String),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("exit_code", sa.Integer),
    sa.Column("folder", sa.String, nullable=False),
    sa.Column("config_hash", sa.String, nullable=False),
    sa.Column("commits", sa.JSON, nullable=False),
)
WINDOWS = sa.Table(
    "windows",
    TABLES,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("schedule", sa.String, nullable=False),
    sa.Column("due", sa.String, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("run_id", sa.String),
    sa.Column("started", sa.String),
    sa.Column("heartbeat", sa.String),
    sa.Column("finished", sa.String),
    sa.Column("exit_code", sa.Integer),
    sa.Column("error_kind", sa.String),
    sa.Column("host", sa.String),
    sa.Column("pid", sa.Integer),
    sa.UniqueConstraint("schedule", "due"),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a study; `folder` is relative to the home folder."""

    seq: int
    run_id: str
    study: str
    started: str
    finished: str | None
    status: str
    exit_code: int | None
    folder: str
    config_hash: str
    commits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Window:
    """One due time of a schedule: ``running``, ``done``, ``failed``, ``retry``, ``lost`` or ``skipped``."""

    schedule: str
    due: datetime
    attempt: int
    status: str
    run_id: str | None
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The open ledger of one home folder; made by `open_catalogue`."""

    engine: sa.Engine

    def start_run(self, run_id: str, study: str, folder: str, config_hash: str) -> int:
        """Enter a run as running and return its number in the ledger."""
        row: dict[str, Any] = {"run_id": run_id, "study": study, "folder": folder, "config_hash": config_hash}
        row |= {"started": instant(), "status": "running", "commits": {}}
        with _transaction(self.engine) as connection:
            key = connection.execute(RUNS.insert().values(row)).inserted_primary_key
        return int(key[0]) if key else 0

    def finish_run(self, seq: int, *, exit_code: int, commits: Mapping[str, int]) -> None:
        """Close a run with its exit code and the landing commit it read of each stream."""
        status = "done" if exit_code == 0 else "failed"
        row = {"finished": instant(), "status": status, "exit_code": exit_code, "commits": dict(commits)}
        with _transaction(self.engine) as connection:
            connection.execute(RUNS.update().where(RUNS.c.seq == seq).values(row))

    def lose_runs(self, study: str) -> None:
        """Mark what is entered as running lost; the caller holds the study's lock, so nobody is at work on it."""
        dead = (RUNS.c.study == study, RUNS.c.status == "running")
        with _transaction(self.engine) as connection:
            connection.execute(RUNS.update().where(*dead).values(status="lost", finished=instant()))

    def last_run(self, study: str) -> Run | None:
        """Return the newest run of the study that finished well."""
        query = sa.select(RUNS).where(RUNS.c.study == study, RUNS.c.status == "done").order_by(RUNS.c.seq.desc())
        with _transaction(self.engine) as connection:
            row = connection.execute(query.limit(1)).mappings().first()
        return Run(**row) if row else None

    def windows(self, schedule: str) -> list[Window]:
        """Return the windows of a schedule, oldest first."""
        columns = [WINDOWS.c[name] for name in ("schedule", "due", "attempt", "status", "run_id", "exit_code")]
        query = sa.select(*columns).where(WINDOWS.c.schedule == schedule).order_by(WINDOWS.c.due)
        with _transaction(self.engine) as connection:
            rows = connection.execute(query).mappings().all()
        return [Window(**{**row, "due": datetime.fromisoformat(row["due"])}) for row in rows]

    def claim(self, schedule: str, due: datetime, attempt: int, run_id: str) -> bool:
        """Take a window for this process; False where another took the same attempt first."""
        row = {"attempt": attempt, "status": "running", "run_id": run_id, "started": instant(), "heartbeat": instant()}
        row |= {"host": socket.gethostname(), "pid": os.getpid(), "finished": None, "exit_code": None}
        earlier = (_at(schedule, due), WINDOWS.c.attempt == attempt - 1, WINDOWS.c.status.in_(["retry", "lost"]))
        with _transaction(self.engine) as connection:
            if connection.execute(WINDOWS.update().where(*earlier).values(row)).rowcount:
                return True
            try:
                connection.execute(WINDOWS.insert().values(schedule=schedule, due=instant(due), **row))
            except sa.exc.IntegrityError:
                return False
        return True

    def beat(self, schedule: str, due: datetime) -> None:
        """Say that the process at work on a window is alive."""
        self._close(schedule, due, heartbeat=instant())

    def close(
        self, schedule: str, due: datetime, *, status: str, exit_code: int | None, error_kind: str | None
    ) -> None:
        """Enter how an attempt at a window ended."""
        self._close(schedule, due, status=status, exit_code=exit_code, error_kind=error_kind, finished=instant())

    def _close(self, schedule: str, due: datetime, **values: str | int | None) -> None:
        with _transaction(self.engine) as connection:
            connection.execute(WINDOWS.update().where(_at(schedule, due)).values(**values))

    def skip(self, schedule: str, dues: Sequence[datetime]) -> None:
        """Enter windows that will not be run, those waiting for another attempt included."""
        with _transaction(self.engine) as connection:
            for due in dues:
                waiting = WINDOWS.update().where(_at(schedule, due))
                if not connection.execute(waiting.values(status="skipped", finished=instant())).rowcount:
                    row = {"schedule": schedule, "due": instant(due), "attempt": 0, "status": "skipped"}
                    connection.execute(WINDOWS.insert().values(**row, finished=instant()))

    def lose(self, schedule: str, before: datetime) -> None:
        """Mark windows lost whose process gave no sign of life since `before`."""
        stale = (WINDOWS.c.schedule == schedule, WINDOWS.c.status == "running", WINDOWS.c.heartbeat < instant(before))
        with _transaction(self.engine) as connection:
            connection.execute(WINDOWS.update().where(*stale).values(status="lost", finished=instant()))


def instant(moment: datetime | None = None) -> str:
    """Return a moment (now where none is given) as UTC text to the second."""
    return (moment or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="seconds")


def _at(schedule: str, due: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(WINDOWS.c.schedule == schedule, WINDOWS.c.due == instant(due))


@contextmanager
def _transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    except sa.exc.DatabaseError as exc:
        reason = getattr(exc.orig, "sqlite_errorname", None) or type(exc.orig).__name__
        raise MachineError(
            f"the catalogue {engine.url.database} cannot be read or written ({reason}); "
            "make room, mend its permissions, or restore it from a backup"
        ) from None


def open_catalogue(home: Path) -> Catalogue:
    """Return the ledger of `home`, made where there is none.

    Raises
    ------
    MachineError
        If the file cannot be made or written.
    """
    path = home / "catalogue.db"
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise MachineError(f"the home folder {home} cannot be made: {exc.strerror}") from None
    # no pool: each call opens and closes the file, so nothing stays open behind a long run
    engine = sa.create_engine(f"sqlite:///{path.as_posix()}", poolclass=NullPool, connect_args={"timeout": 30})
    with _transaction(engine) as connection:
        for table in TABLES.sorted_tables:
            connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))
    return Catalogue(engine)
