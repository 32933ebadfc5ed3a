"""Stripe's events, each kept once with the job that handles it, whether a webhook brought it or a list was read."""
from collections.abc import Mapping
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite

from marketplace.foundation import clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import DomainError
from marketplace.payments.mode import is_live
from marketplace.payments.models import StripeEvent


class EventRefused(DomainError):
    """Stripe shows ``code`` and message to whoever looks at the failed delivery."""

    code = "event_refused"

    def __init__(self, code: str, message: str, next_step: str = "") -> None:
        super().__init__(message, next_step=next_step)
        self.code = code


def keep_event(said: Mapping[str, Any]) -> bool:
    """Whether it was new. EventRefused if it is none of Stripe's events, or of its other mode."""
    event = _as_row(said)
    plain = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    made = db.session.execute(
        plain(StripeEvent).values(created_at=clock.now(), **event).on_conflict_do_nothing()
        .returning(StripeEvent.id)).scalar_one_or_none()
    if made:
        outbox.promise("handle_stripe_event", event_id=made)
    return made is not None


def _as_row(said: Mapping[str, Any]) -> dict[str, Any]:
    """A v1 event holds a snapshot of its object, a v2 event names it; only names are kept, nothing else is believed."""
    shown = _part(_part(said, "data"), "object")
    about = said.get("related_object") or shown
    event_id, kind, live = said.get("id"), said.get("type"), said.get("livemode")
    if not (isinstance(event_id, str) and isinstance(kind, str) and isinstance(live, bool) and len(event_id) < 256):
        raise EventRefused("not_an_event", "This is not an event of Stripe's.")
    if live != is_live():
        raise EventRefused("wrong_mode", "The event is of Stripe's other mode (test or live).",
                           "Point that mode's endpoint at another address.")
    account = said.get("account") or said.get("context")
    return {"id": event_id, "type": kind, "object_id": str(_part({"about": about}, "about").get("id") or ""),
            "about_id": _name_payment(shown), "account": str(account) if account else None, "livemode": live}


def _name_payment(shown: Mapping[str, Any]) -> str | None:
    """The charge that a dispute, a refund or a warning is about, or that the object itself is."""
    own = shown.get("id") if shown.get("object") == "charge" else None
    named = (own, shown.get("charge"), shown.get("payment_intent"))
    return next((name for name in named if isinstance(name, str) and name), None)


def _part(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = said.get(name)
    return part if isinstance(part, dict) else {}
