"""What somebody could try so that a sale is paid twice, or to the wrong one: each ends with one reward, or none."""
from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplace.bounties.models import Bounty, Happening, RewardKind
from marketplace.foundation import audit
from marketplace.foundation import clock as time
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.foundation.show import day_in_words
from marketplace.identity.models import User
from marketplace.referrals.asking import end_lead
from marketplace.referrals.conversion import AlreadyCounted
from marketplace.referrals.disputes.answering import accept_claim, withdraw_claim
from marketplace.referrals.disputes.opening import open_dispute
from marketplace.referrals.disputes.subjects import Claim, find_subject, kinds_for
from marketplace.referrals.first_sale_letters import tell_of_first_sale
from marketplace.referrals.models import Buyer, Consent, ConversionSource, Dispute, Lead
from marketplace.referrals.models import DisputeKind as K
from marketplace.referrals.stages import FirstSaleOnly, win_lead
from marketplace.tracking.buyers_word import confirm_word, may_say_bought, say_bought
from marketplace.tracking.claims import NoSuchSale, claim_sale, note_claim_ended
from marketplace.tracking.models import Binding, Report, ReportState
from marketplace.tracking.queries import get_link
from marketplace.tracking.reattribution import reattribute
from marketplace.tracking.report_words import next_in_words
from tests import factories as make
from tests.browsing import body_of, end_reading, what, words_of
from tests.referrals.steps import again, do
from tests.tracking.report_steps import SALE, click, fresh, link, live_rewards, report

DAY = timedelta(days=1)
MONTHLY = {"kind": RewardKind.PERCENT, "rate_bps": 1_000, "cap_minor": 5_000, "happening": Happening.RENEWAL, "times": 3,
           "within_months": 12}


@pytest.fixture
def world(keep):
    def build():
        bounty = make.make_bounty(is_live=True)
        return bounty.id, make.make_user().id, make.make_user("Tom Reed").id
    return keep("a bounty that is attacked", build)


@pytest.fixture
def bounty(world):
    return db.session.get_one(Bounty, world[0])


@pytest.fixture
def people(world):
    """Ana, Tom."""
    return [db.session.get_one(User, one) for one in world[1:]]


def claim(one, by, **said):
    end_reading()
    with transaction():
        return claim_sale(get_link(one.id, seen_by=by), by=db.session.get_one(User, by.id), **{
            "order_number": "order-1", "bought_on": time.now().date(), "text": "I told them at the fair on Saturday.", **said}).id


def said_yes(bounty, ana):
    return make.consent(make.accept(make.make_lead(bounty, by=ana)), email="david@example.com")


def win(lead, **said):
    end_reading()
    with transaction():
        win_lead(db.session.get_one(Lead, lead.id), by=make.owner_of(lead.business), amount=SALE,
                 occurred_on=time.now().date(), **said)


def test_an_order_that_is_claimed_earns_nobody_else_by_another_way(bounty, people, clock, work):
    ana, tom = people
    report(bounty.business, customer="cus_1")
    claim(link(bounty, ana), ana)
    toms = report(bounty.business, source=ConversionSource.CSV, code=link(bounty, tom).spoken, customer="cus_1")
    assert (toms.state, toms.reason) == ("unmatched", "claimed") and live_rewards() == []
    assert "Once that is decided" in next_in_words(toms)
    with pytest.raises(NoSuchSale):
        claim(link(bounty, tom), tom)
    clock.move(days=9)
    work()
    assert live_rewards() == [(ana.id, 100_000)] and fresh(toms).state is ReportState.DUPLICATE
    mona, code = make.make_user("Mona Lind", is_admin=True), link(bounty, tom).spoken
    end_reading()
    with transaction():
        claimed = db.session.scalars(select(Report).where(Report.state == ReportState.APPROVED)).one()
        reattribute(claimed, by=mona, code=code, reason="Tom brought them.")
    assert db.session.scalars(select(Binding)).one().referrer_id == tom.id, "what they buy later is his, too"


def test_who_wins_a_claim_has_the_customer_also_where_a_lead_that_is_over_had_bound_them(bounty, people, clock, work):
    ana, tom = people
    over = said_yes(bounty, tom).id
    report(bounty.business, "lead", external_id="known", lead_id=over, customer="cus_1")
    end_reading()
    with transaction():
        end_lead(db.session.get_one(Lead, over), why="the protection window ended")
    report(bounty.business, customer="cus_1")
    claim(link(bounty, ana), ana)
    clock.move(days=9)
    work()
    assert live_rewards() == [(ana.id, 100_000)]
    assert report(bounty.business, external_id="order-2", customer="cus_1").reason == "first_sale_only"
    trail = db.session.scalars(select(AuditEvent).where(AuditEvent.action.startswith("customer.")).order_by(AuditEvent.id))
    assert [one.action for one in trail] == ["customer.bound", "customer.let_go", "customer.bound"]


def test_a_claim_that_fails_gives_the_order_to_whom_another_way_names(bounty, people, work):
    ana, tom = people
    report(bounty.business, customer="cus_1")
    disputed = claim(link(bounty, ana), ana)
    report(bounty.business, source=ConversionSource.CSV, code=link(bounty, tom).spoken, customer="cus_1")
    end_reading()
    with transaction():
        withdraw_claim(db.session.get_one(Dispute, disputed), by=db.session.get_one(User, ana.id))
    with transaction():
        note_claim_ended(disputed)
    with pytest.raises(NoSuchSale):  # What waited comes first, not whoever claims it again before its turn.
        claim(link(bounty, ana), ana)
    work()
    assert live_rewards() == [(tom.id, 100_000)]


def test_while_an_order_is_claimed_what_else_its_customer_does_waits_and_one_alone_has_brought_them(bounty, people, clock, work):
    ana, tom = people
    toms = link(bounty, tom)
    make.fund_bounty(bounty, leads=3)
    for number, email in enumerate(("mia@example.com", "lou@example.com")):
        report(bounty.business, external_id=f"first-{number}", customer=f"cus_{number}", email=email)
    _, lost = (claim(link(bounty, ana), ana, order_number=f"first-{number}") for number in range(2))
    orders = [report(bounty.business, external_id=f"second-{number}", customer=f"cus_{number}",
                     click=click(toms, visitor=f"visitor-of-test{number}")) for number in range(2)]
    trial = report(bounty.business, "lead", external_id="trial", email="mia@example.com", code=toms.spoken)
    assert [(one.state, one.reason) for one in (*orders, trial)] == [("unmatched", "claimed")] * 3
    assert "another order of this customer" in " ".join(orders[0].reasons) and live_rewards() == []
    end_reading()
    with transaction():
        withdraw_claim(db.session.get_one(Dispute, lost), by=db.session.get_one(User, ana.id))
    work()
    assert live_rewards() == [(tom.id, 100_000)] and fresh(orders[0]).reason == "claimed"
    clock.move(days=9)
    work()
    assert live_rewards() == [(tom.id, 100_000), (ana.id, 100_000)]
    assert [fresh(one).reason for one in orders] == ["first_sale_only", None]
    assert {one.referrer_id for one in db.session.scalars(select(Binding))} == {ana.id, tom.id}


@pytest.mark.parametrize("how", ["click", "claim", "no address", "bound twice", "by hand"])
def test_a_yes_after_anothers_first_sale_earns_no_second_one_and_its_referrer_reads_why_and_may_dispute(
        bounty, people, how, work, as_user, mailbox, clock):
    ana, tom = people
    known, owner = {"customer": "cus_1", "email": "david@example.com"}, make.owner_of(bounty.business)
    toms = make.accept(make.make_lead(bounty, by=tom, buyer_name="David Orr", buyer_email="david@example.com"))
    if how == "claim":
        report(bounty.business, **known)
        claimed = claim(link(bounty, ana), ana)
        do(accept_claim, db.session.get_one(Dispute, claimed), by=owner)
        work()
    else:
        said = {"customer": "cus_1"} if how in {"no address", "bound twice"} else known
        anas = fresh(report(bounty.business, "lead" if how == "by hand" else "sale", click=click(link(bounty, ana)), **said)).lead_id
    if how == "bound twice":
        make.fund_bounty(bounty, leads=2)
        report(bounty.business, "lead", external_id="trial", email="david@example.com", code=link(bounty, make.make_user("Lou Fox")).spoken)
    assert K.DUPLICATE_OWNERSHIP not in kinds_for(again(toms)), "before a yes nobody learns by it that they bought"
    if how == "click":
        clock.move(days=31)
    make.consent(again(toms), email="david@example.com")
    if how == "by hand":
        word = do(say_bought, again(toms), amount=SALE, bought_on=time.now().date(), is_proven=True)
        win(again(db.session.get_one(Lead, anas)))
        do(confirm_word, db.session.get_one(Report, word.id), by=owner)
        work()
        end_reading()
        assert db.session.get_one(Report, word.id).reason == "first_sale_only"
        assert "say on the lead’s page whose buyer it is" in " ".join(body_of(mailbox.last_to(tom.email)).split())
    clock.move(days=4)  # A sale that the shop tells of within three days of one that people told of is that sale.
    later = report(bounty.business, external_id="order-2", **known)
    assert later.reason == "first_sale_only" and "A customer has one first sale" in " ".join(later.reasons)
    assert live_rewards() == [(ana.id, 100_000)] and not may_say_bought(again(toms))
    page = words_of(as_user(tom).page(f"/leads/{toms.id}"))
    assert "first sale there is counted for another lead, and a customer has one. If it was you who told them, say whose buyer it is: within thirty days" in page
    work()
    told = [what(one) for one in mailbox.to(tom.email)]
    assert told.count("A first sale is counted for another lead") == (how != "by hand"), "by hand they read it in the other mail"
    if how == "no address":
        do(end_lead, again(toms), why="the protection window ended")
    assert K.DUPLICATE_OWNERSHIP in kinds_for(again(toms))
    whose = do(open_dispute, again(toms), K.DUPLICATE_OWNERSHIP, by=tom, text="I told him at the fair on Saturday.")
    do(accept_claim, whose, by=ana)
    assert [one for one in live_rewards() if one[1]] == [(tom.id, 100_000)]
    if how == "click":
        theirs = as_user(owner)
        page = theirs.page(f"/leads/{toms.id}")
        assert "counted for another lead, and a customer has one. See the lead by which they bought." in words_of(page)
        old = dict(next(one for one in page.forms if (one.action or "").endswith("/stage")).form_values())
        answer = theirs.post(f"/leads/{toms.id}/sale", data={
            "csrf_token": old["csrf_token"], "version": old["version"], "amount": "30000.00", "currency": "usd",
            "occurred_on": time.now().date().isoformat()})
        assert answer.status_code == 409 and "counted for another lead" in answer.text
        with pytest.raises(FirstSaleOnly):
            win(again(toms))
        assert [one for one in live_rewards() if one[1]] == [(tom.id, 100_000)]


@pytest.mark.parametrize("is_yes_first", [True, False])
def test_a_referrer_whose_buyers_first_sale_counts_for_another_lead_is_told_so_once(
        bounty, people, is_yes_first, work, mailbox, clock):
    ana, tom = people
    make.fund_bounty(bounty, leads=3)
    anas, toms = (make.accept(make.make_lead(bounty, by=one, buyer_name="David Orr", buyer_email=email))
                  for one, email in ((ana, "david@example.com"), (tom, "dorr@example.com")))
    for one in (anas, toms) if is_yes_first else (anas,):
        make.consent(again(one), email="david@example.com" if one is anas else "dorr@example.com")
    with transaction():
        buyer = db.session.get_one(Buyer, again(toms).buyer_id)
        buyer.email_hash = db.session.get_one(Buyer, again(anas).buyer_id).email_hash
    win(again(anas))
    work()
    subject = "A first sale is counted for another lead"
    if not is_yes_first:
        assert subject not in [what(one) for one in mailbox.to(tom.email)], "before a yes nobody learns that they bought"
        with transaction():
            db.session.get_one(Lead, toms.id).consent = Consent.GRANTED
            audit.record("consent.granted", toms.id, by="buyer")
        do(tell_of_first_sale, toms.id)
        work()
    assert [what(one) for one in mailbox.to(tom.email)].count(subject) == 1
    do(tell_of_first_sale, toms.id)
    clock.move(days=2)
    do(tell_of_first_sale, anas.id)
    work()
    [told] = [" ".join(body_of(one).split()) for one in mailbox.to(tom.email) if what(one) == subject]
    until = day_in_words(find_subject(again(toms), K.DUPLICATE_OWNERSHIP, Claim()).since + 30 * DAY)
    assert f"If it was you who told them, you can say whose buyer it is until {until}, on the lead’s page." in told
    assert not any(secret in told for secret in (ana.name, "David", "david@", "dorr@", "$"))
    assert subject not in [what(one) for one in mailbox.to(ana.email)]


def test_a_first_sale_that_was_all_given_back_keeps_no_other_lead_from_the_customer(bounty, people, clock):
    ana, tom = people
    toms = make.accept(make.make_lead(bounty, by=tom, buyer_name="David Orr", buyer_email="david@example.com"))
    report(bounty.business, click=click(link(bounty, ana)), customer="cus_1", email="david@example.com")
    make.consent(again(toms), email="david@example.com")
    clock.move(days=4)
    assert not may_say_bought(again(toms))
    report(bounty.business, "refund", external_id="back", refund_of="order-1", amount=SALE)
    assert may_say_bought(again(toms)) and live_rewards() == []
    report(bounty.business, external_id="order-2", email="david@example.com")
    assert live_rewards() == [(tom.id, 100_000)]


def test_one_order_that_two_ways_told_of_is_claimed_once(bounty, people):
    ana, tom = people
    report(bounty.business, customer="cus_1")
    report(bounty.business, source=ConversionSource.CSV)
    claim(link(bounty, ana), ana)
    with pytest.raises(NoSuchSale):
        claim(link(bounty, tom), tom)


def test_what_the_buyer_said_is_not_paid_again_as_a_renewal_and_goes_back_with_the_shops_refund(people):
    ana, _ = people
    bounty = make.make_bounty(is_live=True, rules=[make.flat(10_000), MONTHLY])
    lead = said_yes(bounty, ana)
    end_reading()
    with transaction():
        word = say_bought(db.session.get_one(Lead, lead.id), amount=SALE, bought_on=time.now().date(), is_proven=True)
    end_reading()
    with transaction():
        confirm_word(db.session.get_one(Report, word.id), by=make.owner_of(bounty.business))
    assert report(bounty.business, email="david@example.com").state == "duplicate"
    assert live_rewards() == [(ana.id, 10_000)]
    report(bounty.business, "refund", external_id="r", refund_of="order-1", amount=SALE)
    assert live_rewards() == []
    later = report(bounty.business, external_id="order-2", email="david@example.com")
    assert later.state != "duplicate"  # Another sale: as the terms say.


def test_an_order_that_the_shop_told_is_not_recorded_for_another_lead_by_hand(bounty, people):
    ana, tom = people
    report(bounty.business, code=link(bounty, tom).spoken, customer="cus_1")
    lead = said_yes(bounty, ana)
    with pytest.raises(AlreadyCounted):
        win(lead, order_number="order-1")
    assert live_rewards() == [(tom.id, 100_000)]


def test_a_refund_that_came_first_is_taken_off_the_sale_that_is_recorded_by_hand(bounty, people, work):
    ana, _ = people
    early = report(bounty.business, "refund", external_id="r", refund_of="order-1", amount=Money(1_500_000, "usd"))
    win(said_yes(bounty, ana), order_number="order-1")
    work()
    assert live_rewards() == [(ana.id, 50_000)] and fresh(early).state is ReportState.APPROVED


def test_two_ways_that_number_their_refunds_alike_give_back_two_sales_and_one_sale_once(bounty, people):
    ana, tom = people
    for number, one in enumerate(people):
        report(bounty.business, external_id=f"o{number}", code=link(bounty, one).spoken, customer=f"c{number}")
    back = {"external_id": "1", "amount": Money(1_500_000, "usd")}
    report(bounty.business, "refund", refund_of="o0", **back)
    twice = report(bounty.business, "refund", refund_of="o0", source=ConversionSource.STRIPE, **back)
    other = report(bounty.business, "refund", refund_of="o1", source=ConversionSource.MANUAL, **back)
    assert (twice.state, other.state) == ("duplicate", "approved")
    assert live_rewards() == [(ana.id, 50_000), (tom.id, 50_000)]


def test_a_click_after_the_sale_earns_nothing_but_a_day_without_an_hour_is_that_whole_day(bounty, people, clock):
    clock.move(hours=15 - time.now().hour)
    anas = click(link(bounty, people[0]))
    late = report(bounty.business, at=time.now() - timedelta(minutes=11), customer="c", click=anas)
    assert late.state == "unmatched" and "after it happened" in " ".join(late.reasons) and live_rewards() == []
    slow = report(bounty.business, external_id="o2", at=time.now() - timedelta(minutes=9), customer="d", click=anas)
    day = time.now().replace(hour=0, minute=0, second=0, microsecond=0)
    alone = report(bounty.business, external_id="o3", at=day, customer="e", click=anas)
    assert (slow.state, alone.state) == ("pending", "pending")
    assert report(bounty.business, external_id="o4", at=day - DAY, customer="f", click=anas).state == "unmatched"


def test_a_sale_before_they_were_bound_earns_nothing(bounty, people):
    report(bounty.business, "lead", external_id="l", customer="c", click=click(link(bounty, people[0])))
    assert report(bounty.business, at=time.now() - 5 * DAY, customer="c").reason == "invalid" and live_rewards() == []


def test_one_sign_up_by_two_ways_earns_once_and_a_sale_of_the_same_name_is_another_thing(people):
    bounty = make.make_bounty(is_live=True, rules=[make.flat(2_000, happening=Happening.QUALIFIED), make.flat(10_000)])
    code = link(bounty, people[0]).spoken
    report(bounty.business, "sign_up", external_id="user-1", code=code, customer="cus_1")
    again = report(bounty.business, "sign_up", external_id="user-1", code=code, customer="cus_1", source=ConversionSource.CSV)
    assert again.state == "duplicate" and [amount for _, amount in live_rewards()] == [2_000]
    report(bounty.business, "sign_up", external_id="user-2", code=code, customer="c")
    sold = report(bounty.business, external_id="user-2", code=code, customer="c", source=ConversionSource.CSV)
    assert sold.state == "pending" and [amount for _, amount in live_rewards()] == [2_000, 2_000, 10_000]
