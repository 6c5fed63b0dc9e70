# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Commands that serve: the intake, and the tokens that hospitals send with."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from rwe.cli.options import Common, Talk
from rwe.cli.words import word

if TYPE_CHECKING:
    from rwe.serve.intake import Outcome

ALL = Common()
KIND = "nhis"  # what is read of a hospital without a site file
Tokens = Annotated[Path | None, Parameter(help=word("help.tokens"))]


def intake(
    *,
    folder: Annotated[Path | None, Parameter(help=word("help.drop_folder"))] = None,
    tokens: Tokens = None,
    site: Annotated[list[Path] | None, Parameter(negative="", help=word("help.sites"))] = None,
    host: Annotated[str, Parameter(help=word("help.host"))] = "127.0.0.1",
    port: Annotated[int, Parameter(help=word("help.port"))] = 8443,
    certificate: Annotated[Path | None, Parameter(help=word("help.certificate"))] = None,
    key: Annotated[Path | None, Parameter(help=word("help.key"))] = None,
    behind_proxy: Annotated[bool, Parameter(negative="", help=word("help.behind_proxy"))] = False,
    max_bytes: Annotated[int, Parameter(help=word("help.max_bytes"))] = 16 * 2**20,
    at_once: Annotated[int, Parameter(help=word("help.at_once"))] = 16,
    per_minute: Annotated[int, Parameter(help=word("help.per_minute"))] = 1200,
    common: Common = ALL,
    voice: Talk,
) -> int:
    """Take messages that hospitals push, until it is told to stop."""
    from rwe.serve.hospitals import reader
    from rwe.serve.intake import Intake, Limits
    from rwe.serve.keep import prepare
    from rwe.serve.run import Address, serve
    from rwe.serve.tokens import Tokens as Known

    def tell(outcome: Outcome) -> None:
        voice.event("message", **asdict(outcome))
        voice.say("serve.outcome", **{**asdict(outcome), "hospital": outcome.hospital or word("serve.nobody")})

    def listening(address: str) -> None:
        voice.event("listening", address=address, folder=folder)
        voice.say("serve.listening", address=address, folder=folder)

    folder = folder or common.place / "intake"
    limits = Limits(size=max_bytes, at_once=at_once, per_minute=per_minute)
    known = Known(_tokens(tokens, common))
    if swept := prepare(folder):
        voice.say("serve.swept", count=swept)
    app = Intake(folder, known, reader(site or [], KIND), limits, tell).app()
    serve(app, Address(host, port, certificate, key, behind_proxy), listening, at_once=at_once)
    if voice.stop is not None:
        raise voice.stop  # what it was asked to end with, now that everything is answered
    return 0


def token(
    hospital: Annotated[str, Parameter(name="HOSPITAL", help=word("help.token_hospital"))],
    *,
    tokens: Tokens = None,
    common: Common = ALL,
    voice: Talk,
) -> int:
    """Make the token that a hospital sends its messages with; it is shown once."""
    from rwe.serve.tokens import make_token

    made = make_token(_tokens(tokens, common), hospital)
    voice.event("token", hospital=hospital, token=made)
    voice.warn(word("serve.token", hospital=hospital))
    if not voice.machine:
        voice.line(made)
    return 0


def _tokens(given: Path | None, common: Common) -> Path:
    return given or common.place / "key" / "intake.json"
