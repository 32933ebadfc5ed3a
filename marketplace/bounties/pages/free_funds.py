"""What a business does with a bounty's free funds: agrees to top-ups, or takes them back to its cards."""
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from marshmallow import Schema, fields

from marketplace.bounties.models import Bounty
from marketplace.bounties.permissions import may_edit
from marketplace.bounties.publishing import refund_free, total_of
from marketplace.bounties.queries import get_bounty
from marketplace.bounties.rules import worst_case
from marketplace.bounties.topping_up import end_top_up, set_top_up
from marketplace.foundation.db import transaction
from marketplace.foundation.errors import require
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.money import Money, plain_amount
from marketplace.foundation.web import Form
from marketplace.identity.models import User
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.payments.money_in.kept_cards import find_card
from marketplace.payments.money_in.refund_plans import find_kept, plan_refunds
from marketplace.payments.money_in.top_ups import find_top_up, spent_this_month
from marketplace.payments.schemas import TopUpInput

bp = Blueprint("free_funds", __name__)

LEADS_A_MONTH = 3  # What the form suggests.


class RefundInput(Schema):
    """``expected`` is the sum that the page showed, in smallest units."""

    expected = fields.Integer(required=True, strict=False)


def _own_bounty(bounty_id: str, user: User) -> Bounty:
    bounty = get_bounty(bounty_id, seen_by=user)
    require(may_edit(user, bounty), "handle the money of this bounty")
    return bounty


@bp.route("/bounties/<bounty_id>/top-up", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def top_up(bounty_id: str) -> Any:
    user = signed_in_user()
    bounty = _own_bounty(bounty_id, user)
    agreed, cost = find_top_up(bounty.id), worst_case(bounty.terms)
    amount = agreed.amount if agreed else cost
    monthly = agreed.monthly if agreed else Money(cost.minor * LEADS_A_MONTH, cost.currency)
    form = Form(TopUpInput(bounty.terms.currency),
                initial={"amount": plain_amount(amount), "monthly": plain_amount(monthly)})
    if form.is_ready:
        with form.keeping():
            with transaction():
                set_top_up(_own_bounty(bounty_id, user), by=user, **form.fields)
            flash("Agreed. Your card is charged when the bounty could not pay for one more lead.", "ok")
            return redirect(url_for(".top_up", bounty_id=bounty_id))
    agreed = find_top_up(bounty.id)
    return render_template(
        "bounties/top_up.html", form=form, bounty=bounty, agreed=agreed, cost=cost,
        card=find_card(bounty.business_id), spent=spent_this_month(agreed) if agreed else None), form.status


@bp.post("/bounties/<bounty_id>/top-up/end")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def end(bounty_id: str) -> Any:
    user = signed_in_user()
    with transaction():
        end_top_up(_own_bounty(bounty_id, user), by=user)
    flash("Nothing is charged automatically any longer.", "ok")
    return redirect(url_for(".top_up", bounty_id=bounty_id))


@bp.route("/bounties/<bounty_id>/refund", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def refund(bounty_id: str) -> Any:
    """GET: which charges would get what. POST: just that, or a refusal where another sum is free by now."""
    user = signed_in_user()
    bounty = _own_bounty(bounty_id, user)
    currency = bounty.terms.currency
    form = Form(RefundInput())
    if form.is_ready:
        with form.keeping():
            with transaction():
                refund_free(_own_bounty(bounty_id, user), by=user,
                            expected=Money(form.fields["expected"], currency))
            flash("It is on its way back. Each payment’s page says how far it is; a receipt comes by mail.", "ok")
            return redirect(url_for("board.bounty", bounty_id=bounty_id))
    planned = plan_refunds(bounty.id, currency)
    total = total_of(planned, currency)
    form.typed = {"expected": str(total.minor)}
    return render_template("bounties/refund.html", form=form, bounty=bounty, planned=planned, total=total,
                           kept=find_kept(bounty.id, currency)), form.status
