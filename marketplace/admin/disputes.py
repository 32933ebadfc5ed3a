"""For admins: chargebacks and what to do about each, fraud warnings, payments that matched nothing, what is owed."""
from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from sqlalchemy import func, select

from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import NotFound, require
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.money import Money, show_money
from marketplace.foundation.web import Form
from marketplace.identity.models import Business, User
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.payments.disputes import answers, debts, freezing, queries, unmatched
from marketplace.payments.disputes.schemas import EvidenceInput, ReasonInput
from marketplace.payments.disputes.warnings import close_warning
from marketplace.payments.events import OF_NOBODY
from marketplace.payments.mode import is_live
from marketplace.payments.models import (
    BusinessDebt,
    Chargeback,
    FraudWarning,
    FrozenState,
    Funding,
    Refund,
    StripeEvent,
)
from marketplace.payments.permissions import may_settle
from marketplace.referrals.case import as_evidence, what_we_know
from marketplace.referrals.chargebacks import may_void_unpaid, void_unpaid
from marketplace.referrals.holds import sources_holding_of
from marketplace.referrals.models import Reward

bp = Blueprint("chargebacks", __name__, url_prefix="/admin")

SHOWN = 100
Decidable = BusinessDebt | FraudWarning | Funding


def _operator() -> User:
    user = signed_in_user()
    require(user.is_admin, "enter the operators’ rooms")
    return user


@bp.get("/chargebacks")
@signed_in
def index() -> Any:
    return _show_list(_operator())


def _show_list(user: User, *, form: Form | None = None) -> str:
    found = db.session.scalars(queries.chargebacks_visible_to(user).order_by(None).order_by(
        Chargeback.settled_at.is_not(None), Chargeback.id.desc()).limit(SHOWN)).all()
    warnings = db.session.scalars(queries.open_warnings().limit(SHOWN)).all()
    owed = db.session.scalars(debts.open_debts().limit(SHOWN)).all()
    parked = unmatched.all_unmatched()
    ids = {one.business_id for one in found} | {one.business_id for one in warnings} | {
        one.business_id for one in owed} | {one.funding.business_id for one in parked}
    names = {business.id: business.name for business in db.session.scalars(
        select(Business).where(Business.id.in_(ids)))}
    return render_template(
        "admin/chargebacks.html", chargebacks=found, warnings=warnings, owed=owed, unmatched=parked, names=names,
        form=form, is_chargeback={one.id for one in found}.__contains__, refused=_refused_events(),
        may_settle=lambda thing: _may_decide(user, thing))


def _refused_events() -> list[tuple[str, int]]:
    """Events that came to the wrong door, and how many: of Stripe's other mode, of accounts that are none of ours."""
    wrong_mode = db.session.scalar(select(func.count()).select_from(AuditEvent).where(
        AuditEvent.subject_id == "stripe", AuditEvent.action == "event.refused"))
    of_nobody = db.session.scalar(
        select(func.count()).select_from(StripeEvent).where(StripeEvent.outcome == OF_NOBODY))
    return [("Refused: of Stripe’s other mode (test or live), or no event at all", int(wrong_mode or 0)),
            ("Kept and ignored: of a connected account that is none of ours", int(of_nobody or 0))]


@bp.get("/chargebacks/<chargeback_id>")
@signed_in
def show(chargeback_id: str) -> Any:
    user = _operator()
    return _show_one(queries.get_chargeback(chargeback_id, seen_by=user), user)


def _show_one(chargeback: Chargeback, user: User, *, form: Form | None = None) -> str:
    known, owed = what_we_know(chargeback), debts.owed_by(chargeback.id, chargeback.currency)
    test = "" if is_live() else "test/"
    return render_template(
        "admin/chargeback.html", chargeback=chargeback, business=db.session.get_one(Business, chargeback.business_id),
        known=known, draft=as_evidence(known), owed=owed, answers=answers.answers_of(chargeback), form=form,
        parts_frozen=freezing.parts_of(chargeback, FrozenState.FROZEN, FrozenState.PROMISED, FrozenState.TAKEN),
        movements=[(one, Money(one.amount_minor, chargeback.currency), Money(one.fee_minor, chargeback.currency))
                   for one in queries.movements_of(chargeback)],
        unpaid=_unpaid_rewards(chargeback), may_settle=_may_decide(user, chargeback),
        may_answer=chargeback.state in answers.OPEN,
        at_stripe=f"https://dashboard.stripe.com/{test}disputes/{chargeback.stripe_id}")


def _unpaid_rewards(chargeback: Chargeback) -> list[tuple[Reward, bool]]:
    """Rewards that wait for the business to pay, and whether they may be voided by now."""
    named = [part.subject_id for part in freezing.parts_of(chargeback, FrozenState.PROMISED)]
    rewards = db.session.scalars(select(Reward).where(Reward.id.in_(named)).order_by(Reward.id)).all()
    return [(reward, may_void_unpaid(reward) is not None) for reward in rewards]


def _act_on_one(chargeback_id: str, form: Form, verb: Callable[[], str]) -> Any:
    user = _operator()
    chargeback = queries.get_chargeback(chargeback_id, seen_by=user)
    require(_may_decide(user, chargeback), "decide about this chargeback")
    if form.is_ready:
        with form.keeping():
            with transaction():
                said = verb()
            flash(said, "ok")
            return redirect(url_for(".show", chargeback_id=chargeback_id))
    return _show_one(queries.get_chargeback(chargeback_id, seen_by=user), user, form=form), form.status


@bp.post("/chargebacks/<chargeback_id>/evidence")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def evidence(chargeback_id: str) -> Any:
    user, form = _operator(), Form(EvidenceInput())

    def submit() -> str:
        answers.submit_evidence(chargeback_id, by=user, **form.fields)
        return "It goes to the bank through Stripe now. It can no longer be changed."

    return _act_on_one(chargeback_id, form, submit)


@bp.post("/chargebacks/<chargeback_id>/acceptance")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def acceptance(chargeback_id: str) -> Any:
    user, form = _operator(), Form(ReasonInput(partial=True))

    def accept() -> str:
        answers.accept_chargeback(chargeback_id, by=user)
        return "We accept it: Stripe is told, and the money is lost."

    return _act_on_one(chargeback_id, form, accept)


@bp.post("/chargebacks/<chargeback_id>/rewards/<reward_id>/voiding")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def voiding(chargeback_id: str, reward_id: str) -> Any:
    user, form = _operator(), Form(ReasonInput())

    def void() -> str:
        reward = db.session.get(Reward, reward_id)
        if reward is None:
            raise NotFound("There is no such reward.", next_step="Reload the page.")
        void_unpaid(reward, by=user, **form.fields)
        return "The reward is voided. Its people are told why."

    return _act_on_one(chargeback_id, form, void)


@bp.get("/debts")
@bp.get("/fraud-warnings")
@bp.get("/unmatched")
@signed_in
def in_the_room() -> Any:
    _operator()
    return redirect(url_for(".index"), 303)


@bp.post("/debts/<source_id>/write-off")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def write_off(source_id: str) -> Any:
    user, form = _operator(), Form(ReasonInput())

    def bear() -> str:
        lost = debts.write_off(source_id, by=user, **form.fields)
        return f"{show_money(lost)} are our loss now. Rewards that waited go on."

    return _decide(user, db.session.get(BusinessDebt, source_id), form, bear)


@bp.post("/fraud-warnings/<warning_id>/closure")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def closure(warning_id: str) -> Any:
    user, form = _operator(), Form(ReasonInput())

    def close() -> str:
        close_warning(warning_id, by=user, **form.fields)
        return "The warning is closed. Rewards go on, and the bounty does once it has funds."

    return _decide(user, db.session.get(FraudWarning, warning_id), form, close)


@bp.post("/unmatched/<funding_id>/refund")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def unmatched_refund(funding_id: str) -> Any:
    user = _operator()

    def give_back() -> str:
        refund: Refund = unmatched.give_back(funding_id, by=user)
        return f"{show_money(refund.amount)} go back to where they came from."

    return _decide(user, db.session.get(Funding, funding_id), Form(ReasonInput(partial=True)), give_back)


@bp.post("/unmatched/<funding_id>/assignment")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def unmatched_assignment(funding_id: str) -> Any:
    user = _operator()

    def assign() -> str:
        return f"The bounty has {show_money(unmatched.assign_to_bounty(funding_id, by=user).amount)} more."

    return _decide(user, db.session.get(Funding, funding_id), Form(ReasonInput(partial=True)), assign)


def _may_decide(user: User, thing: Decidable | Chargeback) -> bool:
    """An admin without a stake: neither works for the business, nor waits for a reward that this decides about."""
    return may_settle(user, thing.business_id) and thing.id not in sources_holding_of(user.id)


def _decide(user: User, thing: Decidable | None, form: Form, verb: Callable[[], str]) -> Any:
    """One decision from the list, by an admin without a stake in the business."""
    if thing is None:
        raise NotFound("There is no such thing to decide about.", next_step="Reload the list.")
    require(_may_decide(user, thing), "decide about this")
    if form.is_ready:
        with form.keeping():
            with transaction():
                said = verb()
            flash(said, "ok")
            return redirect(url_for(".index"))
    return _show_list(user, form=form), form.status
