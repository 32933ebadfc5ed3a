"""Who may be credited with a customer that came by a link or a code, what is said where nobody is, and of whom besides."""
import pytest
from sqlalchemy import create_engine, select, text

from marketplace.bounties.models import NonCash, RewardKind
from marketplace.bounties.publishing import publish_bounty
from marketplace.foundation import clock
from marketplace.foundation.crypto import decrypt, encrypt
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.identity.models import Business, MemberRole, Membership, User
from marketplace.payments.ledger_checks import check_ledger
from marketplace.referrals import lifecycle
from marketplace.referrals.asking import end_lead
from marketplace.referrals.holds import hold_reward, live_holds
from marketplace.referrals.models import Lead, Reward, RewardState
from marketplace.tracking.models import Report, ReportState
from marketplace.tracking.reattribution import reattribute
from tests import factories as make
from tests.browsing import end_reading, words_of
from tests.old_database import migrate, old_database
from tests.tracking.report_steps import click, fresh, link, report


@pytest.fixture
def bounty(app):
    return make.make_bounty(is_live=True, funded_for=2)


def test_whoever_joined_the_business_or_closed_their_account_earns_nothing(bounty):
    joined, gone = make.make_user("Jo Hart"), make.make_user("Gus Gone")
    of_joined, of_gone = link(bounty, joined), link(bounty, gone)
    with transaction():
        db.session.add(Membership(business_id=bounty.business_id, user_id=joined.id, role=MemberRole.AGENT))
        db.session.get_one(User, gone.id).closed_at = clock.now()
    for number, (one, why) in enumerate(((of_joined, "works at the business"), (of_gone, "account of whoever sent them is closed"))):
        outcome = report(bounty.business, external_id=f"order-{number}", customer=f"c-{number}", click=click(one))
        assert fresh(outcome).state is ReportState.REJECTED and why in " ".join(outcome.reasons)
    assert db.session.query(Lead).count() == 0


def test_who_was_pointed_at_as_well_is_bound_and_both_people_read_what_comes_next(bounty, as_user):
    """By a post that the buyer never answered: whoever's link they came by, has brought them."""
    ana, bo = make.make_user(), make.make_user("Bo Li")
    pointed = make.accept(make.make_lead(bounty, by=bo, buyer_name="Kim Lee", buyer_email="kim@example.com"))
    outcome = report(bounty.business, "lead", customer="c-1", email="kim@example.com", click=click(link(bounty, ana)))
    lead_id, pointed_id, owner = fresh(outcome).lead_id, pointed.id, make.owner_of(bounty.business)
    tracked = db.session.get_one(Lead, lead_id)
    assert lead_id != pointed_id and tracked.referrer_id == ana.id
    assert (tracked.buyer_hash, db.session.get_one(Lead, pointed_id).buyer_hash is None) == (None, False)
    end_reading()
    assert "If they buy, the reward is earned" in as_user(ana).get(f"/leads/{lead_id}").text
    assert "let your shop tell us" in as_user(owner).get(f"/leads/{lead_id}").text


def test_who_was_found_by_their_lead_is_known_by_whatever_else_was_told_as_long_as_it_runs(bounty):
    ana, toms = make.make_user(), link(bounty, make.make_user("Tom Berg"))
    make.fund_bounty(bounty, leads=2)
    leads = [make.consent(make.accept(make.make_lead(bounty, by=ana)), email=f"{name}@example.com") for name in ("kim", "lee")]
    sold, over = (one.id for one in leads)
    visits = {one: click(toms, visitor=f"visitor-of-{one}") for one in ("test1", "test2")}
    for lead, one in ((sold, "test1"), (over, "test2")):
        named = report(bounty.business, "lead", external_id=one, lead_id=lead, customer=one, click=visits[one])
        assert fresh(named).lead_id == lead
    bought = report(bounty.business, customer="test1")
    assert fresh(bought).lead_id == sold and "pointed out" in bought.reasons[0]
    again = report(bounty.business, external_id="order-2", click=visits["test1"])
    by_address = report(bounty.business, external_id="order-3", email="kim@example.com", customer="test1")
    other = report(bounty.business, external_id="order-4", lead_id=sold, customer="cus-9")
    assert {one.reason for one in (again, by_address, other)} == {"first_sale_only"}
    end_reading()
    with transaction():
        end_lead(db.session.get_one(Lead, over), why="the protection window ended")
    late = report(bounty.business, external_id="order-5", customer="test2", click=visits["test2"])
    assert db.session.get_one(Lead, fresh(late).lead_id).referrer_id == toms.referrer_id and late.state == "pending"
    assert [one.beneficiary_id for one in db.session.scalars(select(Reward).order_by(Reward.id))] == [ana.id, toms.referrer_id]
    named = report(bounty.business, "lead", external_id="named", lead_id=fresh(late).lead_id, customer="test2")
    assert not any("Not counted" in one for one in named.reasons), "a lead against itself"
    end_reading()
    mine = report(bounty.business, external_id="order-6", customer="cus-9", click=click(toms, visitor="visitor-of-test3"))
    assert db.session.get_one(Lead, fresh(mine).lead_id).referrer_id == toms.referrer_id, "another customer of the same lead"


def test_what_waits_goes_on_waiting_for_whom_it_is_credited_to_instead(bounty, as_user):
    ana, tom, mona = make.make_user(), make.make_user("Tom Berg"), make.make_user("Mona Lind", is_admin=True)
    sold = report(bounty.business, customer="c-1", click=click(link(bounty, ana)))
    toms = link(bounty, tom).spoken
    end_reading()
    with transaction():
        reward = db.session.scalars(select(Reward)).one()
        lifecycle.move_reward(reward, RewardState.ON_HOLD, by=mona.id, reason="To be looked into.")
        hold_reward(reward, source_id="case_1", reason="A person looks at it.", letter="")
    with transaction():
        reattribute(db.session.get_one(Report, sold.report.id), by=mona, code=toms, reason="Tom brought them by telephone.")
    end_reading()
    passed = db.session.scalars(select(Reward).where(Reward.beneficiary_id == tom.id)).one()
    assert passed.state is RewardState.ON_HOLD and [one.source_id for one in live_holds(passed.id)] == ["case_1"]
    here = f"/leads/{passed.lead_id}"
    own, anas = words_of(as_user(make.owner_of(bounty.business)).page(here)), words_of(as_user(ana).page(here))
    assert "Credited to another referrer -$1,000" in own and "Our fee, moved with it -$50" in own
    assert "Returns to the bounty’s funds" not in own and "by a dispute" not in own + anas
    assert tom.email not in anas and "The other referrer 100%" in anas
    assert check_ledger() == []


def test_who_was_credited_anew_before_is_named_by_no_address_and_who_was_asked_to_share_still_is(app, request, tmp_path):
    with old_database(request, tmp_path) as url:
        engine = create_engine(url)
        with engine.begin() as connection:
            for statement in (
                    "CREATE TABLE reattributions (lead_id TEXT, to_id TEXT)",
                    "CREATE TABLE splits (id TEXT, lead_id TEXT, own_bps INTEGER, state TEXT)",
                    "CREATE TABLE split_parts (id TEXT, split_id TEXT, user_id TEXT, second_id TEXT, email TEXT)",
                    "INSERT INTO reattributions VALUES ('moved', 'tom')",
                    # What Ana had proposed before, what came of it, and a split of another lead.
                    "INSERT INTO splits VALUES ('a', 'moved', 5000, 'withdrawn'), ('b', 'moved', 0, 'agreed'), ('c', 'other', 0, 'agreed')"):
                connection.execute(text(statement))
            kept = encrypt("tom@example.com")
            connection.execute(text("INSERT INTO split_parts VALUES ('a', 'a', NULL, NULL, :kept), ('b', 'b', 'tom', NULL, :kept), "
                                    "('c', 'c', 'tom', NULL, :kept)"), {"kept": kept})
            migrate(connection, "upgrade", "0034_addresses_of_others")
            migrate(connection, "downgrade", "0034_addresses_of_others")
            left = connection.execute(text("SELECT email FROM split_parts ORDER BY id")).scalars().all()
            assert [decrypt(one) for one in left] == ["tom@example.com", "", "tom@example.com"]
        engine.dispose()


def test_a_thing_that_is_no_money_is_promised_and_nothing_is_taken_from_funds(work):
    bounty = make.make_bounty(rules=[{"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU, "words": "A letter by hand"}])
    with transaction():
        publish_bounty(bounty, by=make.owner_of(bounty.business))
    outcome = report(db.session.get_one(Business, bounty.business_id), customer="c-1", click=click(link(bounty, make.make_user())))
    assert outcome.state == "approved" and not outcome.rewards and db.session.query(Reward).count() == 0
    work()
    assert check_ledger() == []


def test_a_sale_so_small_that_its_share_is_nothing_is_counted_and_earns_nothing(app):
    bounty = make.make_bounty(is_live=True, rules=[{"kind": RewardKind.PERCENT, "rate_bps": 100, "cap_minor": 100_000}])
    outcome = report(bounty.business, customer="c-1", amount=Money(1, "usd"), click=click(link(bounty, make.make_user())))
    assert outcome.state == "approved" and not outcome.rewards and db.session.query(Reward).count() == 0
    assert check_ledger() == []
