"""The books at Stripe: balance, movements, events. Long lists come a page at a time, so that memory stays small."""
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs, urlsplit

import stripe

from marketplace.payments.stripe_gateway.calls import PAGE, Calls, in_our_words, moment
from marketplace.payments.stripe_readings import (
    BalanceReading,
    BalanceTransaction,
    EventPage,
    EventReading,
    MovementPage,
)

if TYPE_CHECKING:
    from stripe.params import BalanceTransactionListParams, EventListParams
    from stripe.params.v2.core import EventListParams as AccountEventListParams

OUR_IDS = ("funding_id", "refund_id", "transfer_id", "reversal_id")  # In the metadata of what we made.


class Books(Calls):
    def read_balance(self) -> dict[str, BalanceReading]:
        """By currency; pending becomes available with time, reserved is kept against connected accounts in debt."""
        with in_our_words():
            balance = self.client.v1.balance.retrieve()
            parts = [{part.currency: part.amount for part in listed or []}
                     for listed in (balance.available, balance.pending, getattr(balance, "connect_reserved", None))]
            return {currency: BalanceReading(*(part.get(currency, 0) for part in parts))
                    for currency in sorted({currency for part in parts for currency in part})}

    def page_of_movements(self, *, created_from: datetime | None = None, after: str | None = None) -> MovementPage:
        """A hundred movements since ``created_from``, newest first, beginning behind the movement ``after``."""
        asked: BalanceTransactionListParams = {"limit": PAGE, "expand": ["data.source"]}
        if created_from:
            asked["created"] = {"gte": int(created_from.timestamp())}
        if after:
            asked["starting_after"] = after
        with in_our_words():
            listed = self.client.v1.balance_transactions.list(asked)
            return MovementPage([_movement(one) for one in listed.data], is_last=not listed.has_more)

    def read_payout_interval(self) -> str:
        """How often Stripe pays our own balance out by itself: ``manual`` is the only safe answer."""
        with in_our_words():
            settings = self.client.v1.balance_settings.retrieve()
            payouts = settings.payments.payouts
            return str(payouts.schedule.interval) if payouts and payouts.schedule else "unknown"

    def read_event(self, event_id: str) -> EventReading:
        with in_our_words():
            return _event(self.client.v1.events.retrieve(event_id))

    def page_of_events(
        self, *, created_from: datetime, types: list[str], after: str | None = None
    ) -> EventPage:
        """A hundred events as Stripe wrote them, newest first; at most 20 types. Stripe keeps 30 days."""
        asked: EventListParams = {"limit": PAGE, "created": {"gte": int(created_from.timestamp())}, "types": types}
        if after:
            asked["starting_after"] = after
        with in_our_words():
            listed = self.client.v1.events.list(asked)
            return EventPage([_written(one) for one in listed.data],
                             following=listed.data[-1].id if listed.has_more and listed.data else None)

    def page_of_account_events(self, *, created_from: datetime, page: str | None = None) -> EventPage:
        """The same of thin events (``v2.core.account...``); ``page`` is the mark that the page before gave."""
        asked: dict[str, Any] = {"limit": PAGE, "created": {"gte": created_from.strftime("%Y-%m-%dT%H:%M:%SZ")}}
        if page:
            asked["page"] = page
        with in_our_words():
            listed = self.client.v2.core.events.list(cast("AccountEventListParams", asked))
            following = parse_qs(urlsplit(listed.next_page_url or "").query).get("page", [None])[0]
            return EventPage([_written(one) for one in listed.data], following=following)

    def read_account_event(self, event_id: str) -> EventReading:
        """A thin event (``v2.core.account...``): it names the account and says no more."""
        with in_our_words():
            event = self.client.v2.core.events.retrieve(event_id)
            about = getattr(event, "related_object", None)
            return EventReading(
                id=event.id, type=event.type, object_id=about.id if about else None,
                object_type=about.type if about else None,
                created=datetime.fromisoformat(event.created), livemode=event.livemode)


def _movement(one: stripe.BalanceTransaction) -> BalanceTransaction:
    source = one.source
    said = getattr(source, "metadata", None) or {}
    return BalanceTransaction(
        id=one.id, type=one.type, reporting_category=one.reporting_category, amount=one.amount, fee=one.fee,
        net=one.net, currency=one.currency, source=source if isinstance(source, str) or source is None else source.id,
        our_id=next((str(said[name]) for name in OUR_IDS if name in said), None),
        destination=_id_of(source.destination) if isinstance(source, stripe.Transfer) else None,
        created=moment(one.created), available_on=moment(one.available_on))


def _id_of(account: object) -> str | None:
    """Stripe gives an id, or the object where it was asked to."""
    found = getattr(account, "id", account)
    return found if isinstance(found, str) else None


def _written(event: object) -> dict[str, Any]:
    return dict(json.loads(str(event)))


def _event(event: stripe.Event) -> EventReading:
    about = event.data.object
    return EventReading(id=event.id, type=event.type, object_id=getattr(about, "id", None),
                        object_type=getattr(about, "object", None), created=moment(event.created),
                        livemode=event.livemode)
