# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The chained log: nothing changes unseen, and a torn last line costs only itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rwe.chain import Chain
from rwe.errors import MachineError, TornStore


def _chain(folder: Path, n: int = 4) -> Chain:
    chain = Chain(folder / "log.jsonl")
    for i in range(n):
        chain.append({"kind": "note", "n": i})
    return chain


def _edit_a_byte(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[2].replace(b'"n":2', b'"n":7'), *lines[3:]]


def _drop_a_line(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], *lines[3:]]


def _swap_two_lines(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[3], lines[2]]


def _join_two_lines(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], lines[2].rstrip(b"\n") + b" " + lines[3]]


def _empty_a_line(lines: list[bytes]) -> list[bytes]:
    return [*lines[:2], b"\n", lines[3]]


@pytest.mark.parametrize("damage", [_edit_a_byte, _drop_a_line, _swap_two_lines, _join_two_lines, _empty_a_line])
def test_damage_is_refused_and_the_first_bad_entry_named(
    tmp_path: Path, damage: Callable[[list[bytes]], list[bytes]]
) -> None:
    chain = _chain(tmp_path)
    chain.path.write_bytes(b"".join(damage(chain.path.read_bytes().splitlines(keepends=True))))

    with pytest.raises(TornStore, match="entry 3 "):
        chain.entries()
    with pytest.raises(TornStore, match="entry 3 "):
        chain.append({"kind": "note"})


def test_a_torn_last_line_is_cut_off_at_every_byte_and_noted(tmp_path: Path) -> None:
    chain = _chain(tmp_path)
    whole = chain.path.read_bytes()
    start = whole.rstrip(b"\n").rfind(b"\n") + 1

    for end in range(start, len(whole)):
        chain.path.write_bytes(whole[:end])
        assert [entry.payload["n"] for entry in chain.entries()] == [0, 1, 2]
        chain.append({"kind": "note", "n": 9})
        repairs = [entry.payload for entry in chain.entries() if entry.payload["kind"] == "repair"]
        assert repairs == ([{"kind": "repair", "dropped_bytes": end - start}] if end > start else [])
        assert chain.entries()[-1].payload["n"] == 9


def test_a_last_line_of_zeros_is_torn(tmp_path: Path) -> None:
    chain = _chain(tmp_path)
    with chain.path.open("ab") as file:
        file.write(bytes(512))

    assert len(chain.entries()) == 4
    assert chain.append({"kind": "note"}).seq == 6


def test_every_bit_flip_is_found(tmp_path: Path) -> None:
    chain = _chain(tmp_path, n=2)
    whole = chain.path.read_bytes()

    for position in range(len(whole)):
        chain.path.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        with pytest.raises(TornStore):
            chain.entries()


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(MachineError, match=r"file/log\.jsonl"):
        Chain(tmp_path / "file" / "log.jsonl").append({"kind": "note"})


def test_a_changed_line_end_of_the_last_entry_is_damage_and_a_missing_one_is_a_torn_write(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "log.jsonl")
    for n in range(2):
        chain.append({"n": n})
    text = chain.path.read_bytes()

    chain.path.write_bytes(text[:-1])
    assert len(chain.entries()) == 1
    chain.path.write_bytes(text[:-1] + b"\x0b")
    with pytest.raises(TornStore, match="end of entry 2"):
        chain.entries()


def test_a_chain_that_was_read_before_is_refused_when_its_beginning_changes(tmp_path: Path) -> None:
    chain = _chain(tmp_path)
    chain.entries()

    chain.path.write_bytes(chain.path.read_bytes().replace(b'"n":2', b'"n":7'))

    with pytest.raises(TornStore, match="entry 3 "):
        chain.entries()
