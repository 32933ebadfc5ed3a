"""The address that they typed in is shown to be theirs: by the link that was mailed there, and a button."""
from typing import Any

from flask import render_template

from marketplace.foundation.browsers import traces_of_request
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import DomainError
from marketplace.foundation.limits import GUESSING, limiter
from marketplace.foundation.traces import keep_traces
from marketplace.foundation.web import Form
from marketplace.referrals.buyer_schemas import ConfirmInput
from marketplace.referrals.consent import AlreadyAnswered, confirm_consent, open_confirmation
from marketplace.referrals.given import given_by_yes
from marketplace.referrals.lawful import promised_in_words, ruling_of
from marketplace.referrals.models import Consent, ConsentGrant, Lead
from marketplace.referrals.pages.buyer.page import bp
from marketplace.referrals.pages.buyer.showing import places_to_choose, show_over
from marketplace.referrals.pages.buyer.words import is_over, kinds_of_channel
from marketplace.referrals.reach import reach_of, waits_in_words
from marketplace.referrals.reward_words import buyer_share_in_words


@bp.get("/confirm/<token>")
@limiter.limit(GUESSING)
def confirm(token: str) -> Any:
    """Only shows a button: mail programs open links by themselves."""
    grant = open_confirmation(token)
    lead = db.session.get_one(Lead, grant.lead_id)
    if is_over(lead) and not grant.confirmed_at:
        return show_over(lead)
    return _confirm_page(grant, Form(ConfirmInput())), 200


def _confirm_page(grant: ConsentGrant, form: Form) -> str:
    lead = db.session.get_one(Lead, grant.lead_id)
    return render_template(
        "referrals/buyer_confirm.html", grant=grant, lead=lead, channel=kinds_of_channel(grant.channel),
        reward=promised_in_words(lead), given=given_by_yes(lead, grant), form=form, places=places_to_choose(lead),
        has_share=bool(buyer_share_in_words(lead.terms, ruling_of(lead))),
        is_open=lead.consent is Consent.ASKED and not grant.replaced_at, **_reach(lead, grant))


def _reach(lead: Lead, grant: ConsentGrant) -> dict[str, Any]:
    """What the yes gives by now, once it counts."""
    reach = reach_of(lead, grant) if grant.confirmed_at else None
    return {"reach": reach, "waits": waits_in_words(lead, grant, reach) if reach else None}


@bp.post("/confirm/<token>")
@limiter.limit(GUESSING)
def confirm_now(token: str) -> Any:
    grant, form = open_confirmation(token), Form(ConfirmInput())
    if not form.is_ready:
        return _confirm_page(grant, form), form.status
    try:
        with transaction():
            keep_traces(grant.lead_id, traces_of_request())
            confirm_consent(grant, jurisdiction=form.fields["jurisdiction"])
    except AlreadyAnswered as refusal:
        return _confirmed_page(grant, refusal), refusal.status
    return _confirmed_page(grant), 200


def _confirmed_page(grant: ConsentGrant, refusal: DomainError | None = None) -> str:
    lead = db.session.get_one(Lead, grant.lead_id)
    return render_template("referrals/buyer_confirm.html", grant=grant, lead=lead, is_open=False, refusal=refusal,
                           channel=kinds_of_channel(grant.channel), **_reach(lead, grant))
