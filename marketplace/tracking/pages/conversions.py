"""Conversions that came in: a business's list, one by hand, and why each is whose it is; an admin credits anew."""
from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from marshmallow import Schema

from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import require
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.money import CURRENCIES, Money, show_money
from marketplace.foundation.web import Form
from marketplace.identity.models import User
from marketplace.identity.queries import get_business, get_user
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.referrals.disputes.denied import disputes_no_until
from marketplace.referrals.disputes.permissions import reads_as, waits_for
from marketplace.referrals.disputes.witness_words import say_word
from marketplace.referrals.models import ConversionSource, Lead
from marketplace.referrals.money_back import money_back_of
from marketplace.referrals.said_bought import to_business
from marketplace.referrals.schemas import FreezeInput
from marketplace.referrals.stages import may_sell
from marketplace.tracking.buyers_word import confirm_word, deny_word
from marketplace.tracking.intake import take_conversion
from marketplace.tracking.listed import count_tabs, list_conversions
from marketplace.tracking.models import Report, ReportKind, ReportState
from marketplace.tracking.permissions import may_reattribute, may_report, may_see_reports
from marketplace.tracking.reattribution import moves_of, reattribute
from marketplace.tracking.report_outcomes import Outcome, outcomes_of
from marketplace.tracking.report_queries import TABS, get_report
from marketplace.tracking.report_schemas import ByHandInput, ReasonInput
from marketplace.tracking.report_words import KINDS, SOURCES, next_in_words, says_day_alone
from marketplace.tracking.standing import told_as
from marketplace.tracking.word_standing import NOT_SO, SAID_NO, Since, due_of, is_asked, say_noes

bp = Blueprint("reported", __name__)

LABELS = {"counted": "Counted", "unmatched": "No referrer known", "matched": "Waiting", "disputed": "Disputed",
          "not_counted": "Not counted"}


@bp.get("/businesses/<business_id>/conversions")
@signed_in
def show(business_id: str) -> Any:
    user, business = signed_in_user(), get_business(business_id)
    require(may_see_reports(user, business.id), "see the conversions of this business")
    asked = request.args.get("state", "")
    wanted = asked if asked in TABS else ""
    shown = list_conversions(business.id, tab=wanted, cursor=request.args.get("cursor"))
    following = url_for(".show", business_id=business_id, state=wanted or None,
                        cursor=shown.next_cursor) if shown.next_cursor else None
    return render_template(
        "tracking/conversions.html", business=business, rows=shown.rows, following=following, labels=LABELS,
        counts=count_tabs(business.id), wanted=wanted, is_first="cursor" not in request.args,
        may_report=may_report(user, business.id))


@bp.route("/businesses/<business_id>/conversions/new", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def new(business_id: str) -> Any:
    """By hand: what a program would have reported."""
    user, business = signed_in_user(), get_business(business_id)
    require(may_report(user, business.id), "report conversions of this business")
    form = Form(ByHandInput(), initial={"kind": "sale"})
    if form.is_ready:
        with form.keeping():
            with transaction():
                outcome = take_conversion(
                    get_business(business_id), form.fields["said"], source=ConversionSource.MANUAL, by=signed_in_user())
                report_id, said = outcome.report.id, _said(outcome)
            flash(said, "ok")
            return redirect(url_for(".why", report_id=report_id))
    return render_template("tracking/by_hand.html", business=business, form=form, kinds=KINDS,
                           currencies=list(CURRENCIES), today=clock.now().date()), form.status


@bp.get("/conversions/<report_id>")
@signed_in
def why(report_id: str) -> Any:
    return _why(report_id)


@bp.post("/conversions/<report_id>/confirmation")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def confirmation(report_id: str) -> Any:
    """The business: yes, this buyer bought."""
    def confirm(report: Report, user: User, form: Form) -> str:
        confirm_word(report, by=user)
        [outcome] = outcomes_of([report])
        return "Recorded. What it earns is on the page." if outcome.rewards else f"Noted. {next_in_words(outcome)}"

    return _act(report_id, Form(Schema()), confirm)


@bp.post("/conversions/<report_id>/denial")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def denial(report_id: str) -> Any:
    """The business: no, they did not."""
    def deny(report: Report, user: User, form: Form) -> str:
        deny_word(report, by=user, why=form.fields["reason"])
        return "Noted, with your reason. The buyer and the referrer are told, and the referrer may dispute it."

    return _act(report_id, Form(FreezeInput()), deny)


@bp.post("/conversions/<report_id>/reattribution")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def reattribution(report_id: str) -> Any:
    """Admins: it was somebody else who brought them."""
    def move(report: Report, user: User, form: Form) -> str:
        made = reattribute(report, by=user, **form.fields)
        return f"Credited anew: {show_money(Money(made.moved_minor, made.currency))} moved."

    return _act(report_id, Form(ReasonInput()), move)


def _act(report_id: str, form: Form, verb: Callable[[Report, User, Form], str]) -> Any:
    """One verb in one transaction, then back to the page; a refusal stands on it."""
    if form.is_ready:
        with form.keeping():
            with transaction():
                user = signed_in_user()
                said = verb(get_report(report_id, seen_by=user), user, form)
            flash(said, "ok")
            return redirect(url_for(".why", report_id=report_id))
    return _why(report_id, form)


def _why(report_id: str, form: Form | None = None) -> Any:
    user = signed_in_user()
    report = get_report(report_id, seen_by=user)
    [outcome] = outcomes_of([report])
    lead = db.session.get(Lead, report.lead_id) if report.lead_id else None
    is_inside = may_see_reports(user, report.business_id)
    waits, since = is_asked(report), outcome.since
    dispute = since.dispute if since else None
    money_back = money_back_of(outcome.rewards)
    no = say_noes([lead.id])[lead.id] if lead and report.reason == SAID_NO else NOT_SO
    as_read = to_business if user.role_in(report.business_id) else str
    return render_template(
        "tracking/why.html", report=report, outcome=outcome, lead=lead, form=form, kinds=KINDS, sources=SOURCES,
        money_back=money_back, mark=told_as(outcome.state, outcome.rewards, money_back, report),
        business=get_business(report.business_id), is_inside=is_inside, **_after_no(since, lead, user),
        asks=waits and may_report(user, report.business_id), due=due_of(report) if waits else None,
        say=as_read(next_in_words(outcome, reads_as(user, dispute) if dispute else None)),
        reasons=[as_read(no) if one == NOT_SO else one for one in outcome.reasons], is_day_alone=says_day_alone(report),
        say_word=say_word,
        moves=[(one, Money(one.moved_minor, one.currency), get_user(one.to_id).name) for one in moves_of(report)],
        may_move=lead is not None and report.state is ReportState.APPROVED and report.kind is not ReportKind.REFUND
        and may_reattribute(user, lead)), form.status if form else 200


def _after_no(since: Since | None, lead: Lead | None, user: User) -> dict[str, Any]:
    """What may be done about a no: dispute it, answer the dispute, or record the sale after all."""
    if since is None or lead is None or since.sale is not None:
        return dict.fromkeys(("until", "may_dispute", "dispute", "must_answer", "may_record"))
    until = None if since.is_ruled_against else disputes_no_until(lead)
    return {
        "until": until, "may_dispute": until is not None and lead.referrer_id == user.id,
        "dispute": since.dispute, "must_answer": since.dispute is not None and waits_for(user, since.dispute),
        "may_record": may_sell(lead, user)}


def _said(outcome: Outcome) -> str:
    if outcome.is_repeat:
        return "This was reported before; nothing was counted twice."
    earned = [one.amount for one in outcome.rewards]
    return f"Counted. It earns {show_money(sum(earned[1:], earned[0]))}." if earned else next_in_words(outcome)
