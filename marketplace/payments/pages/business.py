"""What a business paid in: the list, and one payment with what happens next."""
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import require
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.outbox import do_now
from marketplace.foundation.paging import page
from marketplace.identity.queries import get_business
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.payments.disputes.debts import owed_by
from marketplace.payments.disputes.queries import chargebacks_of, warnings_of
from marketplace.payments.models import Funding
from marketplace.payments.money_in.agreements import remove_card
from marketplace.payments.money_in.funding import CHECK_FUNDING
from marketplace.payments.money_in.kept_cards import find_card
from marketplace.payments.money_in.refund_plans import left_of
from marketplace.payments.permissions import may_fund, may_see_funding
from marketplace.payments.queries import fundings_visible_to, get_funding, refunds_of
from marketplace.payments.stripe_readings import PermanentFailure, TemporaryFailure

bp = Blueprint("fundings", __name__)


@bp.get("/businesses/<business_id>/fundings")
@signed_in
def index(business_id: str) -> Any:
    user, business = signed_in_user(), get_business(business_id)
    require(may_see_funding(user, business.id), "see what this business paid in")
    found = page(fundings_visible_to(user).where(Funding.business_id == business.id).order_by(None),
                 Funding.id, cursor=request.args.get("cursor"), size=20)
    return render_template("payments/fundings.html", business=business, fundings=found, card=find_card(business.id),
                           may_fund=may_fund(user, business.id))


@bp.post("/businesses/<business_id>/fundings/card-removal")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def card_removal(business_id: str) -> Any:
    user, business_id = signed_in_user(), get_business(business_id).id
    with transaction():
        remove_card(business_id, by=user)
    flash("The card is removed: it is not charged again, and automatic top-ups are paused.", "ok")
    return redirect(url_for(".index", business_id=business_id))


@bp.get("/fundings/<funding_id>")
@signed_in
def show(funding_id: str) -> Any:
    funding = get_funding(funding_id, seen_by=signed_in_user())
    (left,) = left_of([funding])
    return render_template("payments/funding.html", funding=funding, refunds=refunds_of(funding),
                           business=get_business(funding.business_id), has_returned="paid" in request.args,
                           chargebacks=[(one, owed_by(one.id, one.currency)) for one in chargebacks_of(funding)],
                           warnings=warnings_of(funding), left=left)


@bp.post("/fundings/<funding_id>/checks")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def check(funding_id: str) -> Any:
    """Ask Stripe now instead of waiting for its word."""
    funding = get_funding(funding_id, seen_by=signed_in_user())
    db.session.expunge(funding)
    try:
        do_now(CHECK_FUNDING, funding_id=funding.id)
    except (TemporaryFailure, PermanentFailure):
        flash("Stripe does not answer just now. We keep asking; look again in a few minutes.", "warn")
    return redirect(url_for(".show", funding_id=funding.id))
