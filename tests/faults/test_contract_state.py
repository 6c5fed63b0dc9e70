# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What is known of a stream after many readings is the same from its last summary as from its first entry."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from rwe.pipeline.contract import EVERY, STATE, Contract, contract
from rwe.pipeline.drift import Finding
from rwe.spec.source import Column, Stream
from rwe.store import Store

STREAM = Stream(
    table="lab",
    key="id",
    cursor="at",
    columns={
        "patient": Column(type="text", role="person"),
        "code": Column(type="text", codes=True),
        "unit": Column(type="text", unit=True),
        "note": Column(type="text"),
        "value": Column(type="number", steady=True),
    },
)
KEY = b"k" * 32


def _rows(draw: random.Random, n: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "code": [draw.choice("abcdef") for _ in range(n)],
            "unit": ["g/L"] * n,
            "note": [str(draw.random()) for _ in range(n)],
            "value": [draw.choice([None, draw.lognormvariate(2, 1)]) for _ in range(n)],
        },
        schema={"code": pl.String, "unit": pl.String, "note": pl.String, "value": pl.Float64},
    )


def _read(store: Store, draw: random.Random, n: int) -> None:
    table = store.table("clinic/landing/lab")
    with contract(store, "clinic", "lab", STREAM, KEY) as known:
        if n == 0:
            known.key_is("v1")
            known.compare_columns({"code": "TEXT", "unit": "TEXT"})
        if n == 20:
            known.set_aside([Finding("unit", "unit", "names another")], "batch", 3)
            known.accept()
        if n == EVERY + 2:
            known.compared(0)
        known.learn(known.profile(_rows(draw, draw.randrange(1, 30))))
        known.close(table, whole=n != 3, session={})


def _facts(known: Contract) -> dict[str, Any]:
    names = ("columns", "whole", "since_compared", "_ever", "_version", "_covered", "_seen", "_kept", "_aside")
    return {name: getattr(known, name) for name in names}


def test_a_summary_says_what_the_entries_before_it_say(tmp_path: Path) -> None:
    store, draw = Store(tmp_path), random.Random(7)
    for n in range(EVERY + 5):
        _read(store, draw, n)

    with contract(store, "clinic", "lab", STREAM, KEY) as known:
        entries = [entry.payload for entry in known.log.entries()]
        anew = Contract("clinic", "lab", STREAM, known.log, KEY)
        for entry in entries:
            if entry["kind"] != STATE:
                anew._fold(entry)
        anew._seen = {name: replace(one) for name, one in anew._kept.items()}

        assert [entry["kind"] for entry in entries].count(STATE) == 1
        assert _facts(known) == _facts(anew)
        assert known.since_compared == 3
