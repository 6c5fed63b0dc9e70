# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Pin exact versions: requirements.lock with hashes, and the same versions as constraints for uv."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^constraint-dependencies = \[\n.*?^\]\n", re.DOTALL | re.MULTILINE)
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)(?: ; ([^\\]+?))?(?: \\)?$")


def main() -> None:
    """Resolve without the old constraints, then write both files."""
    project = ROOT / "pyproject.toml"
    free = BLOCK.sub("", project.read_text("utf-8"))
    project.write_text(free, "utf-8")
    subprocess.run(["uv", "lock", "--upgrade", "--quiet"], cwd=ROOT, check=True)
    export = ["uv", "export", "--quiet", "--all-groups", "--no-emit-project", "--no-annotate", "--no-header"]
    lock = subprocess.run(export, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    (ROOT / "requirements.lock").write_text(lock, "utf-8")
    project.write_text(free.replace("default-groups = []\n", f"default-groups = []\n{_constraints(lock)}"), "utf-8")


def _constraints(lock: str) -> str:
    pins = [match.groups() for line in lock.splitlines() if (match := PIN.match(line))]
    lines = [f'    "{name}=={version}{f" ; {marker}" if marker else ""}",' for name, version, marker in pins]
    return "constraint-dependencies = [\n" + "\n".join(lines) + "\n]\n"


if __name__ == "__main__":
    main()
