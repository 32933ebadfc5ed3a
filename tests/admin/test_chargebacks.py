"""The room for bad days: chargebacks with what we know, fraud warnings, payments that matched nothing, debts."""
import json

import pytest
from sqlalchemy import select

from marketplace.bounties.publishing import publish_bounty
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.identity.models import MemberRole, Membership, User
from marketplace.payments.ledger import check_ledger
from marketplace.payments.models import (
    AccountKind,
    BusinessDebt,
    Chargeback,
    ChargebackAnswer,
    FraudWarning,
    Funding,
    FundingState,
    Refund,
    RefundState,
    StripeEvent,
)
from marketplace.payments.money_in.funding import settle_funding
from marketplace.payments.sandbox.webhooks import sign
from marketplace.payments.stripe_readings import CheckoutReading
from marketplace.referrals.models import Lead
from tests.browsing import body_of, end_reading, words_of
from tests.factories import accept, consent, make_bounty, make_business, make_lead, make_user, owner_of, win
from tests.payments.money_steps import ask_to_fund, fresh, holds, pay_in, usd

pytestmark = pytest.mark.once  # What the rooms do is a verb of payments or referrals, tested there on both databases.


@pytest.fixture
def people(keep):
    """Ids: a business's owner and an admin."""
    return keep("Wes and Mona", lambda: (
        owner_of(make_business(make_user("Wes Park"))).id, make_user("Mona Lind", is_admin=True).id))


@pytest.fixture
def mona(people):
    return fresh(User, people[1])


@pytest.fixture
def room(mona, as_user):
    return as_user(mona)


@pytest.fixture
def wes(people):
    return fresh(User, people[0])


@pytest.fixture
def told(stripe_sandbox, work):
    def deliver():
        stripe_sandbox.deliver_webhooks()
        work()
        end_reading()
        assert check_ledger() == []
    return deliver


@pytest.fixture
def lost(stripe_sandbox, wes, told, keep):
    """$2,100 paid in and taken back by the bank, of which $1,050 had been promised to a reward."""
    def build():
        bounty = make_bounty(wes.memberships[0].business)
        pay_in(stripe_sandbox, wes, usd(2100), bounty.id)
        with transaction():
            publish_bounty(bounty, by=wes)
        told()
        win(consent(accept(make_lead(bounty))))
        opened = stripe_sandbox.control.open_dispute(db.session.scalars(select(Funding.charge_id)).one())
        told()
        stripe_sandbox.control.settle_dispute(opened["id"], status="lost")
        told()
        return db.session.scalars(select(Chargeback)).one().id
    return fresh(Chargeback, keep("a chargeback that was lost", build))


def press(browser, page, action, **fields):
    return browser.submit(page, fields, action=action)


def test_empty_it_says_what_it_is_for(room):
    assert "No chargeback yet" in words_of(room.page("/admin/chargebacks"))


def test_a_chargeback_is_shown_with_what_we_know_and_answered_once(stripe_sandbox, wes, told, room):
    bounty = make_bounty(wes.memberships[0].business)
    pay_in(stripe_sandbox, wes, usd(2100), bounty.id)
    told()
    stripe_sandbox.control.open_dispute(db.session.scalars(select(Funding.charge_id)).one())
    told()
    assert "Disputed" in words_of(room.page("/admin/chargebacks"))
    address = f"/admin/chargebacks/{db.session.scalars(select(Chargeback.id)).one()}"
    page = room.page(address)
    said = words_of(page)
    assert "Wes Park" in said and wes.email in said and "$2,100" in said and bounty.title in said
    assert "Stripe’s fee $15" in said and "dashboard.stripe.com/test/disputes/du_" in room.get(address).text
    press(room, address, f"{address}/evidence", text="They paid on our page and were told the sum.")
    told()
    assert "With the bank" in words_of(room.page(address))
    assert db.session.scalars(select(ChargebackAnswer.text)).one() == "They paid on our page and were told the sum."
    again = room.post(f"{address}/evidence", data={"text": "More", "csrf_token": token_of(room)})
    assert again.status_code == 409


def test_accepting_it_loses_it(stripe_sandbox, wes, told, room):
    pay_in(stripe_sandbox, wes, usd(100), "bounty_x")
    stripe_sandbox.control.open_dispute(db.session.scalars(select(Funding.charge_id)).one())
    told()
    address = f"/admin/chargebacks/{db.session.scalars(select(Chargeback.id)).one()}"
    press(room, address, f"{address}/acceptance")
    told()
    assert "Taken back by the bank" in words_of(room.page(address))


def test_what_is_owed_is_written_off_with_a_reason(lost, room, told):
    press(room, f"/admin/chargebacks/{lost.id}", f"/admin/debts/{lost.id}/write-off", reason="They are gone.")
    told()
    assert fresh(BusinessDebt, lost.id).owed_minor == 0
    assert holds(AccountKind.LOSSES, "platform") == -1050_00
    assert "Settled" in words_of(room.page(f"/admin/chargebacks/{lost.id}"))


def test_without_a_reason_nothing_is_written_off(lost, room):
    answer = room.post(f"/admin/debts/{lost.id}/write-off", data={"csrf_token": token_of(room)})
    assert answer.status_code == 422
    assert fresh(BusinessDebt, lost.id).owed_minor == 1050_00


def test_an_unpaid_reward_is_voided_after_thirty_days_only(lost, room, told, later):
    address = f"/admin/chargebacks/{lost.id}"
    assert "thirty days after the decision" in words_of(room.page(address))
    later(days=30)
    told()
    (form,) = [one for one in room.page(address).xpath("//form/@action") if one.endswith("/voiding")]
    press(room, address, form, reason="They are insolvent.")
    told()
    lead_id = db.session.scalars(select(Lead.id)).one()
    assert "The business did not pay. They are insolvent." in words_of(room.page(f"/leads/{lead_id}"))


def test_the_business_reads_what_happened_on_the_payments_page(lost, wes, as_user):
    said = words_of(as_user(wes).page(f"/fundings/{lost.funding_id}"))
    assert "The bank took this payment back. You owe $1,050 that had been promised to referrers" in said


def test_an_admin_who_works_there_only_reads(lost, wes, as_user, mona):
    with transaction():
        db.session.add(Membership(
            business_id=wes.memberships[0].business_id, user_id=mona.id, role=MemberRole.OWNER))
    browser = as_user(mona)
    assert "Write it off" not in words_of(browser.page("/admin/chargebacks"))
    answer = browser.post(f"/admin/debts/{lost.id}/write-off", data={"reason": "Mine.", "csrf_token": token_of(browser)})
    assert answer.status_code == 403


def test_an_admin_whose_own_reward_waits_only_reads(lost, as_user):
    """Writing the debt off would let it go."""
    with transaction():
        referrer = db.session.get_one(User, db.session.scalars(select(Lead.referrer_id)).one())
        referrer.is_admin = True
    browser = as_user(referrer)
    assert "Write it off" not in words_of(browser.page("/admin/chargebacks"))
    assert "Write it off" not in words_of(browser.page(f"/admin/chargebacks/{lost.id}"))
    answer = browser.post(f"/admin/debts/{lost.id}/write-off", data={"reason": "Mine.", "csrf_token": token_of(browser)})
    assert (answer.status_code, fresh(BusinessDebt, lost.id).owed_minor) == (403, 1050_00)


def test_a_fraud_warning_is_closed_with_what_was_found(stripe_sandbox, wes, told, room, as_user):
    funding = pay_in(stripe_sandbox, wes, usd(100), "bounty_x")
    stripe_sandbox.control.warn_of_fraud(funding.charge_id)
    told()
    assert "The card’s bank warned us about this payment" in words_of(as_user(wes).page(f"/fundings/{funding.id}"))
    warning = db.session.scalars(select(FraudWarning)).one()
    press(room, "/admin/chargebacks", f"/admin/fraud-warnings/{warning.id}/closure", reason="They called us.")
    told()
    assert "No payment is suspected" in words_of(room.page("/admin/chargebacks"))
    event = db.session.scalars(select(AuditEvent).filter_by(action="fraud_warning.closed")).one()
    assert event.details["reason"] == "They called us."


class TestUnmatched:
    """Somebody paid $50 less than was asked for."""

    @pytest.fixture
    def parked(self, stripe_sandbox, wes, told, keep):
        def build():
            funding = ask_to_fund(wes, usd(1000))
            store = stripe_sandbox.box.world.store
            with store.transaction():
                session = store.find(funding.checkout_session_id)
                store.save(session | {"amount_total": 950_00})
            stripe_sandbox.control.pay_checkout(funding.checkout_session_id)
            told()
            return funding.id
        return fresh(Funding, keep("a payment of too little", build))

    def test_it_waits_and_everybody_is_told(self, parked, room, mailbox, wes, mona):
        assert (parked.state, holds(AccountKind.UNMATCHED, parked.id)) == (FundingState.FAILED, 950_00)
        assert "Stripe took $950 where $1,000 was asked for" in words_of(room.page("/admin/chargebacks"))
        assert "An admin looks at it" in body_of(mailbox.to(wes.email)[-1])

    def test_it_goes_back_to_who_paid(self, parked, room, told):
        press(room, "/admin/chargebacks", f"/admin/unmatched/{parked.id}/refund")
        told()
        refund = db.session.scalars(select(Refund)).one()
        assert (refund.state, refund.amount, refund.origin) == (RefundState.SUCCEEDED, usd(950), "unmatched")
        assert holds(AccountKind.UNMATCHED, parked.id) == 0
        assert "Every payment is what was asked for" in words_of(room.page("/admin/chargebacks"))

    def test_one_that_the_bank_sends_back_waits_again(self, parked, room, told, stripe_sandbox):
        press(room, "/admin/chargebacks", f"/admin/unmatched/{parked.id}/refund")
        told()
        stripe_sandbox.control.settle_refund(db.session.scalars(select(Refund.stripe_refund_id)).one(), status="failed")
        told()
        assert holds(AccountKind.UNMATCHED, parked.id) == 950_00

    def test_it_goes_to_the_bounty(self, parked, room, told):
        press(room, "/admin/chargebacks", f"/admin/unmatched/{parked.id}/assignment")
        told()
        funding = fresh(Funding, parked.id)
        assert (funding.state, funding.amount) == (FundingState.PAID, usd(950))
        assert holds(AccountKind.FUNDS, funding.purpose_id) == 950_00

    def test_decided_once(self, parked, room, told):
        for status in (302, 409):
            answer = room.post(f"/admin/unmatched/{parked.id}/assignment", data={"csrf_token": token_of(room)})
            assert answer.status_code == status


def test_another_currency_can_only_go_back(app, stripe_sandbox, wes, room):
    funding = ask_to_fund(wes, usd(1000))
    with transaction():
        settle_funding(funding.id, CheckoutReading(
            status="complete", payment_status="paid", amount=Money(1000_00, "eur"), payment_intent_id="pi_1",
            charge_id="ch_1", fee=None, available_on=None, livemode=False))
    assert "Give it to the bounty" not in words_of(room.page("/admin/chargebacks"))
    answer = room.post(f"/admin/unmatched/{funding.id}/assignment", data={"csrf_token": token_of(room)})
    assert answer.status_code == 409


def test_an_event_of_stripes_other_mode_is_refused_and_counted(app, anonymous, room):
    body = json.dumps({"id": "evt_live", "object": "event", "type": "payout.paid", "livemode": True,
                       "data": {"object": {"id": "po_1"}}}).encode()
    secret = app.extensions["settings"].stripe_webhook_secrets[0]
    for _ in range(2):
        answer = anonymous.post("/webhooks/stripe", data=body, headers={"Stripe-Signature": sign(body, secret)})
        assert (answer.status_code, answer.get_json()["code"]) == (400, "wrong_mode")
    assert db.session.scalars(select(StripeEvent)).all() == []
    assert "Refused: of Stripe’s other mode (test or live), or no event at all 2" in words_of(room.page("/admin/chargebacks"))


def test_a_stranger_is_refused_without_a_trace(app, anonymous, room):
    anonymous.post("/webhooks/stripe", data=b"{}", headers={"Stripe-Signature": "t=1,v1=0"})
    assert db.session.scalars(select(AuditEvent).filter_by(action="event.refused")).all() == []


def token_of(browser):
    return browser.page("/settings").xpath("//input[@name='csrf_token']/@value")[0]
