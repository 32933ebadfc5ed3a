"""The buyer's private page: no account, no navigation, in no search engine. Opening it never changes anything."""
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from marshmallow import Schema

from marketplace.bounties.models import For
from marketplace.foundation import clock, jurisdictions
from marketplace.foundation.browsers import traces_of_request
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import DomainError, Forbidden, Invalid
from marketplace.foundation.limits import GUESSING, WRITING, limiter
from marketplace.foundation.traces import keep_traces
from marketplace.foundation.web import Form
from marketplace.referrals.asking import MAILED, PASSED_ON, buyer_link, is_mailed_to
from marketplace.referrals.buyers_place import asks_for_place
from marketplace.referrals.buyers_share import decline_share, give_to_cause, is_open, shares_of_buyer
from marketplace.referrals.consent import (
    LONGEST_CONSENT,
    AlreadyAnswered,
    confirm_consent,
    give_consent,
    open_buyer_link,
    open_confirmation,
    refuse_consent,
    withdraw_consent,
)
from marketplace.referrals.data_link import data_link
from marketplace.referrals.in_kind import acknowledge_thing, decline_thing, things_of_lead
from marketplace.referrals.lawful import lowering_of, pays_in_money, promised_in_words, ruling_of
from marketplace.referrals.models import Buyer, Channel, Choice, Consent, ConsentGrant, Lead
from marketplace.referrals.other_answers import LATER_WEEKS, say_later, say_not_me, say_over
from marketplace.referrals.ownership import lead_of_teller, rivals_of
from marketplace.referrals.pages.buyer_words import find_grant, is_never, is_over, kinds_of_channel
from marketplace.referrals.pages.receipt_file import receipt_file
from marketplace.referrals.pages.terms import show_terms
from marketplace.referrals.pointing import SelfReferral
from marketplace.referrals.queries import find_live_grant
from marketplace.referrals.receipts import receipt_for_buyer
from marketplace.referrals.reward_schemas import ShareInput, ThingInput
from marketplace.referrals.reward_words import (
    buyer_share_in_words,
    part_in_words,
    reward_next,
    thing_at_start,
    thing_next,
)
from marketplace.referrals.schemas import ConfirmInput, ConsentInput, LaterInput, NeverInput, OverInput
from marketplace.referrals.timeline import Audience, tell_story

bp = Blueprint("buyer", __name__, url_prefix="/buyer")

SHORT = {"purpose": PASSED_ON}  # The link that is passed on needs no word for it; the long form is still good.
USUAL_CONSENT = timedelta(days=14)


class NotProven(Forbidden):
    code = "not_proven"


@bp.after_request
def keep_out_of_sight(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response


@bp.errorhandler(DomainError)
def closed(refusal: DomainError) -> Any:
    """Forged, cut off, expired: a page of the same calm kind, with what to do."""
    return render_template("referrals/buyer_closed.html", refusal=refusal), refusal.status


@bp.get("/<token>", defaults=SHORT)
@bp.get("/<purpose>/<token>")
def show(purpose: str, token: str) -> Any:
    lead = open_buyer_link(purpose, token)
    if is_over(lead):
        return _over(lead)
    if lead.consent is not Consent.ASKED:
        return _receipt(lead, purpose, token), 200
    return _ask(lead, purpose, token, Form(ConsentInput(), initial=_known_of_buyer(lead, purpose, token)))


@bp.post("/<token>/yes", defaults=SHORT)
@bp.post("/<purpose>/<token>/yes")
@limiter.limit(WRITING)
def yes(purpose: str, token: str) -> Any:
    lead, form = open_buyer_link(purpose, token), Form(ConsentInput())
    if is_over(lead):
        return _over(lead)
    if lead.consent is not Consent.ASKED:
        return _answered_before(lead, purpose, token)
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
            return _answered_before(lead, purpose, token)
    return _ask(lead, purpose, token, form)


@bp.post("/<token>/no", defaults=SHORT)
@bp.post("/<purpose>/<token>/no")
@limiter.limit(WRITING)
def no(purpose: str, token: str) -> Any:
    return _refuse(purpose, token, never=False)


@bp.post("/<token>/never", defaults=SHORT)
@bp.post("/<purpose>/<token>/never")
@limiter.limit(WRITING)
def never(purpose: str, token: str) -> Any:
    return _refuse(purpose, token, never=True)


def _refuse(purpose: str, token: str, *, never: bool) -> Any:
    lead = open_buyer_link(purpose, token)
    try:
        with transaction():
            if never and lead.consent is Consent.GRANTED:
                withdraw_consent(lead, never=True)
            else:
                refuse_consent(lead, never=never)
    except AlreadyAnswered:
        return _answered_before(lead, purpose, token)
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
        return _answered_before(lead, purpose, token)
    return render_template("referrals/buyer_not_me.html", lead=lead)


def _answer(purpose: str, token: str, schema: Schema, say: Callable[[Lead, dict[str, Any]], None], *,
            thanks: str = "") -> Any:
    lead, form = open_buyer_link(purpose, token), Form(schema)
    if is_over(lead):
        return _over(lead)
    if form.is_ready:
        with form.keeping():
            try:
                with transaction():
                    say(lead, form.fields)
            except AlreadyAnswered:
                return _answered_before(lead, purpose, token)
            if thanks:
                flash(thanks, "ok")
            return redirect(url_for(".show", purpose=purpose, token=token))
    asked = Form(ConsentInput(), initial=_known_of_buyer(lead, purpose, token))
    return _ask(lead, purpose, token, asked, other=form)


@bp.post("/<token>/withdrawal", defaults=SHORT)
@bp.post("/<purpose>/<token>/withdrawal")
@limiter.limit(WRITING)
def withdrawal(purpose: str, token: str) -> Any:
    lead, form = open_buyer_link(purpose, token), Form(NeverInput())
    if not form.is_ready:
        return _receipt(lead, purpose, token), form.status
    try:
        with transaction():
            withdraw_consent(lead, never=form.fields["never"])
    except AlreadyAnswered:
        return _answered_before(lead, purpose, token)
    return redirect(url_for(".show", purpose=purpose, token=token))


@bp.get("/confirm/<token>")
@limiter.limit(GUESSING)
def confirm(token: str) -> Any:
    """Only shows a button: mail programs open links by themselves."""
    grant = open_confirmation(token)
    lead = db.session.get_one(Lead, grant.lead_id)
    if is_over(lead) and not grant.confirmed_at:
        return _over(lead)
    return _confirm_page(grant, Form(ConfirmInput())), 200


def _confirm_page(grant: ConsentGrant, form: Form) -> str:
    lead = db.session.get_one(Lead, grant.lead_id)
    return render_template(
        "referrals/buyer_confirm.html", grant=grant, lead=lead, channel=kinds_of_channel(grant.channel),
        reward=promised_in_words(lead), form=form, places=_places(lead),
        has_share=bool(buyer_share_in_words(lead.terms, ruling_of(lead))),
        is_open=lead.consent is Consent.ASKED and not grant.replaced_at)


def _places(lead: Lead) -> list[tuple[str, str]]:
    """To say where they live; none where it would change nothing."""
    return jurisdictions.choices() if asks_for_place(lead) else []


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
                           channel=kinds_of_channel(grant.channel))


@bp.post("/<token>/share", defaults=SHORT)
@bp.post("/<purpose>/<token>/share")
@limiter.limit(WRITING)
def share(purpose: str, token: str) -> Any:
    """What becomes of the buyer's share: given to the cause, or declined. Money is taken by signing in."""
    lead, form = open_buyer_link(purpose, token), Form(ShareInput())
    _require_proof(lead, purpose, token)
    if form.is_ready:
        with form.keeping():
            with transaction():
                said = _choose(lead, form.fields["reward_id"], form.fields["choice"])
            flash(said, "ok")
            return redirect(url_for(".show", purpose=purpose, token=token))
    return _receipt(lead, purpose, token, refusal=form.refusal), form.status


def _choose(lead: Lead, reward_id: str, choice: Choice) -> str:
    reward = next((one for one in shares_of_buyer(lead) if one.id == reward_id), None)
    if reward is None or choice is Choice.MONEY:
        raise Invalid("Choose one of the ways that stand on the page.", next_step="Look at the page again.")
    if choice is Choice.DONATION:
        give_to_cause(reward)
        return "Thank you. The business gives as much to its cause, and says here when it has."
    decline_share(reward)
    return "Declined. It goes back to the business."


@bp.get("/<token>/receipt.json", defaults=SHORT)
@bp.get("/<purpose>/<token>/receipt.json")
@limiter.limit(GUESSING)
def receipt(purpose: str, token: str) -> Any:
    """The yes as data, to keep: what the business has of it too."""
    lead = open_buyer_link(purpose, token)
    _require_proof(lead, purpose, token)
    return receipt_file(receipt_for_buyer(lead), lead)


@bp.get("/<token>/terms", defaults=SHORT)
@bp.get("/<purpose>/<token>/terms")
def terms(purpose: str, token: str) -> Any:
    lead = open_buyer_link(purpose, token)
    back = {"href": url_for(".show", purpose=purpose, token=token), "label": "Your page"}
    return show_terms(lead.bounty, lead.terms, back=back, is_buyers=True)


@bp.post("/<token>/thing", defaults=SHORT)
@bp.post("/<purpose>/<token>/thing")
@limiter.limit(WRITING)
def thing(purpose: str, token: str) -> Any:
    """Thanks for what the business gave that is not money, or no thanks."""
    lead, form = open_buyer_link(purpose, token), Form(ThingInput())
    _require_proof(lead, purpose, token)
    if form.is_ready:
        with form.keeping():
            with transaction():
                owed = next((one for one in things_of_lead(lead) if one.id == form.fields["kind_id"]), None)
                if owed is None:
                    raise Invalid("That is not on this page.", next_step="Look at the page again.")
                {"thanks": acknowledge_thing, "no": decline_thing}[form.fields["say"]](owed, by=None)
            flash("They are told.", "ok")
            return redirect(url_for(".show", purpose=purpose, token=token))
    return _receipt(lead, purpose, token, refusal=form.refusal), form.status


def _require_proof(lead: Lead, purpose: str, token: str) -> None:
    """What is the buyer's own is theirs who read their mail; a link that was passed on proves nothing."""
    if not _is_theirs(lead, purpose, token):
        raise NotProven("This link does not show that it is you.", next_step="Open the link in the mail we sent you.")


def _is_theirs(lead: Lead, purpose: str, token: str) -> bool:
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    return lead.stage is not None and is_mailed_to(buyer.email or "", purpose=purpose, token=token)


def _ask(lead: Lead, purpose: str, token: str, form: Form, *, other: Form | None = None) -> Any:
    today = clock.now().date()
    return render_template(
        "referrals/buyer_ask.html", lead=lead, purpose=purpose, token=token, form=form, channels=list(Channel),
        reward=promised_in_words(lead), promised=buyer_share_in_words(lead.terms, ruling_of(lead)), earliest=today,
        is_paid=pays_in_money(lead),
        latest=today + LONGEST_CONSENT, other=other, later_weeks=LATER_WEEKS,
        rivals=rivals_of(lead), places=_places(lead) if purpose == MAILED else [],
        unconfirmed=find_live_grant(lead)), (other or form).status


def _receipt(
    lead: Lead, purpose: str, token: str, *, is_second_click: bool = False, refusal: DomainError | None = None
) -> str:
    grant = find_grant(lead)
    return render_template(
        "referrals/buyer_receipt.html", lead=lead, purpose=purpose, token=token, grant=grant,
        is_second_click=is_second_click, refusal=refusal, is_theirs=_is_theirs(lead, purpose, token),
        data_href=data_link(db.session.get_one(Buyer, lead.buyer_id)) if _is_theirs(lead, purpose, token) else None,
        shares=shares_of_buyer(lead), things=[one for one in things_of_lead(lead) if one.whom is For.BUYER],
        is_open=is_open, part=part_in_words, next=reward_next, what=thing_at_start, thing_next=thing_next,
        promised=buyer_share_in_words(lead.terms, ruling_of(lead)), is_never=is_never(lead), lowered=lowering_of(lead),
        story=tell_story(lead, Audience.BUYER),
        has_ended=grant is not None and grant.until < clock.now().date(),
        channel=kinds_of_channel(grant.channel) if grant else "")


def _answered_before(lead: Lead, purpose: str, token: str) -> Any:
    """A second click changes nothing and shows what was said."""
    db.session.refresh(lead)
    return _receipt(lead, purpose, token, is_second_click=True), AlreadyAnswered.status


def _over(lead: Lead) -> Any:
    return render_template("referrals/buyer_over.html", lead=lead), 410


def _known_of_buyer(lead: Lead, purpose: str, token: str) -> dict[str, str]:
    """Filled in only for whoever reads the mail of that very address; whoever has another link may be anybody."""
    until = (clock.now().date() + USUAL_CONSENT).isoformat()
    blank = {"channel": Channel.EMAIL.value, "until": until}
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if not is_mailed_to(buyer.email or "", purpose=purpose, token=token):
        return blank
    return {**blank, "name": buyer.name or "", "email": buyer.email or ""}
