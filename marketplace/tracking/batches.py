"""Many conversions at once: looked up together, and the plain ones counted together; the others one by one.

Plain is a first sale of a customer of whom nothing is known, by a click or a code, under terms with nothing special.
Whoever shares an id or a mark with another one of the batch is not plain: their order matters.
"""
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, insert, select, text, union_all

from marketplace.bounties.rules import RewardPreview
from marketplace.foundation import audit, clock
from marketplace.foundation.db import db, facts, rows_of
from marketplace.foundation.errors import DomainError
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.payments.locks import lock_funds
from marketplace.referrals.models import Buyer, Conversion, ConversionSource, Dispute, Lead
from marketplace.referrals.tracked import check_may_bind
from marketplace.referrals.tracked_at_once import Came, PlainBounty, Sold, free_of, sell_at_once
from marketplace.tracking.attribution import Attribution, attribute
from marketplace.tracking.binding import SOURCES
from marketplace.tracking.counting import claimed_of
from marketplace.tracking.models import WAITS, Binding, BindingClick, ReferralLink, Report, ReportKind, ReportState
from marketplace.tracking.reported import own_id
from marketplace.tracking.resolving import LinkBook, touches_of, windows_of

MARKS = ("customer_hash", "email_hash", "click_hash")
REPORTS, BINDINGS, CLICKS = insert(rows_of(Report)), insert(rows_of(Binding)), insert(rows_of(BindingClick))
_IDS: BindParameter[str] = bindparam("ids", expanding=True)
_SOURCES = [one.value for one in ConversionSource]
_OWN: BindParameter[str] = bindparam("business_id")
_CUSTOMERS: BindParameter[str] = bindparam("customers", expanding=True)
_EMAILS: BindParameter[str] = bindparam("emails", expanding=True)
_WAITING = (text(f"reports.{WAITS}"),)  # In the words of the indexes: with parameters none of them would serve.
# Ids of which something is known: counted, reported from anywhere, refunded before they came.
KNOWN_IDS: tuple[Select[Any], ...] = (
    select(Conversion.external_id).where(
        Conversion.business_id == _OWN, Conversion.source.in_(_SOURCES), Conversion.external_id.in_(_IDS)),
    select(Report.external_id).where(
        Report.business_id == _OWN, Report.source.in_(_SOURCES), Report.external_id.in_(_IDS)),
    select(Report.refund_of).where(Report.business_id == _OWN, Report.refund_of.in_(_IDS)))
# Marks of customers who are bound, of whom something waits, or an order is claimed; those of their clicks, too.
KNOWN_CUSTOMERS: tuple[Select[Any], ...] = (*(
    select(column).where(table.business_id == _OWN, column.in_(_CUSTOMERS), *more)
    for table, column, more in ((Binding, Binding.customer_hash, ()), (BindingClick, BindingClick.click_hash, ()),
                                (Report, Report.customer_hash, _WAITING))), *(
    claimed_of(column).where(Dispute.business_id == _OWN, column.in_(_CUSTOMERS))
    for column in (Report.customer_hash, Report.click_hash)))
KNOWN_EMAILS: tuple[Select[Any], ...] = (
    select(Binding.email_hash).where(Binding.business_id == _OWN, Binding.email_hash.in_(_EMAILS)),
    select(Report.email_hash).where(Report.business_id == _OWN, Report.email_hash.in_(_EMAILS), *_WAITING),
    select(Buyer.email_hash).join(Lead, Lead.buyer_id == Buyer.id).where(
        Lead.business_id == _OWN, Buyer.email_hash.in_(_EMAILS)),
    select(Lead.buyer_hash).where(Lead.business_id == _OWN, Lead.buyer_hash.in_(_EMAILS)),
    claimed_of(Report.email_hash).where(Dispute.business_id == _OWN, Report.email_hash.in_(_EMAILS)))
# By whether an address was told: one statement for all of it.
KNOWN = {False: union_all(*KNOWN_IDS, *KNOWN_CUSTOMERS), True: union_all(*KNOWN_IDS, *KNOWN_CUSTOMERS, *KNOWN_EMAILS)}


@dataclass(frozen=True)
class Counted:
    """What a plain one made: columns of the report and of its reward."""

    report: dict[str, Any]
    reward: dict[str, Any] | None
    conversion_id: str


@dataclass
class _Plain:
    columns: dict[str, Any]
    found: Attribution
    link: ReferralLink
    preview: RewardPreview | None = None


def count_plain(business_id: str, drafts: Mapping[int, dict[str, Any]], *, by: str) -> dict[int, Counted]:
    """Of the drafts (columns of reports, by place) those that were counted here; the rest goes the usual way."""
    plain = _find_plain(business_id, drafts)
    if not plain:
        return {}
    bounties = {one.link.bounty.id: one.link.bounty for one in plain.values()}
    lock_funds(*((one.id, one.currency) for one in bounties.values()))
    of_bounty: dict[tuple[str, str], PlainBounty] = {}
    free = {bounty_id: free_of(bounty) for bounty_id, bounty in bounties.items()}
    chosen = {place: one for place, one in plain.items() if _can_pay(one, of_bounty, free)}
    if not chosen:
        return {}
    made = sell_at_once([(_came(one), _preview(one), of_bounty[_key(one)].ruling) for one in chosen.values()],
                        left=free, by=by)
    return dict(zip(chosen, _keep(business_id, list(chosen.values()), made, by=by), strict=True))


def _find_plain(business_id: str, drafts: Mapping[int, dict[str, Any]]) -> dict[int, _Plain]:
    own = Counter(known for one in drafts.values() for known in _known_by(one))
    wanted = {place: one for place, one in drafts.items() if _may_be_plain(one, own)}
    if not wanted:
        return {}
    seen = _seen_before(business_id, wanted.values())
    book, found = LinkBook(), dict[int, _Plain]()
    for place, columns in wanted.items():
        if _known_by(columns) & seen:
            continue
        touches = touches_of(columns, business_id, book)
        attribution = attribute(
            [touch for touch, _ in touches], (), None, windows_of(touches), at=columns["happened_at"])
        link = next((link for touch, link in touches if touch == attribution.touch), None)
        if link is not None and _may_bind(columns, attribution, link):
            found[place] = _Plain(columns, attribution, link)
    return found


def _may_be_plain(columns: Mapping[str, Any], own: Counter[str]) -> bool:
    return (columns["kind"] is ReportKind.SALE and columns["lead_said"] is None
            and bool(columns["link_code"] or columns["code"]) and any(columns[name] for name in MARKS)
            and all(own[known] == 1 for known in _known_by(columns)))


def _known_by(columns: Mapping[str, Any]) -> set[str]:
    return {columns[name] for name in ("external_id", *MARKS) if columns[name]}


def _seen_before(business_id: str, drafts: Iterable[Mapping[str, Any]]) -> set[str]:
    """Ids and marks of which something is known already."""
    drafts = list(drafts)
    told = {parameter: sorted({one[name] for one in drafts for name in names if one[name]}) for parameter, names in (
        ("ids", ("external_id",)), ("customers", ("customer_hash", "click_hash")), ("emails", ("email_hash",)))}
    return set(facts(KNOWN[bool(told["emails"])], {"business_id": business_id, **told}).scalars())


def _may_bind(columns: Mapping[str, Any], found: Attribution, link: ReferralLink) -> bool:
    assert found.touch is not None
    try:
        check_may_bind(link.bounty, link.referrer, email_hash=columns["email_hash"], known_since=columns["known_since"],
                       touched_at=found.touch.at, happened_at=columns["happened_at"])
    except DomainError:
        return False  # It is kept with its reason on the way of every day.
    return bool(columns["currency"] == link.bounty.currency
                and found.touch.at.date() <= columns["happened_at"].date())


def _key(one: _Plain) -> tuple[str, str]:
    return one.link.bounty_id, one.link.referrer_id


def _can_pay(one: _Plain, of_bounty: dict[tuple[str, str], PlainBounty], free: dict[str, Money]) -> bool:
    known = of_bounty.get(_key(one))
    if known is None:
        known = of_bounty[_key(one)] = PlainBounty(one.link.bounty, one.link.referrer)
    if not known.is_plain or free[one.link.bounty_id] < known.most:
        return False
    one.preview = known.price(Money(one.columns["amount_minor"], one.columns["currency"]))
    free[one.link.bounty_id] -= one.preview.reward + one.preview.fee
    return True


def _preview(one: _Plain) -> RewardPreview:
    assert one.preview is not None
    return one.preview


def _came(one: _Plain) -> Came:
    touch, columns = one.found.touch, one.columns
    assert touch is not None
    return Came(one.link.bounty, one.link.referrer, SOURCES[touch.kind], touch.name, columns["email_hash"], touch.at,
                Money(columns["amount_minor"], columns["currency"]), columns["happened_at"].date(), columns["source"],
                columns["external_id"])


def _keep(business_id: str, plain: Sequence[_Plain], made: Sequence[Sold], *, by: str) -> list[Counted]:
    """The reports and whom their customers are bound to."""
    now, counted, bindings = clock.now(), list[Counted](), list[dict[str, Any]]()
    for one, sold in zip(plain, made, strict=True):
        binding = _binding(business_id, one, sold, now)
        report = {**one.columns, "id": new_id("report"), "state": ReportState.APPROVED, "reason": None,
                  "reasons": list(one.found.reasons), "binding_id": binding["id"],
                  "lead_id": sold.lead_id, "conversion_id": sold.conversion_id, "created_at": now, "version": 1}
        bindings.append(binding)
        audit.record("customer.bound", binding["id"], by=by, link=one.link.id, report=report["id"])
        audit.record("report.approved", report["id"], by=by, was=ReportState.RECEIVED, source=report["source"])
        counted.append(Counted(report, sold.reward, sold.conversion_id))
    connection = db.session.connection()
    connection.execute(BINDINGS, bindings)
    clicks = [{"business_id": business_id, "click_hash": one.columns["click_hash"], "binding_id": binding["id"],
               "created_at": now} for one, binding in zip(plain, bindings, strict=True) if one.columns["click_hash"]]
    if clicks:
        connection.execute(CLICKS, clicks)
    connection.execute(REPORTS, [one.report for one in counted])
    return counted


def _binding(business_id: str, one: _Plain, sold: Sold, now: datetime) -> dict[str, Any]:
    touch, columns, bounty = one.found.touch, one.columns, one.link.bounty
    assert touch is not None
    return {"id": new_id("binding"), "business_id": business_id, "email_hash": columns["email_hash"],
            "customer_hash": own_id(columns["customer_hash"], columns["click_hash"]),
            "source": SOURCES[touch.kind], "link_id": one.link.id, "referrer_id": one.link.referrer_id,
            "bounty_id": bounty.id, "terms_id": bounty.terms.id, "touched_at": touch.at, "lead_id": sold.lead_id,
            "created_at": now}
