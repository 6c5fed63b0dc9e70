# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""What people are asked and what they decide: pairs without identifiers, a register that can be undone."""

from __future__ import annotations

from pathlib import Path

import pytest

from rwe.errors import DefinitionError, TornStore
from rwe.link import link
from rwe.link.register import Register, handle, paired
from tests.semantics.test_link import ANN, BORN, made, other


def test_a_review_tells_nobody_who_the_two_are() -> None:
    rows = [ANN, other(national="9963169876")]

    told = link(made(*rows)).review

    units_there = made(*rows)
    tokens = {t for name in ("person_token", "national_token") for t in units_there[name]}
    written = told.write_csv()
    assert not any(token in written for token in tokens)
    assert not any(str(value) in written for value in (*ANN[1:4], BORN, "9963169876", "b1"))
    assert told["pair"].to_list() == [
        paired(*(handle(s, t) for s, t in units_there.select("site", "person_token").rows()))
    ]


def test_decisions_merge_and_part_and_can_be_undone(tmp_path: Path) -> None:
    rows = made(ANN, other(national="9963169876"), other("C", "c1"))
    register = Register(tmp_path)
    hers, twin, third = (handle(site, token) for site, token in rows.select("site", "person_token").iter_rows())

    def persons() -> list[int]:
        return link(rows, register.standing()).persons["person_id"].to_list()

    first = persons()
    one = register.decide(paired(hers, twin), "same", "D. Petrova", "both cards seen")
    merged = persons()
    two = register.decide(paired(hers, third), "apart", "D. Petrova", "two cards")
    parted = persons()
    register.undo(two, "D. Petrova", "a mistake")
    register.undo(one, "D. Petrova", "a mistake")

    assert first[0] == first[2] != first[1]
    assert len(set(merged)) == 1
    assert parted[0] != parted[2]
    assert persons() == first
    told = [(one.number, one.said, one.by, one.why, one.undone) for one in register.decisions()]
    assert told == [
        (one, "same", "D. Petrova", "both cards seen", 4),
        (two, "apart", "D. Petrova", "two cards", 3),
    ]


def test_the_last_decision_on_a_pair_counts_and_the_register_cannot_be_changed_in_silence(tmp_path: Path) -> None:
    register, pair = Register(tmp_path), "0123456789ab-ba9876543210"
    register.decide(pair, "same", "x", "y")
    register.decide(pair, "apart", "x", "y")

    assert [one.said for one in register.standing()] == ["apart"]
    path = tmp_path / "links.jsonl"
    path.write_text(path.read_text().replace("apart", "adart"))
    with pytest.raises(TornStore):
        register.decisions()


@pytest.mark.parametrize(
    ("pair", "said", "by", "why", "fault"),
    [
        ("0123456789ab", "same", "x", "y", "is no pair"),
        ("0123456789ab-x", "same", "x", "y", "is no pair"),
        ("0123456789ab-ba9876543210", "perhaps", "x", "y", "write same or apart"),
        ("0123456789ab-ba9876543210", "same", " ", "y", "needs who decides"),
        ("0123456789ab-ba9876543210", "same", "x", "", "needs who decides"),
    ],
)
def test_what_is_no_decision_is_refused(tmp_path: Path, pair: str, said: str, by: str, why: str, fault: str) -> None:
    with pytest.raises(DefinitionError, match=fault):
        Register(tmp_path).decide(pair, said, by, why)
    with pytest.raises(DefinitionError, match="no decision 1"):
        Register(tmp_path).undo(1, "x", "y")
