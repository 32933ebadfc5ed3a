"""For the business: its pipeline by stage, the one door to contact data, stages, the sale, a refund of it."""
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from marketplace.bounties.models import For
from marketplace.foundation.db import transaction
from marketplace.foundation.errors import require
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.money import show_money, zero
from marketplace.foundation.paging import page
from marketplace.foundation.web import Form
from marketplace.identity.models import User
from marketplace.identity.permissions import may_see_members
from marketplace.identity.queries import get_business
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.referrals.afterwards import preview_renewal, record_renewal, stop_renewals
from marketplace.referrals.audience import Audience
from marketplace.referrals.clawbacks import WouldReturn, preview_clawback, refund_sale
from marketplace.referrals.contact import NoConsent, open_contact
from marketplace.referrals.figures import rewards_by_lead
from marketplace.referrals.models import Conversion, Lead
from marketplace.referrals.next_step import next_steps
from marketplace.referrals.pages.lead_page import act_on_lead, show_lead
from marketplace.referrals.pages.receipt_file import receipt_file
from marketplace.referrals.pages.steps import STAGE_NAMES
from marketplace.referrals.queries import (
    PIPELINE,
    conversions_of,
    count_pipeline,
    found_false_among,
    get_lead,
    leads_for_business,
    rewards_of_lead,
)
from marketplace.referrals.receipts import receipt_for_business
from marketplace.referrals.reward_schemas import RenewalInput
from marketplace.referrals.said_bought import words_of
from marketplace.referrals.schemas import DecisionInput, SaleInput, SaleRefundInput, StageInput
from marketplace.referrals.stages import change_stage, preview_sale, win_lead

bp = Blueprint("pipeline", __name__)

LABELS: dict[str, str] = {
    "asked": "Waiting for the buyer", **{stage.value: name for stage, name in STAGE_NAMES.items()}, "ended": "Ended"}


@bp.get("/businesses/<business_id>/leads")
@signed_in
def leads(business_id: str) -> Any:
    user, business = signed_in_user(), get_business(business_id)
    require(may_see_members(user, business.id), "see the leads of this business")
    wanted = request.args.get("stage", "")
    found = leads_for_business(business.id, seen_by=user)
    if wanted in PIPELINE:
        found = found.where(PIPELINE[wanted])
    shown = page(found, Lead.id, cursor=request.args.get("cursor"))
    rewards, words = rewards_by_lead(shown.rows), words_of([lead.id for lead in shown.rows])
    following = url_for(".leads", business_id=business_id, stage=wanted or None,
                        cursor=shown.next_cursor) if shown.next_cursor else None
    return render_template(
        "referrals/pipeline.html", business=business, rows=shown.rows, following=following, labels=LABELS,
        counts=count_pipeline(business.id, seen_by=user), wanted=wanted if wanted in PIPELINE else "",
        is_first="cursor" not in request.args, words=words, ended=found_false_among([lead.id for lead in shown.rows]),
        says=next_steps(shown.rows, Audience.BUSINESS, rewards, words))


@bp.post("/leads/<lead_id>/contact")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def contact(lead_id: str) -> Any:
    """A POST, for each opening is written into the lead's history: no prefetch, preview or second look may do that.

    Shown in the answer itself, never kept in an address that could be passed on.
    """
    user = signed_in_user()
    try:
        with transaction():
            lead = get_lead(lead_id, seen_by=user)
            opened = open_contact(lead, by=user)
    except NoConsent as refusal:
        return show_lead(get_lead(lead_id, seen_by=user), user, refusal=refusal), refusal.status
    return render_template("referrals/contact.html", lead=lead, contact=opened)


@bp.post("/leads/<lead_id>/stage")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def stage(lead_id: str) -> Any:
    form = Form(StageInput())

    def move(lead: Lead, user: User) -> str:
        change_stage(lead, by=user, **form.fields)
        return f"Moved. The lead stands at: {STAGE_NAMES[form.fields['stage']]}."

    return act_on_lead(lead_id, "stage", form, move)


@bp.post("/leads/<lead_id>/sale")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def sale(lead_id: str) -> Any:
    form = Form(SaleInput())

    def win(lead: Lead, user: User) -> str:
        before = {one.id for one in conversions_of(lead)}
        conversion = win_lead(lead, by=user, **form.fields)
        made = [one for one in conversions_of(lead) if one.id not in before]  # It was qualified by that, too.
        return f"Sold, for {show_money(conversion.amount)}. {_held(lead, *made)}"

    return act_on_lead(lead_id, "sale", form, win)


@bp.route("/leads/<lead_id>/sale/preview", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def sale_preview(lead_id: str) -> Any:
    """What the sale would make; nothing is written."""
    user, form, preview = signed_in_user(), Form(SaleInput(), takes_address=True), None
    lead = get_lead(lead_id, seen_by=user)
    if form.is_ready:
        with form.keeping():
            preview = preview_sale(
                lead, by=user, **{name: form.fields[name] for name in ("amount", "occurred_on", "version")})
    return _show_preview(".sale_preview", "sale", lead, form, preview)


@bp.post("/leads/<lead_id>/refund")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def refund(lead_id: str) -> Any:
    form = Form(SaleRefundInput())

    def give_back(lead: Lead, user: User) -> str:
        taken = preview_clawback(lead, form.fields["amount"], by=user, conversion_id=form.fields["conversion_id"])
        refund_sale(lead, by=user, **form.fields)
        return f"Refunded. {_comes_back(taken)}"

    return act_on_lead(lead_id, "refund", form, give_back)


@bp.route("/leads/<lead_id>/refund/preview", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def refund_preview(lead_id: str) -> Any:
    """What the refund would take back; nothing is written."""
    user, form, preview = signed_in_user(), Form(SaleRefundInput(), takes_address=True), None
    lead = get_lead(lead_id, seen_by=user)
    if form.is_ready:
        with form.keeping():
            preview = preview_clawback(lead, form.fields["amount"], by=user,
                                       conversion_id=form.fields["conversion_id"])
    return _show_preview(".refund_preview", "refund", lead, form, preview)


@bp.post("/leads/<lead_id>/renewal")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def renewal(lead_id: str) -> Any:
    form = Form(RenewalInput())

    def renew(lead: Lead, user: User) -> str:
        conversion = record_renewal(lead, by=user, **form.fields)
        return f"Renewed, for {show_money(conversion.amount)}. {_held(lead, conversion)}"

    return act_on_lead(lead_id, "renewal", form, renew)


@bp.route("/leads/<lead_id>/renewal/preview", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def renewal_preview(lead_id: str) -> Any:
    """What the renewal would make; nothing is written."""
    user, form, preview = signed_in_user(), Form(RenewalInput(), takes_address=True), None
    lead = get_lead(lead_id, seen_by=user)
    if form.is_ready:
        with form.keeping():
            preview = preview_renewal(lead, by=user, amount=form.fields["amount"],
                                      occurred_on=form.fields["occurred_on"])
    return _show_preview(".renewal_preview", "renewal", lead, form, preview)


def _show_preview(endpoint: str, name: str, lead: Lead, form: Form, preview: Any) -> Any:
    """A good preview has an address of its own, so that Back and Reload find it again; a bad one stays as it is."""
    if request.method == "POST" and form.is_ready:
        typed: dict[str, Any] = dict(form.typed)
        return redirect(url_for(endpoint, lead_id=lead.id, **typed, _anchor=name))
    shown: dict[str, Any] = {f"{name}_preview": preview, "forms": {name: form} if form.was_sent else {}}
    return show_lead(lead, signed_in_user(), **shown), form.status


@bp.post("/leads/<lead_id>/renewals-end")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def renewals_end(lead_id: str) -> Any:
    def stop(lead: Lead, user: User) -> str:
        stop_renewals(lead, by=user)
        return "Noted. What was kept for renewals is free again, and the referrer is told."

    return act_on_lead(lead_id, "renewals_end", Form(DecisionInput()), stop)


def _comes_back(taken: WouldReturn) -> str:
    if not taken.to_bounty.minor:
        return ("Nothing more is taken back: an admin had taken the rest before." if taken.is_cut
                else "It takes nothing of the reward back.")
    return (f"{show_money(taken.reward)} of the reward is taken back and {show_money(taken.fee)} of our fee is given "
            f"back: {show_money(taken.to_bounty)} returns to your bounty’s funds."
            f"{' An admin had taken the rest before.' if taken.is_cut else ''}")


def _held(lead: Lead, *conversions: Conversion) -> str:
    """What they earned, in a sentence or two."""
    said, made = [], {one.id for one in conversions}
    for whom, words in ((For.REFERRER, "A reward of {} is held for the referrer."),
                        (For.BUYER, "A share of {} is held for the buyer.")):
        held = sum((reward.amount for reward in rewards_of_lead(lead)
                    if reward.conversion_id in made and reward.whom is whom), start=zero(lead.terms.currency))
        said += [words.format(show_money(held))] if held.minor else []
    return " ".join(said) or "It earns no money."


@bp.get("/leads/<lead_id>/consent.json")
@signed_in
def receipt(lead_id: str) -> Any:
    """The buyer's yes as data: what was agreed, without their address."""
    user = signed_in_user()
    lead = get_lead(lead_id, seen_by=user)
    return receipt_file(receipt_for_business(lead, seen_by=user), lead)
