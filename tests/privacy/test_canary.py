# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""P10: marks in identifying columns, faults at every boundary, and not one mark in anything said or written."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from rwe.cli.app import main
from rwe.selftest.canary import IDENTIFYING, Cage, canary


@pytest.fixture
def cage(tmp_path: Path) -> Cage:
    """Return a marked hospital that nobody has read."""
    made = Cage(tmp_path / "cage")
    made.build()
    return made


def test_a_mark_that_leaks_anywhere_is_found(cage: Cage) -> None:
    def leaky(line: Sequence[str]) -> int:
        (cage.home / "runs").mkdir()
        (cage.home / "runs" / "x.json").write_text(json.dumps(cage.marks["family"]))
        (cage.folder / "tmp" / cage.marks["device"]).write_bytes(b"")
        return main(line)

    quiet = cage.found(b"")
    loud = cage.found(cage.marks["kin"].lower().encode())
    leaky(cage.line)

    assert quiet == []
    assert loud == ["kin in what was said"]
    assert cage.found(b"") == [f"device in tmp/{cage.marks['device']}", "family in home/runs/x.json"]


def test_what_is_clinical_lands_and_what_identifies_does_not(cage: Cage, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(cage.line) == 0

    assert cage.found("".join(capsys.readouterr()).encode()) == []
    parquet = b"".join(path.read_bytes() for path in cage.home.rglob("*.parquet"))
    assert len(parquet) > 1_000
    assert len(IDENTIFYING) >= 20


@pytest.mark.ci
def test_a_few_faults_leave_no_mark_and_all_of_it_happens_in_the_home(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))

    code = main(["selftest", "canary", "--faults", "0", "--home", str(tmp_path), "--json"])

    told = next(json.loads(line) for line in capsys.readouterr().out.splitlines() if '"event": "canary"' in line)
    assert (code, told["found"]) == (0, [])
    assert sum(told["faults"].values()) >= 90
    assert list((tmp_path / "selftest").iterdir()) == []


def test_the_canary_refuses_a_number_of_faults_below_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["selftest", "canary", "--faults", "-1"]) == 2
    assert "--faults" in capsys.readouterr().err


@pytest.mark.ci
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # planted where Python drops errors, too
def test_hundreds_of_faults_at_every_boundary_leave_no_mark(tmp_path: Path) -> None:
    report = canary(main, tmp_path, faults=330)

    assert report.found == ()
    assert report.faults["inside: an error of a library"] >= 200
    assert sum(report.faults.values()) >= 300
    assert set(report.codes) <= {0, 1, 2, 3, 4, 8, 130}


@pytest.mark.ci
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM", "SIGINT", "SIGABRT", "SIGSEGV"])
def test_a_process_that_is_killed_leaves_no_mark(cage: Cage, number: str) -> None:
    line = [sys.executable, "-X", "faulthandler", "-m", "rwe", *cage.line]
    environment = {**os.environ, "TMPDIR": str(cage.folder / "tmp")}
    said = b""
    for wait in (0.4, 0.8, 1.2, 1.6):
        with subprocess.Popen(line, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
            time.sleep(wait)
            child.send_signal(getattr(signal, number))
            said += child.communicate(timeout=60)[0]

    last = subprocess.run(line, env=environment, capture_output=True, check=False)

    assert last.returncode == 0
    assert cage.found(said + last.stdout + last.stderr) == []
    assert not list((cage.folder / "tmp").iterdir())


def test_files_are_their_owners_only(cage: Cage) -> None:
    before = os.umask(0o022)
    try:
        assert main(cage.line) == 0
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)

    open_ = [path for path in cage.home.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    assert open_ == []


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("postgresql://u:Zq5ecret@127.0.0.1:9/d", "no password in this file"),
        ("mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BPWD%3DZq5ecret", "no password in this file"),
    ],
)
def test_a_password_in_a_site_file_is_refused_and_not_said(
    cage: Cage, capsys: pytest.CaptureFixture[str], url: str, word: str
) -> None:
    path = cage.folder / "site.yaml"
    path.write_text(path.read_text("utf-8").replace("sqlite:///{home}/../hospital.db", url), "utf-8")

    assert main(cage.line) == 2

    said = "".join(capsys.readouterr())
    assert word in said
    assert "Zq5ecret" not in said


@pytest.mark.parametrize("more", [[], ["--debug"], ["--page-rows", "x"]])
def test_a_password_of_the_environment_is_never_said(
    cage: Cage, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, more: list[str]
) -> None:
    path = cage.folder / "site.yaml"
    path.write_text(path.read_text("utf-8") + "url_env: RWE_TEST_CANARY_URL\n", "utf-8")
    monkeypatch.setenv("RWE_TEST_CANARY_URL", "postgresql://u:Zq5ecret@127.0.0.1:9/d")

    code = main([*cage.line, *more])

    assert code == (2 if more else 4)
    said = "".join(capsys.readouterr()).encode() + b"".join(p.read_bytes() for p in cage.home.rglob("*") if p.is_file())
    assert b"Zq5ecret" not in said
