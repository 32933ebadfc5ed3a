"""Writing and changing an offer. Terms are never edited: a change makes the next number."""
from typing import Any

from marketplace.bounties.models import Bounty, BountyState, Terms
from marketplace.bounties.permissions import may_edit, may_post_for
from marketplace.bounties.publishing import pause_if_out_of_funds, resume_when_funded
from marketplace.bounties.queries import was_ever_funded
from marketplace.foundation import audit
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, require
from marketplace.foundation.money import CURRENCIES
from marketplace.foundation.web import check_version
from marketplace.identity.models import Business, User

PLATFORM_FEE_BPS = 500  # Of the reward, paid by the business on top, shown before funding.
PROMISED = (  # Changing any of these makes new terms; title and offer are only words about them.
    "criteria", "reward_kind", "reward_minor", "reward_bps", "cap_minor", "currency", "hold_days",
    "protection_days", "consent_days", "evidence_days", "category", "place",
)


class CurrencyFixed(Conflict):
    code = "currency_fixed"


def draft_bounty(business: Business, *, by: User, title: str, offer: str, **promised: Any) -> Bounty:
    """``promised`` has the fields named in PROMISED, as BountyInput gives them."""
    require(may_post_for(by, business.id), "post bounties for this business")
    bounty = Bounty(business_id=business.id, business=business, title=title, offer=offer,
                    category=promised["category"], place=promised["place"], highest_reward=0)
    db.session.add(bounty)
    db.session.flush()
    audit.record("bounty.drafted", bounty.id, by=by.id)
    _set_terms(bounty, promised, by=by)
    return bounty


def change_bounty(
    bounty: Bounty, *, by: User, title: str, offer: str, version: int | None = None, **promised: Any
) -> None:
    """Leads that exist keep the terms of their day. StaleForm (409) if someone else changed it first."""
    require(may_edit(by, bounty), "change this bounty")
    check_version(bounty, version)
    if bounty.state in {BountyState.CLOSED, BountyState.ARCHIVED}:
        raise Conflict("A closed bounty cannot be changed.", next_step="Post a new one.")
    if promised["currency"] != bounty.terms.currency and (
            bounty.state is not BountyState.DRAFT or was_ever_funded(bounty)):
        raise CurrencyFixed(
            "A bounty that was published or funded keeps its currency.",
            next_step="Close it and post one in the other currency.")
    bounty.title, bounty.offer = title, offer
    if any(getattr(bounty.terms, name) != promised[name] for name in PROMISED):
        _set_terms(bounty, promised, by=by)
        pause_if_out_of_funds(bounty)  # A higher reward may need more than is there, a lower one less.
        resume_when_funded(bounty.id)
    audit.record("bounty.changed", bounty.id, by=by.id, terms=str(bounty.terms_number))


def _set_terms(bounty: Bounty, promised: dict[str, Any], *, by: User) -> None:
    number = bounty.terms_number + 1
    terms = Terms(bounty_id=bounty.id, number=number, fee_bps=PLATFORM_FEE_BPS, **promised)
    db.session.add(terms)
    bounty.terms_number = number
    bounty.category, bounty.place = terms.category, terms.place
    bounty.highest_reward = terms.highest_reward.minor // 10 ** CURRENCIES[terms.currency].digits
    db.session.flush()
    db.session.refresh(bounty, ["terms"])
    audit.record("terms.set", bounty.id, by=by.id, number=number)
