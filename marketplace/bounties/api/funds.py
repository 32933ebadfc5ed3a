"""A bounty's money for programs: what is free, paying in, agreed top-ups, taking back what is free."""
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, ValidationError, fields

from marketplace.bounties import publishing, topping_up
from marketplace.bounties.models import Bounty
from marketplace.bounties.permissions import may_edit
from marketplace.bounties.queries import free_funds_of, get_bounty, reserved_among
from marketplace.bounties.rules import worst_case
from marketplace.foundation.errors import Invalid, require
from marketplace.foundation.fields import Amount
from marketplace.foundation.idempotency import once
from marketplace.foundation.limits import PROGRAMS, caller, limiter
from marketplace.foundation.money import parse_amount, zero
from marketplace.foundation.outbox import do_now
from marketplace.identity.session import require_scope, signed_in_user
from marketplace.payments.models import Funding, TopUpState
from marketplace.payments.money_in.funding import OPEN_CHECKOUT, request_funding
from marketplace.payments.money_in.refund_plans import plan_refunds
from marketplace.payments.money_in.top_ups import find_top_up, spent_this_month
from marketplace.payments.output_schemas import FundingOutput, TopUpOutput
from marketplace.payments.schemas import FundingInput, TopUpInput
from marketplace.payments.stripe_readings import PermanentFailure, TemporaryFailure

bp = Blueprint("bounty_funds", __name__, url_prefix="/api/v1", description="The money behind a bounty")
limiter.limit(PROGRAMS, key_func=caller, methods=["POST"])(bp)


class FundsOutput(Schema):
    """``free`` is not reserved for a lead; of it, ``refundable`` may go back to the cards; one lead costs at most
    ``one_lead``."""

    bounty_id = fields.String()
    free = Amount()
    reserved = Amount()
    refundable = Amount()
    one_lead = Amount()


class FundingCall(Schema):
    """``amount`` in the bounty's currency."""

    amount = fields.String(required=True, metadata={"example": "1050.00"})
    keeps_card = fields.Boolean(load_default=False, metadata={"description": "Keep the card for agreed top-ups."})


class RefundCall(Schema):
    """``amount`` is what ``refundable`` said: another sum is refused, so that nothing goes back unseen."""

    amount = fields.String(required=True, metadata={"example": "1050.00"})


class TopUpCall(Schema):
    """``amount`` each time, ``monthly`` at most, in the bounty's currency; ``agrees`` is your yes to being charged."""

    amount = fields.String(required=True)
    monthly = fields.String(required=True)
    agrees = fields.Boolean(required=True)


@bp.get("/bounties/<bounty_id>/funds")
@require_scope("money:read")
@bp.response(200, FundsOutput)
def read_funds(bounty_id: str) -> dict[str, Any]:
    """What is paid in and free, what is reserved for leads, what could go back."""
    return _funds_of(_own(bounty_id))


def _then_open_page(view: Callable[..., Any]) -> Callable[..., Any]:
    """Stripe is asked at once for its page, so that it is there when the payment is read; else a job goes on."""
    @wraps(view)
    def opening(*arguments: Any, **named: Any) -> Any:
        answer = view(*arguments, **named)
        with suppress(TemporaryFailure, PermanentFailure):
            do_now(OPEN_CHECKOUT, funding_id=answer.get_json()["id"])
        return answer

    return opening


@bp.post("/bounties/<bounty_id>/fundings")
@require_scope("money:write")
@_then_open_page
@once
@bp.arguments(FundingCall)
@bp.response(201, FundingOutput)
def create_funding(written: dict[str, Any], bounty_id: str) -> Funding:
    """Pay in: read the payment by its id, then open its ``checkout_url``, Stripe's own page."""
    bounty = _own(bounty_id)
    asked = _read(FundingInput(bounty.terms.currency), written)
    publishing.refuse_ended(bounty)
    return request_funding(bounty.business_id, bounty.id, by=signed_in_user(), **asked)


@bp.post("/bounties/<bounty_id>/refunds")
@require_scope("money:write")
@once
@bp.arguments(RefundCall)
@bp.response(201, FundsOutput)
def create_bounty_refund(written: dict[str, Any], bounty_id: str) -> dict[str, Any]:
    """All that is free goes back to the cards that paid; a bounty left without funds pauses."""
    bounty = _own(bounty_id)
    expected = parse_amount(written["amount"], bounty.terms.currency)
    publishing.refund_free(bounty, expected=expected, by=signed_in_user())
    return _funds_of(bounty)


@bp.get("/bounties/<bounty_id>/top-up")
@require_scope("money:read")
@bp.response(200, TopUpOutput)
def read_top_up(bounty_id: str) -> dict[str, Any]:
    """What may be charged to the kept card for this bounty without asking again."""
    return _shown(_own(bounty_id))


@bp.post("/bounties/<bounty_id>/top-up")
@require_scope("money:write")
@once
@bp.arguments(TopUpCall)
@bp.response(201, TopUpOutput)
def create_top_up(written: dict[str, Any], bounty_id: str) -> dict[str, Any]:
    """Agree, or agree anew: charged when the bounty could not pay for one more lead. Needs a kept card."""
    bounty = _own(bounty_id)
    topping_up.set_top_up(bounty, by=signed_in_user(), **_read(TopUpInput(bounty.terms.currency), written))
    return _shown(bounty)


@bp.post("/bounties/<bounty_id>/top-up-end")
@require_scope("money:write")
@once
@bp.response(201, TopUpOutput)
def create_top_up_end(bounty_id: str) -> dict[str, Any]:
    """Nothing is charged any more; what is being charged at this moment goes on."""
    bounty = _own(bounty_id)
    topping_up.end_top_up(bounty, by=signed_in_user())
    return _shown(bounty)


def _own(bounty_id: str) -> Bounty:
    bounty = get_bounty(bounty_id, seen_by=signed_in_user())
    require(may_edit(signed_in_user(), bounty), "handle the money of this bounty")
    return bounty


def _read(schema: Schema, written: dict[str, Any]) -> dict[str, Any]:
    """By the schema of the page's form, which knows the bounty's currency."""
    try:
        read: dict[str, Any] = schema.load(written)
    except ValidationError as error:
        raise Invalid("Some fields are not right.", fields=error.normalized_messages()) from error  # type: ignore[no-untyped-call]
    return read


def _funds_of(bounty: Bounty) -> dict[str, Any]:
    currency = bounty.terms.currency
    return {"bounty_id": bounty.id, "free": free_funds_of(bounty), "one_lead": worst_case(bounty.terms),
            "reserved": reserved_among([bounty]).get(bounty.id, zero(currency)),
            "refundable": publishing.total_of(plan_refunds(bounty.id, currency), currency)}


def _shown(bounty: Bounty) -> dict[str, Any]:
    top_up = find_top_up(bounty.id)
    if top_up is None:
        return {"bounty_id": bounty.id, "state": TopUpState.OFF, "amount": None, "monthly": None, "spent": None,
                "paused_because": None}
    return {"bounty_id": bounty.id, "state": top_up.state, "amount": top_up.amount, "monthly": top_up.monthly,
            "spent": spent_this_month(top_up), "paused_because": top_up.paused_because}
