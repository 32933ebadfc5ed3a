"""Twenty thousand random movements (half on each database): each comes to what a model in plain numbers said beforehand, and so does every sum."""
import os

from marketplace.payments import ledger
from tests.properties.ledger_machine import Drill

FACTOR = int(os.environ.get("FINGERPOST_LENGTH", "1"))
SEED = int(os.environ.get("FINGERPOST_SEED") or 2026)
OPERATIONS = 10_000 * FACTOR  # On each database.


def test_every_movement_comes_to_what_the_model_says(app, record_property):
    drill = Drill(SEED, OPERATIONS)
    drill.run()
    print(f"seed {SEED}: {dict(drill.done)}")
    record_property("operations", drill.done["operations"])
    record_property("seed", SEED)
    assert ledger.check_ledger() == []
    assert min(drill.done[outcome] for outcome in (
        "posted", "repeated", "overdrawn", "reused", "unbalanced", "refused", "rolled back")) > 10
