"""A thousand events (half on each database), each sent up to five times, shuffled, by sixteen senders, a third never:
once Stripe's lists are read, everything stands as if each had come once and in order."""
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import stripe as stripe_package
from sqlalchemy import func, select

from marketplace.foundation import audit
from marketplace.foundation import clock as product_clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.outbox import do_now
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.payments.books import event_poll
from marketplace.payments.models import ConnectedAccount, Funding, Refund, StripeEvent
from marketplace.payments.money_in.funding import CHECK_FUNDING
from marketplace.payments.money_in.refunds import refund_free_funds
from tests.backups import Backup, SandboxBackup
from tests.browsing import end_reading
from tests.factories import make_business, make_user, owner_of
from tests.payments.money_steps import ask_to_fund, fresh, make_ready, usd

pytestmark = pytest.mark.long

LENGTH = int(os.environ.get("FINGERPOST_LENGTH", "1"))
SEED = int(os.environ.get("FINGERPOST_SEED") or 2026)
EVENTS = 500  # In one storm: Stripe's signature is good for five minutes, by the clock on the wall.
SENDERS, DROPPED, COPIES = 16, 0.3, (1, 2, 3, 4, 5)

Sent = tuple[bytes, dict[str, str]]


def build_world(stripe: Any, work: Callable[[], int], dice: random.Random) -> list[Sent]:
    """Payments that came, expired or failed, refunds, accounts that change; nothing heard of yet."""
    waiting: list[Sent] = []
    stripe.deliver_to(lambda body, headers: waiting.append((body, dict(headers))))
    wes = owner_of(make_business())
    payees = [make_ready(stripe, make_user(f"Payee {number}")).stripe_account_id for number in range(4)]
    wes_id = wes.id
    while True:
        number = len(waiting)
        funding = ask_to_fund(fresh(User, wes_id), usd(dice.randint(10, 500)), f"bounty_{number}")
        end = dice.choice(("paid", "paid", "paid", "paid", "refunded", "expired"))
        if end == "expired":
            stripe.gateway().expire_checkout(funding.checkout_session_id, key=f"end_{funding.id}")
        else:
            stripe.control.pay_checkout(funding.checkout_session_id)
        if end == "refunded":
            refund_by_us(stripe, funding, work, dice)
        stripe.control.set_account_state(dice.choice(payees), state=dice.choice(("active", "restricted", "pending")))
        stripe.deliver_webhooks()
        if len(waiting) >= EVENTS:
            return waiting


def refund_by_us(stripe: Any, funding: Funding, work: Callable[[], int], dice: random.Random) -> None:
    """Asked for and sent; the bank's word on it comes by an event."""
    do_now(CHECK_FUNDING, funding_id=funding.id)
    stripe.control.plan_refund(status="pending")
    with transaction():
        (refund,) = refund_free_funds(funding.purpose_id, "usd", by=audit.SYSTEM)
    work()
    stripe.control.settle_refund(
        fresh(Refund, refund.id).stripe_refund_id, status=dice.choice(("succeeded", "succeeded", "failed")))


def state_of_everything() -> dict[str, Any]:
    """By names that are the same in every run."""
    end_reading()
    funded = {funding.id: funding for funding in db.session.scalars(select(Funding))}
    return {
        "fundings": sorted((one.purpose_id, one.state, one.fee_minor, one.refunded_minor) for one in funded.values()),
        "refunds": sorted((funded[one.funding_id].purpose_id, one.state) for one in db.session.scalars(select(Refund))),
        "payees": [one.state for one in db.session.scalars(select(ConnectedAccount).order_by(ConnectedAccount.id))],
        "books": ledger.trial_balance(),
    }


def post(app: Any, sent: Sent) -> int:
    body, headers = sent
    with app.app_context():
        return int(app.test_client().post("/webhooks/stripe", data=body, headers=headers).status_code)


def storm(app: Any, events: list[Sent], work: Callable[[], int], dice: random.Random) -> int:
    """How many were delivered at least once."""
    kept = [event for event in events if dice.random() >= DROPPED]
    copies = [event for event in kept for _ in range(dice.choice(COPIES))]
    dice.shuffle(copies)
    half = len(copies) // 2
    with ThreadPoolExecutor(SENDERS) as senders:
        for part in (copies[:half], copies[half:]):
            assert Counter(senders.map(lambda sent: post(app, sent), part)) == {200: len(part)}
            work()
    return len(kept)


def every_event_handled_once() -> int:
    end_reading()
    assert db.session.scalar(select(func.count()).select_from(StripeEvent).where(StripeEvent.handled_at.is_(None))) == 0
    handled = db.session.scalar(select(func.count()).select_from(StripeEvent)) or 0
    assert db.session.scalar(select(func.count(func.distinct(StripeEvent.id)))) == handled
    return handled


def kept_ids() -> set[str]:
    return set(db.session.scalars(select(StripeEvent.id)))


def many(work: Callable[..., int]) -> Callable[[], int]:
    """The jobs of hundreds of events, until none is due."""
    def run() -> int:
        done = 0
        while count := work():
            done += count
        return done
    return run


@pytest.mark.usefixtures("all_cores")
@pytest.mark.parametrize("number", range(LENGTH))
def test_a_storm_of_webhooks_ends_as_if_all_was_calm(number, app, stripe, work_on, clock, record_property):
    dice = random.Random(f"{SEED} {number}")
    events = build_world(stripe, work_on, dice)
    ours, theirs, hour = Backup(), SandboxBackup(stripe), clock.moved
    in_order = [post(app, event) for event in events]
    work_on()
    assert set(in_order) == {200}
    calm, count = state_of_everything(), every_event_handled_once()
    assert count >= EVENTS and {state for _, state, *_ in calm["fundings"]} >= {"paid", "expired"}

    ours.restore()
    theirs.restore(stripe)
    clock.moved = hour
    arrived = storm(app, events, work_on, dice)
    assert state_of_everything() != calm, "nothing was dropped that mattered"
    end_reading()
    with transaction():
        event_poll.poll_events()
    work_on()
    assert state_of_everything() == calm, f"seed {SEED}, storm {number}"
    assert every_event_handled_once() > arrived
    assert {said["type"] for said in map(json.loads, (body for body, _ in events))
            if said["id"] not in kept_ids() and "account" not in said} == set(), "the lists have all but connected accounts' own"
    record_property("events", count)
    record_property("seed", SEED)


def test_no_forged_old_future_or_foreign_event_is_taken(app, stripe, clock):
    """Five hundred, signed in every wrong way."""
    dice = random.Random(SEED)
    secret = app.extensions["settings"].stripe_webhook_secrets[0]
    now = int(product_clock.system_time().timestamp())
    refused = Counter[int]()
    for number in range(500):
        body = f'{{"id": "evt_{number}", "object": "event", "type": "charge.updated", "livemode": false, "data": {{"object": {{}}}}}}'
        time, key, text = dice.choice([
            (now, "whsec_other", body), (now - 301 - number, secret, body), (now + 301 + number, secret, body),
            (now, secret, body + " "), (now, "", body)])
        header = stripe_package.WebhookSignature.generate_signature_header(text, key or "x", timestamp=time) if key else "t=1"
        with app.app_context():
            refused[app.test_client().post("/webhooks/stripe", data=body, headers={"Stripe-Signature": header}).status_code] += 1
    assert refused == {400: 500}
    assert every_event_handled_once() == 0


def test_an_event_of_the_other_mode_is_refused(app, stripe):
    body = '{"id": "evt_live", "object": "event", "type": "charge.updated", "livemode": true, "data": {"object": {"id": "ch_1"}}}'
    secret, now = app.extensions["settings"].stripe_webhook_secrets[0], int(product_clock.system_time().timestamp())
    header = stripe_package.WebhookSignature.generate_signature_header(body, secret, timestamp=now)
    with app.app_context():
        answer = app.test_client().post("/webhooks/stripe", data=body, headers={"Stripe-Signature": header})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "wrong_mode")
    assert every_event_handled_once() == 0


@pytest.fixture
def work_on(work: Callable[[], int]) -> Callable[[], int]:
    return many(work)
