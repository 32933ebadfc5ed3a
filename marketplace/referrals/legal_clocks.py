"""The law's clocks of a lead: when the buyer was first told that we hold something, and when it was first disclosed.

GDPR Art. 14(3): whoever did not give their data themselves is told at the first contact, before the first disclosure,
and within one month at the latest. Kept on the buyer's row, so that what is erased takes its clocks along.
"""
import calendar
from datetime import datetime, timedelta

from marketplace.foundation import clock
from marketplace.foundation.db import db
from marketplace.referrals.models import Buyer, Lead

NOT_TOLD = "the buyer could not be told"  # Why a buyer's data was erased, where the month ran out.
BY_MAIL, BY_ANSWER = "mail", "answer"
BY_BUSINESS = "business"  # A customer of the business, whom it knows by itself; we hold a scrambled mark, no address.


def told_by(moment: datetime) -> datetime:
    """One calendar month later: 31 January + 1 month is the last of February."""
    year, month = (moment.year, moment.month + 1) if moment.month < 12 else (moment.year + 1, 1)
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def last_day_untold(lead: Lead) -> datetime | None:
    """Until when all of a buyer who knows nothing of it is still there for sure; None where they know, or it is gone.

    The daily job that erases it comes up to two days before the month is over.
    """
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    last = told_by(buyer.created_at) - timedelta(days=2)
    is_kept = buyer.told_at is None and buyer.erased_at is None and last > clock.now()
    return last if is_kept else None


def note_told(lead: Lead, how: str) -> None:
    """The first time counts."""
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if buyer.told_at is None:
        buyer.told_at, buyer.told_how = clock.now(), how


def note_not_told(lead: Lead) -> None:
    """It reached somebody else: the clock runs on from where it began."""
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    buyer.told_at = buyer.told_how = None


def note_disclosed(lead: Lead) -> None:
    buyer = db.session.get_one(Buyer, lead.buyer_id)
    if buyer.disclosed_at is None:
        buyer.disclosed_at = clock.now()


def note_mail_sent(lead_id: str) -> None:
    """Our mail that asks the buyer has gone out."""
    note_told(db.session.get_one(Lead, lead_id), BY_MAIL)
