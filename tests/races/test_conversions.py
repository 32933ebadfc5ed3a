"""A shop that sends everything at once: each sale counted once, each customer somebody's, each claim and code one person's."""
from collections import Counter

import pytest
from sqlalchemy import select

from marketplace.bounties.models import Bounty
from marketplace.foundation import clock as time
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.identity.models import Business
from marketplace.payments.ledger_checks import check_ledger
from marketplace.referrals.disputes.answering import accept_claim
from marketplace.referrals.models import Conversion, ConversionSource, Dispute, Lead, Reward
from marketplace.tracking.claims import claim_sale
from marketplace.tracking.intake import take_conversion, take_conversions
from marketplace.tracking.links import link_of
from marketplace.tracking.models import Binding, ReferralLink, Report, ReportKind, ReportState
from marketplace.tracking.queries import get_link
from marketplace.tracking.reported import Reported
from tests.browsing import end_reading
from tests.factories import make_bounty, make_user, owner_of
from tests.properties.market import OK, person
from tests.races.together import attempt_once, together
from tests.tracking.report_steps import SALE, click, link, report

MANY = 16
EARNED = Money(100_000, "usd")


@pytest.fixture
def world(app):
    """A live bounty of Westside: flat $1,000; its ids, and Ana's."""
    bounty = make_bounty(is_live=True, funded_for=MANY + 1)
    return bounty.id, bounty.business.id, owner_of(bounty.business).id, make_user().id


def link_by(bounty_id, user_id):
    return link(db.session.get_one(Bounty, bounty_id), person(user_id))


def link_in(world):
    return link_by(world[0], world[3])


def sending(world, **said):
    """What a request to the API does, in a context of its own; ``several`` with another in the same call."""
    _, business, owner, _ = world
    several = said.pop("several", ())
    all_said = [Reported(**{"kind": ReportKind.SALE, "amount": SALE, **one}) for one in (said, *several)]

    def send():
        take = {"source": ConversionSource.API, "by": person(owner)}
        if several:
            take_conversions(db.session.get_one(Business, business), all_said, **take)
        else:
            take_conversion(db.session.get_one(Business, business), all_said[0], **take)

    return lambda: attempt_once(send)


def counted():
    end_reading()
    return (db.session.query(Report).count(), db.session.query(Conversion).count(),
            [(one.beneficiary_id, one.amount) for one in db.session.scalars(select(Reward))])


@pytest.mark.parametrize("customer", ["cus_1", None])
def test_the_same_sale_sent_by_sixteen_at_once_is_one_sale_and_one_reward(app, world, customer):
    ana = world[3]
    said = {"external_id": "order-1", "customer": customer, "click": click(link_in(world))}
    sent = [sending(world, **said) for _ in range(MANY - 4)]
    sent += [sending(world, **said, several=[{**said, "external_id": f"other-{number}"}]) for number in range(4)]
    answers = Counter(together(app, sent))
    assert answers[OK] >= MANY - 4 and set(answers) <= {OK, "bound_meanwhile"}, answers
    others = db.session.query(Report).filter(Report.external_id != "order-1").count()
    assert counted() == (1 + others, 1, [(ana, EARNED)])  # Of one customer, or of one click, the first sale alone.
    assert db.session.query(Binding).count() == 1
    assert db.session.query(Lead).count() == len({one.lead_id for one in db.session.query(Report)})
    assert check_ledger() == []


def test_one_click_used_for_two_orders_at_once_is_one_customer_with_two_sales(app, world):
    ana, anas = world[3], click(link_in(world))
    answers = together(app, [sending(world, external_id=f"order-{number}", customer="cus_1", click=anas)
                             for number in range(4)])
    assert set(answers) <= {OK, "bound_meanwhile"} and OK in answers
    reports, _, rewards = counted()
    assert reports == answers.count(OK) and rewards == [(ana, EARNED)]
    assert db.session.query(Binding).count() == db.session.query(Lead).count() == 1
    assert check_ledger() == []


def test_an_order_told_by_two_sources_at_once_is_counted_once(app, world):
    _, business, owner, _ = world
    other = make_bounty(db.session.get_one(Business, business), is_live=True).id
    clicks = [click(link_in(world)), click(link_by(other, make_user("Tom Reed").id))]

    def told_by(source, number):
        def send():
            take_conversion(
                db.session.get_one(Business, business),
                Reported(external_id="order-1", kind=ReportKind.SALE, amount=SALE, customer=f"cus_{number}",
                         click=clicks[number % 2]),
                source=source, by=person(owner))
        return lambda: attempt_once(send)

    sources = [ConversionSource.API, ConversionSource.CSV, ConversionSource.STRIPE, ConversionSource.LINK]
    assert together(app, [told_by(source, number) for number, source in enumerate(sources)]) == [OK] * 4
    reports, conversions, rewards = counted()
    assert (reports, conversions, len(rewards)) == (4, 1, 1)
    assert Counter(one.state for one in db.session.query(Report)) == {ReportState.APPROVED: 1, ReportState.DUPLICATE: 3}
    assert check_ledger() == []


def test_claims_on_sales_of_one_customer_who_is_nobodys_are_one_dispute_and_pay_once(app, world, work):
    bounty, business, owner, ana = world
    for number in ("A-1", "A-2"):
        report(db.session.get_one(Business, business), external_id=number, customer="cus_1")
    report(db.session.get_one(Business, business), external_id="A-1", source=ConversionSource.CSV)
    claimants = [link_by(bounty, one).id for one in (ana, *(make_user(f"Person {number}").id for number in range(7)))]

    def claim(link_id, number):
        def verb():
            one = db.session.get_one(ReferralLink, link_id)
            claim_sale(get_link(link_id, seen_by=person(one.referrer_id)), by=person(one.referrer_id),
                       order_number=f"A-{number % 2 + 1}", bought_on=time.now().date(), text="I sent them.")
        return lambda: attempt_once(verb)

    said = Counter(together(app, [claim(one, number) for number, one in enumerate(claimants)]))
    assert said == {OK: 1, "no_such_sale": 7}
    assert db.session.query(Dispute).count() == db.session.query(Lead).count() == 1
    dispute = db.session.query(Dispute).one()
    won, dispute_id = db.session.query(Report).filter_by(state=ReportState.DISPUTED).one().external_id, dispute.id
    claimant, other = dispute.claimant_id, {"A-1": "A-2", "A-2": "A-1"}[won]
    end_reading()
    with transaction():
        accept_claim(db.session.get_one(Dispute, dispute_id), by=person(owner))
    work()
    assert [(who, amount) for who, amount in counted()[2]] == [(claimant, EARNED)]
    assert {one.reason for one in db.session.query(Report).filter_by(external_id=other)} <= {"first_sale_only", "nobody"}
    end_reading()
    for one in claimants:
        assert claim(one, 0)() == claim(one, 1)() == "no_such_sale"
    assert check_ledger() == []


def test_a_code_that_eight_wish_for_at_once_is_one_persons_and_each_has_one_link(app, world):
    bounty = world[0]
    people = [make_user("Ana Flores").id for _ in range(4)]

    def wish(user_id):
        def verb():
            link_of(db.session.get_one(Bounty, bounty), by=person(user_id), wish="SUMMER")
        return lambda: attempt_once(verb)

    assert together(app, [wish(one) for one in people * 2]) == [OK] * 8
    links = db.session.scalars(select(ReferralLink)).all()
    assert sorted(one.referrer_id for one in links) == sorted(people)
    assert [one.spoken for one in links].count("SUMMER") == 1 and len({one.spoken_key for one in links}) == 4
    made = db.session.scalars(select(AuditEvent.subject_id).where(AuditEvent.action == "link.made")).all()
    assert sorted(made) == sorted(one.id for one in links)
