# SPDX-FileCopyrightText: 2026 The rwe-engine authors
# SPDX-License-Identifier: Apache-2.0
"""Makes rwe/spec/units.csv anew: what ucumvert and pint say of each unit that the table names.

Run it after adding a line (`concept_id,code`, the rest empty). A test holds the table against the same words.
"""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path

from ucumvert import PintUcumRegistry

TABLE = Path(__file__).parents[1] / "rwe" / "spec" / "units.csv"
COLUMNS = ("concept_id", "code", "factor", "offset", "mass", "length", "time", "substance", "temperature", "apart")
DIMENSIONS = COLUMNS[4:9]
# What these stand for is the same for every analyte. Of others (international units, equivalents, fields of a
# microscope) pint knows a size too, or takes them for plain numbers: they become no other unit by themselves.
PHYSICAL = {
    *("gram", "meter", "liter", "second", "minute", "hour", "day", "week", "month", "year", "mole", "pascal"),
    *("meter_Hg", "meter_H2O", "bar", "torr", "katal", "enzyme_unit", "kelvin", "degree_Celsius", "degree_Fahrenheit"),
    *("pound", "ounce", "inch", "foot", "percent", "_10", "volt", "watt", "joule"),
}

HARMLESS = {"{cells}", "{cell}", "{creat}", "{tot}"}


def line(registry: PintUcumRegistry, concept: str, code: str) -> dict[str, str]:
    """Return the line of a unit; one that pint cannot size stands apart, as itself."""
    try:
        read = registry.from_ucum(code)
        unit = registry.Quantity(1, read.units)
    except Exception:  # ucumvert fails in five ways on annotations, pH and units OMOP spells in its own way
        return dict.fromkeys(COLUMNS, "0") | {"concept_id": concept, "code": code, "factor": "1", "apart": code}
    zero = registry.Quantity(0, read.units).to_base_units().magnitude
    if "temperature" in str(unit.dimensionality):
        factor, offset = registry.Quantity(100, read.units).to_base_units().magnitude - zero, zero
        factor /= 100
    else:
        factor, offset = unit.to_base_units().magnitude * read.magnitude, 0.0
    sizes = {name: str(int(unit.dimensionality.get(f"[{name}]", 0))) for name in DIMENSIONS}
    return {
        "concept_id": concept,
        "code": code,
        "factor": f"{factor:.14g}",
        "offset": f"{offset:.14g}",
        **sizes,
        "apart": _apart(registry, unit, code),
    }


def _apart(registry: PintUcumRegistry, unit: object, code: str) -> str:
    """Return what keeps a unit from becoming another of its dimension, ``""`` where nothing does.

    A ratio of amounts is no percentage (48 mmol/mol of HbA1c are 6.5 %), and of D-dimer a gram of fibrinogen
    equivalents (FEU) is another gram.
    """
    bases = [(registry.parse_unit_name(name)[0][1], power) for name, power in unit.unit_items()]
    odd = sorted(f"{name}^{power}" for name, power in bases if name not in PHYSICAL)
    said = [word for word in re.findall(r"{[^}]*}", code) if word not in HARMLESS]
    return " ".join([*odd, *said, *(["mole/mole"] if code.count("mol") > 1 else [])])


def table() -> list[dict[str, str]]:
    """Return every line of the table as it should read."""
    registry = PintUcumRegistry()
    with TABLE.open(encoding="utf-8", newline="") as file:
        return [line(registry, row["concept_id"], row["code"]) for row in csv.DictReader(file)]


def main() -> int:
    """Write the table."""
    lines = table()
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
