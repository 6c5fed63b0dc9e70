# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Help costs little: the command line loads nothing heavy until a command needs it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from rwe.cli.doctor import _package

HEAVY = {
    "altair",
    "deltalake",
    "lifelines",
    "mlflow",
    "numba",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "pydantic_settings",
    "pyodbc",
    "scipy",
    "sklearn",
    "sqlalchemy",
    "starlette",
    "uvicorn",
}
ROOT = Path(__file__).parents[2]
WORDS = ROOT / "rwe" / "cli" / "words"


def imported(*arguments: str) -> set[str]:
    """Return the top names of all modules that a command line imports."""
    line = [sys.executable, "-X", "importtime", "-m", "rwe", *arguments]
    said = subprocess.run(line, capture_output=True, text=True, check=True, encoding="utf-8").stderr
    return {name.partition(".")[0] for name in re.findall(r"^import time:.*\|\s*(\S+)$", said, re.MULTILINE)}


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run", "--help"], ["schedule", "--help"], ["store", "erase", "--help"], ["--version"]]
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    names = imported(*arguments)

    assert "cyclopts" in names
    assert names & HEAVY == set()


def test_doctor_imports_nothing_heavy(tmp_path: Path) -> None:
    assert imported("doctor", "--home", str(tmp_path)) & HEAVY == set()


def test_a_package_of_an_extra_that_is_missing_is_a_note_and_a_needed_one_is_bad() -> None:
    assert _package("no-such-driver", "oracle").state == "note"
    assert "rwe-engine[oracle]" in _package("no-such-driver", "oracle").text
    assert _package("no-such-core", None).state == "bad"
    assert _package("polars", None).state == "good"


@pytest.mark.skipif(sys.platform == "win32", reason="CPU time of a child is POSIX")
def test_help_takes_less_than_half_a_second_of_cpu(tmp_path: Path) -> None:
    import resource

    # what a user pays from the second call on: bytecode is kept, as Python does unless told otherwise
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path)

    def seconds() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        before = used.ru_utime + used.ru_stime
        subprocess.run([sys.executable, "-m", "rwe", "--help"], capture_output=True, check=True, env=environment)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime - before

    # neighbours on the same core swell CPU time, so the least of several runs is the cost
    assert any(seconds() < 0.5 for _ in range(10))


def test_import_of_the_package_is_light_and_its_rooms_come_when_asked() -> None:
    code = f"import sys, rwe; assert not set(sys.modules) & {HEAVY}; print(rwe.reimbursement.__name__, rwe.__version__)"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.split()[0] == "rwe.reimbursement"


def test_an_unknown_room_is_an_attribute_error() -> None:
    import rwe

    with pytest.raises(AttributeError, match="no attribute 'cooking'"):
        _ = rwe.cooking
    assert {"compare", "reimbursement", "survival", "__version__"} <= set(dir(rwe))


@pytest.mark.parametrize("name", ["rwe", "connectors", "analyses", "synthetic"])
def test_the_packages_imported_are_ours(name: str) -> None:
    """Unrelated packages of these names exist in the public index."""
    code = f"import importlib.util as u; print(u.find_spec({name!r}).origin)"

    origin = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent)

    assert Path(origin.stdout.strip()).is_relative_to(ROOT)


def words(language: str) -> dict[str, str]:
    catalogue = tomllib.loads((WORDS / f"{language}.toml").read_text("utf-8"))
    return {f"{section}.{name}": text for section, part in catalogue.items() for name, text in part.items()}


def test_both_languages_say_everything_with_the_same_places_to_fill() -> None:
    english, bulgarian = words("en"), words("bg")
    places = re.compile(r"{(\w+)}")

    assert english.keys() == bulgarian.keys()
    assert {k: sorted(places.findall(v)) for k, v in english.items()} == {
        k: sorted(places.findall(v)) for k, v in bulgarian.items()
    }


def test_every_word_of_the_catalogue_is_used() -> None:
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "rwe" / "cli").glob("*.py"))
    heads = tuple(
        f"{room}.head."
        for room in ("forecast", "harmonise", "link", "price", "schedule", "serve", "settle", "store", "trial")
    )
    families = (
        "command.",
        "stage.",
        "status.",
        "doctor.",
        "selftest.",
        "plan.",
        "forecast.lever.",
        "link.rule.",
        "price.status.",
        "settle.left.",
        "settle.outcome.",
        "settle.reason.",
        "settle.said.",
        "settle.verdict.",
        "settle.why.",
        *heads,
    )

    unused = [key for key in words("en") if not key.startswith(families) and not re.search(rf"""["']{key}["']""", code)]

    assert unused == []


@pytest.mark.parametrize(("language", "word"), [("en", "Commands"), ("bg", "Команди")])
def test_help_speaks_both_languages(language: str, word: str) -> None:
    line = [sys.executable, "-m", "rwe", "--help"]
    environment = {**os.environ, "RWE_LANG": language}

    said = subprocess.run(line, capture_output=True, text=True, check=True, encoding="utf-8", env=environment).stdout

    assert word in said
