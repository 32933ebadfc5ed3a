"""What a person earned, whoever pointed: rewards, splits that name them, a buyer's share, what is not money."""
from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from sqlalchemy import select

from marketplace.bounties.rule_words import percent_text
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import DomainError, Forbidden
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.paging import page
from marketplace.foundation.web import Form
from marketplace.identity.models import User
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.payments.money_out.bank_payouts import failed_at_bank
from marketplace.referrals import in_kind, sharing
from marketplace.referrals.audience import Audience
from marketplace.referrals.buyers_share import get_buyers_share, is_open, take_as_money
from marketplace.referrals.disputed import frozen_of
from marketplace.referrals.disputes.queries import claims_of
from marketplace.referrals.disputes.words import frozen_in_words, next_in_words, title_of
from marketplace.referrals.figures import earnings_of
from marketplace.referrals.models import Lead, Reward, RewardInKind, Split, Stage
from marketplace.referrals.money_back import money_back_of
from marketplace.referrals.next_step import next_step
from marketplace.referrals.pages.lead_page import act_on_lead
from marketplace.referrals.queries import get_reward, rewards_earned_by
from marketplace.referrals.reward_schemas import AgreementInput, OfferInput, ReceiptInput, SecondShareInput, SplitForm
from marketplace.referrals.reward_words import part_in_words, reward_next, thing_at_start, thing_next
from marketplace.referrals.said_bought import words_of
from marketplace.referrals.schemas import DecisionInput
from marketplace.referrals.waiting import look_among

bp = Blueprint("rewards", __name__)

LATEST_SPLITS = 20


@bp.get("/rewards")
@signed_in
def index() -> Any:
    user = signed_in_user()
    found = page(rewards_earned_by(user), Reward.id, cursor=request.args.get("cursor"))
    things = db.session.scalars(in_kind.things_visible_to(user).where(RewardInKind.beneficiary_id == user.id)).all()
    splits = db.session.scalars(sharing.splits_naming(user).limit(LATEST_SPLITS)).all()
    words = [one for one in words_of(select(Lead.id).where(Lead.referrer_id == user.id)).values() if one.is_open]
    claims = claims_of(user)
    ids = {one.lead_id for shown in (found.rows, things, splits, words, claims) for one in shown}
    leads = {lead.id: lead for lead in db.session.scalars(select(Lead).where(Lead.id.in_(ids)))}
    among = look_among(found.rows)
    return render_template(
        "referrals/rewards.html", rows=found.rows, things=things, earnings=earnings_of(user), leads=leads, user=user,
        splits=splits, mine=lambda split: sharing.find_part(split, user), part=part_in_words,
        next=lambda reward: reward_next(reward, user.id, among),
        frozen=lambda reward: frozen_of(reward, among.disputed), what=thing_at_start,
        thing_next=lambda thing: thing_next(thing, user.id), is_first="cursor" not in request.args,
        at_bank=failed_at_bank(reward.id for reward in found.rows),
        words=[(leads[one.lead_id], one, next_step(leads[one.lead_id], Audience.REFERRER, [], word=one))
               for one in words if leads[one.lead_id].stage is not Stage.WON],
        claims=claims, claim_title=title_of, claim_frozen=frozen_in_words,
        claim_next=lambda one: next_in_words(one, user.id),
        money_back=money_back_of(found.rows),
        following=url_for(".index", cursor=found.next_cursor) if found.next_cursor else None)


@bp.get("/splits/<split_id>")
@signed_in
def split(split_id: str) -> Any:
    user = signed_in_user()
    return _split_page(sharing.get_split(split_id, seen_by=user), user)


def _split_page(split: Split, user: User, refusal: DomainError | None = None) -> str:
    lead = db.session.get_one(Lead, split.lead_id)
    return render_template("referrals/split.html", split=split, lead=lead, part=sharing.find_part(split, user),
                           is_referrer=user.id == lead.referrer_id, refusal=refusal, percent=percent_text)


@bp.post("/splits/<split_id>/answer")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def split_answer(split_id: str) -> Any:
    user, form = signed_in_user(), Form(AgreementInput())
    if form.is_ready:
        try:
            with form.keeping():
                with transaction():
                    sharing.answer_split(sharing.get_split(split_id, seen_by=user), by=user, **form.fields)
                flash("You agreed." if form.fields["agrees"] else "You said no. Nothing is shared with you.", "ok")
                return redirect(url_for(".split", split_id=split_id))
        except Forbidden as refusal:  # One that is worth reading on the page: they work there.
            form.refuse(refusal)
    return _split_page(sharing.get_split(split_id, seen_by=user), user, form.refusal), form.status


@bp.post("/splits/<split_id>/withdrawal")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def split_withdrawal(split_id: str) -> Any:
    user, form = signed_in_user(), Form(DecisionInput())
    lead_id = sharing.get_split(split_id, seen_by=user).lead_id
    if form.is_ready:
        with form.keeping():
            with transaction():
                sharing.withdraw_split(sharing.get_split(split_id, seen_by=user), by=user)
            flash("The split is taken back: what this lead earns goes to you.", "ok")
            return redirect(url_for("lead.show", lead_id=lead_id))
    return _split_page(sharing.get_split(split_id, seen_by=user), user, form.refusal), form.status


@bp.post("/leads/<lead_id>/split")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def split_proposal(lead_id: str) -> Any:
    form = Form(SplitForm())

    def propose(lead: Lead, user: User) -> str:
        sharing.propose_split(lead, by=user, **form.fields)
        return "Proposed. We wrote to everybody named; it counts once all have agreed."

    return act_on_lead(lead_id, "split", form, propose)


@bp.post("/leads/<lead_id>/second-share")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def second_share(lead_id: str) -> Any:
    form = Form(SecondShareInput())

    def offer(lead: Lead, user: User) -> str:
        sharing.offer_share(lead, by=user, **form.fields)
        return "Offered. We wrote to the other referrer; it counts once they agree."

    return act_on_lead(lead_id, "second_share", form, offer)


@bp.route("/shares/<share_id>", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def share(share_id: str) -> Any:
    """A buyer's share, for the buyer signed in with the address that was proven."""
    user, form = signed_in_user(), Form(DecisionInput())
    reward = get_buyers_share(share_id, seen_by=user)
    if form.is_ready:
        try:
            with form.keeping():
                with transaction():
                    take_as_money(get_buyers_share(share_id, seen_by=user), by=user)
                flash("It is yours. It goes to your Stripe account once the return period is over.", "ok")
                return redirect(url_for(".index"))
        except Forbidden as refusal:  # They work there.
            form.refuse(refusal)
    lead = db.session.get_one(Lead, reward.lead_id)
    return render_template("referrals/share.html", reward=reward, lead=lead, is_open=is_open(reward),
                           back=money_back_of([reward])[reward.id],
                           part=part_in_words(reward), next=reward_next(reward, user.id),
                           refusal=form.refusal), form.status


@bp.get("/rewards/<reward_id>")
@signed_in
def on_its_lead(reward_id: str) -> Any:
    return redirect(url_for("lead.show", lead_id=get_reward(reward_id, seen_by=signed_in_user()).lead_id), 303)


# ---- What is not money


@bp.get("/rewards-in-kind/<kind_id>")
@signed_in
def thing_on_its_lead(kind_id: str) -> Any:
    thing = in_kind.get_thing(kind_id, seen_by=signed_in_user())
    return redirect(url_for("lead.show", lead_id=thing.lead_id), 303)


def _settle(kind_id: str, name: str, form: Form, verb: Callable[[RewardInKind, User], None], said: str) -> Any:
    """One step of a reward in kind; a refusal stands on the lead's page."""
    lead_id = in_kind.get_thing(kind_id, seen_by=signed_in_user()).lead_id

    def act(lead: Lead, by: User) -> str:
        verb(in_kind.get_thing(kind_id, seen_by=by), by)
        return said

    return act_on_lead(lead_id, name, form, act)


@bp.post("/rewards-in-kind/<kind_id>/offer")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def offer(kind_id: str) -> Any:
    form = Form(OfferInput())
    return _settle(kind_id, "offer", form, lambda thing, by: in_kind.offer_thing(thing, by=by, **form.fields),
                   "Offered. They read how to have it.")


@bp.post("/rewards-in-kind/<kind_id>/fulfilment")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def fulfilment(kind_id: str) -> Any:
    form = Form(ReceiptInput())
    return _settle(kind_id, "fulfilment", form, lambda thing, by: in_kind.fulfil_thing(thing, by=by, **form.fields),
                   "Noted as done. They are told.")


@bp.post("/rewards-in-kind/<kind_id>/thanks")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def thanks(kind_id: str) -> Any:
    return _settle(kind_id, "thing", Form(DecisionInput()), lambda thing, by: in_kind.acknowledge_thing(thing, by=by),
                   "Thank you said.")


@bp.post("/rewards-in-kind/<kind_id>/refusal")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def refusal(kind_id: str) -> Any:
    return _settle(kind_id, "thing", Form(DecisionInput()), lambda thing, by: in_kind.decline_thing(thing, by=by),
                   "You declined it. The business is told.")


@bp.post("/rewards-in-kind/<kind_id>/forgiveness")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def forgiveness(kind_id: str) -> Any:
    return _settle(kind_id, "thing", Form(DecisionInput()), lambda thing, by: in_kind.forgive_thing(thing, by=by),
                   "Forgiven: they owe you nothing more. The business is told.")
