"""A referrer claims a sale that nobody was credited with: through the dispute “a sale that is not recorded”."""
from datetime import date

from sqlalchemy import func, or_, select, text

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db, insert_unless_there
from marketplace.foundation.errors import Conflict, require
from marketplace.identity.models import User
from marketplace.payments.locks import lock_funds
from marketplace.referrals.asking import end_lead
from marketplace.referrals.disputes.opening import open_dispute
from marketplace.referrals.disputes.subjects import Claim
from marketplace.referrals.locks import lock_funds_of, lock_orders_of
from marketplace.referrals.models import ConversionSource, Dispute, DisputeKind, Lead, LeadSource, Moderation, Stage
from marketplace.referrals.queries import find_conversion
from marketplace.referrals.tracked import check_may_bind, open_tracked_lead
from marketplace.tracking.binding import keep_click, let_go
from marketplace.tracking.business_stripe.disputed import hold_disputed
from marketplace.tracking.counting import DAYS_OFF, find_counted, find_twin, is_customer_claimed, marks_of, say
from marketplace.tracking.intake import CLAIMED, NOBODY, NOBODYS
from marketplace.tracking.lifecycle import move_report
from marketplace.tracking.models import WAITS, Binding, ReferralLink, Report, ReportKind, ReportState
from marketplace.tracking.permissions import may_end_link
from marketplace.tracking.refunds import apply_waiting_refunds
from marketplace.tracking.reported import own_id
from marketplace.tracking.resolving import resolve

S = ReportState
CHECK = ("Check the order number and the day with the buyer. A sale that the shop has not told us yet can be claimed "
         "once it has.")


MOST_OPEN = 5  # Of one person: each keeps money from others, and silence pays; nobody lives by guessing order numbers.


class TooManyClaims(Conflict):
    code = "too_many_claims"


class NoSuchSale(Conflict):
    code = "no_such_sale"


def claim_sale(link: ReferralLink, *, by: User, order_number: str, bought_on: date, text: str) -> Dispute:
    """unmatched -> disputed: the business has five business days; without an answer it counts. NoSuchSale (409) gives
    one answer for an order that is not there, was credited, or was bought on another day: nobody learns which.
    TooManyClaims (409): five of theirs are not decided yet."""
    require(by.id == link.referrer_id and may_end_link(by, link), "claim a sale with this link")
    is_open = select(func.count()).select_from(Report).join(Lead, Lead.id == Report.lead_id).where(
        Lead.referrer_id == by.id, Report.state == S.DISPUTED)
    if (db.session.scalar(is_open) or 0) >= MOST_OPEN:
        raise TooManyClaims(f"{MOST_OPEN} of your claims are not decided yet: that is the most at a time.",
                            next_step="Wait until one of them is.")
    bounty = link.bounty
    lock_orders_of(bounty.business_id)
    lock_funds((bounty.id, bounty.currency))
    report = _find(bounty.business_id, order_number.strip(), bought_on)
    if report is None or report.currency != bounty.currency:
        raise NoSuchSale("We know of no such sale that nobody was credited with.", next_step=CHECK,
                         fields={"order_number": [f"We know of no such sale that nobody was credited with. {CHECK}"]})
    check_may_bind(bounty, by, email_hash=report.email_hash, known_since=report.known_since,
                   touched_at=report.happened_at, happened_at=report.happened_at)
    lead = open_tracked_lead(bounty, bounty.terms, by, source=LeadSource.LINK, name=link.code,
                             email_hash=report.email_hash, touched_at=report.happened_at, by=by.id)
    report.lead_id = lead.id
    say(report, "A referrer says that they brought this customer; the business answers.")
    move_report(report, S.DISPUTED, by=by.id, reason=CLAIMED)
    db.session.flush()
    return open_dispute(lead, DisputeKind.UNTRACKED, by=by, text=text,
                        claim=Claim(report.happened_at.date(), report.amount))


def note_claim_ended(dispute_id: str) -> None:
    """Job, when a dispute is over: what was claimed by it is counted, or nobody's again."""
    dispute = db.session.get_one(Dispute, dispute_id)
    report = db.session.scalar(select(Report).where(Report.lead_id == dispute.lead_id, Report.state == S.DISPUTED))
    if report is None or dispute.ended_at is None:
        return
    lead = db.session.get_one(Lead, dispute.lead_id)
    lock_orders_of(report.business_id)
    lock_funds_of(lead)
    outbox.promise("match_order", business_id=report.business_id, external_id=report.external_id)
    outbox.promise("count_what_was_claimed", business_id=report.business_id)
    sale = find_conversion(lead)
    if sale is not None:
        report.conversion_id = sale.id
        say(report, "The dispute ended for whoever says that they brought this customer.")
        move_report(report, S.APPROVED, by=audit.SYSTEM)
        _bind(report, lead)
        outbox.promise("match_reports", report_id=report.id)  # What else is theirs is credited with it.
        apply_waiting_refunds(report, by=audit.SYSTEM)
        hold_disputed(report)
        return
    say(report, "The dispute ended, and nobody was credited.")
    report.lead_id = None
    move_report(report, S.UNMATCHED, by=audit.SYSTEM, reason=NOBODY)
    if lead.moderation is Moderation.ACCEPTED and lead.stage is not Stage.WON:
        end_lead(lead, why="the claim was not upheld")


def _find(business_id: str, order_number: str, bought_on: date) -> Report | None:
    found = db.session.scalars(select(Report).where(
        Report.business_id == business_id, Report.source.in_(list(ConversionSource)),
        Report.external_id == order_number, Report.kind == ReportKind.SALE, Report.state == S.UNMATCHED,
        Report.reason.in_(NOBODYS)).with_for_update(key_share=True)).all()
    best_known = sorted(found, key=lambda one: (not one.customer_hash, not one.email_hash, one.id))
    one = next((one for one in best_known if abs(one.happened_at.date() - bought_on) <= DAYS_OFF), None)
    told = (S.DISPUTED, S.MATCHED, S.APPROVED, S.REJECTED)
    if one is None or find_twin(one, *told) or find_counted(business_id, order_number):
        return None  # Somebody's already, or decided, by another way.
    if is_customer_claimed(one) or _is_awaited(one):
        return None
    return None if resolve(one).attribution.referrer_id is not None else one


def _is_awaited(report: Report) -> bool:
    """What was told of order or customer while an earlier claim was open is not settled yet: it comes first."""
    same = or_(Report.external_id == report.external_id, *marks_of(report))
    return db.session.scalar(select(Report.id).where(
        Report.business_id == report.business_id, text(f"reports.{WAITS}"), Report.reason == CLAIMED, same).limit(1)
    ) is not None


def _bind(report: Report, lead: Lead) -> None:
    """From now on they are whoever's won the claim, unless somebody bound them meanwhile."""
    if report.customer_hash or report.email_hash:
        let_go(resolve(report).known.ended, report, by=audit.SYSTEM)
        bound = db.session.scalar(insert_unless_there(Binding, Binding.id), {
            "business_id": report.business_id, "email_hash": report.email_hash,
            "customer_hash": own_id(report.customer_hash, report.click_hash),
            "source": lead.source, "link_id": "", "referrer_id": lead.referrer_id, "bounty_id": lead.bounty_id,
            "terms_id": lead.terms_id, "touched_at": report.happened_at, "lead_id": lead.id})
        if bound is not None:
            report.binding_id = bound  # Whoever is credited anew has the customer with it.
            keep_click(bound, report)
            audit.record("customer.bound", bound, by=audit.SYSTEM, lead=lead.id, report=report.id)
