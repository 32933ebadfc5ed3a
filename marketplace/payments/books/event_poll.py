"""Every hour Stripe's lists of events fill the same inbox as webhooks: losing all of these costs latency only.

Each list is read from two hours before where the last reading began, so that what Stripe lists late is met again; an
event that we have is not kept twice. A page is a job of its own. Stripe forgets events after 30 days, and so may we.
"""
from datetime import datetime, timedelta

from marketplace.foundation import clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.outbox import Errand
from marketplace.payments.inbox import keep_event
from marketplace.payments.models import EventPoll
from marketplace.payments.stripe_gateway import gateway
from marketplace.payments.stripe_readings import EventPage

LOOK_BACK = timedelta(hours=2)
STRIPE_KEEPS = timedelta(days=30)
AT_ONCE = 20  # Types in one call.
ACCOUNTS = "accounts"  # The list of thin events (v2).

# All that the platform's endpoint is subscribed to, and a FOLLOW follows; docs/runbook.md tells Stripe's setting.
TYPES = (
    "checkout.session.completed", "checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed",
    "checkout.session.expired", "payment_intent.succeeded", "payment_intent.payment_failed",
    "payment_intent.processing", "payment_intent.canceled", "charge.succeeded", "charge.failed", "charge.updated",
    "charge.refunded", "refund.created", "refund.updated", "refund.failed", "charge.dispute.created",
    "charge.dispute.updated", "charge.dispute.closed", "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated", "radar.early_fraud_warning.created", "radar.early_fraud_warning.updated",
    "transfer.created", "transfer.updated", "transfer.reversed", "payout.created", "payout.paid", "payout.failed",
    "payout.canceled", "topup.succeeded", "topup.failed", "topup.reversed",
)
LISTS = {**{f"events {start // AT_ONCE + 1}": list(TYPES[start:start + AT_ONCE])
            for start in range(0, len(TYPES), AT_ONCE)}, ACCOUNTS: []}


def poll_events() -> None:
    """Job, hourly: begin to read every list."""
    now = clock.now()
    for name in LISTS:
        poll = db.session.get(EventPoll, name)
        since = max(poll.read_through - LOOK_BACK if poll else now - STRIPE_KEEPS, now - STRIPE_KEEPS)
        outbox.promise("poll_event_page", name=name, since=since.isoformat(), began=now.isoformat(), mark="")


def _read(name: str, since: str, began: str, mark: str) -> EventPage:
    created_from = datetime.fromisoformat(since)
    if name == ACCOUNTS:
        return gateway().page_of_account_events(created_from=created_from, page=mark or None)
    return gateway().page_of_events(created_from=created_from, types=LISTS[name], after=mark or None)


def _keep(page: EventPage, name: str, since: str, began: str, mark: str) -> None:
    """Oldest first, as they happened."""
    for event in reversed(page.events):
        keep_event(event)
    if page.following:
        outbox.promise("poll_event_page", name=name, since=since, began=began, mark=page.following)
        return
    poll = db.session.get(EventPoll, name, with_for_update=True)
    through = datetime.fromisoformat(began)
    if poll is None:
        db.session.add(EventPoll(id=name, read_through=through))
    else:
        poll.read_through = max(poll.read_through, through)


POLL_EVENT_PAGE = Errand(_read, _keep)
