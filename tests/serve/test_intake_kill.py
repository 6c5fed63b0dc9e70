# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""The intake is killed at random moments while hospitals post: what was acknowledged is on disk, whole and once."""

from __future__ import annotations

import hashlib
import random
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from threading import Event, Timer

import pytest

from connectors.nhis import connect
from rwe.spec.base import read
from rwe.spec.site import load_site
from rwe.spec.source import Source
from synthetic.nhis import Sent, messages, truth
from tests.serve.server import Answer, Server

CONFIGS = Path(__file__).parents[2] / "configs"


def push(server: Server, left: list[Sent], done: dict[str, Answer], stopped: Event) -> None:
    """Post what is left, one after another, as a hospital does, until the intake is gone."""
    while left and not stopped.is_set():
        sent = left.pop()
        try:
            answer = server.post(sent.data)
        except (OSError, HTTPException):
            left.append(sent)  # nobody said that it is safe: it is sent again
            return
        assert answer.status in (200, 201)
        done[sent.name.removesuffix(".xml")] = answer


def killed(server: Server, left: list[Sent], done: dict[str, Answer], after: float) -> None:
    """Start the intake, post from three hospitals at once, kill it after so many seconds."""
    server.start()
    stopped = Event()
    timer = Timer(after, lambda: (stopped.set(), server.process and server.process.send_signal(signal.SIGKILL)))
    timer.start()
    with ThreadPoolExecutor(3) as pool:
        for one in [pool.submit(push, server, left, done, stopped) for _ in range(3)]:
            one.result()
    timer.join()
    server.stop(signal.SIGKILL)


def lost(server: Server, done: dict[str, Answer]) -> Iterator[str]:
    """Yield the id of each message that was acknowledged and is not on disk as it was sent."""
    kept = server.kept()
    for identity, answer in done.items():
        if hashlib.sha256(kept.get(identity, b"")).hexdigest() != answer.told["sha256"]:
            yield identity


@pytest.mark.ci
def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    kills, chance = 20, random.Random(7)
    sent = list(messages(120 * kills, seed=kills))
    left, done, server = list(reversed(sent)), dict[str, Answer](), Server(tmp_path, ("--per-minute", "100000"))

    for _ in range(kills):
        killed(server, left, done, chance.uniform(0.05, 0.4))
        assert left, "all was sent before the kill: send more"
        assert list(lost(server, done)) == []
    server.start()
    push(server, left, done, Event())
    again = {name: server.post(one.data) for one in sent if (name := one.name.removesuffix(".xml"))}

    assert server.stop() == 143
    assert {answer.status for answer in again.values()} == {200}
    assert all(again[name].body == answer.body for name, answer in done.items())
    assert server.kept() == {one.name.removesuffix(".xml"): one.data for one in sent}
    assert list(server.folder.rglob(".incoming-*")) == []
    assert landed(server) == set(truth(sent))


def landed(server: Server) -> set[str]:
    """Return the stays that stand when the connector has read what was kept."""
    site = load_site(CONFIGS / "sites" / "nhis.yaml").model_copy(update={"url": (server.folder / "clinic").as_uri()})
    connector = connect(site, read(CONFIGS / "mappings/nhis/source.yaml", Source), server.home)
    newest: dict[str, str] = {}
    for batch in connector.read("hospitalization", None):
        newest |= dict(batch.rows.select("_key", "_op").rows())
    connector.close()
    return {key for key, operation in newest.items() if operation == "upsert"}
