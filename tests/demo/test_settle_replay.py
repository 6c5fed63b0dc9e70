# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Two years of quarters of the invented network, closed as their records came: late, corrected, deleted."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from rwe import reimbursement as rb
from rwe.cli.app import main
from rwe.errors import DataError
from rwe.linkage import load_or_make_key
from rwe.pipeline.account import drop_all
from rwe.pipeline.extract import extract
from rwe.pipeline.planning import load_plan
from rwe.pipeline.settling import Settled, Settling, settling
from rwe.reimbursement.journal import ACCOUNTS
from rwe.reimbursement.period import last_day
from rwe.store import Store
from rwe.store.rows import META
from synthetic.network.build import Network

CONFIGS = Path(__file__).parents[2] / "configs"
QUARTERS = [f"{year}-Q{quarter}" for year in (2021, 2022) for quarter in (1, 2, 3, 4)]
PATIENTS, SEED = 1_500, 1
# tables whose rows come in time, and the column with their day; the others are there from the beginning
DOSES = {"network_a/landing/medication": "started_on", "network_c/landing/medicine": "Дата"}
DEATHS = {"network_a/landing/patient": "deceased_on", "network_c/landing/patient": "Починал"}
TIMED = DOSES | DEATHS | {"network_registry/landing/died": "pochinal"}
AGREEMENT = {
    "contract": {
        "id": "SYNTHETIC-REPLAY",
        "product": "ribociclib",
        "indication": "breast cancer",
        "start": date(2021, 1, 1),
        "end": date(2023, 12, 31),
        "currency": "EUR",
    },
    "price": [{"from": date(2021, 1, 1), "net": "5594.43", "unit": "supply"}],
    "doses": {"before_contract": "excluded"},
    "terms": [
        {
            "id": "result_1y",
            "type": "payment_by_result",
            "share": "1.00",
            "assess_day": 270,
            "window": [-30, 30],
            "failure": ["progression", "death"],
            "missing": {"not_assessed": "not_evaluable"},
            "cost_scope": "until_failure",
        },
        {
            "id": "guarantee",
            "type": "outcome_guarantee",
            "endpoint": "os",
            "at_day": 180,
            "threshold": "0.99",
            "rule": "point",
            "gamma": "1.50",
            "cap": "0.25",
            "min_at_risk": 1,
        },
    ],
    "settlement": {"every": "quarter", "data_cut_lag_days": 45, "restate_back_quarters": 1},
    "records": {
        "population": "treated",
        "concepts": [2000000212],
        "units": "1",
        "endpoint": "pfs",
        "death_endpoint": "os",
        "outcomes": {"event": "progression", "event_at_death": "death", "event_free": "stable"},
    },
}


@dataclass(frozen=True)
class Replayed:
    """A home whose landing came quarter by quarter, each of which was closed."""

    room: Settling
    study: Path
    settled: Mapping[str, Settled]
    closed: Mapping[str, rb.Closed]


def lot(key: str, what: str) -> int:
    """Return a number from 0 to 99 that a row draws, the same each time."""
    return zlib.crc32(f"{what}{key}".encode()) % 100


def drawn(rows: pl.DataFrame, what: str, below: int) -> pl.Series:
    return pl.Series([lot(key, what) < below for key in rows["_key"]], dtype=pl.Boolean)


def as_known(name: str, rows: pl.DataFrame, cut: date) -> pl.DataFrame:
    """Return the rows of a table as they were known at a data cut."""
    if name not in TIMED:
        return rows
    day, on = pl.col(TIMED[name]), pl.lit(cut)
    late, wrong, gone = (pl.lit(drawn(rows, what, below)) for what, below in _shares(name).items())
    known = day + pl.when(late).then(timedelta(days=170)).otherwise(timedelta(0)) <= on
    wrong &= day + timedelta(days=220) > on
    shown = pl.when(wrong).then(day - timedelta(days=25)).otherwise(day)
    if name in DEATHS:
        return rows.with_columns(pl.when(known).then(shown).alias(TIMED[name]))
    gone &= day + timedelta(days=260) <= on
    return rows.with_columns(shown.alias(TIMED[name]), _there=known & ~gone).filter("_there").drop("_there")


def _shares(name: str) -> dict[str, int]:
    """Return how many rows of a hundred come late, come wrong at first, and go again."""
    return {"late": 15, "wrong": 8, "gone": 5} if name in DOSES else {"late": 40, "wrong": 8, "gone": 0}


def land(whole: Store, into: Store, cut: date, period: str) -> None:
    """Bring the landing tables to what was known at a data cut."""
    for name in whole.names():
        if "/landing/" not in name or not (name in TIMED or period == QUARTERS[0]):
            continue
        rows = whole.table(name).current().sort("_key").collect()
        known = as_known(name, rows, cut).drop(set(META) - {"_key"})
        into.table(name).append(known, batch=period, whole=True)


def study_of(folder: Path) -> Path:
    """Write the study of the network with an agreement of its own, and with the evidence that it asks for."""
    text = (CONFIGS / "studies" / "network_breast.yaml").read_text("utf-8")
    study: dict[str, Any] = yaml.safe_load(text.replace("../", f"{CONFIGS.as_posix()}/"))
    options = {"endpoints": ["os"], "milestones": [180], "tau": 180}
    study["analyses"] = [{"id": "treated", "analysis": "survival", "population": "treated", "options": options}]
    study["key_figures"] = [{**study["key_figures"][-1], "stratum": "guarantee"}]
    study["focus"]["milestone"] = 180
    study["reimbursement"] = {"agreement": "replay.yaml", "population": "treated", "evidence": "treated"}
    (folder / "replay.yaml").write_text(yaml.safe_dump(AGREEMENT, allow_unicode=True), "utf-8")
    (folder / "study.yaml").write_text(yaml.safe_dump(study, allow_unicode=True), "utf-8")
    return folder / "study.yaml"


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    place = tmp_path_factory.mktemp("replay")
    Network("network").write(place / "network", PATIENTS, SEED)
    study, home = study_of(place), place / "home"
    key, whole, store = load_or_make_key(home), Store(place / "store"), Store(home / "store")
    for one in load_plan(study).sources:
        extract(one.site, one.mapping.source, whole, place, key)
    room = settling(study, home=home, synthetic=True)
    settled, closed = {}, {}
    for period in QUARTERS:
        cut = room.cut(period, None)
        assert cut == last_day(period, "quarter") + timedelta(days=45)
        land(whole, store, cut, period)
        settled[period] = room.now(cut)
        one = settled[period]
        closed[period] = rb.close(room.ledger, one.settlement, period, records=one.records, made_of=one.made_of)
    return Replayed(room, study, settled, closed)


def due(settlement: rb.Settlement, period: str) -> Decimal:
    """Return what a settlement says of all that was decided by the end of a period, and of the cohort."""
    lines = settlement.lines
    decided = lines.filter(
        ((pl.col("period") <= period) & (pl.col("outcome") != "open")) | (pl.col("outcome") == "all")
    )
    return sum(decided["amount"], Decimal(0))


@pytest.mark.ci
@pytest.mark.timeout(1500)
def test_each_quarter_leaves_the_ledger_at_what_its_settlement_says(replayed: Replayed) -> None:
    entries = replayed.room.ledger.entries()

    for period, closed in replayed.closed.items():
        then = entries.filter(pl.col("close") <= closed.number)
        held = sum(sum(then[name], Decimal(0)) for name in ("payable", "disputed", "barred"))
        assert held == due(replayed.settled[period].settlement, period)
    assert entries.select(pl.sum_horizontal(ACCOUNTS)).to_series().unique().to_list() == [Decimal(0)]
    paid = entries.group_by("person_id", "course").agg(pl.col("payable").sum(), pl.col("spend").max())
    assert paid.filter((pl.col("payable") < 0) | (pl.col("payable") > pl.col("spend"))).is_empty()
    assert entries.filter(pl.col("payable") != 0).height > 40


@pytest.mark.ci
@pytest.mark.timeout(1500)
def test_the_bridge_explains_every_cent_and_every_kind_of_change_came(replayed: Replayed) -> None:
    found = rb.bridge(replayed.room.ledger)

    reasons = set(found.steps["reason"])
    assert {"new", "late_record", "corrected_record", "deleted_record", "cohort"} <= reasons
    before = dict.fromkeys(("payable", "disputed", "barred"), Decimal(0))
    for after in found.stands.iter_rows(named=True):
        steps = found.steps.filter(closed=after["closed"])
        for name in before:
            assert after[f"{name}_before"] == before[name]
            before[name] += sum(steps[name], Decimal(0))
            assert after[name] == before[name]
    assert found.stands["closed"].to_list() == QUARTERS
    last = replayed.settled[QUARTERS[-1]].settlement
    assert sum(before.values()) == due(last, QUARTERS[-1])
    assert not found.steps.filter(pl.col("barred") != 0).is_empty()


@pytest.mark.ci
@pytest.mark.timeout(1500)
def test_any_quarter_closed_again_from_its_landing_version_is_the_same_to_the_byte(
    replayed: Replayed, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in replayed.room.ledger.folder.iterdir()}

    for period, closed in replayed.closed.items():
        assert replayed.room.again(period) == closed
    where = ["--home", str(replayed.room.home), "--synthetic", "--json"]
    assert main(["settle", str(replayed.study), "--again", "2021-Q3", *where]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    for period in (QUARTERS[0], QUARTERS[4]):  # after all that came late, was corrected and went since
        assert replayed.room.again(period, landing=True) == replayed.closed[period]
    drop_all(Store(replayed.room.home / "store"))
    replayed.room.now(replayed.closed[QUARTERS[-1]].as_of)  # all of the common model harmonised again
    assert replayed.room.again(QUARTERS[2], landing=True) == replayed.room.again(QUARTERS[2])
    assert main(["settle", str(replayed.study), "--again", "2022-Q2", "--landing", *where]) == 0

    assert {path.name: path.read_bytes() for path in replayed.room.ledger.folder.iterdir()} == before
    assert next(line for line in told if line["event"] == "again")["sha256"] == replayed.closed["2021-Q3"].sha256


@pytest.mark.ci
@pytest.mark.timeout(1500)
def test_what_came_since_does_not_close_an_old_quarter_otherwise(
    replayed: Replayed, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match="2021-Q2 is closed"):
        replayed.room.close("2021-Q2", replayed.closed["2021-Q2"].as_of)

    code = main(["settle", str(replayed.study), "--home", str(replayed.room.home), "--json"])

    assert code == 7
    assert "synthetic" in capsys.readouterr().out
