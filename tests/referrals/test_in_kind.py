"""Rewards that are not money: who owes what to whom, how it is offered, done, thanked for or let go."""
import pytest

from marketplace.bounties.models import For, Happening, NonCash, RewardKind
from marketplace.foundation.db import db
from marketplace.foundation.errors import Forbidden, Invalid, NotFound
from marketplace.foundation.states import IllegalMove
from marketplace.payments.ledger import trial_balance
from marketplace.referrals.clawbacks import refund_sale
from marketplace.referrals.consent import withdraw_consent
from marketplace.referrals.in_kind import (
    acknowledge_thing,
    decline_thing,
    forgive_thing,
    fulfil_thing,
    get_thing,
    offer_thing,
    pass_things_on,
)
from marketplace.referrals.models import KindState, RewardInKind, Thing
from marketplace.referrals.reward_words import thing_next
from tests.browsing import body_of, end_reading, what, words_of
from tests.factories import SALE, accept, consent, make_bounty, make_member, make_user, win
from tests.referrals.steps import actions_on, again, do, point

WON = {"kind": RewardKind.FLAT, "amount_minor": 100_000}
WINE = {"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU, "words": "A bottle of wine"}


def the():
    end_reading()
    return db.session.query(RewardInKind).populate_existing().one()


@pytest.fixture
def lead(westside, ana, mona, keep_lead):
    def build():
        lead = consent(accept(point(make_bounty(westside, is_live=True, rules=[WON, WINE]), ana), by=mona))
        win(lead)
        return lead
    return keep_lead("won", build)


def test_is_owed_with_the_event_it_is_promised_for(lead, ana):
    owed = the()
    assert (owed.thing, owed.words, owed.state, owed.beneficiary_id) == (
        Thing.THANK_YOU, "A bottle of wine", KindState.OWED, ana.id)


def test_is_owed_already_when_they_are_qualified_if_so_promised(westside, ana, mona):
    rule = {**WINE, "thing": NonCash.FAVOUR, "happening": Happening.QUALIFIED}
    lead = consent(accept(point(make_bounty(westside, is_live=True, rules=[WON, rule]), ana), by=mona))
    assert db.session.query(RewardInKind).count() == 0
    win(again(lead))
    assert the().thing is Thing.FAVOUR


def test_goes_from_hand_to_hand_and_the_ledger_knows_nothing_of_it(lead, ana, wes):
    before = trial_balance()
    do(offer_thing, the(), by=wes, offer="Come by on Friday.")
    do(fulfil_thing, the(), by=wes, receipt="Handed over on Friday")
    do(acknowledge_thing, the(), by=ana)
    assert actions_on(the().id) == [
        "kind.owed", "kind.offered", "kind.fulfilled", "kind.acknowledged"]
    end_reading()
    assert trial_balance() == before


def test_who_receives_it_is_told_whoever_pointed(lead, ana, wes, work, mailbox, as_user):
    """As where a dispute gave all of it to the one who had pointed too."""
    tom = make_user("Tom Berg")
    work()
    before = len(mailbox.to(ana.email))
    do(pass_things_on, again(lead), to=tom, by="admin")
    do(offer_thing, the(), by=wes, offer="Come by on Friday.")
    do(fulfil_thing, the(), by=wes, receipt="Handed over on Friday")
    work()
    assert [what(mail) for mail in mailbox.to(tom.email)] == [
        "You are owed something", "Your reward is ready", "Done, says the business"]
    assert len(mailbox.to(ana.email)) == before
    assert all("/rewards" in body_of(mail) and f"/leads/{lead.id}" not in body_of(mail) for mail in mailbox.to(tom.email))
    (row,) = as_user(tom).page("/rewards").xpath("//tbody/tr")
    assert "How to have it: Come by on Friday." in words_of(row) and row.xpath(".//a") == []


def test_may_be_done_at_once(lead, wes):
    do(fulfil_thing, the(), by=wes, receipt="Handed over with the keys")
    assert actions_on(the().id)[-2:] == ["kind.offered", "kind.fulfilled"]


@pytest.mark.parametrize(("verb", "state"), [(decline_thing, KindState.DECLINED), (forgive_thing, KindState.FORGIVEN)])
def test_may_be_let_go_by_whom_it_is_for(lead, ana, wes, verb, state, work, mailbox):
    with pytest.raises(Forbidden):
        do(verb, the(), by=wes)
    do(verb, the(), by=ana)
    assert the().state is state
    work()
    assert "one thing less" in str(mailbox.last_to(wes.email)["Subject"])
    with pytest.raises(IllegalMove):
        do(offer_thing, the(), by=wes, offer="Too late.")


def test_is_offered_and_done_by_the_business_alone_and_thanked_for_by_its_receiver(lead, ana, wes, westside, mona):
    for person in (ana, mona, make_user("Tom Berg")):
        with pytest.raises(Forbidden):
            do(offer_thing, the(), by=person, offer="Here")
        with pytest.raises(Forbidden):
            do(fulfil_thing, the(), by=person, receipt="Done")
    do(fulfil_thing, the(), by=make_member(westside), receipt="Handed over")
    for person in (wes, mona):
        with pytest.raises(Forbidden):
            do(acknowledge_thing, the(), by=person)


def test_done_says_what_was_done(lead, wes):
    with pytest.raises(Invalid):
        do(fulfil_thing, the(), by=wes, receipt="")
    assert the().state is KindState.OWED


def test_reminds_the_business_once_and_expires_after_a_year_with_notice(lead, ana, wes, work, later, mailbox):
    work()
    later(days=15)
    work()
    assert "still owe" in str(mailbox.last_to(wes.email)["Subject"])
    later(days=351)
    work()
    assert the().state is KindState.EXPIRED
    assert "expired" in str(mailbox.last_to(ana.email)["Subject"])


def test_offered_does_not_expire(lead, wes, work, later):
    do(offer_thing, the(), by=wes, offer="Come by on Friday.")
    later(days=366)
    work()
    assert the().state is KindState.OFFERED


def test_is_owed_no_more_when_the_whole_sale_was_given_back(lead, wes):
    do(refund_sale, lead, by=wes, amount=SALE, refund_number="R-1")
    assert the().state is KindState.EXPIRED and thing_next(the()) == "Nothing: it ended before it was given."


def test_is_seen_by_whom_it_concerns(lead, ana, wes, mona):
    for person in (ana, wes, mona):
        assert get_thing(the().id, seen_by=person)
    with pytest.raises(NotFound):
        get_thing(the().id, seen_by=make_user("Tom Berg"))


def test_for_the_buyer_is_told_to_them_and_thanked_for_without_an_account(westside, ana, mona, wes, work, mailbox):
    bounty = make_bounty(westside, is_live=True, rules=[WON, {**WINE, "whom": For.BUYER}])
    win(consent(accept(point(bounty, ana), by=mona)))
    work()
    assert "owed something" in str(mailbox.last_to("david@example.com")["Subject"])
    do(fulfil_thing, the(), by=wes, receipt="Handed over with the keys")
    with pytest.raises(Forbidden):
        do(acknowledge_thing, the(), by=ana)
    do(acknowledge_thing, the(), by=None)
    assert the().state is KindState.ACKNOWLEDGED


def test_nobody_writes_to_a_buyer_who_took_the_yes_back(westside, ana, mona, wes, work, mailbox):
    bounty = make_bounty(westside, is_live=True, rules=[WON, {**WINE, "whom": For.BUYER}])
    lead = consent(accept(point(bounty, ana), by=mona))
    win(lead)
    work()
    before = len(mailbox.to("david@example.com"))
    assert before > 0
    do(withdraw_consent, again(lead))
    do(offer_thing, the(), by=wes, offer="Come by on Friday.")
    do(fulfil_thing, the(), by=wes, receipt="Handed over on Friday")
    work()
    assert [what(mail) for mail in mailbox.to("david@example.com")[before:]] == ["You took your yes back"]
    assert "If you bought" not in body_of(mailbox.last_to("david@example.com")), "it is recorded"
