"""The buyer's word, “I bought it”, as the pages of a lead tell it.

What they said is kept above, in tracking, which referrals do not know: the application gives the reader when it starts.
"""
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import Select, select

from marketplace.foundation import outbox
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db
from marketplace.foundation.money import Money, show_money
from marketplace.foundation.show import day_in_words
from marketplace.referrals.models import Dispute, Ending, Lead, WitnessSaid, WitnessWord

# Of the trail, about the lead: its story is told from them.
SAID, CONFIRMED, UNANSWERED, DENIED = "word.said", "word.confirmed", "word.unanswered", "word.denied"


class Standing(StrEnum):
    ASKED = "asked"  # The business has not answered yet.
    NOT_ASKED = "not_asked"  # Nor is it asked while a finding about the lead stands and is not for good.
    UNFUNDED = "unfunded"  # It counts, once the bounty has funds for it.
    COUNTED = "counted"  # The sale is recorded: by their word, or by the business itself.
    DENIED = "denied"
    DISPUTED = "disputed"  # The business said no, and a dispute over the sale is not over.
    NOT_COUNTED = "not_counted"


def to_business(said: str) -> str:
    """A sentence about its no, as the business itself reads it."""
    for theirs, yours in (("The business says", "You say"), ("The business said", "You said"),
                          ("The business had said", "You had said")):
        said = said.replace(theirs, yours, 1)
    return said


@dataclass(frozen=True)
class BuyersWord:
    """``amount``, ``bought_on``, ``said_at``: as they said first; ``due``: by when the business answers; ``why``: what
    it says, where that is no; ``dispute``: the latest over that no; ``since``: what they said since, as witness."""

    lead_id: str
    report_id: str
    amount: Money
    bought_on: date
    said_at: datetime
    due: datetime
    standing: Standing
    why: str = ""
    dispute: Dispute | None = None
    since: WitnessWord | None = None

    @property
    def says(self) -> WitnessSaid:
        return self.since.said if self.since else WitnessSaid.BOUGHT

    @property
    def last_amount(self) -> Money:
        return (self.since and self.since.amount) or self.amount

    @property
    def last_bought_on(self) -> date:
        return (self.since and self.since.bought_on) or self.bought_on

    @property
    def last_said_at(self) -> datetime:
        return self.since.said_at if self.since else self.said_at

    @property
    def last_said(self) -> str:
        """``$30,000, on 2 Nov 2026``; or that they take it back."""
        if self.says is WitnessSaid.NOT_BOUGHT:
            return "Taken back: they say now that they did not buy"
        return f"{show_money(self.last_amount)}, on {day_in_words(self.last_bought_on)}"

    @property
    def is_asked(self) -> bool:
        return self.standing is Standing.ASKED

    @property
    def is_open(self) -> bool:
        return self.standing in {Standing.ASKED, Standing.NOT_ASKED, Standing.UNFUNDED}

    @property
    def why_to_business(self) -> str:
        return to_business(self.why)

    @property
    def may_be_disputed(self) -> bool:
        return self.standing is Standing.DENIED and not self.is_ruled_against

    @property
    def is_ruled_against(self) -> bool:
        """An admin decided that nothing is recorded."""
        return self.standing is Standing.DENIED and self.dispute is not None and self.dispute.ended_by is Ending.RULING


LeadIds = Sequence[str] | Select[str]
Reader = Callable[[LeadIds], dict[str, BuyersWord]]

_readers: list[Reader] = []


def read_words_by(reader: Reader) -> None:
    _readers[:] = [reader]


def words_of(lead_ids: LeadIds) -> dict[str, BuyersWord]:
    """By lead, in a few statements; the others' buyers have said nothing."""
    [reader] = _readers
    return reader(lead_ids)


def word_of(lead: Lead) -> BuyersWord | None:
    return words_of([lead.id]).get(lead.id)


def settle_word(lead: Lead) -> None:
    """Soon, if it still waits for somebody: a sale is recorded by another way, or the lead was proven not genuine."""
    word = None if lead.is_tracked else word_of(lead)  # Who came by a link has no page to say it on.
    if word is not None and word.is_open:
        outbox.promise("settle_buyers_word", lead_id=lead.id)


def denied_at(lead: Lead) -> datetime | None:
    """When the business said no to it."""
    return denied_among([lead.id]).get(lead.id)


def denied_among(lead_ids: Sequence[str]) -> dict[str, datetime]:
    """The same of many, by lead."""
    return {row[0]: row[1] for row in db.session.execute(
        select(AuditEvent.subject_id, AuditEvent.created_at).where(
            AuditEvent.subject_id.in_(lead_ids), AuditEvent.action == DENIED).order_by(AuditEvent.id))}
