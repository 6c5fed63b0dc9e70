# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Many studies in one go: each in a process of a pool, and one that fails stops none of the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from rwe.catalogue import open_catalogue
from rwe.errors import Busy, DefinitionError, RweError
from rwe.linkage import load_or_make_key
from rwe.spec.base import parse

if TYPE_CHECKING:
    from rwe.pipeline import RunSummary

TRIES, WAIT = 20, 3.0  # two studies of one hospital take turns at its tables: seconds before asking again


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one study ended.

    Parameters
    ----------
    file
        The study file.
    study
        Its name; that of the file where it could not be read.
    folder
        Run folder; None where the study failed.
    exit_code
        0, or what `rwe run` would have ended with.
    reason
        Why it failed, "" where it did not.
    """

    file: Path
    study: str
    folder: Path | None
    exit_code: int
    reason: str = ""


def studies_of(folder: Path) -> list[Path]:
    """Return the study files of a folder, by name; other YAML files are passed over.

    Raises
    ------
    DefinitionError
        If there is no such folder, or no study in it.
    """
    if not folder.is_dir():
        raise DefinitionError(f"no such folder of studies: {folder}")
    found = [path for path in sorted(folder.glob("*.yaml")) if _is_study(path)]
    if not found:
        raise DefinitionError(f"{folder} holds no study: a study file begins with `study:`")
    return found


def run_all(
    studies: Sequence[Path], home: Path, *, synthetic: bool = False, jobs: int = 2, lang: Sequence[str] = ("en", "bg")
) -> Iterator[Outcome]:
    """Run studies in `jobs` processes, and yield each outcome as it comes.

    Parameters
    ----------
    home, synthetic, lang
        As `rwe.pipeline.run` takes them.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    load_or_make_key(home)  # once, before many would make it
    open_catalogue(home)
    with ProcessPoolExecutor(min(jobs, len(studies)), mp_context=get_context("spawn")) as pool:
        one = partial(run_one, home=home, synthetic=synthetic, lang=tuple(lang))
        waiting = {pool.submit(one, path): path for path in studies}
        for done in as_completed(waiting):
            failure = done.exception()
            yield done.result() if failure is None else _broken(waiting[done], failure)


def run_one(path: Path, *, home: Path, synthetic: bool, lang: tuple[str, ...]) -> Outcome:
    """Run one study to its end, whatever that is."""
    from rwe import pipeline

    try:
        name = pipeline.load_plan(path).study.study
        summary = _patiently(lambda: pipeline.run(path, home=home, lang=lang, synthetic=synthetic))
    except RweError as exc:
        return Outcome(path, path.stem, None, exc.exit_code, str(exc))
    except Exception as exc:  # a fault of the engine: the others go on, and its name is told
        return _broken(path, exc)
    return Outcome(path, name, summary.folder, summary.exit_code)


def _patiently(run: Callable[[], RunSummary]) -> RunSummary:
    for _ in range(TRIES - 1):
        try:
            return run()
        except Busy:
            time.sleep(WAIT)
    return run()


def _broken(path: Path, failure: BaseException) -> Outcome:
    return Outcome(path, path.stem, None, 1, f"a fault of the engine: {type(failure).__name__}")


def _is_study(path: Path) -> bool:
    try:
        return "study" in parse(path)[0]
    except DefinitionError:
        return True  # it is told among the failures, not passed over
