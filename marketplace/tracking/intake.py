"""A conversion comes in, from any source: kept once, credited, counted; or kept until somebody can be credited."""
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select, text
from sqlalchemy.exc import IntegrityError

from marketplace.bounties.models import Bounty
from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db, facts, insert_unless_there, write_rows
from marketplace.foundation.errors import DomainError, require
from marketplace.identity.models import Business, User
from marketplace.payments.locks import lock_funds
from marketplace.referrals.locks import lock_orders_of
from marketplace.referrals.models import Conversion, ConversionSource, Lead, LeadSource
from marketplace.referrals.moderation import FundsGone
from marketplace.referrals.pointing import SelfReferral
from marketplace.referrals.tracked import CannotCount
from marketplace.tracking.batches import Counted, count_plain
from marketplace.tracking.binding import (
    CustomerUnsaid,
    bind,
    lead_of_binding,
    learn_marks,
    learn_of_lead,
    let_go,
)
from marketplace.tracking.business_stripe.disputed import hold_disputed
from marketplace.tracking.counting import (
    COUNTED_KINDS,
    count,
    find_counted,
    find_twin,
    is_customer_claimed,
    note_duplicate,
    reject,
    say,
)
from marketplace.tracking.lifecycle import move_report
from marketplace.tracking.models import WAITS, Binding, ReferralLink, Report, ReportKind, ReportState
from marketplace.tracking.permissions import may_give_back, may_report
from marketplace.tracking.refunds import apply_refund, apply_waiting_refunds
from marketplace.tracking.report_outcomes import (
    Outcome,
    answer_again,
    find_reports,
    get_report,
    outcome_of,
    outcome_of_plain,
)
from marketplace.tracking.reported import Reported, check_reported, columns_of, known_since
from marketplace.tracking.resolving import Found, resolve

S = ReportState
NOBODY, NO_FUNDS, CLAIMED, LINK_ENDED = "nobody", "funds_gone", "claimed", "link_ended"
NOBODYS = frozenset({NOBODY, LINK_ENDED, CustomerUnsaid.code})  # A referrer may claim it.
# One statement for each mark: asked as one condition with OR, a database may read all that waits.
OTHERS_WAITING = {name: select(Report.id).where(
    Report.business_id == bindparam("business_id"), text(f"reports.{WAITS}"), column == bindparam("mark"),
    Report.id != bindparam("own")).limit(1)
    for name, column in (("customer_hash", Report.customer_hash), ("email_hash", Report.email_hash))}


def take_conversion(
    business: Business, said: Reported, *, source: ConversionSource, by: User | None
) -> Outcome:
    """Once per (business, source, external id): the same again answers the first one, whatever became of it.

    ``by=None``: the business's own Stripe, or the buyer. Invalid (422) for what nobody could count; ReportedOtherwise
    (409) for the same id with another body. Whatever else is wrong is kept, with its state and reasons.
    """
    [taken] = take_conversions(business, [said], source=source, by=by)
    if isinstance(taken, DomainError):
        raise taken
    return taken


def take_conversions(
    business: Business, items: Sequence[Reported], *, source: ConversionSource, by: User | None
) -> list[Outcome | DomainError]:
    """Each by itself, as ``take_conversion`` would take them in this order; answers stand in the order of the items.

    What is refused leaves nothing behind and hinders no other. Forbidden (403) where ``by`` may not report at all.
    """
    require(by is None or may_report(by, business.id), "report conversions of this business")
    actor, results = by.id if by else audit.SYSTEM, dict[int, Outcome | DomainError]()
    known = {one.external_id: one for one in find_reports(business.id, source, [one.external_id for one in items])}
    for place, said in enumerate(items):
        try:
            _check(business, said, by)
            if said.external_id in known:
                results[place] = answer_again(known[said.external_id], said)
        except DomainError as refusal:
            results[place] = refusal
    left = {place: said for place, said in enumerate(items) if place not in results}
    if left:
        lock_orders_of(business.id)
    since = known_since(business.id, [said.email for said in left.values() if said.email])
    drafts = {place: columns_of(business.id, said, source=source, by=actor, known=since)
              for place, said in left.items()}
    for place, counted in _count_plain(business.id, drafts, by=actor).items():
        results[place] = outcome_of_plain(counted)
    for place, columns in drafts.items():
        if place not in results:
            results[place] = _take_apart(business.id, left[place], columns, by=actor, is_alone=len(items) == 1)
    return [results[place] for place in range(len(items))]


def _check(business: Business, said: Reported, by: User | None) -> None:
    if said.kind is ReportKind.REFUND:
        require(by is None or may_give_back(by, business.id), "record a refund of this business")
    check_reported(said)


def _count_plain(business_id: str, drafts: dict[int, dict[str, Any]], *, by: str) -> dict[int, Counted]:
    """On PostgreSQL somebody else may report the same in this moment: then all of them go the way of every day."""
    if db.engine.dialect.name == "sqlite":
        return count_plain(business_id, drafts, by=by)
    try:
        with db.session.begin_nested():
            counted = count_plain(business_id, drafts, by=by)
            write_rows()
    except IntegrityError:
        return {}
    return counted


def _take_apart(
    business_id: str, said: Reported, columns: dict[str, Any], *, by: str, is_alone: bool
) -> Outcome | DomainError:
    """One of several leaves nothing behind where it is refused."""
    if is_alone:
        return _take(business_id, said, columns, by=by)
    try:
        with db.session.begin_nested():
            outcome = _take(business_id, said, columns, by=by)
            write_rows()
    except DomainError as refusal:
        return refusal
    return outcome


def _take(business_id: str, said: Reported, columns: dict[str, Any], *, by: str) -> Outcome:
    found = None if said.kind is ReportKind.REFUND else _lock(resolve(Report(**columns)))
    report: Report | None = db.session.scalar(insert_unless_there(Report, Report), {**columns, "state": S.RECEIVED})
    if report is None:  # Its twin was faster, or stands before it among these.
        return answer_again(get_report(business_id, columns["source"], said.external_id), said)
    settle(report, found, by=by)
    return outcome_of(report)


def settle(report: Report, found: Found | None, *, by: str) -> None:
    """Decide what becomes of it, now. Without a lock that it needs, it is taken here. CustomerUnsaid (422) of a new
    one: nothing is kept of it, so it can be said again."""
    was = (report.state, report.binding_id)
    if report.kind is ReportKind.REFUND:
        apply_refund(report, by=by)
    elif not _is_counted_elsewhere(report, by=by):
        _credit(report, found or _lock(resolve(report)), by=by)
    if was != (report.state, report.binding_id):
        _wake_others(report)
    if was[0] is not S.RECEIVED:
        hold_disputed(report)


def _credit(report: Report, found: Found | None, *, by: str) -> None:
    assert found is not None
    report.reasons = list(found.attribution.reasons)
    if found.attribution.referrer_id is None:
        move_report(report, S.UNMATCHED, by=by, reason=LINK_ENDED if found.is_over else NOBODY)
        return
    if not found.is_buyers_word and is_customer_claimed(report):
        say(report, "A referrer claims another order of this customer; what becomes of that is awaited.")
        move_report(report, S.UNMATCHED, by=by, reason=CLAIMED)
        return
    try:
        lead = _lead_for(report, found, by=by)
        made = count(report, lead, by=by)
    except FundsGone as short:
        report.reasons = [*report.reasons, f"{short.message} It is counted once there are some."]
        move_report(report, S.MATCHED, by=by, reason=NO_FUNDS)
    except CustomerUnsaid as unsaid:
        if report.state is S.RECEIVED:
            raise
        say(report, unsaid.message)
        move_report(report, S.UNMATCHED, by=by, reason=unsaid.code)
    except (CannotCount, SelfReferral) as refusal:
        reject(report, refusal, by=by)
    else:
        if made is not None and report.kind in COUNTED_KINDS:
            apply_waiting_refunds(report, by=by)


def _lead_for(report: Report, found: Found, *, by: str) -> Lead:
    let_go(found.known.ended, report, by=by)
    if found.lead is not None:
        learned = learn_of_lead(found.lead, report, found.known, by=by)
        report.binding_id = learned.id if learned else report.binding_id
        return found.lead
    touch, link, binding = found.attribution.touch, found.link, found.binding
    if binding is None:
        assert touch is not None
        assert link is not None
        binding = bind(report, touch, link, by=by)
    else:
        learn_marks(binding, report, found.known, by=by)
    report.binding_id = binding.id
    return lead_of_binding(binding, report, name=_name(binding, found), by=by)


def _name(binding: Binding, found: Found) -> str:
    if found.attribution.touch is not None:
        return found.attribution.touch.name
    link = db.session.get(ReferralLink, binding.link_id)
    return "" if link is None else link.spoken if binding.source is LeadSource.CODE else link.code


def _is_counted_elsewhere(report: Report, *, by: str) -> bool:
    """The same order, or sign-up, by another way: by hand, or by another source. It is counted once."""
    first: Conversion | Report | None
    if report.kind in COUNTED_KINDS:
        if find_twin(report, S.DISPUTED) is not None:
            say(report, "A referrer claims this order; what becomes of that is awaited.")
            move_report(report, S.UNMATCHED, by=by, reason=CLAIMED)
            return True
        first = find_counted(report.business_id, report.external_id)
    else:
        first = find_twin(report, S.APPROVED, S.MATCHED)
    if first is None:
        return False
    report.lead_id, report.reasons = first.lead_id, []
    note_duplicate(report, first, by=by)
    return True


def _wake_others(report: Report) -> None:
    """Of the same customer, what waited for a link, a sale or funds: one look-up by index, then one job."""
    if report.binding_id is None and report.lead_id is None:
        return
    for name, statement in OTHERS_WAITING.items():
        mark = getattr(report, name)
        if mark and facts(statement, {"business_id": report.business_id, "own": report.id, "mark": mark}).first():
            outbox.promise("match_reports", report_id=report.id)
            return


def _lock(found: Found | None) -> Found | None:
    """The first lock of whoever moves a bounty's money."""
    if found is not None and found.bounty_id is not None:
        bounty = db.session.get_one(Bounty, found.bounty_id)
        lock_funds((bounty.id, bounty.currency))
    return found
