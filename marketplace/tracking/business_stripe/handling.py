"""A job: an event of a business's own Stripe becomes the sale, the renewal, the refund or the dispute that it is."""
from sqlalchemy import select

from marketplace.foundation import outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid
from marketplace.identity.models import Business
from marketplace.referrals.locks import lock_orders_of
from marketplace.tracking.business_stripe.giving_back import GIVING_BACK, count_giving_back, waiting_for
from marketplace.tracking.business_stripe.lifecycle import move_event
from marketplace.tracking.business_stripe.promotions import learn_code
from marketplace.tracking.business_stripe.sales import count_checkout, count_invoice
from marketplace.tracking.models import DoorEventState, StripeDoor, StripeDoorEvent, Told

S = DoorEventState
HANDLED = frozenset({S.COUNTED, S.IGNORED})


def handle_event(event_id: str) -> None:
    """What nobody can count (a currency that we do not handle, an old one) is ignored, with the reason in words."""
    business_id = db.session.scalars(select(StripeDoor.business_id).join(
        StripeDoorEvent, StripeDoorEvent.door_id == StripeDoor.id).where(StripeDoorEvent.id == event_id)).one()
    lock_orders_of(business_id)
    event = db.session.get_one(StripeDoorEvent, event_id, populate_existing=True, with_for_update=True)
    if event.state in HANDLED:
        return
    try:
        with db.session.begin_nested():
            _count(event, db.session.get_one(Business, business_id))
    except (Conflict, Invalid) as refusal:
        why = [sentence for said in refusal.fields.values() for sentence in said] or [refusal.message]
        move_event(event, S.IGNORED, outcome=" ".join(why))
    if event.sale is not None:
        for waiting in waiting_for(event.door_id, event.sale):
            outbox.promise("handle_business_stripe", event_id=waiting)


def _count(event: StripeDoorEvent, business: Business) -> None:
    if event.told is Told.CHECKOUT:
        count_checkout(event, business)
    elif event.told is Told.INVOICE:
        count_invoice(event, business)
    elif event.told in GIVING_BACK:
        count_giving_back(event, business)
    elif event.told is Told.PROMOTION:
        learn_code(event)
    elif event.told is Told.INVOICE_PAYMENT:
        move_event(event, S.COUNTED, outcome="It is known which payment paid the invoice.")
    else:
        move_event(event, S.IGNORED, outcome=str(event.facts.get("why", "Nothing follows from it.")))
