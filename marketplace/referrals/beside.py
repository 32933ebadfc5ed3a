"""What stands beside a lead for the moderator: others of the same business whose text or buyer may be the same."""
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.likeness import likeness_of_texts
from marketplace.foundation.show import day_in_words
from marketplace.referrals.fraud.signals import Signal
from marketplace.referrals.known_contacts import find_known_since
from marketplace.referrals.models import Buyer, BuyerRuling, Evidence, Lead
from marketplace.referrals.nearness import MOST_SHOWN, find_alike, is_like_never
from marketplace.referrals.ownership import Ownership, rulings_about, who_owns


@dataclass(frozen=True)
class Beside:
    """``reasons``: sentences; ``percent`` of the two texts in common, if that is one of them; ``ruling``: what an
    admin said of the two already."""

    lead: Lead
    reasons: list[str]
    percent: int | None
    ruling: BuyerRuling | None
    ownership: Ownership

    @property
    def is_open(self) -> bool:
        return self.ruling is None


def leads_beside(lead: Lead) -> list[Beside]:
    """Those that nobody has judged yet first, then the most alike; at most MOST_SHOWN."""
    percents = _percents(lead)
    reasons = defaultdict[str, list[str]](list)
    for other_id, percent in percents.items():
        reasons[other_id].append(
            f"The two texts are {percent}% alike: so many of their runs of three words stand in both.")
    _of_one_mark(lead, reasons)
    _of_one_family(lead, reasons)
    if not reasons:
        return []
    rulings = rulings_about(lead)
    others = db.session.scalars(select(Lead).where(Lead.business_id == lead.business_id, Lead.id.in_(reasons)))
    found = [Beside(other, [*reasons[other.id], *_handles_differ(lead, other, percents)], percents.get(other.id),
                    rulings.get(other.id), who_owns(lead, other)) for other in others]
    return sorted(found, key=lambda one: (not one.is_open, -(one.percent or 100), one.lead.id))[:MOST_SHOWN]


def _percents(lead: Lead) -> dict[str, int]:
    """Signatures find; how much it is is counted in the texts themselves, while we have them."""
    about = dict(find_alike(lead)[:MOST_SHOWN])
    if not about:
        return {}
    ours = lead.evidence.text or ""
    texts = db.session.execute(select(Evidence.lead_id, Evidence.text).where(Evidence.lead_id.in_(about)))
    return about | {other_id: round(100 * likeness_of_texts(ours, theirs)) for other_id, theirs in texts if theirs}


def _of_one_mark(lead: Lead, reasons: dict[str, list[str]]) -> None:
    """The buyer's address, number or handle is the same; also where it was learned only later."""
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    marks = ((Buyer.email_hash, buyer.email_hash, "The buyer has the same e-mail address."),
             (Buyer.phone_hash, buyer.phone_hash, "The buyer has the same telephone number."),
             (Buyer.handle_hash, buyer.handle_hash, "The post is by the same account on the same platform."))
    for column, value, words in marks:
        if value:
            for other_id in db.session.scalars(
                    select(Lead.id).join(Buyer, Buyer.id == Lead.buyer_id).where(
                        column == value, Lead.business_id == lead.business_id, Lead.id != lead.id)
                    .order_by(Lead.id.desc()).limit(MOST_SHOWN)):
                reasons[other_id].append(words)


def _of_one_family(lead: Lead, reasons: dict[str, list[str]]) -> None:
    """One was kept as the other's duplicate."""
    if lead.duplicate_of_id:
        reasons[lead.duplicate_of_id].append("This lead was kept as its duplicate.")
    for other_id in db.session.scalars(
            select(Lead.id).where(Lead.duplicate_of_id == lead.id).order_by(Lead.id.desc()).limit(MOST_SHOWN)):
        reasons[other_id].append("It was kept as a duplicate of this lead.")


def _handles_differ(lead: Lead, other: Lead, percents: dict[str, int]) -> list[str]:
    if other.id not in percents:
        return []
    ours, theirs = (db.session.get_one(Buyer, one.buyer_id).handle_hash for one in (lead, other))
    return ["But it is by another account: one person may have two."] if ours and theirs and ours != theirs else []


def signals_beside(lead: Lead, beside: list[Beside]) -> list[Signal]:
    """The same as signals: what is open warns; and whether the business knew the buyer before."""
    told = [_signal(lead, one) for one in beside]
    if is_like_never(lead):
        told.append(Signal("warn", "It reads like a post whose author asked never to be pointed at, by anybody."))
    since = find_known_since(lead)
    if since is not None:
        told.append(Signal("warn", f"The business knew this buyer before: they stand on its own list since "
                                   f"{day_in_words(since.date())} (already_known)."))
    return told


def _signal(lead: Lead, beside: Beside) -> Signal:
    name, reason = beside.lead.referrer.name, beside.reasons[0]
    if beside.ruling is not None:
        said = "one buyer" if beside.ruling.is_same else "two buyers"
        return Signal("mute", f"An admin has said that this and the lead of {name} are of {said}.")
    when = _when(lead, beside.lead)
    return Signal("warn", f"Perhaps the same buyer as the lead that {name} pointed out {when}. {reason}")


def _when(lead: Lead, other: Lead) -> str:
    apart = abs(other.created_at - lead.created_at)
    order = "before" if other.created_at < lead.created_at else "after"
    if apart < timedelta(hours=1):
        return f"within the hour {order} this one"
    if apart < timedelta(days=1):
        return f"{apart // timedelta(hours=1)} hours {order} this one"
    return f"{apart.days} day{'s' if apart.days > 1 else ''} {order} this one"
