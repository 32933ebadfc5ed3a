"""A conversion comes in: counted once, credited to the right person, explained; or kept until it can be."""
from datetime import timedelta

import pytest

from marketplace.foundation.db import db
from marketplace.foundation.errors import Forbidden, Invalid
from marketplace.foundation.money import Money
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind
from marketplace.referrals.models import ConversionSource, Lead, LeadSource, Moderation, Stage
from marketplace.tracking.intake import ReportedOtherwise
from marketplace.tracking.models import Report, ReportState
from tests import factories as make
from tests.referrals.steps import holds
from tests.tracking.report_steps import click, fresh, link, report


@pytest.fixture
def ana(app):
    return make.make_user()


@pytest.fixture
def bounty(app):
    return make.make_bounty(is_live=True)


@pytest.fixture
def westside(bounty):
    return bounty.business


def test_a_sale_with_a_click_earns_the_referrer_her_reward(ana, bounty, westside):
    anas = link(bounty, ana)
    sold = report(westside, click=click(anas, ago=timedelta(days=3)), customer="cus_1")
    assert (sold.state, sold.reason) == ("pending", None)
    [reward] = sold.rewards
    assert (reward.beneficiary_id, reward.amount, reward.fee) == (ana.id, Money(100_000, "usd"), Money(5_000, "usd"))
    assert holds(AccountKind.HELD, reward.id) == 105_000 and holds(AccountKind.RESERVED, sold.report.lead_id) == 0
    lead = db.session.get_one(Lead, sold.report.lead_id)
    assert (lead.source, lead.moderation, lead.stage) == (LeadSource.LINK, Moderation.ACCEPTED, Stage.WON)
    assert any("click on the link" in why for why in sold.reasons)
    assert ledger.check_ledger() == []


def test_the_same_again_answers_the_first_and_another_body_is_refused(ana, bounty, westside):
    anas = click(link(bounty, ana))
    first = report(westside, click=anas, customer="cus_1")
    again = report(westside, click=anas, customer="cus_1")
    assert again.is_repeat and again.report.id == first.report.id and [one.id for one in again.rewards] == [
        one.id for one in first.rewards]
    with pytest.raises(ReportedOtherwise):
        report(westside, click=anas, customer="cus_1", amount=Money(1, "usd"))
    assert db.session.query(Report).count() == 1
