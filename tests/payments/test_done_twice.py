"""Jobs run at least once: a repeat, however late, finds the work done and does nothing."""
import pytest
from sqlalchemy import select

from marketplace.foundation import audit
from marketplace.foundation.db import db, transaction
from marketplace.foundation.outbox import do_now
from marketplace.payments import sending
from marketplace.payments.jobs import PAYMENTS_JOBS
from marketplace.payments.ledger import trial_balance
from marketplace.payments.models import (
    AccountKind,
    ConnectedAccount,
    Funding,
    FundingState,
    Refund,
    StripeEvent,
    Transfer,
    TransferReversal,
)
from marketplace.payments.money_in import funding, refunds
from marketplace.payments.money_in.refunds import refund_free_funds
from marketplace.payments.money_out import payees, reversals, transfers
from marketplace.payments.money_out.reversals import find_reversal
from marketplace.payments.sending import NotThere
from marketplace.payments.stripe_readings import RefundReading
from tests.payments.money_steps import (
    BOUNTY,
    ask_to_fund,
    fresh,
    holds,
    make_ready,
    only_transfer,
    owe,
    pay_in,
    take_back,
    usd,
)


@pytest.fixture
def everything_done(stripe, wes, westside, ana, work, later, keep):
    """$1,050 in, $1,000 to Ana, $40 taken back, the rest refunded."""
    def build():
        paid = pay_in(stripe, wes)
        later(days=10)
        payee = make_ready(stripe, ana)
        owe(ana, westside.id, usd(1000))
        with transaction():
            transfers.request_transfers(ana.id)
        work()
        take_back("reward_1", usd(40))
        work()
        with transaction():
            (refund,) = refund_free_funds(BOUNTY, "usd", by=audit.SYSTEM)
        work()
        claw = find_reversal("clawback_1")
        assert claw
        return {"funding_id": paid.id, "payee_id": payee.id, "transfer_id": only_transfer().id,
                "reversal_id": claw.id, "refund_id": refund.id}
    return keep("everything done", build)


ARGUMENTS = {
    "open_checkout": "funding_id", "check_funding": "funding_id", "send_top_up": "funding_id",
    "deliver_top_up": "funding_id", "cancel_payment": "funding_id", "create_payee": "payee_id", "check_payee": "payee_id",
    "check_bank_payouts": "payee_id", "lift_bank_stop": "payee_id",
    "send_transfer": "transfer_id", "deliver_transfer": "transfer_id", "send_reversal": "reversal_id",
    "deliver_reversal": "reversal_id", "send_refund": "refund_id", "deliver_refund": "refund_id", "check_refund": "refund_id",
    "look_again_at_news": "funding_id", "check_refunds_made": "funding_id",
}


WITH_TESTS_OF_THEIR_OWN = {
    "age_funds", "begin_batch", "check_chargeback", "deliver_answer", "forget_card",
    "handle_stripe_event", "poll_event_page", "poll_events", "read_movements", "reconcile", "request_transfers",
    "run_batch", "send_answer", "take_snapshots", "watch_bank_payouts", "watch_funds_age",
}


def at_stripe(stripe) -> dict[str, int]:
    kinds = ("checkout.session", "v2.core.account", "transfer", "transfer_reversal", "refund", "balance_transaction")
    return {kind: len(stripe.box.world.store.all(kind)) for kind in kinds}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_job_done_again_changes_nothing(stripe, everything_done, name):
    argument = ARGUMENTS[name]
    before, there = trial_balance(), at_stripe(stripe)
    job, arguments = PAYMENTS_JOBS[name], {argument: everything_done[argument]}
    if callable(job):
        with transaction():
            job(**arguments)
    else:
        do_now(job, **arguments)
    db.session.rollback()
    assert (trial_balance(), at_stripe(stripe)) == (before, there)


def test_every_job_with_one_thing_to_do_is_asked_twice():
    assert set(PAYMENTS_JOBS) - set(ARGUMENTS) == WITH_TESTS_OF_THEIR_OWN


@pytest.mark.parametrize(("errand", "argument", "outcome"), [
    (funding.OPEN_CHECKOUT, "funding_id", sending.Refused("late", "too late")),
    (funding.CHECK_FUNDING, "funding_id", None),
    (payees.CREATE_PAYEE, "payee_id", sending.Refused("late", "too late")),
    (payees.CHECK_PAYEE, "payee_id", None),
    (transfers.DELIVER_TRANSFER, "transfer_id", transfers.Sent("tr_other")),
    (transfers.DELIVER_TRANSFER, "transfer_id", sending.Refused("late", "too late")),
    (reversals.DELIVER_REVERSAL, "reversal_id", reversals.Reversed("trr_other")),
    (reversals.DELIVER_REVERSAL, "reversal_id", sending.Refused("late", "too late")),
    (refunds.DELIVER_REFUND, "refund_id", RefundReading("re_other", "succeeded", None)),
    (refunds.CHECK_REFUND, "refund_id", None),
])
def test_an_answer_that_comes_after_another_workers_changes_nothing(stripe, everything_done, errand, argument, outcome):
    before = trial_balance()
    with transaction():
        errand.settle(outcome, **{argument: everything_done[argument]})
    db.session.rollback()
    assert trial_balance() == before
    assert fresh(Transfer, everything_done["transfer_id"]).stripe_transfer_id != "tr_other"
    assert fresh(TransferReversal, everything_done["reversal_id"]).stripe_reversal_id != "trr_other"
    assert fresh(Refund, everything_done["refund_id"]).stripe_refund_id != "re_other"
    assert fresh(Funding, everything_done["funding_id"]).state is FundingState.PAID
    assert fresh(ConnectedAccount, everything_done["payee_id"]).stripe_account_id


@pytest.fixture
def on_its_way(stripe, wes, westside, ana, later, keep):
    """Rows in the middle of being sent; nothing has reached Stripe."""
    def build():
        pay_in(stripe, wes)
        later(days=10)
        make_ready(stripe, ana)
        owe(ana, westside.id, usd(1000))
        with transaction():
            transfers.request_transfers(ana.id)
            (refund,) = refund_free_funds(BOUNTY, "usd", by=audit.SYSTEM)
        with transaction():
            transfers.send_transfer(db.session.scalars(select(Transfer.id)).one())
            refunds.send_refund(refund.id)
        return {"transfer_id": only_transfer().id, "refund_id": refund.id}
    return keep("on its way", build)


@pytest.mark.parametrize(("errand", "argument", "model"), [
    (transfers.DELIVER_TRANSFER, "transfer_id", Transfer), (refunds.DELIVER_REFUND, "refund_id", Refund)])
def test_two_workers_that_both_found_nothing_make_one_new_key(stripe, on_its_way, errand, argument, model):
    for _ in range(2):
        with transaction():
            errand.settle(NotThere(1), **{argument: on_its_way[argument]})
    row = fresh(model, on_its_way[argument])
    assert (row.attempt_no, row.idempotency_key) == (2, sending.make_key(row.id, 2))


def test_two_workers_that_both_found_no_reversal_make_one_new_key(stripe, everything_done):
    take_back("reward_1", usd(10), "clawback_2")
    claw = find_reversal("clawback_2")
    assert claw
    with transaction():
        reversals.send_reversal(claw.id)
    for _ in range(2):
        with transaction():
            reversals.DELIVER_REVERSAL.settle(NotThere(1), reversal_id=claw.id)
    assert fresh(TransferReversal, claw.id).attempt_no == 2


def test_nothing_to_say_settles_nothing(stripe, on_its_way, wes):
    for errand, argument in ((transfers.DELIVER_TRANSFER, "transfer_id"), (refunds.DELIVER_REFUND, "refund_id")):
        with transaction():
            errand.settle(None, **{argument: on_its_way[argument]})
    assert holds(AccountKind.IN_TRANSIT, on_its_way["transfer_id"]) == 1000_00
    waiting = ask_to_fund(wes, usd(20), "bounty_other")
    with transaction():
        funding.CHECK_FUNDING.settle(None, funding_id=waiting.id)
    assert fresh(Funding, waiting.id).state is FundingState.OPEN


def test_a_payee_that_is_gone_is_not_missed(app, ana):
    with transaction():
        payees.note_link_issued("payee_gone", by=ana)
        payees.CREATE_PAYEE.settle(sending.Refused("late", "too late"), payee_id="payee_gone")
        payees.CHECK_PAYEE.settle(None, payee_id="payee_gone")
    do_now(payees.CREATE_PAYEE, payee_id="payee_gone")
    assert db.session.scalar(select(ConnectedAccount)) is None


def test_what_somebody_reversed_by_hand_at_stripe_is_seen_with_the_event(stripe, everything_done, work):
    transfer = fresh(Transfer, everything_done["transfer_id"])
    with transaction():
        db.session.add(StripeEvent(id="evt_1", type="transfer.reversed", object_id=transfer.stripe_transfer_id or "",
                                   livemode=False))
    do_now(PAYMENTS_JOBS["handle_stripe_event"], event_id="evt_1")
    assert fresh(StripeEvent, "evt_1").outcome == "transfer: 4000 reversed at Stripe, 4000 settled here"
