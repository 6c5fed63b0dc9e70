# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Pseudonyms: equal people meet, different people do not, and nothing but the key leads back."""

from __future__ import annotations

import base64
import unicodedata
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rwe.errors import DefinitionError, MachineError, Refused
from rwe.identity import name_parts, normalise, pseudonymise
from rwe.linkage import key_version, load_or_make_key
from rwe.spec.source import Column
from rwe.store import Store

KEY = bytes(range(32))
COLUMNS = {
    "no": Column(type="text", role="person"),
    "national": Column(type="text", role="national_id"),
    "given": Column(type="text", role="name"),
    "family": Column(type="text", role="name"),
    "born": Column(type="date", role="birth_date"),
    "sex": Column(type="text"),
}


def _people(**columns: list[object]) -> pl.DataFrame:
    n = len(next(iter(columns.values())))
    plain: dict[str, list[object]] = {
        "_key": [str(i) for i in range(n)],
        "no": ["A1"] * n,
        "national": ["9913451234"] * n,
        "given": ["Мария"] * n,
        "family": ["Иванова-Петрова"] * n,
        "born": [date(1931, 5, 6)] * n,
        "sex": ["F"] * n,
    }
    schema = {name: pl.Date if name == "born" else pl.String for name in plain}
    return pl.DataFrame({**plain, **columns}, schema=schema)


def _made(key: bytes = KEY, domain: str = "clinic/person", **columns: list[object]) -> pl.DataFrame:
    return pseudonymise(_people(**columns), COLUMNS, key, domain)


def test_only_tokens_the_birth_year_and_columns_without_a_role_remain() -> None:
    made = _made(no=["A1"])

    assert dict(made.schema) == {
        "_key": pl.String,
        "sex": pl.String,
        "person_token": pl.String,
        "national_token": pl.String,
        "national_masked": pl.List(pl.String),
        "national_says": pl.String,
        "birth_year": pl.Int32,
        "birth_tokens": pl.List(pl.String),
        "name_tokens": pl.List(pl.String),
        "name_near": pl.List(pl.String),
    }
    row = made.row(0, named=True)
    assert (row["birth_year"], row["national_says"]) == (1931, "wrong")
    assert [len(row["national_masked"]), len(row["birth_tokens"]), len(row["name_tokens"])] == [9, 5, 3]
    tokens = [row["person_token"], row["national_token"], *row["national_masked"], *row["birth_tokens"]]
    tokens += row["name_tokens"]
    near = row["name_near"]
    assert all(len(token) == 32 and set(token) <= set("0123456789abcdef") for token in tokens)
    assert all(len(token) == 16 for token in near)
    assert len({*tokens, *near}) == len(tokens) + len(near)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("AB12", " ab12\t"),
        ("AB12", "АВ12"),  # the second in Cyrillic letters
        ("\u0419 7", unicodedata.normalize("NFD", "\u0419 7")),
        ("12 34", "1234"),
        ("１２", "12"),
    ],
)
def test_spellings_of_one_number_meet(one: str, other: str) -> None:
    made = _made(no=[one, other])

    assert made["person_token"].n_unique() == 1


def test_different_numbers_sites_domains_and_keys_do_not_meet() -> None:
    tokens = [
        *_made(no=["12", "012", "1 3"])["person_token"],
        *_made(no=["12"], domain="other/person")["person_token"],
        *_made(no=["12"], key=bytes(32))["person_token"],
        *_made(national=["12"])["national_token"],
    ]

    assert len(set(tokens)) == 6


def test_national_numbers_meet_across_sites() -> None:
    here, there = _made(no=["1"], domain="a/person"), _made(no=["2"], domain="b/person")

    assert here["national_token"].to_list() == there["national_token"].to_list()


@pytest.mark.parametrize("empty", [None, "", "  \t", "\x00", "12\x0034"])
def test_an_identifier_that_says_nothing_gets_no_token(empty: str | None) -> None:
    made = _made(no=[empty, "1"], national=[empty, "2"])

    assert made["person_token"].is_null().to_list() == [True, False]
    assert made["national_token"].is_null().to_list() == [True, False]
    assert made["national_masked"].is_null().to_list() == [True, False]


@given(st.text(alphabet="0123456789", min_size=10, max_size=10), st.integers(0, 9), st.integers(0, 9))
def test_one_wrong_digit_leaves_a_masked_token_equal(number: str, place: int, digit: int) -> None:
    wrong = f"{number[:place]}{digit}{number[place + 1 :]}"

    right, other = _made(national=[number, wrong])["national_masked"]

    assert set(right) & set(other)


@given(st.text(alphabet="0123456789", min_size=10, max_size=10), st.integers(0, 8))
def test_two_swapped_digits_leave_a_masked_token_equal(number: str, place: int) -> None:
    swapped = f"{number[:place]}{number[place + 1]}{number[place]}{number[place + 2 :]}"

    right, other = _made(national=[number, swapped])["national_masked"]

    assert set(right) & set(other)


def test_a_masked_token_is_of_its_place() -> None:
    right, other = _made(national=["1234567890", "3412567890"])["national_masked"]

    assert not set(right) & set(other)


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("Мария", ["MARIA"]),
        ("Mariya", ["MARIA"]),
        ("Щерю Йорданов", ["SHTERYU", "YORDANOV"]),
        ("Щерю Йорданов".upper(), ["SHTERYU", "YORDANOV"]),
        (unicodedata.normalize("NFD", "Йордан"), ["YORDAN"]),
        ("ИВАH", ["IVAN"]),  # the last letter is Latin
        ("BОRIS", ["BORIS"]),  # the second letter is Cyrillic
        ("d'Artagnan  Müller", ["D", "ARTAGNAN", "MULLER"]),
        (" - 3 ", []),
    ],
)
def test_names_are_written_in_one_alphabet(written: str, parts: list[str]) -> None:
    assert name_parts(written) == parts


def test_swapped_names_meet_whoever_bears_them() -> None:
    made = _made(
        given=["Мария", "Ivanova", "Мария", None],
        family=["Иванова", "Maria", "Иванова", ""],
        born=[date(1931, 5, 6), date(1931, 5, 6), date(1950, 1, 1), date(1931, 5, 6)],
    )

    names, near = made["name_tokens"].to_list(), made["name_near"].to_list()
    assert names[0] == names[1] == names[2]
    assert near[0] == near[1]
    assert names[3] == near[3] == []


@given(st.text(alphabet="ABCDEFGHIJ", min_size=2, max_size=12), st.integers(0, 11), st.sampled_from(["Z", "", "twice"]))
def test_a_letter_wrong_missing_or_too_many_leaves_a_near_token_equal_to_those_born_that_day(
    name: str, place: int, put: str
) -> None:
    i = place % len(name)
    wrong = name[:i] + (2 * name[i] if put == "twice" else put) + name[i + 1 :]
    made = _made(given=[name, wrong, name], family=[None] * 3, born=[date(1931, 5, 6)] * 2 + [date(1931, 5, 7)])

    right, other, elsewhere = map(set, made["name_near"])

    assert right & other
    assert not right & elsewhere


def test_a_name_without_a_birth_date_has_no_near_tokens() -> None:
    made = _made(born=[None, date(1931, 5, 6)])

    assert made["birth_year"].to_list() == [None, 1931]
    assert made["birth_tokens"].is_null().to_list() == [True, False]
    assert made["name_tokens"][0].to_list() == made["name_tokens"][1].to_list()
    assert [len(near) for near in made["name_near"]] == [0, 22]


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (date(1931, 5, 6), date(1931, 5, 6), [0, 1, 2, 3, 4]),
        (date(1931, 5, 6), date(1931, 5, 16), [1]),
        (date(1931, 5, 6), date(1931, 7, 6), [2]),
        (date(1931, 5, 6), date(1913, 5, 6), [3]),
        (date(1931, 5, 6), date(1931, 6, 5), [4]),
        (date(1931, 5, 6), date(1932, 6, 5), []),
    ],
)
def test_birth_dates_that_differ_in_one_part_meet_in_one_token(one: date, other: date, shared: list[int]) -> None:
    right, wrong = _made(born=[one, other])["birth_tokens"].to_list()

    assert [i for i in range(5) if right[i] == wrong[i]] == shared
    assert len({*right, *wrong}) == 10 - len(shared)


def test_no_rows_give_the_same_columns() -> None:
    full = _people(no=["1"])

    empty = pseudonymise(full.clear(), COLUMNS, KEY, "clinic/person")

    assert empty.schema == pseudonymise(full, COLUMNS, KEY, "clinic/person").schema
    assert empty.is_empty()


@pytest.mark.parametrize(
    "n",
    [
        50_000,
        pytest.param(100_000, marks=pytest.mark.ci),
        pytest.param(10_000_000, marks=pytest.mark.long),
    ],
)
def test_numbers_do_not_collide(n: int) -> None:
    """Even the first 60 of their 128 bits are of one number each."""
    heads = []
    for start in range(0, n, 1_000_000):
        numbers = pl.Series(range(start, min(n, start + 1_000_000))).cast(pl.String).str.zfill(8)
        made = pseudonymise(pl.DataFrame({"no": numbers}), {"no": COLUMNS["no"]}, KEY, "c/person")["person_token"]
        heads.append(made.str.slice(0, 15).str.to_integer(base=16))

    assert pl.concat(heads).n_unique() == n


@given(st.text())
def test_composed_and_decomposed_texts_are_one(text: str) -> None:
    forms = {normalise(unicodedata.normalize(form, text)) for form in ("NFC", "NFD", "NFKC", "NFKD")}

    assert len(forms) == 1


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    first = load_or_make_key(tmp_path)

    assert load_or_make_key(tmp_path) == first
    assert len(first) == 32
    path = tmp_path / "key" / "linkage.key"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o400, 0o700)
    assert [file.name for file in path.parent.iterdir()] == ["linkage.key"]


def test_a_key_that_others_may_read_is_refused_without_being_shown(tmp_path: Path) -> None:
    key = load_or_make_key(tmp_path)
    (tmp_path / "key" / "linkage.key").chmod(0o444)

    with pytest.raises(Refused, match="chmod 400") as caught:
        load_or_make_key(tmp_path)

    assert key.hex() not in str(caught.value)


def test_a_lost_key_is_not_replaced_behind_the_records_made_with_it(tmp_path: Path) -> None:
    load_or_make_key(tmp_path)
    Store(tmp_path / "store").table("clinic/landing/patient").append(pl.DataFrame({"_key": ["1"]}), batch="b")
    (tmp_path / "key" / "linkage.key").unlink()

    with pytest.raises(MachineError, match=r"linkage\.key is gone"):
        load_or_make_key(tmp_path)


def test_a_damaged_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key" / "linkage.key"
    path.parent.mkdir()
    path.write_bytes(b"short")
    path.chmod(0o400)

    with pytest.raises(MachineError, match="not a key of 32 bytes"):
        load_or_make_key(tmp_path)


def test_a_home_that_cannot_hold_a_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")

    with pytest.raises(MachineError, match=str(tmp_path / "home")):
        load_or_make_key(tmp_path / "home")


@pytest.mark.parametrize("nothing", ["", " \t\u00a0\u2003", "\x00", "AB\x0012"])
def test_what_says_nothing_is_the_same_nothing_however_written(nothing: str) -> None:
    assert normalise(nothing) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [("0123", "123"), ("AB1", "AB10"), ("O1", "01"), ("A-1", "A1"), ("1 2", "13")],
)
def test_what_may_be_two_people_stays_two(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@pytest.mark.parametrize("mark", ["\u200b", "\ufeff", "\u00ad", "\u200e"])
def test_signs_that_do_not_show_make_no_difference(mark: str) -> None:
    assert normalise(f"75{mark}23169263{mark}") == "7523169263"


@given(st.text(alphabet="АВЕКМНОРСТУХавекмнорстух0123456789 \u00a0", min_size=1))
def test_either_alphabet_gives_one_spelling(text: str) -> None:
    latin = text.upper().translate(str.maketrans("АВЕКМНОРСТУХ", "ABEKMHOPCTYX"))

    assert normalise(text) == normalise(latin) == normalise(f" {latin.lower()}\u200a")


def test_a_key_comes_from_the_environment_or_a_file_it_names(tmp_path: Path) -> None:
    key, path = bytes(range(32)), tmp_path / "secret"
    path.write_bytes(key)
    path.chmod(0o400)

    given = load_or_make_key(tmp_path, {"RWE_LINKAGE_KEY": base64.b64encode(key).decode()})
    named = load_or_make_key(tmp_path, {"RWE_LINKAGE_KEY_FILE": str(path)})

    assert given == named == key
    assert not (tmp_path / "key").exists()


def test_a_key_of_the_environment_that_is_none_is_refused_without_being_shown(tmp_path: Path) -> None:
    for text in ("c2hvcnQ=", "not base64 at all"):
        with pytest.raises(DefinitionError, match="RWE_LINKAGE_KEY is not the base64 of 32 bytes") as caught:
            load_or_make_key(tmp_path, {"RWE_LINKAGE_KEY": text})
        assert text not in str(caught.value)
    with pytest.raises(DefinitionError, match="both set"):
        load_or_make_key(tmp_path, {"RWE_LINKAGE_KEY": "x", "RWE_LINKAGE_KEY_FILE": "y"})
    with pytest.raises(MachineError, match="nowhere"):
        load_or_make_key(tmp_path, {"RWE_LINKAGE_KEY_FILE": str(tmp_path / "nowhere")})
    (tmp_path / "open").write_bytes(bytes(32))
    (tmp_path / "open").chmod(0o440)
    with pytest.raises(Refused, match="chmod 400"):
        load_or_make_key(tmp_path, {"RWE_LINKAGE_KEY_FILE": str(tmp_path / "open")})


def test_versions_tell_keys_apart_and_nothing_of_them() -> None:
    versions = {key_version(bytes([i] * 32)) for i in range(100)}

    assert len(versions) == 100
    assert all(len(version) == 12 and version not in bytes([i] * 32).hex() for i, version in enumerate(versions))
