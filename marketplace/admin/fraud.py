"""For admins: leads that wait because of signs of fraud, by their clock; kept, let go, or confirmed with a reason."""
from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from marshmallow import Schema, fields

from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import require
from marketplace.foundation.fields import clean_text
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.show import day_in_words
from marketplace.foundation.web import Form
from marketplace.identity.models import User
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.referrals.fraud.cases import confirm_fraud, hold_ends, keep_case, let_go, month_ends
from marketplace.referrals.fraud.effects import sent_already
from marketplace.referrals.fraud.queries import (
    cases_about,
    cases_at,
    decided_cases,
    finding_appealed,
    get_case,
    names_of,
    open_cases,
)
from marketplace.referrals.fraud.rules import RULES, STOP_FROM, VERSION
from marketplace.referrals.fraud.scoring import looks_at
from marketplace.referrals.fraud.signals import signals_of
from marketplace.referrals.models import CaseState, FraudCase
from marketplace.referrals.money_back import money_back_of
from marketplace.referrals.permissions import may_decide
from marketplace.referrals.queries import record_of_business, record_of_referrer, rewards_of_lead

bp = Blueprint("fraud", __name__, url_prefix="/admin")

SHOWN = 100


class DecisionOnFraud(Schema):
    """The reason is read by the person concerned."""

    reason = clean_text(5, 1000, required=True)
    version = fields.Integer(load_default=None, allow_none=True)


def _operator() -> User:
    user = signed_in_user()
    require(user.is_admin, "enter the operators’ rooms")
    return user


@bp.get("/fraud")
@signed_in
def index() -> Any:
    _operator()
    cases = db.session.scalars(open_cases().limit(SHOWN)).all()
    return render_template(
        "admin/fraud.html", cases=cases, decided=db.session.scalars(decided_cases()).all(), rules=RULES.values(),
        version=VERSION, now=clock.now(), signals=signals_of, most=STOP_FROM)


@bp.get("/fraud/<case_id>")
@signed_in
def show(case_id: str) -> Any:
    user = _operator()
    return _show(get_case(case_id), user)


def _show(case: FraudCase, user: User, *, forms: dict[str, Form] | None = None) -> str:
    lead, first = case.lead, finding_appealed(case)
    return render_template(
        "admin/fraud_case.html", case=case, lead=lead, reasons=signals_of(case.look), looks=looks_at(lead.id),
        signals=signals_of, rewards=money_back_of(rewards_of_lead(lead)).values(), sent=sent_already(lead),
        forms_sent=forms or {},
        records=[(lead.referrer.name, record_of_referrer(lead.referrer_id)),
                 (lead.business.name, record_of_business(lead.business_id))],
        about=cases_about(case.about_id, but=case.id), at_business=cases_at(lead.business_id, but=case.id),
        first=first, names=names_of(case.decided_by, first.by if first else None), is_late=case.due_at < clock.now(),
        may_act=case.state is CaseState.OPEN and may_decide(user, lead),
        is_second=case.is_appealed, was_me=case.decided_by == user.id, kept_until=hold_ends(lead),
        month_ends=month_ends(lead))


@bp.post("/fraud/<case_id>/keep")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def keep(case_id: str) -> Any:
    return _decide(case_id, "keep", keep_case, lambda _: "Kept. Referrer and business are told why it takes longer.")


@bp.post("/fraud/<case_id>/release")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def release(case_id: str) -> Any:
    return _decide(case_id, "release", let_go,
                   lambda _: "Let go. Everything goes on where it stood, and both sides are told.")


@bp.post("/fraud/<case_id>/confirmation")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def confirmation(case_id: str) -> Any:
    return _decide(case_id, "confirmation", confirm_fraud, _when_it_takes_effect)


def _when_it_takes_effect(case: FraudCase) -> str:
    if case.state is CaseState.PROVEN or case.settles_at is None:
        return "Confirmed on the appeal: it is final and takes effect now. Both sides are told."
    return ("Confirmed. The referrer reads the reason and may appeal; without an appeal it takes effect on "
            f"{day_in_words(case.settles_at)}.")


def _decide(case_id: str, name: str, verb: Callable[..., None], said: Callable[[FraudCase], str]) -> Any:
    user, form = _operator(), Form(DecisionOnFraud())
    if form.is_ready:
        with form.keeping():
            with transaction():
                verb(get_case(case_id), by=user, **form.fields)
            flash(said(get_case(case_id)), "ok")
            return redirect(url_for(".show", case_id=case_id))
    return _show(get_case(case_id), user, forms={name: form}), form.status
