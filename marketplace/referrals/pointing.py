"""Someone points a business at a buyer: the URL of a post (or a text, or files), the quote, how they know them."""
from collections.abc import Sequence
from datetime import date

from sqlalchemy.exc import IntegrityError

from marketplace.bounties.models import Bounty, BountyState
from marketplace.bounties.publishing import can_fund_one_more
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Forbidden, Invalid, require
from marketplace.foundation.given_files import GivenFile
from marketplace.foundation.handles import find_handle
from marketplace.identity.models import User
from marketplace.referrals import lifecycle
from marketplace.referrals.deadlines import ACCEPTED_BY_DEFAULT, REMINDER_AFTER, add_business_days
from marketplace.referrals.desk.telling import take_back_untold
from marketplace.referrals.duplicates import find_live_twin, tell_both
from marketplace.referrals.evidence_files import keep_files, stand_in
from marketplace.referrals.known_contacts import is_known_at_once
from marketplace.referrals.lawful import keep_ruling, learn_home
from marketplace.referrals.models import Acquaintance, Buyer, Evidence, EvidenceState, Lead, Moderation
from marketplace.referrals.nearness import keep_likeness
from marketplace.referrals.permissions import is_referrer, may_point
from marketplace.referrals.post_age import check_said_day
from marketplace.referrals.suppression import hash_email, hash_handle, hash_post, refuse_suppressed


class BountyNotOpen(Conflict):
    code = "bounty_not_open"


class AlreadyPointed(Conflict):
    code = "already_pointed"
    lead_id = ""  # The one that is there already.


class SelfReferral(Forbidden):
    code = "self_referral"


class NoEvidence(Invalid):
    code = "no_evidence"


def point_at_buyer(
    bounty: Bounty, *, by: User, quote: str, acquaintance: Acquaintance, how_known: str, url: str | None = None,
    text: str | None = None, buyer_name: str | None = None, buyer_email: str | None = None,
    your_jurisdiction: str = "", buyer_jurisdiction: str = "", said_where: str | None = None,
    said_on: date | None = None, age_reason: str | None = None, files: Sequence[GivenFile] = (),
) -> Lead:
    """A new lead under the terms of today. A second pointer at the same buyer gets a duplicate, with its appeal."""
    check_may_point(bounty, by=by)
    learn_home(bounty, by, your_jurisdiction)
    if buyer_email and hash_email(buyer_email) == hash_email(by.email):
        raise SelfReferral("That is your own address: nobody can point at themselves.",
                           next_step="If you are the buyer, contact the business directly.",
                           fields={"buyer_email": ["Not your own address."]})
    if not url and not text and not files:
        raise NoEvidence("Give the address of the post, or its text or a file where there is none.",
                         fields={"url": ["Give the address of the post, or its text or a file below."]})
    check_said_day(said_on, age_reason, allowed=bounty.terms.evidence_days)
    post_hash = hash_post(url) if url else None
    buyer_hash = hash_email(buyer_email) if buyer_email else None
    handle = find_handle(url) if url else None
    handle_hash = hash_handle(handle) if handle else None
    refuse_suppressed(post_hash, buyer_hash, handle_hash)
    buyer = Buyer(name=buyer_name, email=buyer_email, email_hash=buyer_hash, handle_hash=handle_hash)
    db.session.add(buyer)
    db.session.flush()
    lead = Lead(
        bounty_id=bounty.id, terms_id=bounty.terms.id, business_id=bounty.business_id, referrer_id=by.id,
        buyer_id=buyer.id, acquaintance=acquaintance, how_known=how_known, post_hash=post_hash,
        buyer_hash=buyer_hash, handle_hash=handle_hash, buyer_jurisdiction=buyer_jurisdiction, submitted_at=clock.now())
    keep_ruling(lead, bounty, by)
    lead.evidence = Evidence(
        url=url, quote=quote, text=text, said_where=said_where, said_on=said_on, age_reason=age_reason)
    _add_first_or_duplicate(lead, buyer, by)
    if files:
        keep_files(lead, files, by=by.id)
        stand_in(lead, files)
    if lead.evidence.text:
        keep_likeness(lead)
    return lead


def check_may_point(bounty: Bounty, *, by: User) -> None:
    """SelfReferral for the business's own people, Forbidden before confirming, BountyNotOpen (409)."""
    if by.role_in(bounty.business_id) is not None:
        raise SelfReferral("You work there: a business cannot earn its own bounty.",
                           next_step="Point at bounties of other businesses.")
    require(may_point(by, bounty), "point before your e-mail address is confirmed")
    if bounty.state is not BountyState.LIVE or not can_fund_one_more(bounty):
        raise BountyNotOpen("This bounty does not take leads right now.",
                            next_step="Look on the board for another one that fits.")


def _add_first_or_duplicate(lead: Lead, buyer: Buyer, by: User) -> None:
    """The unique indexes decide a race; whoever is second, or points at somebody known, keeps a lead that says so."""
    twin = find_live_twin(lead)
    if twin is None and is_known_at_once(lead, buyer):
        lifecycle.open_known(lead, by=by.id)
        outbox.promise("send_letter", letter="lead_rejected", lead_id=lead.id)
        return
    if twin is None:
        try:
            with db.session.begin_nested():
                lifecycle.open_lead(lead, by=by.id)
        except IntegrityError:  # Someone pointed in this very moment.
            twin = find_live_twin(lead)
            if twin is None:
                raise
        else:
            start_review(lead)
            return
    if twin.referrer_id == by.id:
        known = AlreadyPointed("You have pointed at this buyer already.",
                               next_step="Find it under your leads; nothing needs to be sent twice.")
        known.lead_id = twin.id
        raise known
    lifecycle.open_duplicate(lead, of=twin, by=by.id)
    tell_both(lead, of=twin)


def start_review(lead: Lead) -> None:
    """Read the post, then ask a moderator; the clocks of moderation start now."""
    if lead.evidence.state is EvidenceState.PENDING:
        outbox.promise("capture_evidence", lead_id=lead.id)
    else:
        outbox.promise("begin_review", lead_id=lead.id)
    start_clocks(lead)


def start_clocks(lead: Lead) -> None:
    """A reminder after a day, acceptance after five business days: silence resolves for the referrer."""
    now = clock.now()
    outbox.promise("remind_moderators", after=REMINDER_AFTER, lead_id=lead.id)
    outbox.promise(
        "accept_by_default", after=add_business_days(now, ACCEPTED_BY_DEFAULT) - now, lead_id=lead.id,
        submitted_at=lead.submitted_at.isoformat())


def withdraw_lead(lead: Lead, *, by: User) -> None:
    """The referrer takes it back, before a decision."""
    require(is_referrer(by, lead), "withdraw this lead")
    take_back_untold(lead, by=audit.SYSTEM)
    lifecycle.move(lead, Moderation.WITHDRAWN, by=by.id)
