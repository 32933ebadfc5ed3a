"""What an event says of its object: ids, states, times and amounts, as a member may see them; nothing of a buyer.

Personal data leaves through referrals/contact.py alone; a program that needs it asks the API for it by the lead's id.
"""
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, select

from marketplace.foundation.db import Base, db
from marketplace.foundation.money import Money, plain_amount
from marketplace.payments.models import Transfer, TransferState
from marketplace.referrals.models import (
    Clawback,
    ClawbackState,
    Consent,
    Conversion,
    ConversionState,
    Dispute,
    DisputeSide,
    DisputeState,
    KindState,
    Lead,
    Respondent,
    Reward,
    RewardInKind,
    RewardState,
    Stage,
)
from marketplace.referrals.money_back import money_back_of
from marketplace.tracking.models import Report, ReportState

KINDS = {  # What an endpoint can be told of, in its people's words.
    "lead": "accepted, each stage, won, lost, expired",
    "consent": "what the buyer said: asked, yes, no, no answer, taken back",
    "conversion": "reported, unmatched, counted, taken back in part or whole",
    "reward": "earned, held, released, paid, voided, taken back; things that are owed",
    "transfer": "money on its way to the people who referred: sent, failed, taken back",
    "dispute": "opened, answered, decided: of those that your business is a side of",
}
AT_ONCE = 500  # Ids in one statement.


@dataclass(frozen=True)
class Told:
    """``business_id``: whose it is; ``data``: what it says. None of a thing that its business does not see (yet)."""

    business_id: str
    data: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Subject:
    """A kind of object: how its rows are read, what is said of one, and what beside it no row of its own tells."""

    model: type[Base]
    rows: Select[Any]
    say: Callable[[Any], dict[str, Any] | None]
    tell_beside: Callable[[Sequence[Any]], Mapping[str, dict[str, Any]]] = lambda rows: {}


def _lead(row: Any) -> dict[str, Any] | None:
    """Shown to its business once it was accepted and that was told: see referrals/queries.py."""
    if row.accepted_at is None or row.tell_at is not None:
        return None
    return {"id": row.id, "bounty_id": row.bounty_id, "moderation": row.moderation, "consent": row.consent,
            "stage": row.stage, "accepted_at": row.accepted_at, "protected_until": row.protected_until}


def _conversion(row: Any) -> dict[str, Any]:
    return {"id": row.id, "lead_id": row.lead_id, "bounty_id": row.bounty_id, "kind": row.kind, "number": row.number,
            "source": row.source, "external_id": row.external_id, "state": row.state, "occurred_on": row.occurred_on,
            "value": _money(row.amount_minor, row.currency), "refunded": _money(row.refunded_minor, row.currency)}


def _report(row: Any) -> dict[str, Any]:
    """What came in, before (or without) becoming a conversion."""
    value = _money(row.amount_minor, row.currency) if row.currency else None
    return {"id": row.id, "conversion_id": row.conversion_id, "lead_id": row.lead_id, "kind": row.kind,
            "source": row.source, "external_id": row.external_id, "state": row.state, "reason": row.reason,
            "value": value, "happened_at": row.happened_at}


def _reward(row: Any) -> dict[str, Any]:
    return {"id": row.id, "conversion_id": row.conversion_id, "lead_id": row.lead_id, "bounty_id": row.bounty_id,
            "whom": row.whom, "part": row.part, "state": row.state, "release_at": row.release_at,
            "reward": _money(row.amount_minor, row.currency), "fee": _money(row.fee_minor, row.currency)}


def _clawback(row: Any) -> dict[str, Any]:
    return {"id": row.id, "reward_id": row.reward_id, "state": row.state}


def _taken_back(rows: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """What is newly taken, or asked of Stripe: less than was to be, where an admin had taken some of it before."""
    rewards = db.session.scalars(select(Reward).where(Reward.id.in_({row.reward_id for row in rows}))).all()
    return {clawback_id: {"taken_back": _money(amount.minor, amount.currency)}
            for back in money_back_of(rewards).values() for clawback_id, amount in back.by_clawback.items()}


def _thing(row: Any) -> dict[str, Any]:
    return {"id": row.id, "conversion_id": row.conversion_id, "lead_id": row.lead_id, "whom": row.whom,
            "thing": row.thing, "words": row.words, "state": row.state, "expires_at": row.expires_at}


def _transfer(row: Any) -> dict[str, Any]:
    return {"id": row.id, "state": row.state, "transferred": _money(row.amount_minor, row.currency),
            "taken_back": _money(row.reversed_minor, row.currency), "sent_at": row.sent_at}


def _dispute(row: Any) -> dict[str, Any] | None:
    if row.claimant_side is not DisputeSide.BUSINESS and row.respondent_side is not Respondent.BUSINESS:
        return None
    return {"id": row.id, "kind": row.kind, "lead_id": row.lead_id, "about_id": row.about_id, "state": row.state,
            "claimant": row.claimant_side, "at_issue": _money(row.at_issue_minor, row.currency), "due_at": row.due_at,
            "ended_by": row.ended_by}


def _rows(model: Any) -> Select[Any]:
    return select(*model.__table__.c)


LEAD = Subject(Lead, _rows(Lead), _lead)
CONVERSION = Subject(Conversion, _rows(Conversion), _conversion)
REPORT = Subject(Report, _rows(Report), _report)
REWARD = Subject(Reward, _rows(Reward), _reward)
CLAWBACK = Subject(Clawback, select(*Clawback.__table__.c, Reward.business_id).join(
    Reward, Reward.id == Clawback.reward_id), _clawback, _taken_back)
THING = Subject(RewardInKind, _rows(RewardInKind), _thing)
TRANSFER = Subject(Transfer, _rows(Transfer), _transfer)
DISPUTE = Subject(Dispute, _rows(Dispute), _dispute)


def _each(states: type[StrEnum], word: str) -> dict[str, str]:
    return {f"{word}.{state}": f"{word}.{state}" for state in states}


# Of an audit row: the kind that endpoints choose, what it is about, action to the event's type.
SAID: tuple[tuple[str, Subject, Mapping[str, str]], ...] = (
    ("lead", LEAD, {"lead.accepted": "lead.accepted", "lead.expired": "lead.expired", **_each(Stage, "stage")}),
    ("consent", LEAD, {f"consent.{one}": f"consent.{one}" for one in Consent if one is not Consent.UNKNOWN}),
    ("conversion", CONVERSION, _each(ConversionState, "conversion")),
    # Of what was counted the conversion itself tells.
    ("conversion", REPORT, {
        f"report.{one}": f"conversion.{one}" for one in ReportState if one is not ReportState.APPROVED}),
    ("reward", REWARD, _each(RewardState, "reward")),
    ("reward", CLAWBACK, {"clawback.asked": "clawback.asked", **_each(ClawbackState, "clawback")}),
    ("reward", THING, {f"kind.{state}": f"reward_in_kind.{state}" for state in KindState}),
    ("transfer", TRANSFER, _each(TransferState, "transfer")),
    ("dispute", DISPUTE, _each(DisputeState, "dispute")),
)
TYPES = {type_: kind for kind, _, actions in SAID for type_ in actions.values()}


def read_told(subject: Subject, ids: Sequence[str]) -> dict[str, Told | None]:
    """By id, as it stands now, in this transaction."""
    found: dict[str, Told | None] = {}
    key = subject.model.__table__.c.id
    for start in range(0, len(ids), AT_ONCE):
        rows = db.session.execute(subject.rows.where(key.in_(ids[start:start + AT_ONCE]))).all()
        beside = subject.tell_beside(rows)
        for row in rows:
            said = subject.say(row)
            found[row.id] = None if said is None else Told(row.business_id, {
                name: _plain(value) for name, value in said.items()} | beside.get(row.id, {}))
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value.value if isinstance(value, StrEnum) else value


def _money(minor: int, currency: str) -> dict[str, Any]:
    """As everywhere in the API."""
    return {"amount": plain_amount(Money(minor, currency)), "minor": minor, "currency": currency}
