"""The front page, why it is fair, the three dashboards, health: pages that need more than one package."""
from itertools import chain
from typing import Any

from flask import (
    Blueprint,
    current_app,
    has_request_context,
    jsonify,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from marketplace.admin.rooms import rooms_with_work
from marketplace.bounties.board import BoardSearch, search_board
from marketplace.bounties.drafting import PLATFORM_FEE_BPS
from marketplace.bounties.permissions import may_post_for
from marketplace.bounties.preview import reward_sign
from marketplace.bounties.queries import backing_among, bounties_of, free_among, reserved_among
from marketplace.bounties.rule_words import percent_text
from marketplace.bounties.schemas import CONSENT_DAYS, EVIDENCE_DAYS, HOLD_DAYS, PROTECTION_DAYS
from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.foundation.errors import require
from marketplace.foundation.limits import limiter
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import OutboxMessage, dead_letters
from marketplace.foundation.web import request_id
from marketplace.identity.models import User
from marketplace.identity.permissions import is_confirmed, is_member
from marketplace.identity.queries import get_business
from marketplace.identity.session import find_signed_in_user, signed_in, signed_in_user
from marketplace.payments.books.open_items import open_items
from marketplace.payments.ledger import trial_balance
from marketplace.payments.models import PayeeState
from marketplace.payments.money_out.payees import find_payee
from marketplace.payments.money_out.stops import why_stopped
from marketplace.payments.permissions import may_see_funding
from marketplace.referrals import deadlines
from marketplace.referrals.asking import LONGEST_CONSENT
from marketplace.referrals.audience import Audience
from marketplace.referrals.desk.as_told import as_told
from marketplace.referrals.disputes.opening import ANSWERED_WITHIN
from marketplace.referrals.disputes.queries import count_to_answer
from marketplace.referrals.disputes.subjects import OPEN_WITHIN
from marketplace.referrals.figures import (
    count_in_review,
    count_to_contact,
    earnings_of,
    pointed_counts,
    rewards_by_lead,
)
from marketplace.referrals.for_funds import count_overdue, count_waiting, dues_among, waiting_in_words
from marketplace.referrals.fraud import rules as fraud_rules
from marketplace.referrals.in_kind import things_owed_by, things_owed_to
from marketplace.referrals.letters import REASONS
from marketplace.referrals.models import Lead, Moderation, ReasonCode
from marketplace.referrals.money_back import money_back_of
from marketplace.referrals.naming import name_of, number_of
from marketplace.referrals.next_step import next_steps
from marketplace.referrals.permissions import may_moderate
from marketplace.referrals.queries import (
    PROVEN_FALSE,
    count_pipeline,
    found_false_among,
    leads_for_business,
    leads_pointed_by,
    moderation_queue,
)
from marketplace.referrals.reward_words import thing_at_start
from marketplace.referrals.said_bought import words_of
from marketplace.referrals.sharing import count_splits_to_answer
from marketplace.tracking.word_standing import ANSWERED_WITHIN as WORD_ANSWERED_WITHIN
from marketplace.tracking.word_standing import words_waiting

bp = Blueprint("home", __name__)

PERSON, ADMIN = "person", "admin"  # Hats; the third kind is the id of a business.
LATEST = 8  # Leads on a dashboard; the full lists have their own pages.
EXAMPLE_REWARD, EXAMPLE_SALE, EXAMPLE_REFUND = Money(100_000, "usd"), Money(3_000_000, "usd"), Money(100_000, "usd")


# ---- Pages for everybody


@bp.get("/")
def landing() -> Any:
    if find_signed_in_user():
        return redirect(url_for(".dashboard"))
    bounties = search_board(BoardSearch(), size=3).rows
    return render_template(
        "home/landing.html", bounties=bounties, backing=backing_among(list(bounties)), sign=reward_sign,
        fee=percent_text(PLATFORM_FEE_BPS))


@bp.get("/how-it-works")
def how_it_works() -> Any:
    return render_template("home/how_it_works.html", fee=percent_text(PLATFORM_FEE_BPS), deadlines=deadlines,
                           hold_days=HOLD_DAYS, protection_days=PROTECTION_DAYS, consent_days=CONSENT_DAYS)


@bp.get("/fairness")
def fairness() -> Any:
    """Every number comes from the constant that the rule itself uses."""
    back = EXAMPLE_REWARD.part(EXAMPLE_REFUND.minor, EXAMPLE_SALE.minor)
    return render_template(
        "home/fairness.html", fee=percent_text(PLATFORM_FEE_BPS), fee_example=EXAMPLE_REWARD.share(PLATFORM_FEE_BPS),
        deadlines=deadlines, dispute_days=OPEN_WITHIN.days, dispute_answer=ANSWERED_WITHIN,
        word_answer=WORD_ANSWERED_WITHIN, longest_consent=LONGEST_CONSENT, fraud=fraud_rules,
        reasons=[words for code, words in REASONS.items() if code is not ReasonCode.OTHER],
        hold_days=HOLD_DAYS, protection_days=PROTECTION_DAYS, consent_days=CONSENT_DAYS, evidence_days=EVIDENCE_DAYS,
        example={"reward": EXAMPLE_REWARD, "sale": EXAMPLE_SALE, "refund": EXAMPLE_REFUND, "back": back,
                 "left": EXAMPLE_REWARD - back})


@bp.get("/health")
@limiter.exempt
def health() -> Any:
    """For whoever watches: does the database answer, how long has the oldest due job waited, do the books agree?"""
    now = clock.now()
    try:
        oldest = db.session.scalar(select(func.min(OutboxMessage.due_at)).where(
            OutboxMessage.done_at.is_(None), OutboxMessage.dead_at.is_(None), OutboxMessage.due_at <= now))
        open_count, stopped = _open_item_count(), why_stopped(None) is not None
        given_up = db.session.scalar(select(func.count()).select_from(dead_letters().order_by(None).subquery())) or 0
    except SQLAlchemyError as error:
        current_app.logger.warning("health: %r", error)
        return jsonify(ok=False, reason="the database does not answer"), 503
    return jsonify(ok=True, oldest_due_job_seconds=int((now - oldest).total_seconds()) if oldest else 0,
                   jobs_given_up=given_up, open_items=open_count, transfers_stopped=stopped)


# ---- The dashboards


@bp.get("/dashboard")
@signed_in
def dashboard() -> Any:
    """The one of the hat that was worn last."""
    return redirect(_dashboard_of(_current_hat(signed_in_user())))


@bp.get("/dashboard/referrer")
@signed_in
def referrer_dashboard() -> Any:
    user = signed_in_user()
    session["hat"] = PERSON
    latest = leads_pointed_by(user).order_by(Lead.id.desc()).limit(LATEST)
    leads = [as_told(lead) for lead in db.session.scalars(latest)]
    rewards = rewards_by_lead(leads)
    return render_template(
        "home/referrer.html", leads=leads, rewards=rewards, earnings=earnings_of(user), counts=pointed_counts(user),
        money_back=money_back_of(chain(*rewards.values())),
        steps=next_steps(leads, Audience.REFERRER, rewards, words_of([lead.id for lead in leads])),
        is_payable=_is_payable(user), is_confirmed=is_confirmed(user), to_answer=count_splits_to_answer(user),
        disputes=count_to_answer(user_id=user.id),
        things=things_owed_to(user), what=thing_at_start, ended=found_false_among([lead.id for lead in leads]))


@bp.get("/dashboard/business/<business_id>")
@signed_in
def business_dashboard(business_id: str) -> Any:
    user, business = signed_in_user(), get_business(business_id)
    require(is_member(user, business.id) or user.is_admin, "see the desk of this business")
    if is_member(user, business.id):
        session["hat"] = business.id
    bounties = bounties_of(business.id, seen_by=user)
    accepted = leads_for_business(business.id, seen_by=user).where(
        Lead.moderation == Moderation.ACCEPTED, ~PROVEN_FALSE)
    leads = db.session.scalars(accepted.order_by(Lead.accepted_at.desc(), Lead.id.desc()).limit(LATEST)).all()
    rewards = rewards_by_lead(leads)
    return render_template(
        "home/business.html", business=business, bounties=bounties, free=free_among(bounties),
        reserved=reserved_among(bounties), backing=backing_among(bounties), sign=reward_sign, leads=leads,
        steps=next_steps(leads, Audience.BUSINESS, rewards, words_of([lead.id for lead in leads])),
        words=words_waiting(business.id), waiting=count_waiting([one.id for one in bounties]),
        waiting_in_words=waiting_in_words, counts=count_pipeline(business.id, seen_by=user),
        to_contact=count_to_contact(business.id), disputes=count_to_answer(business_id=business.id),
        may_post=may_post_for(user, business.id), owed=things_owed_by(business.id), what=thing_at_start)


@bp.get("/dashboard/admin")
@signed_in
def admin_dashboard() -> Any:
    user = signed_in_user()
    require(user.is_admin, "see the moderators’ room")
    session["hat"] = ADMIN
    leads, now = db.session.scalars(moderation_queue().limit(LATEST)).all(), clock.now()
    return render_template(
        "home/admin.html", leads=leads, count=count_in_review(), late=count_overdue(now), now=now,
        dues=dues_among(leads), rooms=rooms_with_work(now), sums=_ledger_sums(), deadlines=deadlines,
        may_moderate={lead.id for lead in leads if may_moderate(user, lead)}, open_items=_open_item_count(),
        stopped=why_stopped(None) is not None,
        dead=db.session.scalar(select(func.count()).select_from(dead_letters().order_by(None).subquery())) or 0)


def _ledger_sums() -> dict[str, int]:
    """What all accounts of a currency add up to: nothing, in a sound ledger."""
    sums: dict[str, int] = {}
    for _, currency, minor in trial_balance():
        sums[currency] = sums.get(currency, 0) + minor
    return sums


def _open_item_count() -> int:
    """Differences between the books and Stripe that nobody has explained."""
    return db.session.scalar(select(func.count()).select_from(open_items().order_by(None).subquery())) or 0


def _is_payable(user: User) -> bool:
    """Whether Stripe can take transfers for this person."""
    payee = find_payee(user.id)
    return payee is not None and payee.state is PayeeState.READY


# ---- What the frame of every page shows


def layout_context() -> dict[str, Any]:
    """The names of docs/look.md. Also asked for by error pages, when the database may be gone, and by mails."""
    if not has_request_context():
        return {}
    user = _find_user_if_possible()
    hat = _current_hat(user) if user else ""
    return {
        "who": user, "hats": _hats(user, hat) if user else [], "nav": _nav(user, hat), "site": _site(user),
        "lead_href": lambda lead: url_for("lead.show", lead_id=lead.id), "lead_number": number_of,
        "lead_name": lambda lead, to: name_of(lead, Audience(to)),
        "sandbox": bool(current_app.extensions["settings"].stripe_api_base), "request_id": request_id(),
    }


def _find_user_if_possible() -> User | None:
    try:
        user = find_signed_in_user()
        return user if user and user.memberships is not None else None
    except SQLAlchemyError:
        return None


def _current_hat(user: User) -> str:
    """The hat worn last, if it still fits; else the one that has most to do."""
    fitting = [*([ADMIN] if user.is_admin else []), *(m.business_id for m in user.memberships), PERSON]
    kept = session.get("hat")
    return kept if kept in fitting else fitting[0]


def _dashboard_of(hat: str) -> str:
    if hat == PERSON:
        return url_for("home.referrer_dashboard")
    return url_for("home.admin_dashboard") if hat == ADMIN else url_for("home.business_dashboard", business_id=hat)


def _hats(user: User, current: str) -> list[dict[str, Any]]:
    hats = [(PERSON, user.name, "person"), *((m.business_id, m.business.name, "business") for m in user.memberships)]
    hats += [(ADMIN, "Moderation", "admin")] if user.is_admin else []
    return [{"href": _dashboard_of(hat), "label": label, "kind": kind, "current": hat == current}
            for hat, label, kind in hats]


def _nav(user: User | None, hat: str) -> list[dict[str, Any]]:
    board = (url_for("board.show"), "Bounties")
    if user is None:
        links = [board, (url_for("home.how_it_works"), "How it works"), (url_for("home.fairness"), "Why it is fair")]
    elif hat == PERSON:
        links = [(_dashboard_of(hat), "Dashboard"), (url_for("pointing.leads"), "My leads"), board,
                 (url_for("rewards.index"), "Rewards"),
                 (url_for("payouts.show"), "Payouts")]
    elif hat == ADMIN:
        links = [(_dashboard_of(hat), "Dashboard"), (url_for("moderation.queue"), "Queue"),
                 (url_for("rulings.index"), "Disputes"), (url_for("fraud.index"), "Fraud"),
                 (url_for("gate.index"), "Gate"), (url_for("privacy_room.show"), "Personal data"),
                 (url_for("admin.jobs"), "Jobs"), (url_for("admin.ledger_explorer"), "Ledger"),
                 (url_for("admin.audit"), "Audit")]
    else:
        payments = [(url_for("fundings.index", business_id=hat), "Payments")] if may_see_funding(user, hat) else []
        links = [(_dashboard_of(hat), "Dashboard"), (url_for("pipeline.leads", business_id=hat), "Leads"), *payments,
                 (url_for("businesses.members", business_id=hat), "People"), board]
    here = url_for("fundings.index", business_id=hat) if _is_about_payments() and user else request.path
    return [{"href": href, "label": label, "current": here == href} for href, label in links]


def _is_about_payments() -> bool:
    """A payment's own page and the statements belong to a business's payments."""
    return request.blueprint in {"fundings", "business_statements"}


def _site(user: User | None) -> dict[str, Any]:
    return {
        "home": url_for("home.landing"), "sign_in": url_for("sign.sign_in"), "sign_up": url_for("sign.sign_up"),
        "sign_out": url_for("sign.sign_out"), "account": url_for("settings.profile") if user else None,
        "footer": [
            {"href": url_for("home.how_it_works"), "label": "How it works"},
            {"href": url_for("home.fairness"), "label": "Why it is fair"},
            {"href": url_for("board.show"), "label": "Bounties"},
            {"href": url_for("your_data.ask"), "label": "What we hold about you"},
        ],
    }
