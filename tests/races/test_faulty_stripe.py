"""Two thousand calls (half on each database), more than a fifth of which meet trouble: not one cent between our ledger and Stripe."""
import os
from collections import Counter

import pytest
from sqlalchemy import select

from marketplace.foundation import outbox
from marketplace.foundation.db import db
from marketplace.payments.books.reconciliation import compare_with_stripe
from marketplace.payments.ledger import check_ledger
from marketplace.payments.models import Refund, RefundState, Transfer, TransferReversal, TransferState
from tests.browsing import end_reading
from tests.factories import make_business, make_user, owner_of
from tests.payments.money_steps import make_ready, pay_in, usd
from tests.races.rounds import JOBS, PAYEES, TROUBLES, Round, open_jobs, press_try_again

pytestmark = pytest.mark.long

LENGTH = int(os.environ.get("FINGERPOST_LENGTH", "1"))
SEED = int(os.environ.get("FINGERPOST_SEED") or 20261122)
CALLS = 1_000 * LENGTH  # On each database.
SHARE = 0.28  # Of the calls that move money or look for it, so that a fifth of all are met.


def test_trouble_at_stripe_costs_no_cent(app, stripe, clock, record_property):
    wes = owner_of(make_business())
    for number in range(2 * LENGTH):
        pay_in(stripe, wes, usd(90_000))
        pay_in(stripe, wes, usd(90_000), f"bounty_other_{number}")  # So that Stripe's fees leave enough to transfer.
    payees = [make_user(f"Payee {number}") for number in range(PAYEES)]
    for payee in payees:
        make_ready(stripe, payee)
    clock.move(days=10)
    rounds = Round(stripe, wes, payees)
    before, struck = stripe.box.faults.seen, stripe.box.faults.struck
    while stripe.box.faults.seen - before < CALLS:
        stripe.control.clear_faults(seed=SEED + rounds.number)
        rounds.begin()
        for kind in TROUBLES:
            stripe.control.plan_fault(kind=kind, times=None, chance=SHARE / len(TROUBLES))
        for _ in range(500):
            if not open_jobs():
                break
            while outbox.run_next(JOBS):
                pass
            clock.move(minutes=20)
            press_try_again()
        assert open_jobs() == [], f"seed {SEED}"
    stripe.control.clear_faults()
    calls, met = stripe.box.faults.seen - before, stripe.box.faults.struck - struck
    record_property("calls", calls)
    record_property("faults", met)
    assert met >= calls / 5, f"only {met} of {calls} met trouble"

    end_reading()
    at_stripe = stripe.box.world.store
    assert Counter(one["metadata"]["transfer_id"] for one in at_stripe.all("transfer")) == Counter(
        db.session.scalars(select(Transfer.id).where(Transfer.state != TransferState.FAILED))), f"seed {SEED}"
    assert sum(one["amount"] for one in at_stripe.all("transfer")) == rounds.number * PAYEES * 100_00
    assert Counter(one["metadata"]["reversal_id"] for one in at_stripe.all("transfer_reversal")) == Counter(
        db.session.scalars(select(TransferReversal.id))), f"seed {SEED}"
    assert [one["amount"] for one in at_stripe.all("refund")] == [50_00] * rounds.number
    assert set(db.session.scalars(select(Refund.state))) == {RefundState.SUCCEEDED}
    assert check_ledger() == []
    assert {line.currency: line.difference_minor for line in compare_with_stripe()} == {"usd": 0}
