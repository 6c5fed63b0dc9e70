# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The breast hospital: real patients of the Rotterdam registry in the database of an invented hospital.

``python -m synthetic.breast URL`` builds it at any SQLAlchemy URL, SQLite or PostgreSQL alike.
How dates come from the registry's durations is said in `synthetic.breast_rows`, and table by table
in ``synthetic/README.md``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from rwe.errors import DataError, DefinitionError, MachineError, RweError, SourceUnreachable
from synthetic.breast_rows import hospital_rows
from synthetic.breast_tables import METADATA, TABLES


@dataclass(frozen=True, slots=True)
class Hospital:
    """A hospital that the engine can build for itself, and the study that runs on it.

    Parameters
    ----------
    name
        What the user calls it.
    site
        Name of the site file that reads it.
    study
        The study file.
    """

    name: str
    site: str
    study: Path

    def build(self, url: str) -> dict[str, int]:
        """Build the hospital's database; one that is built already stays as it is.

        Corrections that people made in an existing database therefore survive.

        Parameters
        ----------
        url
            SQLAlchemy URL. The folder of a SQLite file is created.

        Returns
        -------
        dict
            Rows in the database, by table.

        Raises
        ------
        DefinitionError
            If the URL is not one.
        MachineError
            If the folder or the file cannot be written, or a driver is missing.
        SourceUnreachable
            If the database does not answer.
        DataError
            If the database holds other things under the names of our tables.

        Examples
        --------
        >>> HOSPITAL.build("sqlite://")["death"]
        1272
        """
        engine = _engine(url)
        try:
            _make_folder(engine.url)
            with engine.begin() as connection:
                return _fill(connection)
        except sa.exc.OperationalError:
            raise _out_of_reach(engine.url) from None
        except sa.exc.DBAPIError as exc:
            raise DataError(
                f"{_shown(engine.url)} is not a hospital database of ours ({type(exc.orig).__name__}); "
                "use an empty database or remove the file"
            ) from None
        finally:
            engine.dispose()


def _shown(url: sa.URL) -> str:
    return url.render_as_string(hide_password=True)


def _engine(url: str) -> sa.Engine:
    try:
        return sa.create_engine(url)
    except (sa.exc.ArgumentError, ValueError):
        raise DefinitionError("the hospital's url is not an SQLAlchemy URL; write sqlite:///path/file.db") from None
    except ImportError as exc:
        raise MachineError(f"the driver of the hospital's url is not installed: {exc.name}") from None


def _make_folder(url: sa.URL) -> None:
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return
    folder = Path(str(url.database)).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise MachineError(f"folder {folder} cannot be created: {exc.strerror}") from None


def _out_of_reach(url: sa.URL) -> RweError:
    """Return the error of a database that fails in use: a server is away, a file is unusable."""
    if url.get_backend_name() == "sqlite":
        return MachineError(f"the hospital database cannot be written: {_shown(url)}")
    return SourceUnreachable(f"the hospital database does not answer: {_shown(url)}")


def _fill(connection: sa.Connection) -> dict[str, int]:
    """Create and load the tables, unless they are there with rows in each."""
    present = set(sa.inspect(connection).get_table_names())
    rows = {table.name: _count(connection, table) for table in TABLES if table.name in present}
    if len(rows) == len(TABLES) and all(rows.values()):
        return rows
    if taken := sorted(name for name, n in rows.items() if n):
        raise DataError(
            f"table {', '.join(taken)} holds rows but the hospital's other tables are missing or empty; "
            "use an empty database or remove the file"
        )
    METADATA.create_all(connection)
    content = hospital_rows()
    for table in TABLES:
        connection.execute(sa.insert(table), content[table.name])
    return {name: len(found) for name, found in content.items()}


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _study() -> Path:
    """Return the study file: beside this package in an installed wheel, else in the checkout."""
    package = Path(__file__).parent
    shipped = package / "configs"
    return (shipped if shipped.is_dir() else package.parent / "configs") / "studies" / "breast_hormonal.yaml"


HOSPITAL = Hospital("breast", "rotterdam", _study())


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the hospital at the URL of the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m synthetic.breast", description="Build the breast hospital.")
    parser.add_argument("url", help="SQLAlchemy URL, for example sqlite:///breast.db")
    try:
        rows = HOSPITAL.build(parser.parse_args(arguments).url)
    except RweError as exc:
        sys.stderr.write(f"synthetic.breast: {exc}\n")
        return exc.exit_code
    sys.stdout.writelines(f"{name}: {n} rows\n" for name, n in rows.items())
    return 0


if __name__ == "__main__":
    sys.exit(main())
