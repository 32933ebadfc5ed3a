"""Paying in for one bounty: how much, then on to Stripe's own page."""
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from marketplace.bounties.pages.showing import cover_of, funding_suggestions
from marketplace.bounties.permissions import may_edit
from marketplace.bounties.preview import cost_arithmetic
from marketplace.bounties.publishing import refuse_ended
from marketplace.bounties.queries import get_bounty
from marketplace.bounties.rules import worst_case
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import require
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.money import plain_amount
from marketplace.foundation.outbox import do_now
from marketplace.foundation.web import Form
from marketplace.identity.models import User
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.payments.models import Funding, FundingState
from marketplace.payments.money_in.funding import (
    CHECK_FUNDING,
    OPEN_CHECKOUT,
    find_unpaid,
    minimum_funding,
    request_funding,
)
from marketplace.payments.money_in.kept_cards import find_card
from marketplace.payments.schemas import FundingInput
from marketplace.payments.stripe_readings import PermanentFailure, TemporaryFailure

bp = Blueprint("funding", __name__)


@bp.route("/bounties/<bounty_id>/funding", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def new(bounty_id: str) -> Any:
    user = signed_in_user()
    bounty = get_bounty(bounty_id, seen_by=user)
    require(may_edit(user, bounty), "pay in for this bounty")
    suggested = request.args.get("amount") or plain_amount(worst_case(bounty.terms))
    form = Form(FundingInput(bounty.terms.currency), initial={"amount": suggested[:20]})
    if form.is_ready:
        with form.keeping():
            if (address := _address_of_unpaid(bounty.id, user, form)) is not None:
                return redirect(address, 303)
            with transaction():
                bounty = get_bounty(bounty_id, seen_by=user)
                refuse_ended(bounty)
                funding_id = request_funding(bounty.business_id, bounty.id, form.fields["amount"], by=user,
                                             keeps_card=form.fields["keeps_card"]).id
            return _go_and_pay(funding_id)
    return render_template(
        "bounties/funding.html", form=form, bounty=bounty, suggestions=funding_suggestions(bounty),
        arithmetic=cost_arithmetic(bounty.terms), cover=cover_of(bounty, form.typed["amount"]),
        card=find_card(bounty.business_id), least=minimum_funding(bounty.terms.currency)), form.status


def _address_of_unpaid(bounty_id: str, user: User, form: Form) -> str | None:
    """Whoever left Stripe's page and comes again gets the same page, not a second one beside it."""
    unpaid = find_unpaid(bounty_id, form.fields["amount"], by=user, keeps_card=form.fields["keeps_card"])
    if unpaid is None:
        return None
    funding_id = unpaid.id
    db.session.expunge(unpaid)
    try:
        do_now(CHECK_FUNDING, funding_id=funding_id)
    except (TemporaryFailure, PermanentFailure):
        return None
    unpaid = db.session.get_one(Funding, funding_id)
    return unpaid.checkout_url if unpaid.state is FundingState.OPEN else None


def _go_and_pay(funding_id: str) -> Any:
    """To Stripe at once where it answers; else the payment's own page says what happens, and a job goes on."""
    try:
        do_now(OPEN_CHECKOUT, funding_id=funding_id)
    except TemporaryFailure:
        flash("Stripe does not answer just now. Your wish is kept, and we keep trying.", "warn")
    opened = db.session.get_one(Funding, funding_id).checkout_url
    return redirect(opened or url_for("fundings.show", funding_id=funding_id), 303)
