# The commands of this project; `just` lists them. Each is a line you can type without just.

# list the commands
default:
    @just --list

# the main job: build the demonstration hospital, run the study, write the dossier
demo:
    uv run rwe demo

# the default tests (under five minutes)
test *args:
    uv run --group dev pytest {{args}}

# everything that runs in CI: tests, the ci tier, then the check command
ci:
    bash .ci/run

# lint, types, import rules, licences
check:
    uv run --group dev bash .ci/check

# format and mend what can be mended
fix:
    uv run --group dev ruff check --fix .
    uv run --group dev ruff format .

# pin versions again: requirements.lock and [tool.uv] constraint-dependencies
lock:
    uv run --group dev python .ci/lock.py

# speed beside rivals and the floor, results committed
bench:
    uv run --group bench python -m benchmarks

# bias, errors, coverage and false alarms over 10,000 cohorts a setting, the table committed
operating-characteristics:
    uv run --group dev python tests/numerics/test_operating_characteristics.py
