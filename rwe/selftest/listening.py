# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Listening to a command: every byte it says, by Python or past it, and every temporary file it makes."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def said_into(path: Path) -> Iterator[None]:
    """Send what is written to stdout and stderr, also by libraries that know nothing of Python, into a file."""
    kept = [(number, os.dup(number)) for number in (1, 2)]
    with path.open("wb", buffering=0) as file:
        for number, _ in kept:
            os.dup2(file.fileno(), number)
        text = io.TextIOWrapper(file, encoding="utf-8", write_through=True)
        try:
            with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
                yield
        finally:
            for number, copy in kept:
                os.dup2(copy, number)
                os.close(copy)
            sys.stdout.flush()
            text.detach()


@contextlib.contextmanager
def temporary_in(folder: Path) -> Iterator[None]:
    """Let temporary files be made in a folder that is searched."""
    before = tempfile.tempdir
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before
