"""The books at Stripe: balance, movements, events."""
from collections.abc import Iterator
from datetime import datetime
from typing import cast

import stripe

from marketplace.payments.stripe_gateway.calls import PAGE, Calls, in_our_words, moment
from marketplace.payments.stripe_readings import (
    BalanceReading,
    BalanceTransaction,
    EventReading,
)


class Books(Calls):
    def read_balance(self) -> dict[str, BalanceReading]:
        """By currency; pending becomes available with time."""
        with in_our_words():
            balance = self.client.v1.balance.retrieve()
            available = {part.currency: part.amount for part in balance.available}
            pending = {part.currency: part.amount for part in balance.pending}
            return {currency: BalanceReading(available.get(currency, 0), pending.get(currency, 0))
                    for currency in sorted(available.keys() | pending.keys())}

    def list_balance_transactions(self, *, created_from: datetime | None = None) -> Iterator[BalanceTransaction]:
        """Every movement since ``created_from``, newest first, page by page."""
        with in_our_words():
            listed = self.client.v1.balance_transactions.list(
                {"limit": PAGE, "created": {"gte": int(created_from.timestamp())}} if created_from else {"limit": PAGE})
            for one in listed.auto_paging_iter():
                yield BalanceTransaction(
                    id=one.id, type=one.type, amount=one.amount, fee=one.fee, net=one.net, currency=one.currency,
                    source=cast("str | None", one.source), created=moment(one.created),
                    available_on=moment(one.available_on))

    def read_event(self, event_id: str) -> EventReading:
        with in_our_words():
            return _event(self.client.v1.events.retrieve(event_id))

    def list_events(self, *, created_from: datetime, types: list[str]) -> Iterator[EventReading]:
        """At most 20 types; Stripe keeps 30 days. The net under lost webhooks."""
        with in_our_words():
            listed = self.client.v1.events.list(
                {"limit": PAGE, "created": {"gte": int(created_from.timestamp())}, "types": types})
            for one in listed.auto_paging_iter():
                yield _event(one)

    def read_account_event(self, event_id: str) -> EventReading:
        """A thin event (``v2.core.account...``): it names the account and says no more."""
        with in_our_words():
            event = self.client.v2.core.events.retrieve(event_id)
            about = getattr(event, "related_object", None)
            return EventReading(
                id=event.id, type=event.type, object_id=about.id if about else None,
                object_type=about.type if about else None,
                created=datetime.fromisoformat(event.created), livemode=event.livemode)


def _event(event: stripe.Event) -> EventReading:
    about = event.data.object
    return EventReading(id=event.id, type=event.type, object_id=getattr(about, "id", None),
                        object_type=getattr(about, "object", None), created=moment(event.created),
                        livemode=event.livemode)
