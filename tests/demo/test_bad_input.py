# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Wrong definitions, sources, rows, disks: a clear message, its exit code, nothing lost, nobody named.

A ward is 200 patients of the demonstration hospital, its definitions with a short study, and a home
in which that study was run once. Each test spoils one thing, runs, mends it and runs again: in the
end the released tables are, to the byte, those of the ward that nobody disturbed.
"""

from __future__ import annotations

import ctypes
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
import yaml
from filelock import FileLock

from rwe import plugins
from rwe.cli.app import main
from rwe.cli.voice import Voice
from rwe.errors import MachineError
from rwe.pipeline.files import write_table
from synthetic.breast_rows import hospital_rows
from synthetic.breast_tables import METADATA, TABLES

PATIENTS = 200
pytestmark = pytest.mark.ci  # whole runs, half a hundred of them
ROWS = 1182
CONFIGS = plugins.hospital("breast").study.parents[1]
FULL, SHORT = "studies/breast_hormonal.yaml", "studies/short.yaml"
SITE, TRIAL, AGREEMENT = "sites/rotterdam.yaml", "trials/gbsg.yaml", "agreements/hormonal_breast.yaml"
_CURE = "see its address in the site file, and that its disk is there"
CLOCK = "-01-01 00:00:00.000000"
# the person of a ward whom no message, log, ledger or text of a run may name, and what a clerk wrote for a day
NUMBER, NATIONAL, GIVEN, FAMILY, ODD = "X77777", "5561019999", "Незабравка", "Тайнописова", "31.02.198x"
THEIRS = f"WHERE patient_no = '{NUMBER}'"
AMID = "rotterdam/pathology: 80"
Tables = dict[str, bytes]
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")


@dataclass(frozen=True)
class Said:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> dict[str, dict[str, Any]]:
        """The newest JSON event of each kind."""
        return {event["event"]: event for event in map(json.loads, self.out.splitlines())}

    @property
    def last(self) -> str:
        return self.err.splitlines()[-1]


@dataclass(frozen=True)
class Ward:
    """A small hospital, its definitions, and a home; `run` is the real command line in this process."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def path(self, name: str) -> Path:
        return self.folder / "configs" / name

    def line(self, study: str = SHORT) -> list[str]:
        return ["run", str(self.path(study)), "--home", str(self.home), "--lang", "en", "--json"]

    def run(self, *more: str, study: str = SHORT) -> Said:
        self.capture.readouterr()
        return Said(main([*self.line(study), *more]), *self.capture.readouterr())

    def edit(self, name: str, before: str, after: str) -> str:
        """Replace a text of a definition; return the definition."""
        text = self.path(name).read_text("utf-8")
        assert before in text
        self.path(name).write_text(text.replace(before, after, 1), "utf-8")
        return self.path(name).read_text("utf-8")

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.folder / "hospital.db")) as hospital, hospital:
            for statement in statements:
                hospital.execute(statement)

    def ask(self, query: str) -> Any:
        with closing(sqlite3.connect(self.folder / "hospital.db")) as hospital:
            return hospital.execute(query).fetchone()[0]

    def ledger(self) -> list[tuple[str, int | None]]:
        """Return status and exit code of each run in the catalogue."""
        with closing(sqlite3.connect(self.home / "catalogue.db")) as catalogue:
            return catalogue.execute("SELECT status, exit_code FROM runs ORDER BY seq").fetchall()

    def newest(self) -> Path:
        return max((self.home / "runs").iterdir(), key=lambda path: path.stat().st_mtime_ns)

    def released(self) -> Tables:
        """Return the released tables of the newest run."""
        files = sorted((self.newest() / "release").glob("0*"))
        return {path.name: path.read_bytes() for path in files}

    def account(self) -> dict[tuple[str, str, str], int]:
        """Return rows by stream, rule and outcome, held against the rows that stand in the hospital."""
        table = pl.read_csv(self.newest() / "2-harmonise" / "rotterdam-accounting.csv")
        table = table.with_columns(pl.col("record", "rule").cast(pl.String).fill_null(""))
        whole = table.filter(record="").drop("record")
        assert set(whole["outcome"]) <= {"accepted", "rejected", "merged"}
        there = {table.name: self.ask(f"SELECT count(*) FROM {table.name}") for table in TABLES}
        assert dict(whole.group_by("stream").agg(pl.col("n").sum()).iter_rows()) == there
        return {(stream, rule, outcome): n for stream, rule, outcome, n in whole.iter_rows()}

    def attrition(self, outcome: str, estimand: str) -> int:
        """Return the exact count of the newest run's registry population."""
        table = pl.read_csv(self.newest() / "3-select" / "attrition.csv")
        count: int = table.filter(population="registry", outcome=outcome, estimand=estimand)["n"].item()
        return count

    def names_nobody(self, *said: Said) -> None:
        """Look for what was planted in all that was said and in every file of the home that is not a table of rows."""
        files = [path for path in self.home.rglob("*") if path.is_file() and path.suffix != ".parquet"]
        texts = [(one.out + one.err).encode() for one in said] + [path.read_bytes() for path in files]
        planted = (NUMBER, NATIONAL, GIVEN, FAMILY, ODD)
        hidden = [form.encode() for text in planted for form in {text, json.dumps(text)[1:-1]}]
        assert [form for form in hidden for text in texts if form in text] == []
        assert not (self.home / "logs").exists()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a ward that nobody disturbs; its study was run once, as run ``first``."""
    folder = tmp_path_factory.mktemp("quiet")
    shutil.copytree(CONFIGS, folder / "configs")
    _short_study(folder / "configs")
    _small_hospital(folder / "hospital.db")
    line = ["run", str(folder / "configs" / SHORT), "--home", str(folder / "home"), "--lang", "en", "--run-id", "first"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RWE_ROTTERDAM_URL", f"sqlite:///{folder / 'hospital.db'}")
        assert main(line) == 0
    return folder


def _short_study(configs: Path) -> None:
    """Write the study without trial, agreement, gates, examples and key figures: the same people and endpoints."""
    study = yaml.safe_load((configs / FULL).read_text("utf-8"))
    for part in ("trial", "gates", "reimbursement", "examples", "key_figures"):
        del study[part]
    options = {"endpoints": ["os", "rfs"], "milestones": [365], "tau": 365}
    study["analyses"] = [{"id": "survival", "analysis": "survival", "population": "registry", "options": options}]
    study["focus"] = {"everyone": "registry", "trial_like": "node_positive", "endpoint": "rfs", "milestone": 365}
    (configs / SHORT).write_text(yaml.safe_dump(study, allow_unicode=True, sort_keys=False), "utf-8")


def _small_hospital(path: Path) -> None:
    """Fill a database with the first patients of the demonstration; one who died bears the names not to be seen."""
    rows = hospital_rows()
    known = {row["patient_no"] for row in rows["patient"][:PATIENTS]}
    kept = {name: [row for row in part if row["patient_no"] in known] for name, part in rows.items()}
    chosen = kept["death"][0]["patient_no"]
    for row in (row for part in kept.values() for row in part if row["patient_no"] == chosen):
        row |= {"patient_no": NUMBER}
        row |= {"national_no": NATIONAL, "given_name": GIVEN, "family_name": FAMILY} if "sex" in row else {}
    engine = sa.create_engine(f"sqlite:///{path}")
    METADATA.create_all(engine)
    with engine.begin() as connection:
        for table in TABLES:
            connection.execute(sa.insert(table), kept[table.name])
    engine.dispose()


@pytest.fixture
def new_ward(quiet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ward:
    """Return a copy of the ward whose home is still to be made."""
    copy = Ward(tmp_path / "ward", capsys)
    shutil.copytree(quiet / "configs", copy.folder / "configs")
    shutil.copy(quiet / "hospital.db", copy.folder)
    monkeypatch.setenv("RWE_ROTTERDAM_URL", f"sqlite:///{copy.folder / 'hospital.db'}")
    return copy


@pytest.fixture
def ward(quiet: Path, new_ward: Ward) -> Ward:
    """Return a copy of the ward with its home."""
    shutil.copytree(quiet / "home", new_ward.home)
    return new_ward


@pytest.fixture
def undisturbed(quiet: Path, capsys: pytest.CaptureFixture[str]) -> Tables:
    """Return the released tables of the run that nobody disturbed."""
    return Ward(quiet, capsys).released()


@pytest.mark.parametrize(
    ("name", "before", "after", "mark", "said"),
    [
        (FULL, "time_zero: {", "tiem_zero: {", "tiem_zero", "tiem_zero: unknown key; did you mean 'time_zero'?"),
        (FULL, 'version: "1"', "version: 1", "1\ntitle", "version: Input should be a valid string"),
        (FULL, "[-30, 60]", "[-30, two]", "two]", "baseline.menopause.window.1: Input should be a valid integer"),
        (FULL, "{by: hormonal}", "{by: hormonl}", "hormonl}", "unknown baseline variable of the study 'hormonl'; did"),
        (FULL, "analysis: cox", "analysis: coxs", "coxs", "unknown analysis 'coxs'; did you mean 'cox'?"),
        (FULL, "_endpoint: rfs", "_endpoint: rsf", "rsf", "trial_endpoint: unknown endpoint of the trial 'rsf'; di"),
        (FULL, "tau: 1826}", "tua: 1826}", "tua", "analyses.2.options.tua: unknown key; did you mean 'tau'?"),
        (FULL, "sites/rotter", "sites/roter", "../sites", "sites.0: no such file '../sites/roterdam.yaml'; did you"),
        (FULL, "trials/gbsg", "trials/gbgs", "../trials", "no such file '../trials/gbgs.yaml'; did you mean 'gbsg"),
        (FULL, "../agree", "package://no/agree", "package:", "reimbursement.agreement: package 'no' is not installed"),
        (SITE, "../mappings/", "../maps/", None, "source.yaml:1:1: no such file"),
        (TRIAL, "[365, 602]", "[365, 702]", "[365, 702]", "at risk rises from 686 on day 0 to 702 on day 365"),
        (AGREEMENT, "[progression,", "[progresion,", "progresion", "unknown failure outcome 'progresion'; did you"),
        (AGREEMENT, "free: stable", "free: stabel", "stabel", "unknown outcome 'stabel'; did you mean 'stable'?"),
        (AGREEMENT, "endpoint: rfs", "endpoint: rsf", "rsf", "unknown endpoint of the study 'rsf'; did you mean"),
    ],
)
def test_a_wrong_definition_is_found_at_its_place_before_anything_moves(
    new_ward: Ward, name: str, before: str, after: str, mark: str | None, said: str
) -> None:
    text = new_ward.edit(name, before, after)

    done = new_ward.run(study=FULL)

    assert done.code == 2
    assert said in done.err
    if mark:
        place = text.index(mark)
        line, column = text.count("\n", 0, place) + 1, place - text.rindex("\n", 0, place)
        assert f"{new_ward.path(name)}:{line}:{column}: " in done.err
    assert not new_ward.home.exists()


def test_a_study_that_is_not_there_is_named_with_its_nearest(new_ward: Ward) -> None:
    done = new_ward.run(study="studies/shrt.yaml")

    place = f"{new_ward.path('studies/shrt.yaml')}:1:1"
    assert (done.code, done.last) == (2, f"{place}: no such file; did you mean 'short.yaml'?")
    assert not new_ward.home.exists()


def test_a_hospital_that_cannot_be_read_costs_its_run_only(
    ward: Ward, undisturbed: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = []
    for url in ("sqlite:////nowhere/hospital.db", f"postgresql://rwe:{NATIONAL}@127.0.0.1:9/x"):
        with monkeypatch.context() as patch:
            patch.setenv("RWE_ROTTERDAM_URL", url)
            failed.append(ward.run())
    ward.sql("ALTER TABLE pathology RENAME COLUMN grade_code TO grade_cod")
    failed.append(ward.run())
    ward.sql("ALTER TABLE pathology RENAME COLUMN grade_cod TO grade_code")
    after = ward.run()

    assert [one.code for one in failed] == [4, 4, 3]
    assert failed[0].last == f"rwe: site 'rotterdam': there is no database file /nowhere/hospital.db; {_CURE}"
    assert "site 'rotterdam': the database at 127.0.0.1:9 does not answer (OperationalError)" in failed[1].last
    assert "table 'pathology' has no column 'grade_code'; did you mean 'grade_cod'?" in failed[2].last
    assert (after.code, sum(after.events["rows"]["landed"].values())) == (0, 0)
    assert ward.ledger() == [("done", 0), ("failed", 4), ("failed", 4), ("failed", 3), ("done", 0)]
    assert ward.released() == undisturbed
    ward.names_nobody(*failed, after)


def test_what_landed_before_a_value_of_another_type_stays_landed(new_ward: Ward, undisturbed: Tables) -> None:
    right = new_ward.ask(f"SELECT surgery_date FROM surgery {THEIRS}")
    new_ward.sql(f"UPDATE surgery SET surgery_date = '{ODD}' {THEIRS}")
    failed = new_ward.run()
    new_ward.sql(f"UPDATE surgery SET surgery_date = '{right}' {THEIRS}")
    after = new_ward.run()

    landed = after.events["rows"]["landed"]
    assert failed.code == 3
    assert "surgery.surgery_date: 1 of 200 values are not a date (ISO, YYYY-MM-DD); mend the source or" in failed.last
    assert (after.code, sum(landed.values()), landed["rotterdam/surgery"]) == (0, PATIENTS, PATIENTS)
    assert new_ward.released() == undisturbed
    new_ward.names_nobody(failed, after)


def test_a_text_date_that_does_not_parse_is_rejected_by_rule_and_the_run_goes_on(
    ward: Ward, undisturbed: Tables
) -> None:
    right = ward.ask(f"SELECT report_date FROM pathology {THEIRS}")
    ward.sql(f"UPDATE pathology SET report_date = '{ODD}', modified_at = '2030{CLOCK}' {THEIRS}")
    spoiled = ward.run()

    assert (spoiled.code, spoiled.events["rows"]["rejected"]) == (0, 1)
    assert ward.account()["pathology", "date_unparseable", "rejected"] == 1
    assert ward.account()["pathology", "", "accepted"] == PATIENTS - 1
    assert ward.attrition("baseline_known", "excluded") == 1
    assert ward.attrition("followed", "remaining") == PATIENTS - 1

    ward.sql(f"UPDATE pathology SET report_date = '{right}', modified_at = '2031{CLOCK}' {THEIRS}")
    mended = ward.run()

    assert (mended.code, mended.events["rows"]["rejected"]) == (0, 0)
    assert ward.released() == undisturbed
    ward.names_nobody(spoiled, mended)


def test_a_death_before_surgery_sets_the_person_aside(ward: Ward) -> None:
    theirs = {table.name: ward.ask(f"SELECT count(*) FROM {table.name} {THEIRS}") for table in TABLES}
    ward.sql(f"UPDATE death SET died_on = '1970-01-05', modified_at = '2030{CLOCK}' {THEIRS}")

    done = ward.run()

    refused = {(stream, rule): n for (stream, rule, outcome), n in ward.account().items() if outcome == "rejected"}
    why = {stream: "death_before_record" if stream == "death" else "person_set_aside" for stream in theirs}
    assert (done.code, done.events["rows"]["rejected"]) == (0, sum(theirs.values()))
    assert refused == {(stream, why[stream]): n for stream, n in theirs.items() if n}
    assert ward.attrition("everyone", "remaining") == PATIENTS - 1
    ward.names_nobody(done)


@pytest.mark.parametrize(
    ("born", "account", "people"),
    [
        ("birth_date", {("patient", "duplicate_person", "merged"): 1, ("patient", "", "accepted"): PATIENTS}, PATIENTS),
        (
            "'1901-01-01'",
            {("patient", "", "accepted"): PATIENTS + 1},
            PATIENTS + 1,
        ),
    ],
)
def test_one_national_number_under_two_patient_numbers_is_one_person_or_told(
    ward: Ward, undisturbed: Tables, born: str, account: dict[tuple[str, str, str], int], people: int
) -> None:
    ward.sql(
        "INSERT INTO patient SELECT 9001, 'Y11111', national_no, given_name, family_name, "
        f"{born}, sex, '2030{CLOCK}' FROM patient {THEIRS}"
    )
    done = ward.run()

    assert done.code == 0
    assert {key: n for key, n in ward.account().items() if key[0] == "patient"} == account
    assert ward.attrition("everyone", "remaining") == people
    assert (ward.released() == undisturbed) is (people == PATIENTS)
    ward.names_nobody(done)
    to_look_at = max((ward.home / "runs").glob("2*")) / "2-harmonise" / "links-review.csv"
    assert to_look_at.read_text("utf-8").count("one_number_two_people") == people - PATIENTS


def test_a_run_says_what_looks_past_day_zero_without_a_reason(ward: Ward, undisturbed: Tables) -> None:
    reasoned = "- names:\n  - menopause\n  - size\n  - grade\n"
    ward.edit(SHORT, f"{reasoned}  - nodes\n", reasoned)
    done = ward.run()

    assert done.code == 0
    assert "nodes: may be read after treatment began" in done.events["notice"]["text"]
    audit = pl.read_csv(ward.newest() / "3-select" / "time_zero.csv").filter(outcome="nodes")
    concerned = dict(audit.select("estimand", "n").iter_rows())
    assert concerned == {"measured_after_index": 0, "left_within_reach": 0, "treated_before_measured": 0}
    assert ward.released() == undisturbed


def test_a_cohort_of_nobody_has_no_answer_and_says_who_was_left_when(ward: Ward, undisturbed: Tables) -> None:
    ward.edit(SHORT, "min_follow_up: 1", "min_follow_up: 90000")
    failed = ward.run()
    ward.edit(SHORT, "min_follow_up: 90000", "min_follow_up: 1")

    assert failed.code == 5
    assert "population 'registry': criterion 'followed' leaves nobody of 200" in failed.last
    assert "event_free_at_index 200, baseline_known 200, followed 0" in failed.last
    assert not (ward.newest() / "release").exists()
    assert ward.run().code == 0
    assert ward.ledger()[1:] == [("failed", 5), ("done", 0)]
    assert ward.released() == undisturbed


def test_a_run_folder_that_is_there_is_never_written_into(ward: Ward) -> None:
    before = _contents(ward.home / "runs")

    again = ward.run("--run-id", "first")
    outside = ward.run("--run-id", "../first")

    assert (again.code, outside.code) == (6, 2)
    assert again.last == "rwe: the run folder first is there already; choose another --run-id or leave it out"
    assert "--run-id names a folder" in outside.last
    assert _contents(ward.home / "runs") == before
    assert ward.ledger() == [("done", 0)]


def test_a_study_is_run_by_one_process_at_a_time(ward: Ward) -> None:
    with FileLock(ward.home / ".breast_hormonal.lock"):
        done = ward.run()

    assert done.code == 6
    assert done.last == "rwe: study 'breast_hormonal' is being run in this home by another process; try again later"
    assert ward.ledger() == [("done", 0)]


@pytest.mark.parametrize("command", [["run"], ["demo"]])
def test_a_home_below_a_file_is_the_machine(ward: Ward, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (ward.folder / "file").write_text("in the way")
    home = ward.folder / "file" / "home"
    study = [str(ward.path(SHORT))] if command == ["run"] else []

    code = main([*command, *study, "--home", str(home)])

    said = capsys.readouterr().err.splitlines()[-1]
    assert code == 8
    assert str(home) in said
    assert "Not a directory" in said


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full")
@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_a_full_disk_is_named_with_the_table_it_refused(tmp_path: Path, form: str) -> None:
    path = tmp_path / f"table.{form}"
    path.symlink_to("/dev/full")

    with pytest.raises(MachineError, match=rf"table\.{form}: No space left on device"):
        write_table(path, pl.DataFrame({"n": [1]}))


@contextmanager
def _permissions() -> Iterator[None]:
    """Let permissions count for root too: lay CAP_DAC_OVERRIDE down in this thread and take it up again."""
    header, now = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None)
    assert libc.capget(header, now) == 0
    without = type(now)(now[0] & ~(1 << 1), *now[1:])
    assert libc.capset(header, without) == 0
    try:
        yield
    finally:
        assert libc.capset(header, now) == 0


@contextmanager
def _small_files(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes: as on a full disk, writing fails in the middle."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities of Linux")
def test_a_home_that_may_not_be_written_is_the_machine(ward: Ward) -> None:
    before = _contents(ward.home)
    ward.home.chmod(0o500)

    with _permissions():
        done = ward.run()

    ward.home.chmod(0o700)
    assert done.code == 8
    assert f"{ward.home / 'catalogue.db'} cannot be read or written" in done.last
    assert _contents(ward.home) == before


@posix
@pytest.mark.parametrize(
    ("which", "size", "place"), [("new_ward", 40_000, "store/rotterdam/landing/"), ("ward", 200_000, "report/")]
)
def test_a_disk_that_fills_up_stops_the_run_and_the_next_one_goes_on(
    request: pytest.FixtureRequest, undisturbed: Tables, which: str, size: int, place: str
) -> None:
    ward: Ward = request.getfixturevalue(which)
    with _small_files(size):
        failed = ward.run()
    after = ward.run()

    assert failed.code == 8
    assert place in failed.last
    assert "File too large" in failed.last
    assert (after.code, ward.ledger()[-2:]) == (0, [("failed", 8), ("done", 0)])
    assert ward.released() == undisturbed
    ward.names_nobody(failed, after)


def _heed() -> None:
    """Heed Ctrl-C even where these tests run in the background of a shell, which tells its children not to."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _ended_by(ward: Ward, number: signal.Signals) -> Said:
    """Run the command in a process of its own, and end it as soon as it has landed two pages of pathology."""
    line = [sys.executable, "-m", "rwe", *ward.line()]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"}
    with subprocess.Popen(line, preexec_fn=_heed, **pipes) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        next(text for text in child.stdout if AMID in text)
        child.send_signal(number)
        rest = child.stdout.read()
        words = child.stderr.read()
    return Said(child.returncode, rest, words)


def _ended_here(ward: Ward, number: signal.Signals) -> Said:
    """Run the command in this process, and send it a signal at the same place."""
    tell = Voice.progress

    def progress(voice: Voice, stage: str, fraction: float | None = None) -> None:
        tell(voice, stage, fraction)
        if stage == AMID:
            signal.raise_signal(number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Voice, "progress", progress)
        return ward.run()


@posix
@pytest.mark.parametrize(
    ("end", "number", "code", "status", "said"),
    [
        (_ended_here, signal.SIGTERM, 143, ("failed", 143), "rwe: Stopped from outside; what was finished is kept."),
        (_ended_by, signal.SIGINT, 130, ("failed", 130), "rwe: Stopped by the keyboard; what was finished is kept."),
        # the event is out before the words: what the page before said is there for certain
        (_ended_by, signal.SIGKILL, -9, ("lost", None), "rotterdam/pathology: 40"),
    ],
)
def test_a_run_stopped_amid_its_extraction_is_finished_by_the_next(
    new_ward: Ward,
    undisturbed: Tables,
    end: Callable[[Ward, signal.Signals], Said],
    number: signal.Signals,
    code: int,
    status: tuple[str, int | None],
    said: str,
) -> None:
    new_ward.edit(SITE, "page_rows: 20000", "page_rows: 40")
    stopped = end(new_ward, number)
    new_ward.edit(SITE, "page_rows: 40", "page_rows: 20000")
    after = new_ward.run()

    landed = after.events["rows"]["landed"]
    assert stopped.code == code
    assert said in stopped.err
    assert "Traceback" not in stopped.err
    assert after.code == 0
    assert 0 < landed["rotterdam/pathology"] <= PATIENTS - 80
    assert (landed["rotterdam/patient"], landed["rotterdam/surgery"]) == (0, 0)
    assert new_ward.ledger() == [status, ("done", 0)]
    assert new_ward.released() == undisturbed
    assert set(new_ward.account()) == {(table.name, "", "accepted") for table in TABLES}
    new_ward.names_nobody(stopped, after)


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
