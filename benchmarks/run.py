"""`make bench`: every hot path beside its own ceiling, measured in the same run; a table and build/bench.json."""
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    (ROOT / "build").mkdir(exist_ok=True)
    from benchmarks import board_pages, lead_submission, long_ledger  # noqa: PLC0415 - they need ROOT on the path

    figures = [figure for path in (board_pages, lead_submission, long_ledger) for figure in path.measure()]
    written = [{"name": one.name, "value": one.value, "unit": one.unit, "bar": one.bar, "better": one.better,
                "holds": one.holds} for one in figures]
    (ROOT / "build" / "bench.json").write_text(json.dumps(written, indent=2) + "\n")
    print(f"{'':<52}{'value':>8}{'bar':>8}  holds")
    for one in figures:
        print(f"{one.name:<52}{one.value:>8}{one.bar:>8}  {'yes' if one.holds else 'NO'}   {one.note}")
    return 0 if all(one.holds for one in figures) else 1


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
