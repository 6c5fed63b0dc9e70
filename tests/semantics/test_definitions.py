# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Files that people write: what is read, and where each fault is said to be."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from rwe.errors import DefinitionError
from rwe.spec.base import Exact, Flag, Int, Name, Part, Text, locate, part, read


class Inner(Part):
    day: Int
    codes: tuple[str, ...] = ()


class Outer(Part):
    name: Name
    title: Text | None = None
    price: Exact = Decimal(0)
    on: Flag = True
    inner: Inner | None = None


def faults(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "study.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(DefinitionError) as caught:
        read(file, Outer)
    assert caught.value.exit_code == 2
    return [str(p).removeprefix(str(tmp_path) + "/") for p in caught.value.problems]


def good(tmp_path: Path, text: str) -> Outer:
    file = tmp_path / "study.yaml"
    file.write_text(text, "utf-8")
    return read(file, Outer)


def test_an_unknown_key_is_placed_and_the_nearest_suggested(tmp_path: Path) -> None:
    assert faults(tmp_path, "name: a\ninner:\n  dya: 3\n  day: 4\n") == [
        "study.yaml:3:3: inner.dya: unknown key; did you mean 'day'?"
    ]


def test_all_faults_are_said_at_once(tmp_path: Path) -> None:
    said = faults(tmp_path, "name: Not a name\nprice: 0.1\ninner: {day: x}\nzzz: 1\n")

    assert [line.split(": ")[0] for line in said] == [
        "study.yaml:1:7",
        "study.yaml:2:8",
        "study.yaml:3:14",
        "study.yaml:4:1",
    ]
    assert said[1] == "study.yaml:2:8: price: a decimal that must stay exact: put it in quotes"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "study.yaml:1:1: the file is empty"),
        ("name: [a\n", "study.yaml:2:1: not YAML: did not find expected ',' or ']'"),
        ("name: a\nname: b\n", "study.yaml:2:1: name: this key stands twice"),
        ("name: a\non: NO\n", "study.yaml:2:5: on: Input should be a valid boolean"),
        ("name: a\ninner: {day: 012}\n", "study.yaml:2:14: inner.day: Input should be a valid integer"),
        ("name: a\ninner: {day: 1.0}\n", "study.yaml:2:14: inner.day: Input should be a valid integer"),
        (
            "name: a\ninner: {day: 1, codes: [250.00]}\n",
            "study.yaml:2:25: inner.codes.0: Input should be a valid string",
        ),
    ],
)
def test_traps_of_yaml_are_faults(tmp_path: Path, text: str, said: str) -> None:
    assert faults(tmp_path, text) == [said]


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "breast.yaml").write_text("name: a\n", "utf-8")

    with pytest.raises(DefinitionError, match=r"breats\.yaml:1:1: no such file; did you mean 'breast\.yaml'\?"):
        read(tmp_path / "breats.yaml", Outer)


def test_quoted_decimals_stay_exact_and_country_codes_stay_text(tmp_path: Path) -> None:
    outer = good(tmp_path, 'name: a\nprice: "0.10"\ninner: {day: 1, codes: [NO, "250.00", 12:30:00]}\n')

    assert outer.price == Decimal("0.10")
    assert outer.inner == Inner(day=1, codes=("NO", "250.00", "12:30:00"))


def test_a_piece_of_a_file_keeps_its_place(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("list:\n  - {inner: {day: 1}}\n  - {inner: {day: 1, dya: 1}}\n", "utf-8")

    assert part(file, ("list", 0, "inner"), Inner) == Inner(day=1)
    with pytest.raises(
        DefinitionError, match=r"study\.yaml:3:22: list\.1\.inner\.dya: unknown key; did you mean 'day'"
    ):
        part(file, ("list", 1, "inner"), Inner)


def test_references_are_found_beside_the_file_and_in_packages(tmp_path: Path) -> None:
    assert locate("../trials/x.yaml", tmp_path / "studies" / "s.yaml") == tmp_path / "trials" / "x.yaml"
    assert locate("package://rwe/py.typed", tmp_path).is_file()
    with pytest.raises(DefinitionError, match="package 'no_such_package' is not installed"):
        locate("package://no_such_package/x", tmp_path)
