# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The Bulk Data client, point 13: killed for real in each phase, it goes on where it was; nothing lost or doubled."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from rwe.pipeline.extract import landing_table
from rwe.store import Store
from tests.connectors.faulty_fhir import FaultyServer, Say, faulty_server
from tests.connectors.fhir_clinic import condition, ndjson

pytestmark = pytest.mark.ci  # processes of the whole engine

ROOT = Path(__file__).parents[2]
# What a council's machine runs, in a process of its own; a line a batch that landed.
PROGRAM = """
import sys
from contextlib import closing
from pathlib import Path
from connectors.fhir import connect
from rwe.pipeline.extract import extract_from
from rwe.spec.source import Source
from rwe.store import Store
from tests.connectors.fhir_clinic import CONDITION, site

url, home = sys.argv[1], Path(sys.argv[2])
options = {"client_id": "rwe", "key_file": str(home / "key.pem"), "pause_seconds": 0.01, "parallel": 1}
here, source = site(url, 20, **options), Source(source="clinic", streams={"condition": CONDITION})
with closing(connect(here, source, home)) as connector:
    store = Store(home / "store")
    done = extract_from(connector, here, source, store, bytes(32), lambda line: print(line, flush=True))
    sys.exit(done.reads[0].fault or 0)
"""


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as made:
        made.login = True
        made.rows_per_file = 100
        made.write(*(condition(f"id-{i}", person=f"person-{i}") for i in range(300)))
        yield made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP384R1())
    path = tmp_path / "key.pem"
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o400)
    return tmp_path


def _start(server: FaultyServer, home: Path) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", PROGRAM, server.base, str(home)]
    return subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _killed(server: FaultyServer, home: Path, when: Callable[[subprocess.Popen[str]], object]) -> None:
    with _start(server, home) as process:
        try:
            when(process)
        finally:
            process.kill()


def _finish(server: FaultyServer, home: Path) -> None:
    with _start(server, home) as process:
        _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said


def _landed_once(home: Path) -> None:
    table = landing_table(Store(home / "store"), "clinic", "condition")
    rows = table.rows().collect()
    assert sorted(rows["_key"]) == sorted(f"id-{i}" for i in range(300))
    assert rows["person_token"].n_unique() == 300


def _nothing_left(home: Path) -> None:
    folder = home / "fhir" / "clinic"
    assert [path.name for path in folder.iterdir() if path.is_dir()] == []
    assert json.loads((folder / "state.json").read_text())["exports"] == []


def _state_is_safe(home: Path) -> None:
    folder = home / "fhir" / "clinic"
    text = (folder / "state.json").read_text() + "".join(path.read_text() for path in folder.glob("*/done.ndjson"))
    assert not [word for word in ("token", "person-", "id-1", "/file/") if word in text]
    for path in [folder, *folder.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o077 == 0 or path.name == "lock", path.name


@pytest.mark.parametrize("phase", ["kick-off", "polling"])
def test_point_13_killed_after_the_kick_off_or_while_polling(server: FaultyServer, home: Path, phase: str) -> None:
    reached, gate = threading.Event(), threading.Event()
    if phase == "polling":
        server.say("status", *[Say(202, headers={"Retry-After": "0"})] * 3)
    server.say("status", Say(202, headers={"Retry-After": "0"}, then=lambda: (reached.set(), gate.wait(60))[0]))

    _killed(server, home, lambda _process: reached.wait(60))
    gate.set()
    _state_is_safe(home)
    _finish(server, home)

    assert len(server.of("kickoff")) == 1
    _finish(server, home)
    _landed_once(home)
    _nothing_left(home)


def test_point_13_killed_half_way_through_a_file(server: FaultyServer, home: Path) -> None:
    reached, gate = threading.Event(), threading.Event()
    first = ndjson([condition(f"id-{i}", person=f"person-{i}") for i in range(100)])
    second = ndjson([condition(f"id-{i}", person=f"person-{i}") for i in range(100, 200)])
    server.say("file", Say(200, first), Say(200, second, cut=len(second) // 2, wait=gate, then=reached.set))

    _killed(server, home, lambda _process: reached.wait(60))
    gate.set()
    _state_is_safe(home)
    _finish(server, home)

    _landed_once(home)
    assert len(server.of("kickoff")) == 1
    assert [one.path[-1] for one in server.of("file")] == ["0", "1", "1", "2"]


@pytest.mark.parametrize("batches", [1, 4])
def test_point_13_killed_while_landing(server: FaultyServer, home: Path, batches: int) -> None:
    def after(process: subprocess.Popen[str]) -> None:
        assert process.stdout
        for _ in range(batches):
            process.stdout.readline()

    _killed(server, home, after)
    _finish(server, home)
    _finish(server, home)

    _landed_once(home)
    _nothing_left(home)
