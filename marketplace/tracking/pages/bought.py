"""The buyer's private page for “I bought it”: by the link in a mail to them, for no other proves that it is they."""
from datetime import UTC
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from marshmallow import fields

from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.web import Form
from marketplace.referrals.asking import is_mailed_to
from marketplace.referrals.consent import open_buyer_link
from marketplace.referrals.disputes.denied import disputes_no_until
from marketplace.referrals.disputes.witness_words import next_to_buyer, say_word
from marketplace.referrals.disputes.words import next_in_words
from marketplace.referrals.models import Buyer, Consent, Lead
from marketplace.referrals.private_pages import make_private
from marketplace.referrals.queries import is_found_false, taken_back_at
from marketplace.referrals.said_bought import word_of
from marketplace.referrals.schemas import MoneyInput
from marketplace.tracking.buyers_word import may_say_bought, say_bought

bp = Blueprint("bought", __name__, url_prefix="/bought")
make_private(bp)


class BoughtInput(MoneyInput):
    """What they paid, without taxes, and on which day."""

    bought_on = fields.Date(required=True)


@bp.route("/<purpose>/<token>", methods=["GET", "POST"])
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def show(purpose: str, token: str) -> Any:
    lead = open_buyer_link(purpose, token)
    form = Form(BoughtInput())
    if form.is_ready:
        with form.keeping():
            with transaction():
                lead = open_buyer_link(purpose, token)
                business = lead.business.name
                say_bought(lead, is_proven=_is_theirs(lead, purpose, token), **form.fields)
            flash(f"Thank you. {business} is asked to confirm it.", "ok")
            return redirect(url_for(".show", purpose=purpose, token=token))
    word = None if is_found_false(lead.id) else word_of(lead)
    return render_template(
        "tracking/bought.html", lead=lead, form=form, word=word, may_say=may_say_bought(lead),
        disputes_no_until=disputes_no_until(lead), dispute_next=next_in_words, say_word=say_word,
        to_witness=next_to_buyer,
        is_theirs=_is_theirs(lead, purpose, token), purpose=purpose, token=token,
        is_taken_back=lead.consent is Consent.WITHDRAWN,
        latest=(taken_back_at(lead) or clock.now()).astimezone(UTC).date()), form.status


def _is_theirs(lead: Lead, purpose: str, token: str) -> bool:
    """Whoever opens it reads the mail of the address that we have of the buyer."""
    email = db.session.get_one(Buyer, lead.buyer_id).email
    return bool(email) and is_mailed_to(email or "", purpose=purpose, token=token)
