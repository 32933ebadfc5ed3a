"""An event of Stripe's in our words. Only what is named here is kept: ids, amounts, and apart from them who it was.

Old and new forms of Stripe's API are read alike: a business's account has the version of the day it was opened.
"""
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from marketplace.payments.inbox import EventRefused
from marketplace.payments.mode import is_live
from marketplace.tracking.models import Told

CLICK, CODE, LEAD = "fingerpost_click", "fingerpost_code", "fingerpost_lead"  # Names in Stripe's metadata.
LONGEST = 255  # Of an id or a word of Stripe's.
LARGEST = 2**53
PAID = frozenset({"paid", "no_payment_required"})

Said = Mapping[str, Any]


@dataclass(frozen=True)
class DoorReading:
    """``who``: the customer's id at Stripe and their address, where the event says them."""

    stripe_id: str
    type: str
    told: Told
    happened_at: datetime
    sale: str | None = None
    payment: str | None = None
    charge: str | None = None
    subscription: str | None = None
    promotion: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    who: dict[str, str] = field(default_factory=dict)


def read_event(said: Said) -> DoorReading | None:
    """None for a type that nothing follows from. EventRefused (400) for no event, or one of Stripe's other mode."""
    stripe_id, kind, live, created = said.get("id"), said.get("type"), said.get("livemode"), said.get("created")
    is_event = (isinstance(stripe_id, str) and 0 < len(stripe_id) <= LONGEST and isinstance(kind, str)
                and isinstance(live, bool) and type(created) is int and 0 <= created < 2**33)
    if not is_event:
        raise EventRefused("not_an_event", "This is not an event of Stripe's.")
    if live != is_live():
        raise EventRefused("wrong_mode", "The event is of Stripe's other mode (test or live).",
                           "Make the endpoint in Stripe's live mode; a test sale earns nobody money.")
    read = READERS.get(str(kind))
    if read is None:
        return None
    if said.get("account"):
        return _with(said, Told.OTHER, facts={"why": "It is of an account connected to yours, not of your own."})
    shown = _part(_part(said, "data"), "object")
    if not _word(shown, "id"):
        raise EventRefused("not_an_event", "The event shows no object.")
    return read(said, shown)


def _checkout(said: Said, shown: Said) -> DoorReading:
    totals = _part(shown, "total_details")
    gross = _number(shown, "amount_total")
    payment, invoice = _id(shown, "payment_intent"), _id(shown, "invoice")
    return _with(
        said, Told.CHECKOUT, sale=invoice or payment or _word(shown, "id"), payment=payment,
        subscription=_id(shown, "subscription"), who=_who(shown, _word(_part(shown, "customer_details"), "email")
                                                          or _word(shown, "customer_email")),
        facts={
            "id": _word(shown, "id"), "gross": gross, "currency": _word(shown, "currency"),
            "net": gross - _number(totals, "amount_tax") - _number(totals, "amount_shipping"),
            "is_paid": _word(shown, "payment_status") in PAID, "is_subscription": shown.get("mode") == "subscription",
            **_brought(_part(shown, "metadata"), click=_word(shown, "client_reference_id"),
                       promotions=[_id(one, "promotion_code") for one in _list(shown, "discounts")])})


def _invoice(said: Said, shown: Said) -> DoorReading:
    parent = _part(_part(shown, "parent"), "subscription_details") or _part(shown, "subscription_details")
    gross, tax = _number(shown, "total"), sum(_number(one, "amount") for one in _taxes(shown))
    shipping = _number(_part(shown, "shipping_cost"), "amount_subtotal")
    without = shown.get("total_excluding_tax")
    net = without if type(without) is int else gross - (tax or _number(shown, "tax"))
    paid = _list(_part(shown, "payments"), "data")
    payment = _id(shown, "payment_intent") or next(
        (found for one in paid if (found := _id(_part(one, "payment"), "payment_intent"))), None)
    return _with(
        said, Told.INVOICE, sale=_word(shown, "id"), payment=payment, charge=_id(shown, "charge"),
        subscription=_id(parent, "subscription") or _id(shown, "subscription"),
        who=_who(shown, _word(shown, "customer_email")),
        facts={
            "id": _word(shown, "id"), "reason": _word(shown, "billing_reason"), "gross": gross, "net": net - shipping,
            "currency": _word(shown, "currency"), "is_paid": _number(shown, "amount_paid") > 0,
            **_brought({**_part(parent, "metadata"), **_part(shown, "metadata")}, click=None, promotions=[])})


def _invoice_payment(said: Said, shown: Said) -> DoorReading:
    paid_by = _part(shown, "payment")
    return _with(said, Told.INVOICE_PAYMENT, sale=_id(shown, "invoice"), payment=_id(paid_by, "payment_intent"),
                 charge=_id(paid_by, "charge"), facts={"id": _word(shown, "id")})


def _refund(said: Said, shown: Said) -> DoorReading:
    return _with(said, Told.REFUND, payment=_id(shown, "payment_intent"), charge=_id(shown, "charge"), facts={
        "id": _word(shown, "id"), "amount": _number(shown, "amount"), "currency": _word(shown, "currency"),
        "status": _word(shown, "status")})


def _refunded(said: Said, shown: Said) -> DoorReading:
    return _with(said, Told.REFUNDED, payment=_id(shown, "payment_intent"), charge=_word(shown, "id"), facts={
        "id": _word(shown, "id"), "amount": _number(shown, "amount_refunded"), "gross": _number(shown, "amount"),
        "currency": _word(shown, "currency")})


def _dispute(said: Said, shown: Said) -> DoorReading:
    return _with(said, Told.DISPUTE, payment=_id(shown, "payment_intent"), charge=_id(shown, "charge"), facts={
        "id": _word(shown, "id"), "amount": _number(shown, "amount"), "currency": _word(shown, "currency"),
        "status": _word(shown, "status")})


def _promotion(said: Said, shown: Said) -> DoorReading:
    return _with(said, Told.PROMOTION, promotion=_word(shown, "id"), facts={
        "id": _word(shown, "id"), "code": _word(shown, "code")})


READERS: dict[str, Callable[[Said, Said], DoorReading]] = {
    "checkout.session.completed": _checkout, "checkout.session.async_payment_succeeded": _checkout,
    "invoice.paid": _invoice, "invoice_payment.paid": _invoice_payment,
    "refund.created": _refund, "refund.updated": _refund, "refund.failed": _refund, "charge.refund.updated": _refund,
    "charge.refunded": _refunded,
    "charge.dispute.created": _dispute, "charge.dispute.updated": _dispute, "charge.dispute.closed": _dispute,
    "charge.dispute.funds_withdrawn": _dispute, "charge.dispute.funds_reinstated": _dispute,
    "promotion_code.created": _promotion, "promotion_code.updated": _promotion,
}


def _with(said: Said, told: Told, *, facts: dict[str, Any], **more: Any) -> DoorReading:
    kept = {name: value for name, value in facts.items() if value not in (None, "")}
    return DoorReading(stripe_id=said["id"], type=said["type"], told=told, facts=kept,
                       happened_at=datetime.fromtimestamp(said["created"], UTC), **more)


def _brought(metadata: Said, *, click: str | None, promotions: list[str | None]) -> dict[str, Any]:
    """What says who pointed: a click in our metadata or as Checkout's reference; a code there or among promotions."""
    return {"click": _word(metadata, CLICK) or click, "code": _word(metadata, CODE), "lead": _word(metadata, LEAD),
            "promotion": next((one for one in promotions if one), None)}


def _who(shown: Said, email: str | None) -> dict[str, str]:
    found = {"customer": _id(shown, "customer"), "email": email}
    return {name: value for name, value in found.items() if value}


def _taxes(shown: Said) -> list[Said]:
    return _list(shown, "total_taxes") or _list(shown, "total_tax_amounts")


def _part(said: Said, name: str) -> Said:
    part = said.get(name)
    return part if isinstance(part, dict) else {}


def _list(said: Said, name: str) -> list[Said]:
    part = said.get(name)
    return [one for one in part if isinstance(one, dict)] if isinstance(part, list) else []


def _word(said: Said, name: str) -> str | None:
    value = said.get(name)
    is_word = isinstance(value, str) and 0 < len(value) <= LONGEST and value.isprintable()
    return value if is_word else None


def _id(said: Said, name: str) -> str | None:
    """Stripe names an object, or shows all of it."""
    return _word(said, name) or _word(_part(said, name), "id")


def _number(said: Said, name: str) -> int:
    value = said.get(name)
    return value if type(value) is int and abs(value) < LARGEST else 0
