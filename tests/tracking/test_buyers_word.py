"""“I bought it” on everybody's pages: who is asked, until when, what silence means, and what became of it."""
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from marketplace.foundation import clock as time
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Invalid
from marketplace.foundation.money import Money
from marketplace.foundation.show import day_in_words
from marketplace.identity.models import User
from marketplace.privacy.buyer_view import as_json
from marketplace.referrals.asking import MAILED, PASSED_ON, buyer_link
from marketplace.referrals.audience import Audience
from marketplace.referrals.consent import AlreadyAnswered, say_never, withdraw_consent
from marketplace.referrals.deadlines import add_business_days
from marketplace.referrals.disputes.answering import contest_claim, escalate
from marketplace.referrals.disputes.opening import open_dispute
from marketplace.referrals.disputes.ruling import rule
from marketplace.referrals.disputes.subjects import Claim
from marketplace.referrals.disputes.witness import MAILED as MAILED_WITNESS
from marketplace.referrals.disputes.witness import PASSED_ON as PASSED_ON_WITNESS
from marketplace.referrals.disputes.witness import (
    NotFromMail,
    answer_as_witness,
    ask_witness,
    correct_answer,
    witness_link,
)
from marketplace.referrals.models import (
    Conversion,
    ConversionSource,
    Dispute,
    DisputeKind,
    DisputeState,
    Lead,
    WitnessSaid,
)
from marketplace.referrals.suppression import is_suppressed
from marketplace.referrals.timeline import tell_story
from marketplace.tracking.buyers_word import deny_word, say_bought
from marketplace.tracking.models import Report, ReportState
from marketplace.tracking.report_letters import word_reminded
from tests import factories as make
from tests.browsing import body_of, end_reading, what, words_of
from tests.privacy.everything import places_of
from tests.tracking.report_steps import live_rewards

DAVID = "david@example.com"


@pytest.fixture
def world(keep):
    """A lead whose buyer said yes, its owner and its referrer."""
    def build():
        lead = make.consent(make.accept(make.make_lead(make.make_bounty(is_live=True), by=make.make_user())))
        return lead.id, make.owner_of(lead.business).id, lead.referrer_id
    return keep("a buyer who could say that they bought", build)


@pytest.fixture
def lead(world):
    return db.session.get_one(Lead, world[0])


@pytest.fixture
def owner(world):
    return db.session.get_one(User, world[1])


@pytest.fixture
def ana(world):
    return db.session.get_one(User, world[2])


@pytest.fixture
def said(lead):
    """The id of what they said today."""
    with transaction():
        return say_bought(db.session.get_one(Lead, lead.id), amount=make.SALE, bought_on=time.now().date(), is_proven=True).id


def pages_of(lead):
    """The buyer's own page, and that of “I bought it”: by our mail."""
    own = urlsplit(buyer_link(lead, MAILED)).path
    return own, own.replace("/buyer/", "/bought/")


def read(who, path):
    return words_of(who.page(path))


def stands(report_id):
    end_reading()
    kept = db.session.get_one(Report, report_id, populate_existing=True)
    return kept.state, kept.reason


def deny(report_id, owner):
    end_reading()
    with transaction():
        deny_word(db.session.get_one(Report, report_id), by=db.session.get_one(User, owner.id), why="They only looked at it.")


def test_while_the_business_is_asked_everybody_reads_until_when_and_what_silence_means(
        lead, owner, ana, said, as_user, anonymous, work, mailbox, clock):
    due, (own, bought) = day_in_words(add_business_days(time.now(), 5)), pages_of(lead)
    wes, anas, path = as_user(owner), as_user(ana), f"/leads/{lead.id}"
    desk = read(wes, f"/dashboard/business/{lead.business_id}")
    assert "A buyer says that they bought from you." in desk and f"answer by {due}" in desk
    assert "Your turn" in (listed := read(wes, f"/businesses/{lead.business_id}/leads")) and f"Say yes or no by {due}" in listed
    page = wes.page(path)
    for words in ("It is your turn", f"Say yes or no by {due}", "$30,000", "The buyer has said so already"):
        assert words in words_of(page)
    assert page.xpath(f"//a[@href='/conversions/{said}' and contains(@class, 'primary')]")
    for place in (path, "/leads", "/rewards", "/dashboard/referrer"):
        assert f"The business says yes or no by {due}: silence counts as a yes." in read(anas, place)
    assert "The buyer says that they bought" in read(anas, path) and "$30,000" in read(anas, path)
    for place in (own, bought):
        assert f"has until {due} to say yes or no. Without an answer it counts as you say." in read(anonymous, place)
    assert not anonymous.page(own).xpath(f"//a[@href='{bought}']")
    (entry,) = as_json(DAVID)["entries"]
    assert entry["you_said_that_you_bought"]["for"] == "$30,000"
    work()
    assert due in body_of(mailbox.last_to(owner.email)) and due in body_of(mailbox.last_to(ana.email))
    clock.move(days=4)
    work()
    assert "waits for your yes or no" in str(mailbox.last_to(owner.email)["Subject"])


def test_a_no_is_told_to_buyer_and_referrer_who_may_dispute_it_for_thirty_days(
        lead, owner, ana, said, as_user, anonymous, work, mailbox, clock):
    clock.move(days=6)
    deny(said, owner)
    until, (own, bought) = day_in_words(time.now() + timedelta(days=30)), pages_of(lead)
    today = day_in_words(time.now())
    work()
    assert places_of("They only looked at it.") == {"lead_words.text"}, "encrypted, and erased with the lead"
    for person in (ana.email, DAVID):
        mail = mailbox.last_to(person)
        assert "No purchase, says the business" in str(mail["Subject"])
        assert "They only looked at it." in body_of(mail) and until in body_of(mail)
    for place in (own, bought):
        page = read(anonymous, place)
        assert "They only looked at it." in page and until in page and "Thank you" not in page
    anas, path = as_user(ana), f"/leads/{lead.id}"
    for place in (path, f"/conversions/{said}"):
        assert until in read(anas, place) and len(anas.page(place).xpath(f"//a[@href='/leads/{lead.id}/disputes/new']")) == 1
    for place in (path, f"/conversions/{said}"):
        assert f"The business said on {today} that it is not so: They only looked at it." in read(anas, place)
    begun = anas.page(f"/leads/{lead.id}/disputes/new")
    assert begun.xpath("//input[@name='amount']/@value") == ["30000.00"]
    for place, words in ((f"/conversions/{said}", "You say that there was no purchase"), (path, f"You said on {today} that it is not so: They only looked")):
        assert words in read(as_user(owner), place)
    assert f"You may dispute it until {until}." in read(anas, "/leads")
    clock.move(days=28)  # The purchase is longer ago than thirty days, the no is not.
    end_reading()
    bought_on = db.session.get_one(Report, said).happened_at.date()
    with transaction():
        open_dispute(db.session.get_one(Lead, lead.id), DisputeKind.UNTRACKED, by=db.session.get_one(User, ana.id),
                     text="He showed me the car on Saturday.", claim=Claim(bought_on, make.SALE))
    assert "business says that they did not, and you dispute it." in read(anas, "/leads")


def dispute(lead, ana):
    end_reading()
    with transaction():
        return open_dispute(db.session.get_one(Lead, lead.id), DisputeKind.UNTRACKED, by=db.session.get_one(User, ana.id),
                            text="He showed me the car on Saturday.", claim=Claim(time.now().date(), make.SALE)).id


def ruled(dispute_id, owner, ana, mona, outcome):
    """Contested by the business, taken to an admin, and decided."""
    act(contest_claim, dispute_id, owner, text="They only looked at it.")
    act(escalate, dispute_id, ana)
    act(rule, dispute_id, mona, outcome=outcome, reason="So it stands in the order book.")


def act(verb, dispute_id, by, **said):
    end_reading()
    with transaction():
        verb(db.session.get_one(Dispute, dispute_id), by=db.session.get_one(User, by.id), **said)


def filled_in(admin, dispute_id):
    """Sum and day that the ruling form begins with."""
    page = admin.page(f"/admin/disputes/{dispute_id}")
    return ["".join(page.xpath(f"//input[@name='{name}']/@value")) for name in ("amount", "sold_on")]


def story_of(lead, audience):
    end_reading()
    return [one.title for one in tell_story(db.session.get_one(Lead, lead.id), audience)]


def answer(disputed, said, **more):
    """By the link in our mail."""
    link = witness_link(db.session.get_one(Dispute, disputed), is_mailed=True).rpartition("/")[2]
    with transaction():
        answer_as_witness(db.session.get_one(Dispute, disputed), said, purpose=MAILED_WITNESS, token=link, **more)
    end_reading()


def marks_of(who, path):
    [marks] = who.page(path).find_class("marks")
    return words_of(marks)


def test_a_disputed_no_is_told_as_disputed_and_once_ruled_for_the_buyer_as_recorded(
        lead, owner, ana, said, as_user, anonymous):
    deny(said, owner)
    wes, anas, why, listed = as_user(owner), as_user(ana), f"/conversions/{said}", f"/businesses/{lead.business_id}/conversions"
    for place in (why, f"/leads/{lead.id}"):
        page = wes.page(place)
        assert "takes your no back" in words_of(page) and page.xpath("//a[contains(@href, '#sale') and text()='Record the sale']"), place
    assert "Not counted1" in read(wes, listed) and "Not counted" in marks_of(wes, why)
    disputed, due = dispute(lead, ana), day_in_words(add_business_days(time.now(), 5))
    assert marks_of(wes, why) == "Disputed" and "Disputed1" in (rows := read(wes, listed)) and "Not counted" not in rows
    answer = f"you say that they did not, and the referrer disputes it. You have until {due} to accept it"
    page = wes.page(f"/leads/{lead.id}")
    assert answer in read(wes, why) and answer in words_of(page) and words_of(page).count("It is your turn") == 1
    assert page.xpath(f"//a[@href='/disputes/{disputed}' and contains(@class, 'primary')]") and "and ends the dispute" in words_of(page)
    assert f"and you dispute it. The business has until {due}" in read(anas, why) and "may dispute it" not in read(anas, why)
    earned = read(anas, "/rewards")
    assert "Nothing earned yet" not in earned and "$1,000 at issue" in earned and f"The business has until {due}" in earned
    assert "set aside" in earned, earned[earned.index("at issue"):][:400]
    assert "Ana Flores has it looked at" in read(anonymous, pages_of(lead)[0])
    ruled(disputed, owner, ana, make.make_user("Mona", is_admin=True), DisputeState.RESOLVED_FOR_CLAIMANT)
    assert marks_of(wes, why) == "Reward held" and "Counted1" in (rows := read(wes, listed)) and "Not counted" not in rows
    for who, had in ((wes, "You had"), (anas, "The business had")):
        page = read(who, why)
        assert f"{had} said no, and the sale was recorded since" in page and "The sale is recorded, by a dispute: $30,000." in page and "$1,000" in page
        assert "waits out the return period" in page and "takes your no back" not in page
    facts = words_of(wes.page(why).find_class("facts")[0])
    assert "Not said" not in facts and "The buyer, from the link in our mail" in facts and ":59" not in facts and "beats" not in page


def test_who_took_their_yes_back_may_say_that_they_bought_before_and_that_nobody_may_contact_them(
        lead, owner, as_user, anonymous, clock):
    own, bought = pages_of(lead)
    with transaction():
        withdraw_consent(db.session.get_one(Lead, lead.id))
    before = time.now().date()
    clock.move(days=3)
    page = anonymous.page(own)
    assert "before you took your yes back?" in words_of(page) and "Your contact data stays closed." in words_of(page)
    assert page.xpath(f"//a[@href='{bought}']") and page.xpath("//form[contains(@action, '/never')]")
    assert anonymous.page(bought).xpath("//input[@name='bought_on']/@max") == [before.isoformat()]
    typed = {"amount": "30000", "currency": "usd", "bought_on": time.now().date().isoformat()}
    refused = anonymous.submit(bought, typed)
    assert refused.status_code == 422 and f"On or before {day_in_words(before)}" in refused.text and 'value="30000"' in refused.text
    assert "is asked to confirm it" in anonymous.submit(bought, {**typed, "bought_on": before.isoformat()}).text
    assert "Say yes or no by" in read(as_user(owner), f"/leads/{lead.id}")
    never = anonymous.submit(own, action="/never").text
    assert "Never again." in never and "/never" not in never and is_suppressed(DAVID)
    end_reading()
    with pytest.raises(AlreadyAnswered), transaction():
        say_never(db.session.get_one(Lead, lead.id))


def test_a_witness_reads_what_they_said_before_and_may_correct_a_slip_until_it_is_decided(
        lead, owner, ana, said, as_user, anonymous, work, mailbox):
    deny(said, owner)
    disputed, mona = dispute(lead, ana), make.make_user("Mona", is_admin=True)
    act(contest_claim, disputed, owner, text="They only looked at it.")
    work()
    asked, here, bought_on = mailbox.link_to(DAVID, "/witness/"), f"/disputes/{disputed}", time.now().date()
    page = anonymous.page(asked)
    assert "You have said so already" in words_of(page) and "$30,000" in words_of(page)
    assert page.xpath("//input[@name='said'][@checked]/@value") == ["bought"]
    assert page.xpath("//input[@name='amount']/@value") == ["30000.00"] and page.xpath("//input[@name='bought_on']/@value") == [bought_on.isoformat()]
    passed_on = urlsplit(witness_link(db.session.get_one(Dispute, disputed), is_mailed=False)).path
    assert "$30,000" not in read(anonymous, passed_on) and "said so already" not in read(anonymous, passed_on)
    assert "Correct my answer" in anonymous.submit(asked, {"said": "bought"}).text
    assert not anonymous.page(asked).xpath("//input[@name='said'][@checked]")
    slip = {"said": "not_bought", "why": "I had another shop in mind."}
    assert "Correct my answer" not in anonymous.get(passed_on).text and "I bought from them" not in read(anonymous, passed_on)
    with pytest.raises(NotFromMail):
        correct_answer(db.session.get_one(Dispute, disputed), WitnessSaid.RATHER_NOT, purpose=PASSED_ON_WITNESS,
                       token=passed_on.rpartition("/")[2], why="I would rather not.")
    corrected = anonymous.submit(asked, slip, action="/correction").text
    assert "You corrected it" in corrected and "another shop in mind" in corrected
    work()
    for who in (owner, ana):
        assert "corrected their answer" in str(mailbox.last_to(who.email)["Subject"])
        told = read(as_user(who), here)
        assert "Yes, I bought from them." in told and "No, I did not buy from them. I had another shop in mind." in told
    assert "witness, corrected" in str(as_json(DAVID)["entries"])
    act(escalate, disputed, ana)
    ruling = {"outcome": DisputeState.RESOLVED_FOR_CLAIMANT, "reason": "So it stands in the order book."}
    assert filled_in(as_user(mona), disputed) == ["", ""], "not the claimant's, once the buyer takes the purchase back"
    with pytest.raises(Invalid, match="read it, and say what the sale was"):
        act(rule, disputed, mona, **ruling)
    before = bought_on - timedelta(days=3)
    again = {"said": "bought", "why": "I did. For about $9."}
    anonymous.submit(asked, {**again, "bought_on": before.isoformat(), "amount": "21500"}, action="/correction")
    assert filled_in(as_user(mona), disputed) == ["21500.00", before.isoformat()]
    for place in (f"/leads/{lead.id}", here):
        assert "$21,500" in read(as_user(owner), place) and day_in_words(before) in read(as_user(owner), place)
    anonymous.submit(asked, {**again, "bought_on": "", "amount": ""}, action="/correction")
    assert filled_in(as_user(mona), disputed) == ["", ""], "of the last correction alone"
    with pytest.raises(Invalid) as refused:
        act(rule, disputed, mona, **ruling)
    assert refused.value.fields.keys() == {"amount", "sold_on"}
    act(rule, disputed, mona, **ruling, sale=make.SALE, sold_on=bought_on)
    assert db.session.scalars(select(Conversion)).one().source is ConversionSource.BUYER_CONFIRMED, "they say so at last"
    over = read(anonymous, asked)
    assert "Correct my answer" not in over and "another shop in mind" in over and "the sale is recorded" in over
    assert "First you answered: “Yes, I bought from them.”" in over


def test_once_a_witness_takes_the_purchase_back_everybody_reads_that_and_who_answered_hears_the_outcome_once(
        lead, owner, ana, said, as_user, anonymous, work, mailbox):
    deny(said, owner)
    disputed, mona = dispute(lead, ana), make.make_user("Mona", is_admin=True)
    act(contest_claim, disputed, owner, text="They only looked at it.")
    assert "your answer would settle it" in read(anonymous, pages_of(lead)[0])
    answer(disputed, WitnessSaid.NOT_BOUGHT, note="Leave me out.")
    here, why, says_no = f"/leads/{lead.id}", f"/conversions/{said}", "“No, I did not buy from them.”"
    for who in (owner, ana, mona):
        for place in (here, why, f"/disputes/{disputed}"):
            page = read(as_user(who), place)
            assert says_no in page and "The buyer says that they bought" not in page and "Leave me out" not in page.replace(
                "for you alone: “Leave me out.”", ""), (who.name, place)
    assert "now that they did not buy; the business says so too, and you dispute it." in read(as_user(ana), "/leads")
    assert "now that they did not buy; you say so too" in read(as_user(owner), f"/businesses/{lead.business_id}/leads")
    for place in pages_of(lead):
        page = read(anonymous, place)
        assert says_no in page and "What you said of a purchase" in page and "would settle it" not in page
    act(escalate, disputed, ana)
    assert filled_in(as_user(mona), disputed) == ["", ""], "not the claimant's"
    with pytest.raises(Invalid):
        act(rule, disputed, mona, outcome=DisputeState.RESOLVED_FOR_CLAIMANT, reason="So it stands in the order book.")
    act(rule, disputed, mona, outcome=DisputeState.RESOLVED_FOR_RESPONDENT, reason="Only the two know why.")
    work()
    told = [one for one in mailbox.to(DAVID) if "What came of your answer" in str(one["Subject"])]
    assert len(told) == 1 and says_no in body_of(told[0]) and "An admin has decided: no sale is recorded." in body_of(told[0])
    assert "Only the two know why" not in body_of(told[0]) and "$" not in body_of(told[0])
    assert "What came of your answer" not in "".join(str(one["Subject"]) for who in (owner, ana) for one in mailbox.to(who.email))
    for audience, asked, said_no, ended in (
            (Audience.REFERRER, "The buyer was asked by our mail", "The buyer answered", "The dispute ended for the business"),
            (Audience.BUSINESS, "The buyer was asked by our mail", "The buyer answered", "The dispute ended for you"),
            (Audience.ADMIN, "The buyer was asked by our mail", "The buyer answered", "The dispute ended for the business"),
            (Audience.BUYER, "You were asked", "You answered", "An admin has decided: no sale is recorded")):
        story = story_of(lead, audience)
        assert f"{asked} whether {'you' if asked.startswith('You') else 'they'} bought" in story
        assert f"{said_no} as a witness: {says_no}" in story and ended in story
    assert not any("dispute" in title for title in story_of(lead, Audience.BUYER)), "what the two say is theirs"
    passed_on = read(anonymous, urlsplit(buyer_link(lead)).path)
    assert "as a witness" not in passed_on and says_no not in passed_on and "An admin has decided" not in passed_on


def test_a_no_that_an_admin_ruled_for_stays_not_counted_and_says_who_decided(lead, owner, ana, said, as_user, anonymous):
    deny(said, owner)
    ruled(dispute(lead, ana), owner, ana, make.make_user("Mona", is_admin=True), DisputeState.RESOLVED_FOR_RESPONDENT)
    why = f"/conversions/{said}"
    for who, decided in ((as_user(owner), "decided for you"), (as_user(ana), "decided for the business")):
        page = who.page(why)
        assert f"It is not counted. It is over: an admin {decided}." in words_of(page) and "Not counted" in marks_of(who, why)
        assert not page.xpath("//a[contains(@href, '/disputes/new')]")
    assert "Not counted1" in read(as_user(owner), f"/businesses/{lead.business_id}/conversions")
    for place in ("/leads", f"/leads/{lead.id}"):
        assert "an admin decided for the business" in read(as_user(ana), place), place
    assert "So nothing is recorded" in read(anonymous, pages_of(lead)[0])


def test_silence_tells_all_three(lead, owner, ana, said, anonymous, clock, work, mailbox):
    clock.move(days=8)
    work()
    assert live_rewards() == [(ana.id, 100_000)]
    counted = mailbox.last_to(owner.email)
    assert "A sale counts, as the buyer says" in str(counted["Subject"])
    assert "It earns $1,000; with our fee of $50 that is $1,050 of the bounty’s funds." in " ".join(body_of(counted).split())
    assert "You earned a reward" in str(mailbox.last_to(ana.email)["Subject"])
    assert "counts" in str(mailbox.last_to(DAVID)["Subject"])
    assert "The sale is recorded" in read(anonymous, pages_of(lead)[0])
    end_reading()
    for audience in Audience:
        told = [one.title for one in tell_story(db.session.get_one(Lead, lead.id), audience)]
        assert any(title.startswith("The business did not answer in time") for title in told)


def test_silence_counts_what_the_buyer_names_by_now_and_a_claim_that_they_deny_goes_to_an_admin(
        lead, owner, ana, said, as_user, clock, work, mailbox):
    disputed = dispute(lead, ana)
    answer(disputed, WitnessSaid.BOUGHT, amount=Money(1_000_000, "usd"), bought_on=time.now().date())
    desk, present = f"/dashboard/business/{lead.business_id}", f"$10,000, on {day_in_words(time.now())}"
    assert present in read(as_user(owner), desk).partition("A buyer says that they bought from you.")[2]
    assert f"They say: {present}." in read(as_user(owner), f"/leads/{lead.id}") and present in read(as_user(ana), "/rewards")
    assert "$10,000" in read(as_user(owner), f"/leads/{lead.id}").partition("The buyer has said so already")[2]
    other = make.consent(make.accept(make.make_lead(lead.bounty, by=ana)), email="kim@example.com")
    denied = dispute(other, ana)
    with transaction():
        ask_witness(db.session.get_one(Dispute, denied), by="system")
    answer(denied, WitnessSaid.NOT_BOUGHT)
    assert "Without an answer an admin decides." in read(as_user(owner), f"/disputes/{denied}")
    listed = f"/businesses/{lead.business_id}/conversions"
    assert "Sale$10,000" in read(as_user(owner), f"{listed}?state=matched")
    clock.move(days=8)
    work()
    assert "Sale$10,000" in read(as_user(owner), f"{listed}?state=counted")
    [sale] = db.session.scalars(select(Conversion))
    told = {what(mail): " ".join(body_of(mail).split()) for mail in mailbox.to(owner.email)}
    assert all("$10,000" in told[one] for one in ("A buyer waits for your yes or no", "A sale counts, as the buyer says"))
    assert sale.amount == Money(1_000_000, "usd") and stands(said) == (ReportState.APPROVED, None)
    assert "It counts with what they named since: $10,000" in read(as_user(owner), f"/conversions/{said}")
    assert db.session.get_one(Dispute, denied).state is DisputeState.ESCALATED, "silence earns nothing that the buyer denies"


def test_silence_counts_nothing_that_the_buyer_took_back_as_witness(lead, owner, ana, said, as_user, anonymous, clock, work):
    disputed = dispute(lead, ana)
    act(contest_claim, disputed, owner, text="They only looked at it.")
    answer(disputed, WitnessSaid.NOT_BOUGHT)
    assert "silence counts as a no" in read(as_user(owner), f"/leads/{lead.id}")
    desk = read(as_user(owner), f"/dashboard/business/{lead.business_id}")
    assert "A buyer said that they bought from you." in desk and "Taken back: they say now that they did not buy" in desk
    [told] = word_reminded(said)
    assert "and says now that they did not. They wait for your yes or no." in " ".join(told.text.split())
    clock.move(days=8)
    work()
    assert stands(said) == (ReportState.REJECTED, "buyer_says_no") and live_rewards() == []
    assert "It was not counted for Ana Flores." in read(anonymous, pages_of(lead)[0])
    assert "says now that they did not buy; the business says so too, and you dispute it." in read(as_user(ana), f"/conversions/{said}")


def test_a_sale_that_the_business_records_answers_it_at_once(lead, owner, said, as_user, anonymous, work, mailbox):
    make.win(db.session.get_one(Lead, lead.id))
    assert "says that they bought from you" not in read(as_user(owner), f"/dashboard/business/{lead.business_id}")
    work()
    assert stands(said) == (ReportState.REJECTED, "recorded_meanwhile") and len(live_rewards()) == 1
    assert "counts" in str(mailbox.last_to(DAVID)["Subject"])
    assert "The sale is recorded" in read(anonymous, pages_of(lead)[1])


def test_the_form_says_what_follows_and_a_link_that_was_passed_on_leads_back(lead, anonymous):
    own, bought = pages_of(lead)
    assert anonymous.page(own).xpath(f"//a[@href='{bought}']")
    asked = read(anonymous, bought)
    assert "has five business days to say yes or no" in asked and "Without an answer it counts as you say" in asked
    passed_on = urlsplit(buyer_link(lead)).path.rpartition("/")[2]
    page = anonymous.page(f"/bought/{PASSED_ON}/{passed_on}")
    assert page.xpath("//a[@class='back']/@href") == [f"/buyer/{passed_on}"] and "Your yes, in writing" in words_of(page)


def test_a_sale_after_the_no_stands_on_the_buyers_page_and_a_claim_of_its_reward_begins_empty(
        lead, owner, said, as_user, anonymous, work):
    deny(said, owner)
    make.win(db.session.get_one(Lead, lead.id))
    work()
    [card] = anonymous.page(pages_of(lead)[0]).xpath("//*[@id='word']")
    assert "The sale is recorded" in words_of(card) and "They only looked at it." not in words_of(card)
    why = read(as_user(owner), f"/conversions/{said}")
    assert "the sale was recorded since" in why and "may dispute it" not in why
    claim = as_user(owner).page(f"/leads/{lead.id}/disputes/new?kind=bad_lead")
    assert claim.xpath("//input[@name='amount']/@value") in ([], [""]), "a part of the reward, not the sale that the buyer said"
