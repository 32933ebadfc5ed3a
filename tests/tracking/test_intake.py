"""A conversion comes in: counted once, credited to the right person, explained; or kept until it can be."""
from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplace.bounties.drafting import change_bounty
from marketplace.bounties.models import Bounty, BountyState, Happening, RewardKind
from marketplace.bounties.publishing import close_bounty, return_free_funds
from marketplace.foundation import clock as time
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import DomainError, Forbidden, Invalid
from marketplace.foundation.money import Money
from marketplace.identity.models import Business, MemberRole, User
from marketplace.payments import ledger
from marketplace.payments.models import AccountKind
from marketplace.referrals.contact_list import read_contact_list
from marketplace.referrals.known_contacts import take_contacts
from marketplace.referrals.models import (
    Conversion,
    ConversionSource,
    Lead,
    LeadSource,
    Moderation,
    Reward,
    RewardState,
    Stage,
)
from marketplace.referrals.stages import change_stage
from marketplace.tracking import batches
from marketplace.tracking.binding import CustomerUnsaid
from marketplace.tracking.intake import take_conversions
from marketplace.tracking.links import end_link
from marketplace.tracking.models import Binding, Report, ReportKind, ReportState
from marketplace.tracking.report_outcomes import Outcome, outcome_of
from marketplace.tracking.report_words import next_in_words
from marketplace.tracking.reported import Reported, ReportedOtherwise
from marketplace.tracking.retrying import count_what_waited, match_order
from tests import factories as make
from tests.browsing import end_reading
from tests.referrals.steps import holds
from tests.tracking.report_steps import SALE, click, fresh, link, report

DAY = timedelta(days=1)


@pytest.fixture
def world(keep):
    """Ana and Tom, and a live bounty of Westside: flat $1,000."""
    def build():
        bounty = make.make_bounty(is_live=True)
        return bounty.id, make.make_user().id, make.make_user("Tom Reed").id
    return keep("a live bounty and two referrers", build)


@pytest.fixture
def bounty(world):
    return db.session.get_one(Bounty, world[0])


@pytest.fixture
def westside(bounty):
    return bounty.business


@pytest.fixture
def ana(world):
    return db.session.get_one(User, world[1])


@pytest.fixture
def tom(world):
    return db.session.get_one(User, world[2])


def lead_of(outcome):
    end_reading()
    return db.session.get_one(Lead, fresh(outcome).lead_id)


def rewards():
    end_reading()
    return db.session.scalars(select(Reward).order_by(Reward.id)).all()


def test_a_sale_with_a_click_earns_the_referrer_her_reward(ana, bounty, westside, work, mailbox):
    sold = report(westside, click=click(link(bounty, ana), ago=3 * DAY), customer="cus_1")
    assert (sold.state, sold.reason) == ("pending", None)
    [reward] = sold.rewards
    assert (reward.beneficiary_id, reward.amount, reward.fee) == (ana.id, Money(100_000, "usd"), Money(5_000, "usd"))
    assert holds(AccountKind.HELD, reward.id) == 105_000 and holds(AccountKind.RESERVED, sold.report.lead_id) == 0
    lead = lead_of(sold)
    assert (lead.source, lead.moderation, lead.stage) == (LeadSource.LINK, Moderation.ACCEPTED, Stage.WON)
    assert sold.reasons[0].startswith("A click on the link")
    work()
    assert ledger.check_ledger() == [] and mailbox.to(ana.email)


def test_the_same_again_answers_the_first_and_another_body_is_refused(ana, bounty, westside):
    anas = click(link(bounty, ana))
    first = report(westside, click=anas, customer="cus_1")
    again = report(westside, click=anas, customer="cus_1")
    assert again.is_repeat and again.report.id == first.report.id and again.state == first.state == "pending"
    assert [one.id for one in again.rewards] == [one.id for one in first.rewards]
    with pytest.raises(ReportedOtherwise):
        report(westside, click=anas, customer="cus_1", amount=Money(1, "usd"))
    assert db.session.query(Report).count() == 1


def test_both_ways_of_counting_write_the_same(ana, bounty, westside, monkeypatch):
    """The plain case is counted with many others at once; told to go the usual way, it leaves the same rows."""
    def rows(outcome):
        lead = lead_of(outcome)
        [reward] = db.session.scalars(select(Reward).where(Reward.lead_id == lead.id))
        conversion = db.session.get_one(Conversion, reward.conversion_id)
        binding = db.session.scalars(select(Binding).where(Binding.lead_id == lead.id)).one()
        trail = {(one.action, one.subject_id[:4], str(one.details.get("amount_minor"))) for one in db.session.scalars(
            select(AuditEvent).where(AuditEvent.subject_id.in_(
                [lead.id, reward.id, conversion.id, binding.id, outcome.report.id])))}
        kept = [{column.name: getattr(one, column.key) for column in one.__table__.columns
                 if column.name not in {"id", "version", "external_id", "customer_hash", "click_hash", "fingerprint", "payload"}
                 and not column.name.endswith(("_at", "_id", "_until"))}
                for one in (lead, reward, conversion, binding, fresh(outcome), lead.evidence)]
        return kept, trail, {name: value for name, value in conversion.payload.items() if name != "order_number"}

    anas = click(link(bounty, ana))
    at_once = report(westside, click=anas, customer="cus_1", external_id="a")
    monkeypatch.setattr(batches, "_may_be_plain", lambda *said: False)
    usual = report(westside, click=click(link(bounty, ana), visitor="visitor-of-test2"), customer="cus_2", external_id="b")
    assert rows(at_once) == rows(usual) and (at_once.state, at_once.reasons) == (usual.state, usual.reasons)
    funds = ledger.find_balance(AccountKind.FUNDS, bounty.id, "usd")
    assert funds == Money(105_000, "usd") and ledger.check_ledger() == []


def test_who_brought_a_customer_first_keeps_them_through_other_links_and_codes(ana, tom, bounty, westside):
    report(westside, "sign_up", external_id="s", customer="cus_1", email="dave@example.net", click=click(link(bounty, ana)))
    sold = report(westside, customer="cus_1", click=click(link(bounty, tom)), code=link(bounty, tom).spoken)
    assert [one.beneficiary_id for one in sold.rewards] == [ana.id]
    assert "Who brought a customer first keeps them." in sold.reasons[0]
    assert sum("Not counted" in why for why in sold.reasons) == 2
    assert db.session.query(Lead).count() == 1 and lead_of(sold).stage is Stage.WON


def test_the_terms_of_the_day_on_which_they_were_bound_are_kept(ana, bounty, westside):
    report(westside, "lead", external_id="l", customer="cus_1", click=click(link(bounty, ana)))
    end_reading()
    with transaction():
        kept = db.session.get_one(Bounty, bounty.id)
        change_bounty(kept, by=make.owner_of(westside), title=kept.title, offer=kept.offer,
                      **{**make.TERMS, "rules": [make.flat(50_000)]})
    sold = report(westside, customer="cus_1")
    assert [one.amount.minor for one in sold.rewards] == [100_000]


def test_a_code_is_enough_however_it_was_written(ana, bounty, westside):
    spoken = link(bounty, ana).spoken
    sold = report(westside, code=f" {spoken.lower().replace('-', ' ')}! ", customer="cus_1")
    assert [one.beneficiary_id for one in sold.rewards] == [ana.id] and lead_of(sold).source is LeadSource.CODE


def test_who_is_known_by_a_code_alone_has_to_be_named_and_by_a_click_alone_buys_first_once(ana, tom, bounty, westside):
    anas = link(bounty, ana)
    said = {"external_id": "o1", "code": anas.spoken}
    with pytest.raises(CustomerUnsaid) as refused:
        report(westside, **said)
    assert refused.value.fields["customer"]
    assert report(westside, **said, customer="cus_1").state == "pending"  # Nothing was kept of the first try.
    again = report(westside, external_id="o2", code=anas.spoken, customer="cus_1")
    assert (again.state, again.reason) == ("rejected", "first_sale_only")
    early = report(westside, external_id="o0", code="TOM-WESTSIDE")  # Before Tom has that code.
    assert link(bounty, tom).spoken == "TOM-WESTSIDE"
    with transaction():
        match_order(westside.id, "o0")
    assert fresh(early).reason == "customer_unsaid" and "with your id for the customer" in next_in_words(outcome_of(fresh(early)))
    clicked = click(anas)
    both = [report(westside, external_id=one, click=clicked) for one in ("o3", "o4")]
    assert [one.reason for one in both] == [None, "first_sale_only"] and len(rewards()) == 2


def test_who_was_known_by_a_click_alone_and_is_named_later_is_one_customer(ana, bounty, westside):
    visit, other = click(link(bounty, ana)), click(link(bounty, ana), visitor="visitor-of-test2")
    report(westside, "sign_up", external_id="up", click=visit)
    sold = report(westside, external_id="o1", click=visit, customer="cus_1")
    later = report(westside, external_id="o2", customer="cus_1")
    again = report(westside, external_id="o3", click=visit)
    assert [one.reason for one in (sold, later, again)] == [None, "first_sale_only", "first_sale_only"]
    report(westside, "sign_up", external_id="up2", click=other)
    mailed = report(westside, external_id="o4", click=other, email="kim@example.com")
    assert report(westside, external_id="o5", email="kim@example.com").reason == "first_sale_only"
    assert len({fresh(one).lead_id for one in (sold, mailed)}) == db.session.query(Lead).count() == 2
    somebody_else = report(westside, external_id="o6", click=visit, customer="cus_2")  # Whoever is named, is who they are.
    assert somebody_else.state == "pending" and db.session.query(Lead).count() == 3


def test_one_visit_buys_first_once_in_whatever_order_it_is_named(ana, bounty, westside):
    anas, once = link(bounty, ana), ["pending", "rejected", "rejected"]
    for number, order in enumerate((" ie", " ei", "i e", "e i", "ie ")):  # By the click alone, with an id, with an address.
        visit = click(anas, visitor=f"visitor-of-test{number}")
        known = {" ": {}, "i": {"customer": f"cus_{number}"}, "e": {"email": f"kim{number}@example.com"}}
        make.fund_bounty(db.session.get_one(Bounty, bounty.id))
        assert [report(westside, external_id=f"o{number}{one}", click=visit, **known[one]).state for one in order] == once, order
    visit = click(anas, visitor="visitor-of-test9")
    together = [Reported(external_id=f"t{at}", kind=ReportKind.SALE, amount=SALE, click=visit, **one)
                for at, one in enumerate(({"customer": "cus_9"}, {}, {"email": "kim9@example.com"}))]
    end_reading()
    with transaction():
        taken = take_conversions(db.session.get_one(Business, westside.id), together, source=ConversionSource.API,
                                 by=make.owner_of(westside))
        assert [one.state for one in taken] == once
    assert len(rewards()) == db.session.query(Binding).count() == 6


def test_a_code_that_was_ended_promises_nothing_more_and_what_was_clicked_or_said_before_counts(ana, bounty, westside, clock):
    anas = link(bounty, ana)
    clicked, said_at = click(anas), time.now()
    clock.move(hours=1)
    with transaction():
        end_link(db.session.merge(anas), by=db.session.get_one(User, ana.id))
    late = report(westside, external_id="late", code=anas.spoken, customer="c1")
    assert (late.state, late.reason) == ("unmatched", "link_ended") and "had been ended by then" in late.reasons[0]
    assert next_in_words(late).startswith("The code had been ended when it was said")
    before = report(westside, external_id="before", code=anas.spoken, customer="c2", at=said_at)
    followed = report(westside, external_id="clicked", click=clicked, customer="c3")
    assert [one.state for one in (before, followed)] == ["pending"] * 2
    clock.move(days=1)
    day = report(westside, external_id="day", code=anas.spoken, customer="c4", at=said_at.replace(hour=23, minute=59, second=0, microsecond=0))
    assert day.reason != "link_ended"  # Of a day without an hour the doubt is the referrer's.


def test_what_happened_before_a_bounty_closed_counts_as_far_as_its_funds_are_there(ana, bounty, westside, clock):
    said = {"click": click(link(bounty, ana)), "at": time.now()}
    clock.move(hours=1)
    with transaction():
        close_bounty(db.session.get_one(Bounty, bounty.id), by=make.owner_of(westside))
    assert report(westside, external_id="told-late", customer="c1", **said).state == "pending"
    after = report(westside, external_id="after", customer="c2", click=said["click"])
    assert (after.state, after.reason) == ("rejected", "bounty_closed")
    with transaction():
        return_free_funds(bounty.id)
    later = report(westside, external_id="told-later", customer="c3", **said)
    assert (later.state, later.reason) == ("rejected", "bounty_closed") and "gone back" in later.reasons[-1]
    assert db.session.query(Binding).count() == 1 and ledger.check_ledger() == []


def test_what_nobody_brought_is_kept_and_counted_when_the_click_arrives(ana, bounty, westside, work):
    early = report(westside, customer="cus_1", email="dave@example.net")
    assert (early.state, early.reason, rewards()) == ("unmatched", "nobody", [])
    report(westside, "lead", external_id="l", email="Dave+shop@example.net", click=click(link(bounty, ana)))
    work()
    assert fresh(early).state is ReportState.APPROVED and [one.beneficiary_id for one in rewards()] == [ana.id]
    assert report(westside, customer="cus_1", email="dave@example.net").is_repeat


def test_a_lead_that_says_yes_later_takes_what_was_reported_of_its_address(ana, bounty, westside, work):
    early = report(westside, email="david@example.com")
    lead = make.consent(make.accept(make.make_lead(bounty, by=ana)), email="david@example.com")
    late = report(westside, external_id="order-2", email="david@example.com", amount=Money(200, "usd"))
    assert late.report.lead_id == lead.id and [one.beneficiary_id for one in late.rewards] == [ana.id]
    assert "Their own answer beats everything." in late.reasons[0]
    work()
    assert fresh(early).state is ReportState.REJECTED and fresh(early).reason == "first_sale_only"


def test_what_never_can_count_is_rejected_with_its_reason(ana, tom, bounty, westside, clock):
    anas = link(bounty, ana)
    own = report(westside, external_id="own", click=click(anas), email=ana.email)
    assert (own.state, own.reason) == ("rejected", "self_referral")
    with transaction():
        take_contacts(db.session.get_one(Business, westside.id), read_contact_list(b"email\neve@example.net\n"),
                      by=make.owner_of(westside), replaces=False)
    clock.move(hours=1)
    known = report(westside, external_id="known", click=click(anas), email="eve@example.net")
    assert (known.state, known.reason) == ("rejected", "already_known")
    yen = report(westside, external_id="yen", click=click(anas), customer="c", amount=Money(500, "eur"))
    assert (yen.state, yen.reason) == ("rejected", "invalid") and "in USD" in " ".join(yen.reasons)
    with transaction():
        close_bounty(db.session.get_one(Bounty, bounty.id), by=make.owner_of(westside))
    late = report(westside, external_id="late", click=click(anas), customer="new")
    assert (late.state, late.reason) == ("rejected", "bounty_closed") and rewards() == []


def test_old_and_forged_clicks_and_codes_of_others_lead_nowhere(ana, bounty, westside):
    anas, other = link(bounty, ana), make.make_bounty(is_live=True, title="Introduce a buyer to Eastside")
    foreign = link(other, ana)
    good = click(anas)
    for number, said in enumerate([
            {"click": click(anas, ago=91 * DAY)}, {"click": good[:-1] + ("A" if good[-1] != "A" else "B")},
            {"click": good[:30]}, {"click": click(foreign)}, {"code": foreign.spoken}, {"code": "NOBODY-HERE"},
            {"lead_id": "lead_01m80e3b000000000000000000"}]):
        assert report(westside, external_id=f"o{number}", **said).state == "unmatched"
    assert db.session.query(Lead).count() == 0


def test_what_is_wrong_whoever_it_belongs_to_is_refused_and_not_kept(bounty, westside):
    for said in ({"amount": Money(-1, "usd")}, {"amount": Money(10**10, "usd")}, {"amount": Money(5, "xau")},
                 {"at": time.now() + DAY}, {"at": time.now() - 5 * 365 * DAY}, {"external_id": " "}, {"refund_of": "x"}):
        with pytest.raises(Invalid):
            report(westside, **said)
    with pytest.raises(Forbidden):
        report(westside, by=make.make_user())
    with pytest.raises(Forbidden):  # An agent works leads, and gives nothing back.
        report(westside, "refund", by=make.make_member(westside, MemberRole.AGENT), amount=Money(1, "usd"), refund_of="x")
    assert db.session.query(Report).count() == 0


def test_an_order_that_was_counted_by_another_way_is_a_duplicate(ana, bounty, westside):
    anas = link(bounty, ana)
    first = report(westside, click=click(anas), customer="cus_1")
    again = report(westside, source=ConversionSource.STRIPE, click=click(anas), customer="cus_1")
    assert again.reasons == ("It was told of before, by the API, and counted then.",)
    assert (again.state, fresh(again).first_id) == ("duplicate", first.report.conversion_id) and len(rewards()) == 1


def test_funds_that_are_gone_make_it_wait_and_nothing_is_lost(ana, bounty, westside, work):
    anas = link(bounty, ana)
    sold = [report(westside, external_id=f"o{number}", customer=f"c{number}", click=click(anas)) for number in range(4)]
    assert [one.state for one in sold] == ["pending"] * 3 + ["matched"] and sold[3].reason == "funds_gone"
    end_reading()
    assert db.session.get_one(Bounty, bounty.id).state is BountyState.PAUSED
    make.fund_bounty(db.session.get_one(Bounty, bounty.id))
    with transaction():
        count_what_waited(westside.id)
    work()
    assert fresh(sold[3]).state is ReportState.APPROVED and len(rewards()) == 4 and ledger.check_ledger() == []


def test_who_was_bound_to_a_bounty_that_closed_waits_for_its_funds_no_longer(ana, bounty, westside, clock, work):
    """Their lead had run out; or the bounty closed while their sale waited."""
    anas = link(bounty, ana)
    report(westside, "lead", external_id="l", customer="cus_1", click=click(anas))
    clock.move(days=91)
    work()
    sold = [report(westside, external_id=f"o{number}", customer=f"c{number}", click=click(anas)) for number in range(4)]
    assert sold[3].reason == "funds_gone"
    with transaction():
        close_bounty(db.session.get_one(Bounty, bounty.id), by=make.owner_of(westside))
    work()
    bound = report(westside, customer="cus_1")
    for one in (fresh(sold[3]), fresh(bound)):
        assert (one.state, one.reason) == (ReportState.REJECTED, "bounty_closed") and "takes no more funds" in one.reasons[-1]
    assert len(rewards()) == 3 and ledger.check_ledger() == []


def test_a_refund_takes_back_its_part_before_or_after_its_sale(ana, bounty, westside):
    anas = link(bounty, ana)
    early = report(westside, "refund", external_id="r1", refund_of="order-1", amount=Money(750_000, "usd"))
    assert (early.state, early.reason) == ("unmatched", "sale_unknown")
    report(westside, click=click(anas), customer="cus_1")
    assert fresh(early).state is ReportState.APPROVED and rewards()[0].net.minor == 75_000
    again = report(westside, "refund", external_id="r1", refund_of="order-1", amount=Money(750_000, "usd"))
    assert again.is_repeat and rewards()[0].net.minor == 75_000
    rest = report(westside, "refund", external_id="r2", refund_of="order-1", amount=Money(9_999_999, "usd"))
    assert "No more was left" in rest.reasons[-1] and rewards()[0].state is RewardState.VOIDED
    more = report(westside, "refund", external_id="r3", refund_of="order-1", amount=Money(1, "usd"))
    assert (more.state, more.reason) == ("rejected", "nothing_left")
    euro = report(westside, "refund", external_id="r4", refund_of="order-1", amount=Money(1, "eur"))
    assert euro.reason == "other_currency"
    assert ledger.check_ledger() == []


def test_a_refund_of_what_did_not_count_takes_nothing(ana, bounty, westside):
    report(westside, click=click(link(bounty, ana)), email=ana.email)
    back = report(westside, "refund", external_id="r1", refund_of="order-1", amount=Money(1, "usd"))
    assert (back.state, back.reason) == ("rejected", "sale_not_counted")
    twice = report(westside, "refund", external_id="r1", refund_of="order-1", amount=Money(1, "usd"),
                   source=ConversionSource.STRIPE)
    assert twice.state == "rejected"


STAGED = [make.flat(2_000, happening=Happening.QUALIFIED), make.flat(10_000),
          {"kind": RewardKind.PERCENT, "rate_bps": 1_000, "cap_minor": 5_000, "happening": Happening.RENEWAL,
           "times": 2, "within_months": 12}]


def test_trials_sign_ups_renewals_and_upgrades_earn_what_the_terms_say(ana, clock, work):
    bounty = make.make_bounty(is_live=True, rules=STAGED)
    shop, anas = bounty.business, link(bounty, ana)
    assert report(shop, "lead", external_id="trial", customer="c", click=click(anas)).state == "matched"
    assert [one.amount.minor for one in report(shop, "sign_up", external_id="up", customer="c").rewards] == [2_000]
    assert report(shop, "sign_up", external_id="up2", customer="c").state == "matched"
    early = report(shop, "renewal", external_id="r0", customer="c", amount=Money(10_000, "usd"))
    assert (early.state, early.reason) == ("unmatched", "no_sale_yet")
    assert [one.amount.minor for one in report(shop, customer="c").rewards] == [10_000]
    work()
    assert fresh(early).state is ReportState.APPROVED
    clock.move(days=32)
    upgrade = report(shop, external_id="o2", customer="c", amount=Money(90_000, "usd"))  # A later sale is a renewal.
    assert [one.amount.minor for one in upgrade.rewards] == [5_000] and "counts as a renewal" in " ".join(upgrade.reasons)
    clock.move(days=32)
    third = report(shop, "renewal", external_id="r3", customer="c", amount=Money(90_000, "usd"))
    assert (third.state, third.reason) == ("rejected", "renewals_used_up")
    back = report(shop, "refund", external_id="b", refund_of="o2", amount=Money(45_000, "usd"))
    assert back.state == "approved" and rewards()[-1].net.minor == 2_500


def test_what_was_qualified_only_by_its_sale_is_of_what_the_sale_earned(ana):
    bounty = make.make_bounty(is_live=True, rules=STAGED)
    shop, anas = bounty.business, link(bounty, ana)
    at_once = report(shop, customer="c1", click=click(anas))
    assert [one.amount.minor for one in at_once.rewards] == [2_000, 10_000]
    before = report(shop, "sign_up", external_id="up", customer="c2", click=click(anas))
    after = report(shop, external_id="o2", customer="c2")
    assert [[one.amount.minor for one in told.rewards] for told in (before, after)] == [[2_000], [10_000]]


def test_a_second_purchase_earns_nothing_where_the_terms_pay_for_one(ana, bounty, westside):
    report(westside, click=click(link(bounty, ana)), customer="cus_1")
    again = report(westside, external_id="order-2", customer="cus_1")
    assert (again.state, again.reason) == ("rejected", "first_sale_only") and len(rewards()) == 1


def test_who_was_bound_is_rewarded_long_after_the_protection_ended(ana, bounty, westside, clock, work):
    report(westside, "lead", external_id="l", customer="cus_1", click=click(link(bounty, ana)))
    [first] = db.session.scalars(select(Lead))
    clock.move(days=91)
    work()
    end_reading()
    assert db.session.get_one(Lead, first.id).moderation is Moderation.EXPIRED
    assert holds(AccountKind.RESERVED, first.id) == 0
    sold = report(westside, customer="cus_1")
    assert [one.beneficiary_id for one in sold.rewards] == [ana.id] and sold.report.lead_id != first.id


def test_a_lead_that_the_business_gave_up_sells_after_all(ana, bounty, westside):
    report(westside, "lead", external_id="l", customer="cus_1", click=click(link(bounty, ana)))
    end_reading()
    [lead] = db.session.scalars(select(Lead))
    owner = make.owner_of(westside)
    with transaction():
        change_stage(db.session.get_one(Lead, lead.id), Stage.LOST, by=owner, reason="They went quiet.")
    assert report(westside, customer="cus_1").state == "pending"
    report(westside, "lead", external_id="l2", customer="cus_2", click=click(link(bounty, ana)))
    other = db.session.scalars(select(Lead).order_by(Lead.id.desc())).first()
    with transaction():
        change_stage(db.session.get_one(Lead, other.id), Stage.UNQUALIFIED, by=owner, reason="They are too far away.")
    assert report(westside, external_id="o2", customer="cus_2").state == "pending"
    end_reading()
    assert db.session.get_one(Lead, other.id).stage is Stage.UNQUALIFIED and ledger.check_ledger() == []


def test_a_batch_takes_each_by_itself_in_order(ana, tom, bounty, westside):
    anas, toms = click(link(bounty, ana)), click(link(bounty, tom))
    report(westside, external_id="known", customer="k", click=anas)
    owner = make.owner_of(westside)

    def item(external_id, kind=ReportKind.SALE, amount=SALE, **said):
        return Reported(external_id=external_id, kind=kind, amount=amount, **said)

    items = [item("plain", customer="a", click=anas), item("bad", amount=Money(0, "usd")), item("known", customer="k", click=anas),
             item("known", customer="other"), item("nobody"), item("twice", customer="b", click=toms),
             item("twice", customer="b", click=toms), item("bound", ReportKind.LEAD, None, customer="a"),
             item("back", ReportKind.REFUND, Money(300_000, "usd"), refund_of="plain")]
    with transaction():
        taken = take_conversions(db.session.get_one(Business, westside.id), items, source=ConversionSource.API,
                                 by=db.session.get_one(User, owner.id))
    states = [one.state if isinstance(one, Outcome) else one.code for one in taken]
    assert states == ["pending", "invalid", "pending", "external_id_reused", "unmatched", "pending", "pending", "matched",
                      "approved"]
    assert isinstance(taken[1], DomainError) and taken[6].is_repeat
    assert sorted(one.net.minor for one in rewards()) == [90_000, 100_000, 100_000] and ledger.check_ledger() == []
