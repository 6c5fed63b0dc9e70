# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on the command line: said clearly, with the right exit code, and no value of a record."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from rwe.cli.app import _optional_value

STUDY = """
study: s
verzion: 1
"""


def rwe(home: Path, *arguments: str, **how: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "RWE_HOME": str(home), "NO_COLOR": "1"}
    line = [sys.executable, "-m", "rwe", *arguments]
    return subprocess.run(line, capture_output=True, text=True, encoding="utf-8", env=environment, check=False, **how)


def events(done: subprocess.CompletedProcess[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def broken(home: Path, body: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the real `main` with one command whose body is `body`."""
    (home / "commands.py").write_text(
        "from rwe.cli.options import Common, Talk\n\n"
        "def doctor(*, _common: Common = Common(), voice: Talk) -> int:\n" + textwrap.indent(body, "    "),
        "utf-8",
    )
    code = "import sys; from rwe.cli import app; app.COMMANDS['doctor'] = 'commands:doctor'; sys.exit(app.main())"
    environment = {**os.environ, "RWE_HOME": str(home), "PYTHONPATH": str(home)}
    line = [sys.executable, "-c", code, "doctor", *arguments]
    return subprocess.run(line, capture_output=True, text=True, encoding="utf-8", env=environment, check=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rnu"], 'Did you mean "run"?'),
        (["run"], "requires an argument"),
        (["run", "s.yaml", "--lagn", "bg"], "Did you mean --lang?"),
        (["doctor", "--lang", "fr"], "fr"),
        (["check"], "at least one study"),
        (["schedule", "tick", "--folder", "no/such/folder"], "no such folder of schedules"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2_with_a_cure(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = rwe(tmp_path, *arguments, "--json")

    assert done.returncode == 2
    assert said in done.stderr
    assert [event["event"] for event in events(done)] == ["error", "end"]
    assert events(done)[-1] == {"event": "end", "code": 2}


def test_all_faults_of_all_studies_come_at_once_with_their_places(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(STUDY, "utf-8")

    done = rwe(
        tmp_path, "check", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"), str(tmp_path / "aa.yaml"), "--json"
    )

    problems = [event for event in events(done) if event["event"] == "problem"]
    typo = [p for p in problems if p["where"] == "verzion"]
    assert done.returncode == 2
    assert [(Path(str(p["file"])).name, p["line"], p["column"]) for p in typo] == [("a.yaml", 3, 1), ("b.yaml", 3, 1)]
    assert "did you mean 'version'?" in done.stderr
    assert "aa.yaml:1:1: no such file; did you mean 'a.yaml'?" in done.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("DefinitionError", 2),
        ("DataError", 3),
        ("TornStore", 3),
        ("SourceUnreachable", 4),
        ("NoValidAnswer", 5),
        ("Busy", 6),
        ("Refused", 7),
        ("MachineError", 8),
    ],
)
def test_each_error_of_the_tree_has_its_exit_code(tmp_path: Path, error: str, code: int) -> None:
    done = broken(tmp_path, f"from rwe import errors; raise errors.{error}('column x: 3 rows')", "--json")

    assert done.returncode == code
    assert events(done) == [
        {"event": "error", "kind": error, "message": "column x: 3 rows", "code": code},
        {"event": "end", "code": code},
    ]
    assert "rwe: column x: 3 rows" in done.stderr


def test_a_foreign_error_shows_kind_and_place_and_no_value(tmp_path: Path) -> None:
    done = broken(
        tmp_path, "try:\n    int('Иванка 550101' + '9999')\nexcept ValueError as exc:\n    raise KeyError(str(exc))"
    )

    (log,) = (tmp_path / "logs").iterdir()
    assert done.returncode == 1
    assert "KeyError" in done.stderr
    assert "5501019999" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert "in doctor" in log.read_text("utf-8")
    assert "builtins.ValueError" in log.read_text("utf-8")
    assert "5501019999" not in log.read_text("utf-8")
    if sys.platform != "win32":
        assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_foreign_error_is_said_even_where_its_log_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file in the way")

    done = broken(tmp_path, "raise KeyError('x')")

    assert done.returncode == 1
    assert "KeyError" in done.stderr


@pytest.mark.parametrize("name", ["ENOSPC", "EACCES", "EROFS"])
def test_a_full_or_closed_disk_is_the_machine(tmp_path: Path, name: str) -> None:
    done = broken(tmp_path, f"import errno, os; raise OSError(errno.{name}, os.strerror(errno.{name}), 'somewhere')")

    assert done.returncode == 8
    assert "somewhere" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_command_ends_in_order(tmp_path: Path, number: signal.Signals, code: int) -> None:
    body = "import os, time\n"
    body += f"try:\n    os.kill(os.getpid(), {int(number)}); time.sleep(30)\nfinally:\n    voice.event('closed')"

    done = broken(tmp_path, body, "--json")

    assert done.returncode == code
    assert [event["event"] for event in events(done)][-1] == "end"
    assert "closed" in [event["event"] for event in events(done)]
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
def test_a_reader_that_goes_away_does_not_stop_the_work(tmp_path: Path) -> None:
    body = (
        f"for i in range(20000):\n    voice.event('row', i=i)\nopen({str(tmp_path / 'done')!r}, 'w').close()\nreturn 0"
    )
    broken(tmp_path, "return 0")
    (tmp_path / "commands.py").write_text(
        (tmp_path / "commands.py").read_text().replace("    return 0", textwrap.indent(body, "    "))
    )
    code = "import sys; from rwe.cli import app; app.COMMANDS['doctor'] = 'commands:doctor'; sys.exit(app.main())"
    environment = {**os.environ, "RWE_HOME": str(tmp_path), "PYTHONPATH": str(tmp_path)}
    line = [sys.executable, "-c", code, "doctor", "--json"]

    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        said = child.stderr.read()

    assert (child.returncode, said, (tmp_path / "done").exists()) == (0, b"", True)


def test_progress_is_plain_lines_where_nobody_watches(tmp_path: Path) -> None:
    body = "for part in (0.1, 0.5, 1.0):\n    voice.progress('extract', part)\nvoice.progress('report')\nreturn 0"

    done = broken(tmp_path, body)

    assert done.stderr.splitlines() == ["Reading the hospital systems", "Writing the dossier"]
    assert done.stdout == ""


def test_a_home_that_cannot_be_written_is_found_by_the_doctor(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file in the way")

    done = rwe(tmp_path / "home", "doctor", "--json")

    found = {event["check"]: event["state"] for event in events(done) if event["event"] == "finding"}
    assert (done.returncode, found["home"]) == (8, "bad")


def test_the_doctor_finds_this_machine_able(tmp_path: Path) -> None:
    done = rwe(tmp_path, "doctor", "--json")

    found = {event["check"]: event["state"] for event in events(done) if event["event"] == "finding"}
    assert done.returncode == 0, done.stderr
    assert {"python", "packages", "home", "disk", "timezones", "fonts", "kernels", "odbc", "mlflow"} == set(found)
    assert "Everything needed is here." in done.stderr


def test_the_schedules_are_listed_and_a_dry_tick_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "study.yaml").write_text("study: s\n", "utf-8")
    lines = 'schedule: daily\ncron: "30 3 * * *"\nstudy: ../study.yaml\nstart: 2026-01-01\n'
    (tmp_path / "s" / "daily.yaml").write_text(lines, "utf-8")

    listed = rwe(tmp_path / "home", "schedule", "list", "--folder", str(tmp_path / "s"))
    dry = rwe(tmp_path / "home", "schedule", "tick", "--dry-run", "--folder", str(tmp_path / "s"), "--lang", "bg")

    assert (listed.returncode, dry.returncode) == (0, 0)
    assert "30 3 * * * Europe/Sofia" in listed.stdout
    assert "never run" in listed.stdout
    assert "би се изпълнило" in dry.stdout
    assert not (tmp_path / "home" / "logs").exists()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (["run", "s.yaml", "--track"], ["run", "s.yaml", "--track=home"]),
        (["run", "--track", "s.yaml"], ["run", "--track=home", "s.yaml"]),
        (["run", "--track", "--json", "s"], ["run", "--track=home", "--json", "s"]),
        (["run", "--track", "http://host:5000", "s"], ["run", "--track=http://host:5000", "s"]),
        (["run", "--track=sqlite:///x", "s"], ["run", "--track=sqlite:///x", "s"]),
    ],
)
def test_track_may_stand_alone(written: list[str], read: list[str]) -> None:
    assert _optional_value(written) == read
