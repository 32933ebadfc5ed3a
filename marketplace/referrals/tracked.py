"""A buyer who came by a referrer's link or code: a lead without a post, accepted at once, its money reserved.

There is nothing to moderate and nobody to ask: the buyer went to the business by themselves, and no contact data goes
through us. What could be wrong with it is looked for by rule: the referrer's own purchase, one of the business's own
people, a buyer whom the business knew, a bounty that is closed or has no funds. Signs of fraud hold the reward.
"""
from datetime import UTC, datetime, time, timedelta

from marketplace.bounties.models import Bounty, BountyState, Terms
from marketplace.bounties.publishing import can_fund_one_more, pause_if_out_of_funds
from marketplace.bounties.queries import find_closing
from marketplace.bounties.rest import Past, most_left
from marketplace.bounties.rules import worst_case
from marketplace.foundation import clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.foundation.show import day_in_words
from marketplace.identity.models import User
from marketplace.payments.ledger import NotEnoughMoney
from marketplace.payments.money_in import funds
from marketplace.referrals import lifecycle
from marketplace.referrals.duplicates import find_live_twin
from marketplace.referrals.lawful import keep_ruling, ruling_of
from marketplace.referrals.legal_clocks import BY_BUSINESS
from marketplace.referrals.locks import lock_funds_of
from marketplace.referrals.models import Acquaintance, Buyer, Evidence, Lead, LeadSource, Moderation, Stage
from marketplace.referrals.moderation import FundsGone
from marketplace.referrals.pointing import SelfReferral
from marketplace.referrals.reserving import still_possible
from marketplace.referrals.suppression import hash_email

DAY_ALONE = frozenset({time(0), time(23, 59)})  # As a file and a form write it.


class CannotCount(Conflict):
    """Why somebody who came by a link or a code is nobody's lead; ``code`` is the reason."""

    code = "cannot_count"


class KnownBefore(CannotCount):
    code = "already_known"


class BountyClosed(CannotCount):
    code = "bounty_closed"


def earliest(happened_at: datetime) -> datetime:
    """Of a day without an hour its beginning: the doubt is the referrer's."""
    return datetime.combine(happened_at, time(0), UTC) if happened_at.time() in DAY_ALONE else happened_at


def check_may_bind(
    bounty: Bounty, referrer: User, *, email_hash: str | None, known_since: datetime | None, touched_at: datetime,
    happened_at: datetime,
) -> None:
    """SelfReferral, KnownBefore, BountyClosed: then nobody is bound, and the page says why. The caller holds the funds
    of a bounty that is closed."""
    if referrer.role_in(bounty.business_id) is not None:
        raise SelfReferral("Whoever sent them works at the business: it cannot earn its own bounty.")
    if email_hash is not None and email_hash == hash_email(referrer.email):
        raise SelfReferral("The customer has the address of whoever sent them: nobody is paid for their own purchase.")
    if referrer.closed_at is not None:
        raise CannotCount("The account of whoever sent them is closed.")
    if known_since is not None and known_since < touched_at:
        raise KnownBefore(f"The business had this address on its own list since {day_in_words(known_since)}, before "
                          "they came by the link.")
    if bounty.is_closed or bounty.state is BountyState.DRAFT:
        _check_was_open(bounty, happened_at)


def _check_was_open(bounty: Bounty, happened_at: datetime) -> None:
    """What happened before it closed counts also when it is told later, as far as its funds are still there."""
    closed_at = find_closing(bounty.id)
    if closed_at is None or earliest(happened_at) >= closed_at:
        raise BountyClosed("The bounty is closed, and nothing had bound this customer before.")
    if not can_fund_one_more(bounty):
        raise BountyClosed("It happened before the bounty closed, and was told only once its free funds had gone back.")


def open_tracked_lead(
    bounty: Bounty, terms: Terms, referrer: User, *, source: LeadSource, name: str, email_hash: str | None,
    touched_at: datetime, by: str,
) -> Lead:
    """accepted, stage new, the worst case reserved. FundsGone (409), of a closed bounty BountyClosed, before anything
    is written, where it is not there.

    ``terms`` are those of the day on which the customer was bound; ``name`` is the link or the code, as people read it.
    """
    now = clock.now()
    buyer = Buyer(id=new_id("buyer"), email_hash=email_hash, told_at=now, told_how=BY_BUSINESS)
    lead = Lead(
        id=new_id("lead"), bounty_id=bounty.id, bounty=bounty, terms_id=terms.id, terms=terms, source=source,
        business_id=bounty.business_id, business=bounty.business, referrer_id=referrer.id, referrer=referrer,
        buyer_id=buyer.id, acquaintance=Acquaintance.NONE, how_known="", buyer_hash=email_hash, submitted_at=touched_at,
        accepted_at=touched_at, protected_until=now + timedelta(days=terms.protection_days))
    keep_ruling(lead, bounty, referrer)
    lock_funds_of(lead)
    _reserve(lead)
    lead.evidence = Evidence(quote=f"Came by the {source} {name} on {day_in_words(touched_at)}.")
    if email_hash is not None and find_live_twin(lead) is not None:
        lead.buyer_hash = None  # Somebody pointed at them as well, and keeps the first place in that index.
    db.session.add(buyer)
    lifecycle.open_tracked(lead, by=by)
    outbox.promise("end_protection", after=timedelta(days=terms.protection_days), lead_id=lead.id)
    pause_if_out_of_funds(bounty)
    return lead


def reserve_again(lead: Lead) -> None:
    """What was freed when the business had given the lead up: it sells after all. FundsGone, BountyClosed (409)."""
    most = min(still_possible(lead), worst_case(lead.terms))
    short = most - funds.reserved_for(lead.id, lead.terms.currency)
    if short.minor > 0:
        _take(lead, short)


def is_over(lead: Lead) -> bool:
    """Its time ran out before anything was sold; the customer stays bound, and a new lead may stand for them."""
    return lead.moderation is not Moderation.ACCEPTED


def come_back(lead: Lead, *, by: str) -> None:
    """lost -> new, when the buyer buys after all."""
    if lead.stage is Stage.LOST:
        lifecycle.move_stage(lead, Stage.NEW, by=by, reason="the buyer came back")


def _reserve(lead: Lead) -> None:
    most = min(most_left(lead.terms, Past(), ruling_of(lead)), worst_case(lead.terms))
    if most.minor:
        _take(lead, most)


def _take(lead: Lead, amount: Money) -> None:
    try:
        funds.reserve(lead.id, bounty_id=lead.bounty_id, amount=amount)
    except NotEnoughMoney as short:
        if lead.bounty.is_closed:
            raise BountyClosed("The bounty is closed: it takes no more funds, and has none left for this customer."
                               ) from short
        raise FundsGone("The bounty has no free funds for this customer.",
                        next_step="Fund it; what waits for it is counted then.") from short
