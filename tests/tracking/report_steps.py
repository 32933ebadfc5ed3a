"""Steps of tests of conversions: a shop that reports, a customer who clicked, what became of it."""
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from marketplace.bounties.models import Bounty
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.identity.models import Business, User
from marketplace.referrals.models import ConversionSource, Reward, RewardState
from marketplace.tracking.click_ids import sign_click
from marketplace.tracking.intake import take_conversion
from marketplace.tracking.links import link_of
from marketplace.tracking.models import ReferralLink, Report, ReportKind
from marketplace.tracking.report_outcomes import Outcome
from marketplace.tracking.reported import Reported
from tests import factories as make
from tests.browsing import end_reading

SALE = Money(3_000_000, "usd")


def link(bounty: Bounty, by: User) -> ReferralLink:
    end_reading()
    with transaction():
        return link_of(db.session.get_one(Bounty, bounty.id), by=db.session.get_one(User, by.id))


def click(one: ReferralLink, *, ago: timedelta = timedelta(0), visitor: str = "visitor-of-test1") -> str:
    return sign_click(one.code, clock.now() - ago, visitor)


def report(
    business: Business, kind: str = "sale", *, source: ConversionSource = ConversionSource.API, by: User | None = None,
    at: datetime | None = None, amount: Money | None = None, external_id: str = "order-1", **said: Any,
) -> Outcome:
    """By the owner unless said otherwise; a sale is of SALE."""
    money = amount or (SALE if kind in {"sale", "renewal"} else None)
    owner = by or make.owner_of(business)
    end_reading()
    with transaction():
        return take_conversion(
            db.session.get_one(Business, business.id),
            Reported(external_id=external_id, kind=ReportKind(kind), amount=money, at=at, **said), source=source,
            by=db.session.get_one(User, owner.id))


def fresh(outcome: Outcome) -> Report:
    end_reading()
    return db.session.get_one(Report, outcome.report.id, populate_existing=True)


def live_rewards() -> list[tuple[str, int]]:
    """Whose each is, and what is left of it, in the order in which they were earned."""
    end_reading()
    return [(one.beneficiary_id, one.net.minor) for one in db.session.scalars(select(Reward).where(
        Reward.state != RewardState.VOIDED).order_by(Reward.id))]
