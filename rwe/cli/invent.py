# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A home with an invented hospital network in it, for a study that is to run on nothing else."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from rwe.cli.options import Common
from rwe.cli.voice import Voice
from rwe.cli.words import word
from rwe.errors import DefinitionError

NETWORK, DATABASES = "network", ("a", "b", "c")


@Parameter(name="*")
@dataclass(frozen=True, slots=True)
class Invent:
    """What a network is invented to."""

    synthetic: Annotated[bool, Parameter(negative="", show_default=False, help=word("help.synthetic"))] = False
    seed: Annotated[int, Parameter(help=word("help.synth_seed"))] = 1
    patients: Annotated[int, Parameter(help=word("help.patients"), validator=Number(gte=1))] = 4_000
    dirt: Annotated[str, Parameter(help=word("help.dirt"))] = "none"


def home_of(common: Common, asked: Invent, voice: Voice) -> Path:
    """Return the home that is named, or a new one to throw away, with the network in its folder ``network``.

    Raises
    ------
    DefinitionError
        If the home holds another network.
    """
    home = common.place if common.home else Path(tempfile.mkdtemp(prefix="rwe-synthetic-"))
    folder, told = home / NETWORK, home / NETWORK / "planted.json"
    wanted = {"seed": asked.seed, "patients": asked.patients, "dirt": asked.dirt}
    if told.is_file():
        held = json.loads(told.read_text("utf-8"))
        if any(held.get(name) != value for name, value in wanted.items()):
            raise DefinitionError(word("error.other_network", home=home))
    else:
        write(folder, asked, voice)
    voice.event("synthetic", home=str(home), **wanted)
    return home


def write(folder: Path, asked: Invent, voice: Voice) -> dict[str, int]:
    """Write a network into a folder that is empty or not there yet; return rows by table.

    A hospital's database is a file, or the empty one whose URL, with its password, stands in ``RWE_SYNTH_A_URL``,
    ``RWE_SYNTH_B_URL`` or ``RWE_SYNTH_C_URL``.
    """
    from rwe import plugins

    def progress(done: float) -> None:
        voice.progress("synth", done)

    named = {hospital: os.environ.get(f"RWE_SYNTH_{hospital.upper()}_URL") for hospital in DATABASES}
    urls = {hospital: url for hospital, url in named.items() if url}
    network = plugins.network(NETWORK)
    return network.write(folder, asked.patients, asked.seed, progress, urls=urls, dirt=asked.dirt)
