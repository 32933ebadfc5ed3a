"""What they answer, each in one tap: yes, no, never, over, later, not me; and a yes taken back."""
from collections.abc import Callable
from typing import Any

from flask import flash, redirect, render_template, url_for
from marshmallow import Schema

from marketplace.foundation.browsers import traces_of_request
from marketplace.foundation.db import transaction
from marketplace.foundation.limits import WRITING, limiter
from marketplace.foundation.traces import keep_traces
from marketplace.foundation.web import Form
from marketplace.referrals.asking import buyer_link, is_mailed_to
from marketplace.referrals.buyer_schemas import ConsentInput, LaterInput, NeverInput, OverInput
from marketplace.referrals.consent import (
    AlreadyAnswered,
    give_consent,
    open_buyer_link,
    refuse_consent,
    say_never,
    withdraw_consent,
)
from marketplace.referrals.models import Consent, Lead
from marketplace.referrals.other_answers import say_later, say_not_me, say_over
from marketplace.referrals.ownership import lead_of_teller
from marketplace.referrals.pages.buyer.page import SHORT, bp
from marketplace.referrals.pages.buyer.showing import (
    known_of_buyer,
    show_answer,
    show_answered_before,
    show_over,
    show_question,
)
from marketplace.referrals.pages.buyer.words import is_over
from marketplace.referrals.pointing import SelfReferral


@bp.post("/<token>/yes", defaults=SHORT)
@bp.post("/<purpose>/<token>/yes")
@limiter.limit(WRITING)
def yes(purpose: str, token: str) -> Any:
    lead, form = open_buyer_link(purpose, token), Form(ConsentInput())
    if is_over(lead):
        return show_over(lead)
    if lead.consent is not Consent.ASKED:
        return show_answered_before(lead, purpose, token)
    if form.is_ready:
        with form.keeping():
            try:
                with transaction():
                    is_theirs = is_mailed_to(form.fields["email"], purpose=purpose, token=token)
                    told = lead_of_teller(lead, form.fields.pop("told_by"))
                    keep_traces(told.id, traces_of_request())
                    grant = give_consent(told, **form.fields, proven=is_theirs)
                if not grant.confirmed_at:
                    flash(f"We sent a mail to {form.fields['email']}.", "info")
                return redirect(url_for(".show", purpose=purpose, token=token) if told is lead else buyer_link(told))
            except SelfReferral as refusal:
                form.refuse(refusal)
        if isinstance(form.refusal, AlreadyAnswered):  # Two clicks at once: the other was faster.
            return show_answered_before(lead, purpose, token)
    return show_question(lead, purpose, token, form)


@bp.post("/<token>/no", defaults=SHORT)
@bp.post("/<purpose>/<token>/no")
@limiter.limit(WRITING)
def no(purpose: str, token: str) -> Any:
    return _refuse(purpose, token, refuse_consent)


@bp.post("/<token>/never", defaults=SHORT)
@bp.post("/<purpose>/<token>/never")
@limiter.limit(WRITING)
def never(purpose: str, token: str) -> Any:
    return _refuse(purpose, token, say_never)


def _refuse(purpose: str, token: str, verb: Callable[[Lead], None]) -> Any:
    lead = open_buyer_link(purpose, token)
    try:
        with transaction():
            verb(lead)
    except AlreadyAnswered:
        return show_answered_before(lead, purpose, token)
    return redirect(url_for(".show", purpose=purpose, token=token))


@bp.post("/<token>/over", defaults=SHORT)
@bp.post("/<purpose>/<token>/over")
@limiter.limit(WRITING)
def over(purpose: str, token: str) -> Any:
    """Bought already, or not looking any more."""
    return _answer(purpose, token, OverInput(), lambda lead, said: say_over(lead, said["because"]))


@bp.post("/<token>/later", defaults=SHORT)
@bp.post("/<purpose>/<token>/later")
@limiter.limit(WRITING)
def later(purpose: str, token: str) -> Any:
    return _answer(
        purpose, token, LaterInput(), lambda lead, said: say_later(lead, said["weeks"]),
        thanks="Not now, then. You hear nothing of it until the day you chose; you can still answer at any time.")


@bp.post("/<token>/not-me", defaults=SHORT)
@bp.post("/<purpose>/<token>/not-me")
@limiter.limit(WRITING)
def not_me(purpose: str, token: str) -> Any:
    lead = open_buyer_link(purpose, token)
    try:
        with transaction():
            say_not_me(lead, purpose=purpose)
    except AlreadyAnswered:
        return show_answered_before(lead, purpose, token)
    return render_template("referrals/buyer_not_me.html", lead=lead)


def _answer(purpose: str, token: str, schema: Schema, say: Callable[[Lead, dict[str, Any]], None], *,
            thanks: str = "") -> Any:
    lead, form = open_buyer_link(purpose, token), Form(schema)
    if is_over(lead):
        return show_over(lead)
    if form.is_ready:
        with form.keeping():
            try:
                with transaction():
                    say(lead, form.fields)
            except AlreadyAnswered:
                return show_answered_before(lead, purpose, token)
            if thanks:
                flash(thanks, "ok")
            return redirect(url_for(".show", purpose=purpose, token=token))
    asked = Form(ConsentInput(), initial=known_of_buyer(lead, purpose, token))
    return show_question(lead, purpose, token, asked, other=form)


@bp.post("/<token>/withdrawal", defaults=SHORT)
@bp.post("/<purpose>/<token>/withdrawal")
@limiter.limit(WRITING)
def withdrawal(purpose: str, token: str) -> Any:
    lead, form = open_buyer_link(purpose, token), Form(NeverInput())
    if not form.is_ready:
        return show_answer(lead, purpose, token), form.status
    try:
        with transaction():
            withdraw_consent(lead, never=form.fields["never"])
    except AlreadyAnswered:
        return show_answered_before(lead, purpose, token)
    return redirect(url_for(".show", purpose=purpose, token=token))
