# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Every committed case of R is read by a test: a case that nobody compares proves nothing.

A case counts as read where a test module names its file, and each part of its id stands in the module or among the
texts by which its tests are parametrised.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

HERE = Path(__file__).parent
FILES = sorted(
    path for path in (HERE.parent / "data").glob("r_*/*.json") if "cases" in json.loads(path.read_text("utf-8"))
)
READERS = [path for path in sorted(HERE.glob("test_*.py")) if path.name != Path(__file__).name]
APART: dict[str, str] = {  # ids that are answered under another name, and where
    "cox.edge_constant_dropped.efron": "test_cox.py: the terms that R drops are refused by name",
    "separated.edge_separation": "test_cox.py: separation is refused by name",
    "separated.edge_noevents": "test_cox.py: separation is refused by name",
    **dict.fromkeys(
        [f"cox.{model}.efron" for model in ("sim.cs1", "sim.cs2", "colon.cs1", "colon.cs2", "edge_constant")],
        "test_cox_converged.py, carried to the optimum",
    ),
    **dict.fromkeys([f"glmnet.gbsg.alpha{a}" for a in ("0", "0.5", "1")], "test_cox_penalised.py, by its numbers"),
    "turnbull.sim_intervals": "test_turnbull.py: the one case of its file",
}


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"read_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def _parameters(module: ModuleType) -> set[str]:
    """Return every text by which some test of the module is parametrised."""
    found: set[str] = set()
    for function in vars(module).values():
        for mark in getattr(function, "pytestmark", []) if callable(function) else []:
            if mark.name == "parametrize":
                rows = [value if isinstance(value, list | tuple) else [value] for value in mark.args[1]]
                found |= {value for row in rows for value in row if isinstance(value, str)}
    return found


@cache
def _words(path: Path) -> set[str]:
    """Return the words of a module and of the parameters of its tests; ids are split at their dots."""
    texts = [path.read_text("utf-8"), *_parameters(_loaded(path))]
    return {word for text in texts for word in re.findall(r"[\w-]+", text)}


@pytest.mark.ci
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_every_case_is_read(file: Path) -> None:
    readers = [_words(path) for path in READERS if f'"{file.stem}' in path.read_text("utf-8")]

    cases = [case["case"] for case in json.loads(file.read_text("utf-8"))["cases"]]
    unread = [c for c in cases if c not in APART and not any(set(c.split(".")) <= words for words in readers)]

    assert readers, f"no test reads {file.name}"
    assert not unread
