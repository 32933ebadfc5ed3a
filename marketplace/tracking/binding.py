"""A customer belongs to whoever brought them first: bound once, under the terms of that day, with a funded lead."""
from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from marketplace.bounties.models import Bounty, Terms
from marketplace.foundation import audit
from marketplace.foundation.db import db, insert_unless_there
from marketplace.foundation.errors import Conflict, Invalid
from marketplace.identity.models import User
from marketplace.referrals.models import Lead, LeadSource
from marketplace.referrals.queries import is_found_false
from marketplace.referrals.tracked import check_may_bind, is_over, open_tracked_lead
from marketplace.tracking.attribution import Touch, TouchKind
from marketplace.tracking.models import Binding, ReferralLink, Report

BESIDE_A_CODE = "Say your id for them, or their address: else nobody can tell whether they bought before."
SOURCES = {TouchKind.CLICK: LeadSource.LINK, TouchKind.CODE: LeadSource.CODE}


class CustomerUnsaid(Invalid):
    """A code was said, and by whom is not known: each of their purchases would seem the first one."""

    code = "customer_unsaid"


class BoundMeanwhile(Conflict):
    """The same customer was reported in this very moment, with another link."""

    code = "bound_meanwhile"


def bind(report: Report, touch: Touch, link: ReferralLink, *, by: str) -> Binding:
    """SelfReferral, KnownBefore, BountyClosed, CannotCount, CustomerUnsaid: then nobody is bound. The caller holds the
    bounty's funds."""
    check_may_bind(link.bounty, link.referrer, email_hash=report.email_hash, known_since=report.known_since,
                   touched_at=touch.at, happened_at=report.happened_at)
    if not (report.customer_hash or report.email_hash):
        raise CustomerUnsaid("A code alone does not say who it was.", next_step=BESIDE_A_CODE,
                             fields={"customer": [BESIDE_A_CODE]})
    binding: Binding | None = db.session.scalar(insert_unless_there(Binding, Binding), {
        "business_id": report.business_id, "customer_hash": report.customer_hash, "email_hash": report.email_hash,
        "click_hash": _click_of(report),
        "source": SOURCES[touch.kind], "link_id": link.id, "referrer_id": link.referrer_id,
        "bounty_id": link.bounty_id, "terms_id": link.bounty.terms.id, "touched_at": touch.at, "lead_id": None})
    if binding is None:
        raise BoundMeanwhile("This customer was reported in this very moment.", next_step="Send it again.")
    audit.record("customer.bound", binding.id, by=by, link=link.id, report=report.id)
    return binding


def learn_marks(binding: Binding, report: Report) -> None:
    """Whoever was known by one mark is known by all, unless another one is somebody's already. A click stands for the
    business's own id until that is said."""
    if binding.click_hash is None:
        binding.click_hash = _click_of(report)
    own = report.customer_hash if report.customer_hash != report.click_hash else None
    if own and binding.customer_hash in {None, binding.click_hash} and _is_free(Binding.customer_hash, report, own):
        binding.customer_hash = own
    mark = report.email_hash
    if mark and binding.email_hash is None and _is_free(Binding.email_hash, report, mark):
        binding.email_hash = mark


def lead_of_binding(binding: Binding, report: Report, *, name: str, by: str) -> Lead:
    """The one that stands, or a new one under the terms of the day on which they were bound. FundsGone (409)."""
    lead = db.session.get(Lead, binding.lead_id) if binding.lead_id else None
    if lead is not None and (not is_over(lead) or is_found_false(lead.id)):
        return lead
    lead = open_tracked_lead(
        db.session.get_one(Bounty, binding.bounty_id), db.session.get_one(Terms, binding.terms_id),
        db.session.get_one(User, binding.referrer_id), source=binding.source, name=name,
        email_hash=binding.email_hash or report.email_hash, touched_at=binding.touched_at, by=by)
    binding.lead_id = lead.id
    return lead


def _click_of(report: Report) -> str | None:
    """Of several who came by one click it is the first one's."""
    click = report.click_hash
    return click if click and _is_free(Binding.click_hash, report, click) else None


def _is_free(column: InstrumentedAttribute[str | None], report: Report, mark: str) -> bool:
    return db.session.scalar(select(Binding.id).where(
        Binding.business_id == report.business_id, column == mark)) is None
