"""A customer belongs to whoever brought them first: bound once, under the terms of that day, with a funded lead."""
from collections.abc import Sequence

from sqlalchemy import delete, select, update

from marketplace.bounties.models import Bounty, Terms
from marketplace.foundation import audit
from marketplace.foundation.db import db, insert_unless_there
from marketplace.foundation.errors import Conflict, Invalid
from marketplace.identity.models import User
from marketplace.referrals.models import Buyer, Lead, LeadSource
from marketplace.referrals.queries import is_found_false
from marketplace.referrals.tracked import check_may_bind, is_over, open_tracked_lead
from marketplace.tracking.attribution import Touch, TouchKind
from marketplace.tracking.models import Binding, BindingClick, ReferralLink, Report
from marketplace.tracking.reported import own_id
from marketplace.tracking.resolving import Known, are_two

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
        "business_id": report.business_id, "customer_hash": own_id(report.customer_hash, report.click_hash),
        "email_hash": report.email_hash,
        "source": SOURCES[touch.kind], "link_id": link.id, "referrer_id": link.referrer_id,
        "bounty_id": link.bounty_id, "terms_id": link.bounty.terms.id, "touched_at": touch.at, "lead_id": None})
    if binding is None:
        raise BoundMeanwhile("This customer was reported in this very moment.", next_step="Send it again.")
    keep_click(binding.id, report)
    audit.record("customer.bound", binding.id, by=by, link=link.id, report=report.id)
    return binding


def learn_marks(binding: Binding, report: Report, known: Known, *, by: str) -> None:
    """Whoever was known by one mark is known by all, unless another one is somebody's already."""
    for other in known.bindings:
        other.customer_hash = own_id(other.customer_hash, report.click_hash)  # It may stand there from before 0029.
        if other is not binding:
            _join(binding, other, report, by=by)
    if binding.customer_hash is None and "customer_hash" in known.free:
        binding.customer_hash = report.customer_hash
    if binding.email_hash is None and "email_hash" in known.free:
        binding.email_hash = report.email_hash
    _learn_address(binding)
    if "click_hash" in known.free:
        keep_click(binding.id, report)


def _learn_address(binding: Binding) -> None:
    """However it came to be known: so that another lead of the same buyer reads that they bought by this one."""
    lead = db.session.get(Lead, binding.lead_id) if binding.lead_id and binding.email_hash else None
    buyer = db.session.get(Buyer, lead.buyer_id) if lead is not None and lead.is_tracked else None
    if buyer is not None and buyer.email_hash is None and buyer.erased_at is None:
        buyer.email_hash = binding.email_hash


def learn_of_lead(lead: Lead, report: Report, known: Known, *, by: str) -> Binding | None:
    """Who was found by their lead is known by what else is told of them from now on: their id, each visit, another
    address. None where nothing is, or where it tells of somebody else than those whom the lead is known by."""
    binding = db.session.scalar(select(Binding).where(Binding.lead_id == lead.id).order_by(Binding.id).limit(1))
    if binding is None:
        if not (known.free or known.bindings):
            return None
        binding = Binding(
            business_id=lead.business_id, source=lead.source, link_id="", referrer_id=lead.referrer_id,
            bounty_id=lead.bounty_id, terms_id=lead.terms_id, touched_at=lead.accepted_at, lead_id=lead.id)
        db.session.add(binding)
        db.session.flush()
        audit.record("customer.bound", binding.id, by=by, lead=lead.id, report=report.id)
    told: tuple[Binding | Report, ...] = (report, *known.bindings)
    if any(are_two(binding, one, report.click_hash) for one in told):
        return None
    learn_marks(binding, report, known, by=by)
    return binding


def let_go(ended: Sequence[Binding], report: Report, *, by: str) -> None:
    """Of leads that are over: whoever is bound by them may be bound by others."""
    for one in ended:
        one.customer_hash = one.email_hash = None
        db.session.execute(delete(BindingClick).where(BindingClick.binding_id == one.id))
        audit.record("customer.let_go", one.id, by=by, lead=one.lead_id, report=report.id)
    db.session.flush()  # Before they are another's: each is one customer's alone.


def keep_click(binding_id: str, report: Report) -> None:
    """Of several who came by one click it is the first one's."""
    if report.click_hash:
        db.session.execute(insert_unless_there(BindingClick), {
            "business_id": report.business_id, "click_hash": report.click_hash, "binding_id": binding_id})


def _join(binding: Binding, other: Binding, report: Report, *, by: str) -> None:
    """They were bound apart, and are one customer: by every mark that one is found now. What ``other`` earned stays."""
    marks = {name: getattr(binding, name) or getattr(other, name) for name in ("customer_hash", "email_hash")}
    other.customer_hash = other.email_hash = None
    db.session.flush()  # Before they are another's: each is one customer's alone.
    binding.customer_hash, binding.email_hash = marks["customer_hash"], marks["email_hash"]
    db.session.execute(update(BindingClick).where(BindingClick.binding_id == other.id).values(binding_id=binding.id))
    audit.record("customer.joined", other.id, by=by, to=binding.id, report=report.id)


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

