"""The pages of conversions: a business's list, one by hand, why each is whose it is; credited anew; the buyer's word."""
import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from marketplace.bounties.models import Bounty
from marketplace.bounties.publishing import close_bounty
from marketplace.foundation import clock as time
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Conflict, Forbidden, Invalid
from marketplace.foundation.money import Money
from marketplace.foundation.show import day_in_words, show_day
from marketplace.identity.models import User
from marketplace.payments import ledger
from marketplace.privacy.erasing import AT_THEIR_WISH, erase_everything
from marketplace.referrals import lifecycle
from marketplace.referrals.asking import MAILED, PASSED_ON, buyer_link, end_lead, link_ends
from marketplace.referrals.deadlines import add_business_days
from marketplace.referrals.disputes.answering import withdraw_claim
from marketplace.referrals.models import ConversionSource, Dispute, Lead, Reward, RewardState, Stage
from marketplace.referrals.naming import number_of
from marketplace.referrals.stages import change_stage
from marketplace.tracking.buyers_word import confirm_word, deny_word, say_bought
from marketplace.tracking.claims import MOST_OPEN, NoSuchSale, TooManyClaims, claim_sale
from marketplace.tracking.lifecycle import move_report
from marketplace.tracking.links import forget_links
from marketplace.tracking.models import Reattribution, ReferralLink, Report, ReportState
from marketplace.tracking.queries import get_link
from marketplace.tracking.reattribution import reattribute
from marketplace.tracking.retrying import count_what_waited
from marketplace.tracking.word_standing import NOT_SO, say_noes
from tests import factories as make
from tests.browsing import body_of, end_reading
from tests.tracking.report_steps import click, fresh, link, live_rewards, report


@pytest.fixture
def world(keep):
    def build():
        bounty = make.make_bounty(is_live=True)
        return bounty.id, make.make_user().id, make.make_user("Tom Reed").id, make.make_user("Mona", is_admin=True).id
    return keep("conversions and their people", build)


@pytest.fixture
def bounty(world):
    return db.session.get_one(Bounty, world[0])


@pytest.fixture
def people(world):
    """Ana, Tom, Mona."""
    return [db.session.get_one(User, one) for one in world[1:]]


def test_a_business_reports_by_hand_and_reads_why(bounty, people, as_user):
    ana, *_ = people
    business, spoken = bounty.business, link(bounty, ana).spoken
    wes = as_user(make.owner_of(business))
    assert "Nothing reported yet" in wes.get(f"/businesses/{business.id}/conversions").text
    typed = {"kind": "sale", "external_id": "A-1", "amount": "30,000", "currency": "usd", "code": spoken,
             "occurred_on": time.now().date().isoformat()}
    refused = wes.submit(f"/businesses/{business.id}/conversions/new", typed)
    assert "else nobody can tell whether they bought before" in refused.text and 'value="A-1"' in refused.text
    typed["customer"] = "K-7"
    page = wes.submit(f"/businesses/{business.id}/conversions/new", typed)
    assert "Counted. It earns $1,000." in page.text and f"The code {spoken} was said" in page.text
    assert "reported before" in wes.submit(f"/businesses/{business.id}/conversions/new", typed).text
    wrong = wes.submit(f"/businesses/{business.id}/conversions/new", {**typed, "external_id": "A-2", "amount": "0"})
    assert wrong.status_code == 422 and "More than zero" in wrong.text
    listed = wes.get(f"/businesses/{business.id}/conversions?state=counted").text
    assert "A-1" in listed and "Reward held" in listed
    [kept] = db.session.scalars(select(Report))
    mine = as_user(ana).get(f"/conversions/{kept.id}").text
    assert "$1,000" in mine and "A-1" not in mine.split("What was said")[1]


def test_the_list_has_every_sale_once_whoever_told_it_with_what_it_earned_and_when_that_falls_due(
        bounty, people, as_user):
    ana, *_ = people
    make.fund_bounty(bounty, leads=3)
    hand, recorded, waiting = (make.consent(make.accept(make.make_lead(bounty, by=ana)), email=f"{name}@example.com")
                               for name in ("kim", "lee", "mia"))
    make.win(hand)
    no, _ = (say(lead).id for lead in (recorded, waiting))
    end_reading()
    with transaction():
        deny_word(db.session.get_one(Report, no), by=make.owner_of(bounty.business), why="They only looked at it.")
    make.win(db.session.get_one(Lead, recorded.id))
    new = number_of(report(bounty.business, external_id="A-1", customer="cus_1", click=click(link(bounty, ana))).report.lead_id)
    report(bounty.business, external_id="A-2", customer="cus_2")
    released, answer = show_day(time.now() + timedelta(days=30)), show_day(add_business_days(time.now(), 5))
    wes, path = as_user(make.owner_of(bounty.business)), f"/businesses/{bounty.business_id}/conversions"

    def rows(query=""):
        return [[" ".join(cell.text_content().split()) for cell in row] for row in wes.page(path + query).xpath("//tbody/tr")]

    when, held = re.sub("<.*?>", "", released), re.sub("<.*?>", "", answer)
    assert [(row[0], row[4], row[5], row[6]) for row in rows()] == [
        ("A-2Reported by the API", "No referrer known", "None", ""),
        (f"A-1Reported by the API, lead no. {new}", "Reward held", "$1,000", f"Released {when}"),
        (f"“I bought it”Reported by the buyer, lead no. {number_of(waiting.id)}", "Waiting", "None", f"Answer by {held}or it counts"),
        (f"“I bought it”Reported by the buyer, lead no. {number_of(recorded.id)}", "Reward held", "$1,000", f"Released {when}"),
        (f"Without a numberRecorded by hand, on the lead, lead no. {number_of(hand.id)}", "Reward held", "$1,000", f"Released {when}")]
    counted = rows("?state=counted")
    assert len(counted) == 3 and "Counted3" in wes.page(path).text_content() and "All5" in wes.page(path).text_content()
    assert wes.page(path).xpath(f"//tbody//a[@href='/leads/{hand.id}']") and len(rows("?state=unmatched")) == 1


def test_an_admin_credits_somebody_else_with_what_was_not_sent(bounty, people, as_user, work, mailbox):
    ana, tom, mona = people
    sold = report(bounty.business, customer="cus_1", click=click(link(bounty, ana)))
    toms = link(bounty, tom).spoken
    page = as_user(mona).submit(f"/conversions/{sold.report.id}", {"code": toms, "reason": "Tom brought them by telephone."},
                                action="/reattribution")
    assert "Credited anew: $1,000 moved" in page.text and "Tom brought them by telephone." in page.text
    assert live_rewards() == [(tom.id, 100_000)] and ledger.check_ledger() == []
    work()
    assert "Somebody else had brought" in str(mailbox.last_to(ana.email)["Subject"])
    assert "is yours" in str(mailbox.last_to(tom.email)["Subject"])
    back = report(bounty.business, "refund", external_id="r", refund_of="order-1", amount=Money(1_500_000, "usd"))
    assert back.state == "approved" and live_rewards() == [(tom.id, 50_000)] and ledger.check_ledger() == []


def test_what_was_sent_stays_and_nobody_is_credited_twice_or_with_their_own(bounty, people):
    ana, tom, mona = people
    sold = report(bounty.business, customer="cus_1", click=click(link(bounty, ana)))
    toms, own = link(bounty, tom).spoken, link(bounty, ana).spoken
    other = link(make.make_bounty(is_live=True, title="Introduce a buyer to Eastside"), tom).spoken

    def move(code=toms, by=mona, reason="Tom brought them by telephone."):
        end_reading()
        with transaction():
            return reattribute(db.session.get_one(Report, sold.report.id), by=db.session.get_one(User, by.id), code=code,
                               reason=reason).stayed_minor

    for refusal, said in ((Forbidden, {"by": ana}), (Forbidden, {"by": make.owner_of(bounty.business)}), (Conflict, {"code": own}),
                          (Invalid, {"code": other}), (Invalid, {"code": "NOBODY"})):
        with pytest.raises(refusal):
            move(**said)
    with transaction():
        reward = db.session.scalars(select(Reward)).one()
        for state in (RewardState.PAYABLE, RewardState.SCHEDULED, RewardState.PAID):
            lifecycle.move_reward(reward, state, by="system")
    assert move() == 100_000 and live_rewards() == [(ana.id, 100_000)]
    with pytest.raises(Conflict):
        move()
    assert db.session.query(Reattribution).count() == 1


def test_nobody_is_credited_anew_with_what_the_law_of_their_place_forbids(bounty, people):
    ana, tom, mona = people
    sold = report(bounty.business, customer="cus_1", click=click(link(bounty, ana)))
    toms = link(bounty, tom).spoken
    end_reading()
    with transaction():
        db.session.get_one(User, tom.id).jurisdiction = "US-CA"  # Cars; he may be paid nothing there.
    end_reading()
    with pytest.raises(Conflict, match="law of the place"), transaction():
        reattribute(db.session.get_one(Report, sold.report.id), by=db.session.get_one(User, mona.id), code=toms,
                    reason="Tom brought them by telephone.")
    assert live_rewards() == [(ana.id, 100_000)]


@pytest.fixture
def introduced(bounty, people):
    return make.consent(make.accept(make.make_lead(bounty, by=people[0])))


def say(lead, *, is_proven=True):
    end_reading()
    with transaction():
        return say_bought(db.session.get_one(Lead, lead.id), amount=make.SALE, bought_on=time.now().date(), is_proven=is_proven)


def test_the_buyer_says_i_bought_it_and_the_business_confirms(introduced, bounty, people, anonymous, as_user, work, mailbox):
    end_reading()
    lead = db.session.get_one(Lead, introduced.id)
    path = urlsplit(buyer_link(lead, MAILED)).path.replace("/buyer/", "/bought/")
    passed_on = f"/bought/{PASSED_ON}/" + urlsplit(buyer_link(lead)).path.rpartition("/")[2]
    assert "Open this page from our mail" in anonymous.get(passed_on).text
    with pytest.raises(Conflict):
        say(introduced, is_proven=False)
    page = anonymous.submit(path, {"amount": "30000", "currency": "usd", "bought_on": time.now().date().isoformat()})
    assert "Thank you" in page.text and live_rewards() == []
    work()
    owner = make.owner_of(bounty.business)
    assert "A buyer says that they bought" in str(mailbox.last_to(owner.email)["Subject"])
    [said] = db.session.scalars(select(Report))
    wes = as_user(owner)
    asked = wes.get(f"/conversions/{said.id}").text
    assert "Yes, they bought" in asked and said.external_id not in asked.partition("</title>")[0]
    listed = wes.get(f"/businesses/{bounty.business_id}/conversions").text
    assert "“I bought it”" in listed and said.external_id not in listed  # It is no id of theirs.
    wes.submit(f"/conversions/{said.id}", {}, action="/confirmation")
    assert live_rewards() == [(people[0].id, 100_000)] and db.session.get_one(
        Report, said.id, populate_existing=True).state is ReportState.APPROVED
    with pytest.raises(Conflict):
        say(introduced)


def test_a_link_that_is_too_old_gives_way_to_a_new_one_here_too(introduced, anonymous, clock):
    end_reading()
    lead = db.session.get_one(Lead, introduced.id)
    path = urlsplit(buyer_link(lead, MAILED)).path.replace("/buyer/", "/bought/")
    clock.move(days=(link_ends(lead) - time.now().date()).days + 2)
    page = anonymous.get(path)
    assert page.status_code == 410 and "This link is too old" in page.text and "/new-link/" in page.text
    assert "noindex" in page.headers["X-Robots-Tag"]


def test_silence_is_for_the_buyers_word_and_a_no_says_why(introduced, bounty, people, clock, work):
    said = say(introduced)
    clock.move(days=8)
    work()
    assert live_rewards() == [(people[0].id, 100_000)] and ledger.check_ledger() == []
    other = make.consent(make.accept(make.make_lead(bounty, by=people[1])), email="eve@example.com")
    word, owner = say(other), make.owner_of(bounty.business)
    with pytest.raises(Forbidden):
        with transaction():
            deny_word(db.session.get_one(Report, word.id), by=people[1], why="They never came.")
    end_reading()
    with transaction():
        deny_word(db.session.get_one(Report, word.id), by=db.session.get_one(User, owner.id), why="They never came.")
    end_reading()
    kept = db.session.get_one(Report, word.id, populate_existing=True)
    assert (kept.state, kept.reason) == (ReportState.REJECTED, "business_says_no") and kept.reasons[-1] == NOT_SO
    today = day_in_words(time.now())
    assert say_noes([other.id]) == {other.id: f"The business said on {today} that it is not so: They never came."}
    with transaction():
        erase_everything(db.session.get_one(Lead, other.id), why=AT_THEIR_WISH, by="buyer")
    assert say_noes([other.id]) == {other.id: f"The business said on {today} that it is not so."}
    with pytest.raises(Conflict), transaction():
        confirm_word(db.session.get_one(Report, said.id), by=db.session.get_one(User, owner.id))


def test_the_protection_does_not_end_while_the_business_is_asked(introduced, people, clock, work):
    clock.move(days=88)
    work()
    say(introduced)
    clock.move(days=8)
    work()
    assert live_rewards() == [(people[0].id, 100_000)]


def test_a_lead_that_was_given_up_and_its_money_spent_waits_for_money(introduced, bounty, people, as_user, clock, work, mailbox):
    said = say(introduced)
    end_reading()
    with transaction():
        change_stage(db.session.get_one(Lead, introduced.id), Stage.LOST, by=make.owner_of(bounty.business), reason="They went quiet.")
    for number in range(3):
        report(bounty.business, external_id=f"o{number}", customer=f"c{number}", click=click(link(bounty, people[1])))
    clock.move(days=8)
    work()
    kept = fresh_report(said)
    assert (kept.state, kept.reason) == (ReportState.MATCHED, "funds_gone")
    assert "as soon as you have funded it" in body_of(mailbox.last_to(make.owner_of(bounty.business).email))
    clock.move(days=120)  # Its protection would have ended; but it was promised to count.
    work()
    assert "fund the bounty, then the sale is recorded" in as_user(make.owner_of(bounty.business)).get(f"/leads/{introduced.id}").text
    make.fund_bounty(db.session.get_one(Bounty, bounty.id))
    with transaction():
        count_what_waited(bounty.business_id)
    assert (people[0].id, 100_000) in live_rewards() and fresh_report(said).state is ReportState.APPROVED
    work()
    assert "counts" in str(mailbox.last_to("david@example.com")["Subject"])


def test_what_waits_for_money_hinders_nobody_once_its_lead_is_over(introduced, bounty, people):
    said = say(introduced)
    for number in range(4):
        report(bounty.business, external_id=f"o{number}", customer=f"c{number}", click=click(link(bounty, people[1])))
    end_reading()
    with transaction():  # As if the bounty had had no funds on the day on which silence counted, and an admin ended the lead.
        move_report(db.session.get_one(Report, said.id), ReportState.MATCHED, by="system", reason="funds_gone")
        end_lead(db.session.get_one(Lead, introduced.id), why="an admin ended it")
    waiting = db.session.scalars(select(Report).where(Report.reason == "funds_gone", Report.id != said.id)).all()
    assert len(waiting) >= 1
    make.fund_bounty(db.session.get_one(Bounty, bounty.id))
    with transaction():
        count_what_waited(bounty.business_id)
    assert fresh_report(said).state is ReportState.UNMATCHED
    assert {fresh_report(one).state for one in waiting} == {ReportState.APPROVED}


def test_of_a_closed_bounty_that_has_nothing_left_for_a_lead_the_buyers_word_counts_no_more(
        introduced, bounty, people, clock, work, mailbox):
    said, owner = say(introduced), make.owner_of(bounty.business)
    end_reading()
    with transaction():
        change_stage(db.session.get_one(Lead, introduced.id), Stage.LOST, by=owner, reason="They went quiet.")
    for number in range(3):
        report(bounty.business, external_id=f"o{number}", customer=f"c{number}", click=click(link(bounty, people[1])))
    with transaction():
        close_bounty(db.session.get_one(Bounty, bounty.id), by=owner)
    clock.move(days=8)
    work()
    kept = fresh_report(said)
    assert (kept.state, kept.reason) == (ReportState.REJECTED, "bounty_closed") and len(live_rewards()) == 3
    for person in (people[0].email, "david@example.com"):
        assert "no reward is paid for it" in body_of(mailbox.last_to(person))


def fresh_report(one):
    end_reading()
    return db.session.get_one(Report, one.id, populate_existing=True)


def test_a_sale_recorded_meanwhile_is_counted_once(introduced, clock, work):
    said = say(introduced)
    end_reading()
    make.win(db.session.get_one(Lead, introduced.id))
    clock.move(days=8)
    work()
    end_reading()
    kept = db.session.get_one(Report, said.id, populate_existing=True)
    assert (kept.state, kept.reason) == (ReportState.REJECTED, "recorded_meanwhile") and len(live_rewards()) == 1


def claim(one, by, **said):
    end_reading()
    with transaction():
        return claim_sale(get_link(one.id, seen_by=by), by=db.session.get_one(User, by.id), **{
            "order_number": "order-1", "bought_on": time.now().date(), "text": "I told them at the fair on Saturday.", **said}).id


def test_a_referrer_claims_what_nobody_was_credited_with_and_silence_is_for_them(bounty, people, as_user, clock, work):
    ana, tom, _ = people
    anas = link(bounty, ana)
    lost = report(bounty.business, customer="cus_1")
    early = report(bounty.business, "refund", external_id="r", refund_of="order-1", amount=Money(300_000, "usd"))
    page = as_user(ana).submit(f"/links/{anas.id}/claims/new", {
        "order_number": "order-1", "bought_on": time.now().date().isoformat(), "text": "I told them at the fair on Saturday."})
    assert "Claimed. The business has five business days to answer." in page.text
    assert fresh(lost).state is ReportState.DISPUTED and live_rewards() == []
    with pytest.raises(NoSuchSale):  # It is claimed already.
        claim(link(bounty, tom), tom)
    clock.move(days=9)
    work()
    assert fresh(lost).state is ReportState.APPROVED and fresh(early).state is ReportState.APPROVED
    assert live_rewards() == [(ana.id, 90_000)] and ledger.check_ledger() == []
    again = report(bounty.business, source=ConversionSource.STRIPE, customer="cus_1", click=click(link(bounty, tom)))
    assert again.state == "duplicate"
    later = report(bounty.business, external_id="order-2", customer="cus_1", code=link(bounty, tom).spoken)
    assert later.reason == "first_sale_only"  # Theirs from now on.


def test_a_claim_that_is_not_upheld_leaves_the_sale_to_others(bounty, people, work):
    ana, tom, _ = people
    lost = report(bounty.business, customer="cus_1")
    dispute_id = claim(link(bounty, ana), ana)
    end_reading()
    with transaction():
        withdraw_claim(db.session.get_one(Dispute, dispute_id), by=db.session.get_one(User, ana.id))
    work()
    assert fresh(lost).state is ReportState.UNMATCHED and fresh(lost).reason == "nobody"
    report(bounty.business, "lead", external_id="l", customer="cus_1", click=click(link(bounty, tom)))
    work()
    assert live_rewards() == [(tom.id, 100_000)] and ledger.check_ledger() == []


def test_five_claims_at_a_time_are_the_most(bounty, people):
    for number in range(MOST_OPEN + 1):
        report(bounty.business, external_id=f"o{number}", amount=Money(100, "usd"))
    make.fund_bounty(bounty, leads=MOST_OPEN)
    anas = link(bounty, people[0])
    for number in range(MOST_OPEN):
        claim(anas, people[0], order_number=f"o{number}")
    with pytest.raises(TooManyClaims):
        claim(anas, people[0], order_number=f"o{MOST_OPEN}")
    claim(link(bounty, people[1]), people[1], order_number=f"o{MOST_OPEN}")


def test_the_name_in_a_code_goes_from_the_reasons_with_its_account(bounty, people):
    ana, tom, _ = people
    toms = report(bounty.business, customer="cus_1", code=link(bounty, tom).spoken)
    spoken = link(bounty, ana).spoken
    both = report(bounty.business, external_id="o2", customer="cus_1", code=spoken, raw={"code": spoken})
    hers = report(bounty.business, external_id="o3", customer="cus_2", code=" ána  westside!")
    with transaction():
        forget_links(ana.id, by=ana.id)
    said, code = " ".join(fresh(both).reasons), link_of_person(ana).code
    assert "ANA" not in said and f"code {code} was said" in said
    assert (fresh(both).code, fresh(both).payload, fresh(hers).code) == (code, {"code": code}, code)
    assert f"by the code {code} on" in db.session.get_one(Lead, fresh(hers).lead_id).evidence.quote
    assert "TOM-WESTSIDE" in fresh(toms).reasons[0]


def link_of_person(user):
    return db.session.scalars(select(ReferralLink).where(ReferralLink.referrer_id == user.id)).one()


def test_a_claim_gives_one_answer_for_all_that_is_not_there(bounty, people):
    ana, tom, _ = people
    report(bounty.business, customer="cus_1", click=click(link(bounty, tom)))  # Credited.
    report(bounty.business, external_id="own", email=ana.email)
    anas, answers = link(bounty, ana), set()
    for said in ({}, {"order_number": "no such"}, {"order_number": "own", "bought_on": time.now().date() - timedelta(days=9)}):
        with pytest.raises(NoSuchSale) as refused:
            claim(anas, ana, **said)
        answers.add(str(refused.value))
    assert len(answers) == 1
    with pytest.raises(Forbidden):  # Nobody is paid for their own purchase.
        claim(anas, ana, order_number="own")


def test_a_refused_claim_and_a_refused_answer_stand_on_their_pages(bounty, people, as_user):
    ana, _, mona = people
    anas = link(bounty, ana)
    refused = as_user(ana).submit(f"/links/{anas.id}/claims/new", {
        "order_number": "nothing", "bought_on": time.now().date().isoformat(), "text": "I told them at the fair on Saturday."})
    assert refused.status_code == 409 and "We know of no such sale" in refused.text
    sold = report(bounty.business, customer="cus_1", click=click(anas))
    wrong = as_user(mona).submit(f"/conversions/{sold.report.id}", {"code": "NOBODY", "reason": "Tom brought them by telephone."},
                                 action="/reattribution")
    assert wrong.status_code == 422 and "A code of one of its referrers" in wrong.text
    typed = {"kind": "refund", "external_id": "r", "amount": "1", "currency": "usd", "occurred_on": time.now().date().isoformat()}
    again = as_user(make.owner_of(bounty.business)).submit(f"/businesses/{bounty.business.id}/conversions/new", typed)
    assert again.status_code == 422 and "external id of the sale" in again.text
