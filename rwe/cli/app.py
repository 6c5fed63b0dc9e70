# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The commands by name, each loaded when it is called, and `main`, which gives the exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from types import FrameType

from cyclopts import App, CycloptsError, Group

from rwe.cli import faults, words
from rwe.cli.voice import Voice, prepare
from rwe.cli.words import word
from rwe.errors import DefinitionError

COMMANDS = {
    "demo": "rwe.cli.study:demo",
    "check": "rwe.cli.study:check",
    "extract": "rwe.cli.extract:extract",
    "harmonise": "rwe.cli.harmonise:harmonise",
    "run": "rwe.cli.study:run",
    "report": "rwe.cli.study:report",
    "portfolio": "rwe.cli.portfolio:portfolio",
    "price": "rwe.cli.price:price",
    "synth": "rwe.cli.synth:synth",
    "doctor": "rwe.cli.doctor:doctor",
}
STORE = {
    "verify": "rwe.cli.store:verify",
    "history": "rwe.cli.store:history",
    "as-of": "rwe.cli.store:as_of",
    "erase": "rwe.cli.store:erase",
}
LINK = {name: f"rwe.cli.link:{name}" for name in ("show", "decide", "undo", "decisions")}
SELFTEST = {name: f"rwe.cli.selftest:{name}" for name in ("kill", "bits", "faults")}
SELFTEST |= {name: f"rwe.cli.{name}:{name}" for name in ("canary", "truth")}
SERVE = {name: f"rwe.cli.serve:{name}" for name in ("intake", "token", "tokens", "revoke")}
TRIAL = {"check": "rwe.cli.trial:check", "list": "rwe.cli.trial:show"}
COHORT = {"import": "rwe.cli.cohort:import_definition"}
SCHEDULE = {"tick": "rwe.cli.schedule:tick", "list": "rwe.cli.schedule:show"}


def build() -> App:
    """Return the application with its commands by import string."""
    app = group("rwe", COMMANDS)
    app.command("rwe.cli.settle:SETTLE", name="settle", help=word("command.settle"))
    app.command("rwe.cli.forecast:FORECAST", name="forecast", help=word("command.forecast"))
    app.command(group("schedule", SCHEDULE, prefix="schedule."))
    app.command(group("cohort", COHORT, prefix="cohort."))
    app.command(group("trial", TRIAL, prefix="trial."))
    app.command(group("serve", SERVE, prefix="serve."))
    app.command(group("store", STORE, prefix="store."))
    app.command(group("link", LINK, prefix="link."))
    app.command(group("selftest", SELFTEST, prefix="selftest."))
    return app


def group(name: str, commands: dict[str, str], prefix: str = "") -> App:
    """Return an application of commands by import string, whose help has the words under ``command.``."""
    app = App(
        name=name,
        help=word(f"command.{name}"),
        version=_version,
        help_formatter=None if sys.stdout.isatty() else "plain",
        help_format="plaintext",  # markdown would cost a third of the time that help may take
        group_commands=Group(word("help.commands")),
        group_arguments=Group(word("help.arguments"), sort_key=1),
        group_parameters=Group(word("help.parameters"), sort_key=2),
    )
    for command, target in commands.items():
        app.command(target, name=command, help=word(f"command.{prefix}{command}"))
    return app


def _version() -> str:
    from importlib.metadata import version

    return version("rwe-engine")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code."""
    tokens = _optional_value(list(sys.argv[1:] if argv is None else argv))
    language = _option(tokens, "--lang") or os.environ.get("RWE_LANG", "en")
    words.use(language if language in words.LANGUAGES else "en")
    prepare()
    voice = Voice(machine="--json" in tokens)
    with _stoppable(voice), faults.wordless(lambda: voice.stop), _private():
        code = _guard(tokens, voice)
    voice.end(code)
    return code


@contextlib.contextmanager
def _private() -> Iterator[None]:
    """Make every file and folder of a command its owner's only, temporary ones included."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def _option(tokens: Sequence[str], name: str) -> str | None:
    """Return the value of an option before the line is parsed: errors need it too."""
    for place, token in enumerate(tokens):
        if token.startswith(f"{name}="):
            return token.partition("=")[2]
        if token == name and place + 1 < len(tokens):
            return tokens[place + 1]
    return None


def _optional_value(tokens: list[str]) -> list[str]:
    """Let ``--track`` stand alone: what follows is its value only where it looks like an address."""
    made: list[str] = []
    for token in tokens:
        if made and made[-1] == "--track":
            address = ":" in token and not token.startswith("-")
            made[-1:] = [f"--track={token}"] if address else ["--track=home", token]
        else:
            made.append(token)
    return [*made[:-1], "--track=home"] if made[-1:] == ["--track"] else made


class _Interrupted(KeyboardInterrupt):
    """Ctrl-C; Python keeps no exit code for a plain KeyboardInterrupt that once left an `exec`, caught or not."""


@contextlib.contextmanager
def _stoppable(voice: Voice) -> Iterator[None]:
    """Turn SIGTERM and Ctrl-C into an exit that lets files and locks be closed.

    Where a library calls back, Python drops what a handler raises, and where something is being closed
    a handler should not raise; there `Voice.progress` raises it later.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        voice.stop = _Interrupted() if number == signal.SIGINT else SystemExit(faults.TERMINATED)
        if not _closing(frame):
            raise voice.stop

    heeded = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _closing(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_name != "__exit__":
        frame = frame.f_back
    return frame is not None


def _guard(tokens: list[str], voice: Voice) -> int:
    try:
        command, bound, ignored = build().parse_args(tokens, exit_on_error=False, print_error=False)
        given = {"voice": voice} if "voice" in ignored else {}
        return int(command(*bound.args, **bound.kwargs, **given) or 0)
    except CycloptsError as exc:
        return faults.fail(voice, "usage", f"{exc} ({word('error.help')})", DefinitionError.exit_code)
    except BaseException as exc:
        # what a command is stopped with a library may turn into an error of its own
        return faults.ended(voice, voice.stop or exc, _option(tokens, "--home"))
