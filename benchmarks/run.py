"""`make bench`: every hot path beside its own ceiling, measured in the same run; a table and build/bench.json.

Names of files given to it measure those alone (`python benchmarks/run.py conversions`).
"""
import importlib
import json
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# First what looks at its own memory; last what fills a million rows.
ON_BOTH = ("csv_upload", "transfer_batches", "conversions", "conversions_in", "busy_business", "long_ledger",
           "duplicates", "matching", "stripe_events", "clicks")
ON_SQLITE = ("board_pages", "lead_submission", "fraud", "real_pages", "bad_input", "api_schema")


def main(*chosen: str) -> int:
    from benchmarks.figures import Figure  # noqa: PLC0415 - they need ROOT on the path
    from scripts.postgres import temporary_postgres  # noqa: PLC0415

    logging.disable(logging.INFO)
    (ROOT / "build").mkdir(exist_ok=True)
    figures: list[Figure] = []
    began = time.monotonic()
    with temporary_postgres() as server:
        for name, place in _which(server, chosen):
            path = importlib.import_module(f"benchmarks.{name}")
            figures += path.measure(place) if place else path.measure()
            print(f"{time.monotonic() - began:5.0f} s  {name}{', PostgreSQL' if place else ''}", file=sys.stderr)
    written = [{"name": one.name, "value": one.value, "unit": one.unit, "bar": one.bar, "better": one.better,
                "holds": one.holds, "note": one.note} for one in figures]
    (ROOT / "build" / "bench.json").write_text(json.dumps(written, indent=2) + "\n")
    print(f"{'':<62}{'value':>8}{'bar':>8}  holds")
    for one in figures:
        print(f"{one.name:<62}{one.value:>8}{one.bar:>8}  {'yes' if one.holds else 'NO'}   {one.note}")
    return 0 if all(one.holds for one in figures) else 1


def _which(server: str, chosen: tuple[str, ...]) -> Iterator[tuple[str, str | None]]:
    for name in chosen or ON_BOTH + ON_SQLITE:
        yield name, None
        if name in ON_BOTH:
            yield name, server


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(*sys.argv[1:]))
