"""Events that were kept whole: they are named by what they are about, and what Stripe told of a payer is gone."""
import json
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text

from tests.old_database import migrate, old_database

DANA = {"billing_details": {"name": "Dana Fox", "email": "dana@mail.example"}}
OLD = {
    "evt_charge": {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", **DANA},
    "evt_dispute": {"id": "du_1", "object": "dispute", "charge": "ch_2", "payment_intent": "pi_2"},
    "evt_refund": {"id": "re_1", "object": "refund", "charge": None, "payment_intent": "pi_3"},
    "evt_account": {"id": "acct_1", "object": "account", **DANA},
}
KEEP = """INSERT INTO stripe_events (id, type, object_id, livemode, payload, created_at)
VALUES (:id, 'of any kind', :object_id, false, :payload, '2026-11-22 00:00:00')"""


@pytest.fixture
def engine(request, tmp_path) -> Iterator[Engine]:
    """A database as it stood before, with a few events in it."""
    with old_database(request, tmp_path) as url:
        yield from _filled(url)


def _filled(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    with engine.begin() as connection:
        migrate(connection, "upgrade", "0001_everything_to_begin_with")
        for event_id, shown in OLD.items():
            connection.execute(text(KEEP), {"id": event_id, "object_id": shown["id"], "payload": json.dumps(
                {"id": event_id, "data": {"object": shown}})})
        connection.execute(text(KEEP), {"id": "evt_thin", "object_id": "acct_2", "payload": '{"related_object": null}'})
    yield engine
    engine.dispose()


def test_old_events_are_named_and_forget_the_payer_there_and_back(engine):
    with engine.begin() as connection:
        migrate(connection, "upgrade", "0010_events_by_name")
        kept = connection.execute(text("SELECT * FROM stripe_events")).mappings().all()
    assert {event["id"]: event["about_id"] for event in kept} == {
        "evt_charge": "ch_1", "evt_dispute": "ch_2", "evt_refund": "pi_3", "evt_account": None, "evt_thin": None}
    assert "Dana" not in str(kept)
    with engine.begin() as connection:
        migrate(connection, "downgrade", "0010_events_by_name")
        told = connection.execute(text("SELECT payload FROM stripe_events")).scalars().all()
    assert {json.dumps(one).strip('"') for one in told} == {"{}"}
