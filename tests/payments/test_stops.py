"""Stops: named by who asked, looked at before anything is requested and right before it is sent."""
import pytest
from sqlalchemy import select

from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.payments.models import Payable, TransferStop
from marketplace.payments.money_out import stops, transfers
from tests.factories import make_business, make_user
from tests.payments.money_steps import fresh, make_ready, owe, pay_in, usd


@pytest.fixture
def payable(stripe, wes, westside, ana, later):
    pay_in(stripe, wes)
    later(days=10)
    make_ready(stripe, ana)
    return owe(ana, westside.id, usd(100))


def stop(scope, subject_id, source="dispute_1", reason="A chargeback names it") -> None:
    with transaction():
        stops.stop_transfers(scope, subject_id, reason=reason, source=source, by="system")


def lift(source="dispute_1") -> None:
    with transaction():
        stops.lift_stops(source, by="system")


def why() -> str | None:
    return stops.why_stopped(fresh(Payable, "reward_1"))


def sent(stripe, ana, work) -> list[int]:
    with transaction():
        transfers.request_transfers(ana.id)
    work()
    return [one["amount"] for one in stripe.box.world.store.all("transfer")]


@pytest.mark.parametrize("scope", ["all", "business", "payee", "payable"])
def test_each_scope_holds_the_money_until_it_is_lifted(stripe, payable, westside, ana, work, scope):
    subject = {"all": None, "business": westside.id, "payee": ana.id, "payable": payable.id}[scope]
    stop(scope, subject)
    assert why() == "A chargeback names it"
    assert sent(stripe, ana, work) == []
    lift()
    assert why() is None
    assert sent(stripe, ana, work) == [100_00]


def test_what_a_stop_does_not_name_goes(stripe, payable, ana, work):
    for scope, subject in (("business", make_business(name="Brightroof").id), ("payee", make_user().id),
                           ("payable", "reward_other")):
        stop(scope, subject, source=f"other_{scope}")
    assert why() is None
    assert sent(stripe, ana, work) == [100_00]


def test_the_same_source_stops_once_and_lifts_only_its_own(payable, westside):
    stop("payable", payable.id)
    stop("payable", payable.id)
    stop("business", westside.id, source="item_7", reason="The books do not agree")
    assert len(db.session.scalars(select(TransferStop)).all()) == 2
    lift()
    assert why() == "The books do not agree"
    lift("item_7")
    assert why() is None
    stop("payable", payable.id)  # Lifted, it can stop again.
    assert why() == "A chargeback names it"
    actions = [event.action for event in db.session.scalars(
        select(AuditEvent).where(AuditEvent.action.startswith("transfers.")).order_by(AuditEvent.id))]
    assert actions == ["transfers.stopped", "transfers.stopped", "transfers.resumed", "transfers.resumed",
                       "transfers.stopped"]


def test_without_a_payable_only_a_stop_of_everything_counts(payable):
    stop("payable", payable.id)
    assert stops.why_stopped(None) is None
    stop("all", None, source="item_1", reason="We owe more than we hold")
    assert stops.why_stopped(None) == "We owe more than we hold"


def test_the_payee_sees_how_much_waits_and_why(payable, ana):
    assert stops.held_up(ana.id) == []
    stop("payable", payable.id)
    assert stops.held_up(ana.id) == [(usd(100), "A chargeback names it")]
