"""What is known of a customer of whom something is reported: whose they are, by the function of attribution."""
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import joinedload

from marketplace.bounties.models import Bounty, Terms
from marketplace.foundation.db import db
from marketplace.identity.models import User
from marketplace.referrals.models import (
    Buyer,
    Consent,
    Lead,
    LeadSource,
    Moderation,
    SplitState,
)
from marketplace.referrals.ownership import standing_sales
from marketplace.referrals.sharing import find_split
from marketplace.referrals.stages import is_introduced
from marketplace.referrals.tracked import earliest, is_over
from marketplace.tracking.attribution import Attribution, Bound, Touch, TouchKind, Window, Word, attribute
from marketplace.tracking.links import find_by_code
from marketplace.tracking.models import Binding, BindingClick, ReferralLink, Report
from marketplace.tracking.reported import own_id

OF_MARK = {
    "customer_hash": select(Binding).where(
        Binding.business_id == bindparam("business_id"), Binding.customer_hash == bindparam("mark")),
    "email_hash": select(Binding).where(
        Binding.business_id == bindparam("business_id"), Binding.email_hash == bindparam("mark")),
    "click_hash": select(Binding).join(BindingClick, BindingClick.binding_id == Binding.id).where(
        BindingClick.business_id == bindparam("business_id"), BindingClick.click_hash == bindparam("mark"))}
SAID = ("link_code", "clicked_at", "code", "happened_at")
OF_CLICK = select(ReferralLink).where(ReferralLink.code == bindparam("code")).options(
    joinedload(ReferralLink.bounty).joinedload(Bounty.terms).joinedload(Terms.rules),
    joinedload(ReferralLink.referrer).joinedload(User.memberships))
INTRODUCED = (Consent.GRANTED, Consent.WITHDRAWN)


@dataclass(frozen=True)
class Known:
    """``bindings`` of one customer, the surest first; ``free``: names of the marks that are nobody's yet, or nobody's
    any more: of those ``ended``."""

    bindings: tuple[Binding, ...]
    free: frozenset[str]
    ended: tuple[Binding, ...] = ()


@dataclass(frozen=True)
class Found:
    """Who it is by ``attribution``: bound before (``binding``, one of those ``known``), a ``lead``, or a ``link`` that
    binds them now.

    ``is_over``: nobody's, and a code was said that had been ended. ``is_buyers_word``: their own answer decided it.
    """

    attribution: Attribution
    known: Known
    binding: Binding | None = None
    lead: Lead | None = None
    link: ReferralLink | None = None
    is_over: bool = False
    is_buyers_word: bool = False

    @property
    def bounty_id(self) -> str | None:
        one = self.attribution.bound or self.attribution.touch
        return one.bounty_id if one else None


def resolve(report: Report) -> Found:
    """Reads only. What is bound already wins over what this report brings along."""
    known = _known_of(report)
    leads = _leads_of(report)
    links = touches_of({name: getattr(report, name) for name in SAID}, report.business_id, LinkBook())
    touches = [touch for touch, _ in links]
    ids = {one.id for one in leads}
    bound = _with_sales([_of_binding(one) for one in known.bindings if one.lead_id not in ids] + [
        _of_lead(one, is_named=one.id == report.lead_said) for one in leads])
    word = _word_of(leads)
    found = attribute(touches, bound, word, windows_of(links), at=report.happened_at)
    won = found.bound.lead_id if found.bound else None
    binding = next((one for one in known.bindings if won in {one.id, one.lead_id}), None)
    lead = next((one for one in leads if one.id == won), None)
    return Found(found, known, binding, None if binding else lead,
                 next((link for touch, link in links if touch == found.touch), None),
                 found.referrer_id is None and any(touch.is_over for touch in touches),
                 word is not None and won == word.lead_id)


def _known_of(report: Report) -> Known:
    """By any mark; there may be several, bound before it was known that they are one. One visit is one customer, but
    not where the address, or the business's own id for them, is another's."""
    found, ended, free = dict[str, Binding](), dict[str, Binding](), set[str]()
    own = own_id(report.customer_hash, report.click_hash)
    for name, mark in (("customer_hash", own), ("email_hash", report.email_hash), ("click_hash", report.click_hash)):
        if not mark:
            continue
        one = db.session.scalar(OF_MARK[name], {"business_id": report.business_id, "mark": mark})
        if one is None or _has_ended(one):
            free.add(name)
            ended |= {one.id: one} if one else {}
        elif not any(are_two(one, other, report.click_hash) for other in found.values()) and not (
                name == "click_hash" and are_two(one, report, report.click_hash)):
            found[one.id] = one
    return Known(tuple(found.values()), frozenset(free), tuple(ended.values()))


def _has_ended(binding: Binding) -> bool:
    """By a lead that was pointed out they are bound as long as it runs: what it promised ends with it."""
    lead = db.session.get(Lead, binding.lead_id) if binding.lead_id else None
    return lead is not None and not lead.is_tracked and is_over(lead)


def are_two(one: Binding, other: Binding | Report, click: str | None) -> bool:
    """``click``: it may stand in the place of an id, of which it says nothing."""
    return _differ(one.email_hash, other.email_hash) or _differ(
        own_id(one.customer_hash, click), own_id(other.customer_hash, click))


def _differ(known: str | None, said: str | None) -> bool:
    return None not in {known, said} and known != said


def _of_binding(binding: Binding) -> Bound:
    lead = db.session.get(Lead, binding.lead_id) if binding.lead_id else None
    return Bound(binding.lead_id or binding.id, binding.touched_at, binding.referrer_id, binding.bounty_id,
                 _how(binding.source), _parts(lead) if lead else ())


def _with_sales(bound: list[Bound]) -> list[Bound]:
    """Of several it is asked by which of them they bought: nobody buys first twice."""
    ids = {one.lead_id for one in bound}
    sold = standing_sales(list(ids)) if len(ids) > 1 else {}
    return [replace(one, has_bought=one.lead_id in sold) for one in bound]


def _leads_of(report: Report) -> list[Lead]:
    """Pointed out, introduced by their own yes, and of this address; or named by the business."""
    found = []
    if report.lead_said:
        named = db.session.get(Lead, report.lead_said)
        if named is not None and _counts(named, report):
            found.append(named)
    if report.email_hash:
        found += [lead for lead in db.session.scalars(select(Lead).join(Buyer, Buyer.id == Lead.buyer_id).where(
            Buyer.email_hash == report.email_hash, Lead.business_id == report.business_id,
            Lead.moderation == Moderation.ACCEPTED, Lead.consent.in_(INTRODUCED))) if _counts(lead, report)]
    return found


def _counts(lead: Lead, report: Report) -> bool:
    return (lead.business_id == report.business_id and lead.moderation is Moderation.ACCEPTED
            and lead.tell_at is None and is_introduced(lead) and lead.accepted_at is not None
            and lead.accepted_at.date() <= report.happened_at.date())


def _of_lead(lead: Lead, *, is_named: bool) -> Bound:
    assert lead.accepted_at is not None
    return Bound(
        lead.id, lead.accepted_at, lead.referrer_id, lead.bounty_id, _how(lead.source), _parts(lead), is_named)


def _how(source: LeadSource) -> str:
    return "They were pointed out, and said yes" if source is LeadSource.POST else f"They came by a {source}"


def _parts(lead: Lead) -> tuple[tuple[str, int], ...]:
    split = find_split(lead)
    if split is None or split.state is not SplitState.AGREED:
        return ()
    return tuple((str(part.user_id), part.share_bps) for part in split.parts)


class LinkBook:
    """Each code is looked up once, however often it is said. Without its bounty and referrer a link is nothing here."""

    def __init__(self) -> None:
        self._known: dict[str, ReferralLink | None] = {}

    def find(self, said: str, kind: TouchKind) -> ReferralLink | None:
        """Of a click that we signed the code is what it is; a code that was said may be spelled in any way."""
        if said not in self._known:
            self._known[said] = (find_by_code(said) if kind is TouchKind.CODE else
                                 db.session.scalars(OF_CLICK, {"code": said}).unique().one_or_none())
        return self._known[said]


def touches_of(said: Mapping[str, Any], business_id: str, book: LinkBook) -> list[tuple[Touch, ReferralLink]]:
    """Of this business alone: what belongs to another one leads nowhere here. ``said``: columns of a report."""
    found = []
    for code, kind, at in ((said["link_code"], TouchKind.CLICK, said["clicked_at"]),
                           (said["code"], TouchKind.CODE, said["happened_at"])):
        link = book.find(code, kind) if code else None
        if link is not None and at is not None and link.bounty.business_id == business_id:
            name = link.spoken if kind is TouchKind.CODE else link.code
            ended_at = link.ended_at if link.ended_at and earliest(at) >= link.ended_at else None
            found.append((Touch(kind, at, link.referrer_id, link.bounty_id, link.id, name, ended_at), link))
    return found


def windows_of(touches: Sequence[tuple[Touch, ReferralLink]]) -> dict[str, Window]:
    return {link.bounty_id: Window(link.bounty.terms.click_days, link.bounty.terms.click_pick) for _, link in touches}


def _word_of(leads: Sequence[Lead]) -> Word | None:
    """Whoever said yes to a lead has said by that who told them."""
    told = [one for one in leads if not one.is_tracked]
    first = min(told, key=lambda one: (one.accepted_at, one.id), default=None)
    if first is None or first.accepted_at is None:
        return None
    return Word(first.referrer_id, first.accepted_at, first.id)
