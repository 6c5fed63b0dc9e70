# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""A line to a server that can break: after so many bytes it ends, ends in the middle, or falls silent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

Fault = Literal["drop", "half", "silence"]


@dataclass
class Proxy:
    """What stands between; `faults` of the next lines, each with the bytes from the server after which it comes."""

    target: int
    port: int = 0
    lines: int = 0
    faults: list[tuple[Fault, int]] = field(default_factory=list)
    held: list[socket.socket] = field(default_factory=list)

    def serve(self, door: socket.socket) -> None:
        """Take lines until the door is shut."""
        with suppress(OSError):
            while True:
                client, _ = door.accept()
                self.lines += 1
                fault = self.faults.pop(0) if self.faults else None
                server = socket.create_connection(("127.0.0.1", self.target))
                self.held += [client, server]
                threading.Thread(target=_pump, args=(client, server, None), daemon=True).start()
                threading.Thread(target=_pump, args=(server, client, fault), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, fault: tuple[Fault, int] | None) -> None:
    passed = 0
    with suppress(OSError):
        while data := source.recv(65_536):
            if fault and passed + len(data) > fault[1]:
                if fault[0] == "silence":
                    threading.Event().wait(60)
                if fault[0] == "half":
                    sink.sendall(data[: max(fault[1] - passed, 1)])
                break
            passed += len(data)
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def between(target: int) -> Iterator[Proxy]:
    """Stand between a client and the server on `target`."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        proxy = Proxy(target, door.getsockname()[1])
        thread = threading.Thread(target=proxy.serve, args=(door,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            with suppress(OSError):
                door.shutdown(socket.SHUT_RDWR)
            for line in proxy.held:
                line.close()
            thread.join(5)
