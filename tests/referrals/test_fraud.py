"""Signs of fraud add up; a person decides; both sides are told; nothing is taken before an appeal could be made."""
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from sqlalchemy import create_engine, delete, select, text, update
from sqlalchemy.exc import DBAPIError

from marketplace.bounties.models import For, NonCash, RewardKind
from marketplace.foundation import clock
from marketplace.foundation.crypto import decrypt
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Forbidden
from marketplace.foundation.show import day_in_words
from marketplace.foundation.traces import Trace, TraceKind, forget_traces, keep_traces
from marketplace.identity.models import User
from marketplace.payments.models import AccountKind, Payable
from marketplace.payments.money_out.stops import why_stopped
from marketplace.privacy.buyer_view import as_json
from marketplace.privacy.buyer_words import said_by_others
from marketplace.privacy.closing import close_account, forget_user
from marketplace.privacy.rotation import encrypted_columns
from marketplace.privacy.untold import forget_untold
from marketplace.referrals.appeals import NotRefused, appeal_decision
from marketplace.referrals.asking import MAILED, buyer_link, confirming_link
from marketplace.referrals.audience import Audience
from marketplace.referrals.consent import withdraw_consent
from marketplace.referrals.contact import NoConsent, open_contact, see_leads
from marketplace.referrals.data_link import data_link
from marketplace.referrals.deadlines import add_business_days, decision_due
from marketplace.referrals.desk.deciders import why_not_yours
from marketplace.referrals.desk.escalating import escalate_lead
from marketplace.referrals.desk.telling import tell_now
from marketplace.referrals.disputes.subjects import kinds_for
from marketplace.referrals.figures import count_to_contact, pointed_counts
from marketplace.referrals.fraud import cases
from marketplace.referrals.fraud.addresses import firm_of, is_office, is_thrown_away
from marketplace.referrals.fraud.effects import NOT_GENUINE, HeldForALook
from marketplace.referrals.fraud.queries import standing_of
from marketplace.referrals.fraud.rules import ASKING_TAKES, HOLD_ENDS_AFTER, RULES, STOP_FROM, add_up, judge
from marketplace.referrals.fraud.scoring import look_at, looks_at
from marketplace.referrals.fraud.signals import signals_on
from marketplace.referrals.fraud.words import has_unsent, what_came_of
from marketplace.referrals.legal_clocks import told_by
from marketplace.referrals.letters import business_introduced
from marketplace.referrals.models import (
    Buyer,
    CaseState,
    Consent,
    FraudScore,
    Moderation,
    Point,
    ReasonCode,
    Reward,
    RewardState,
    Stage,
    Verdict,
)
from marketplace.referrals.moderation import reject_lead
from marketplace.referrals.next_step import next_step
from marketplace.referrals.pointing import withdraw_lead
from marketplace.referrals.protection import extend_for_activity
from marketplace.referrals.queries import (
    count_pipeline,
    find_live_grant,
    record_of_business,
    record_of_referrer,
    rewards_of_lead,
)
from marketplace.referrals.receipts import receipt_for_buyer
from marketplace.referrals.rewards import freeze_reward
from marketplace.referrals.sharing import answer_split, propose_split
from marketplace.referrals.stages import NotOpen, change_stage
from marketplace.referrals.timeline import tell_story
from marketplace.tracking.buyers_word import NotAsked, NothingToSay, confirm_word, find_word, say_bought
from tests import factories as make
from tests.browsing import body_of, what, words_of
from tests.old_database import migrate, old_database
from tests.privacy.everything import places_of
from tests.referrals.steps import actions_on, again, do, holds

DEVICE, BROWSER, NETWORK = TraceKind.DEVICE, TraceKind.BROWSER, TraceKind.NETWORK


def seen(subject: object, **traces: str) -> None:
    do(keep_traces, getattr(subject, "id", subject), {TraceKind(kind): value for kind, value in traces.items()})


def rename(user: User, email: str) -> User:
    with transaction():
        db.session.execute(update(User).where(User.id == user.id).values(email=email))
    return db.session.get_one(User, user.id, populate_existing=True)


def case_of(lead):
    again(lead)
    return cases.find_case(lead.id)


@pytest.fixture
def own_device(bounty, ana):
    """Ana's lead, whose buyer said yes on a browser on which she signs in: 70, a hold."""
    lead = make.accept(make.make_lead(bounty, by=ana))
    seen(ana, device="hers")
    seen(lead, device="hers")
    return make.consent(again(lead))


@pytest.fixture
def insider(bounty, ana, wes):
    """Ana's address is of the firm that owns the bounty: 100, a stop, before a moderator has decided."""
    rename(wes, "wes@westside-motors.com")
    rename(ana, "ana@westside-motors.com")
    return make.review_lead(make.make_lead(bounty, by=ana))


def won(lead, work):
    make.win(again(lead))
    work()
    return rewards_of_lead(again(lead))[0]


@pytest.mark.once
class TestRules:
    def test_every_rule_has_words_for_both_and_a_point(self):
        for rule in RULES.values():
            assert rule.points and rule.weight > 0 and rule.says.endswith(".")
            assert "fraud" not in rule.plainly.lower() and rule.plainly.endswith(".")

    def test_of_a_group_only_the_heaviest_counts(self):
        assert add_up({"own_device": "", "own_network": "", "near_network": ""}) == 70
        assert add_up({"own_network": "", "thrown_away": ""}) == 90

    @pytest.mark.parametrize(("score", "verdict"), [
        (29, Verdict.PASS), (30, Verdict.LONGER), (59, Verdict.LONGER), (60, Verdict.HOLD), (99, Verdict.HOLD),
        (100, Verdict.STOP)])
    def test_the_verdict_of_a_score(self, score, verdict):
        assert judge(score) is verdict

    @pytest.mark.parametrize(("email", "firm", "thrown", "office"), [
        ("ana@gmail.com", None, False, False), ("ana@siemens.com", "siemens.com", False, False),
        ("x@sub.mailinator.com", None, True, False), ("info@siemens.com", "siemens.com", False, True),
        ("ana@duck.com", None, False, False), ("ana@example.com", None, False, False)])
    def test_what_a_domain_tells(self, email, firm, thrown, office):
        assert (firm_of(email), is_thrown_away(email), is_office(email)) == (firm, thrown, office)


    def test_what_came_of_it_is_said_as_it_was(self):
        back, sent = Reward(state=RewardState.VOIDED, void_reason=NOT_GENUINE), Reward(state=RewardState.PAID)
        refunded, held = Reward(state=RewardState.VOIDED, void_reason="The sale."), Reward(state=RewardState.ON_HOLD)
        assert what_came_of([back, sent]).endswith("and an admin decides about what was sent") and "was sent before" in what_came_of([sent])
        assert what_came_of([refunded]) == what_came_of([]) == "It earns nothing"
        assert has_unsent([held]) and not has_unsent([back, refunded])


class TestPointing:
    def test_a_plain_lead_is_looked_at_and_passes(self, bounty, ana):
        lead = make.review_lead(make.make_lead(bounty, by=ana))
        [look] = looks_at(lead.id)
        assert (look.point, look.verdict, look.reasons) == (Point.POINTING, Verdict.PASS, [])
        assert standing_of(lead) is None

    def test_a_stop_waits_for_a_person_and_is_not_accepted_meanwhile(self, insider, ana, mona, as_user, work, mailbox, later):
        work()
        assert case_of(insider).level is Verdict.STOP and again(insider).is_held
        assert "A person looks at a lead first" in [what(mail) for mail in mailbox.to(ana.email)]
        with pytest.raises(HeldForALook):
            make.accept(insider, by=mona)
        case = as_user(mona).get(f"/leads/{insider.id}").text
        assert "Decide it in the room Fraud" in case and f"{insider.id}/acceptance" not in case
        later(days=60)
        work()
        lead = again(insider)
        assert lead.moderation is Moderation.IN_REVIEW and case_of(lead).state is CaseState.OPEN

    def test_let_go_it_is_accepted_and_never_held_for_the_same_again(self, insider, mona, work):
        do(cases.let_go, case_of(insider), by=mona, reason="She left the firm last year.")
        lead = make.consent(make.accept(again(insider), by=mona))
        assert [look.score for look in looks_at(lead.id)] == [100, 0] and case_of(lead) is None

    def test_confirmed_it_is_refused_only_after_the_time_for_an_appeal(self, insider, mona, work, later):
        do(cases.confirm_fraud, case_of(insider), by=mona, reason="She works there.")
        assert again(insider).moderation is Moderation.IN_REVIEW
        later(days=15)
        work()
        lead = again(insider)
        assert lead.moderation is Moderation.REJECTED and "works there" not in lead.reason_note
        assert "fraud.proven" in actions_on(lead.id)

    def test_a_moderator_sees_rule_weight_and_reason(self, insider):
        [signal] = signals_on(again(insider))
        assert (signal.rule, signal.weight) == ("insider", STOP_FROM) and "firm that owns" in signal.reason


def rules_of(lead):
    """Found when it was pointed out."""
    make.review_lead(lead)
    [look] = looks_at(lead.id)
    return {key for key, *_ in look.reasons}


@pytest.mark.once  # Each question alone; what follows from a score is asked on both.
class TestSigns:
    @pytest.mark.parametrize(("referrer", "buyer", "found"), [
        ("ana@siemens.com", "bo@siemens.com", {"same_firm"}),
        ("ana@example.com", "x@mailinator.com", {"thrown_away"}),
        ("ana@example.com", "info@siemens.com", {"role_address"}),
        ("ana@example.com", "bo@example.com", set())])
    def test_of_addresses(self, bounty, ana, referrer, buyer, found):
        rename(ana, referrer)
        assert rules_of(make.make_lead(bounty, by=ana, buyer_email=buyer)) == found

    def test_one_throw_away_address_is_less_than_several(self, bounty, ana):
        found = [rules_of(make.make_lead(bounty, by=ana, buyer_email=f"x{number}@mailinator.com"))
                 for number in range(4)]
        assert found[2] == {"thrown_away"} and found[3] == {"thrown_away", "thrown_away_often"}

    def test_of_pace(self, bounty, ana, later):
        found = [rules_of(make.make_lead(bounty, by=ana)) for _ in range(16)]
        assert (found[4], found[5], found[14]) == (set(), {"many_at_once"}, {"many_at_once"})
        assert found[15] == {"many_at_once", "storm"}
        later(days=2)
        assert rules_of(make.make_lead(bounty, by=ana)) == set()

    def test_of_a_referrer_few_of_whose_leads_were_accepted(self, bounty, ana, mona, later):
        for _ in range(10):
            lead = make.review_lead(make.make_lead(bounty, by=ana))
            do(reject_lead, lead, by=mona, reason_code=ReasonCode.SPAM)
            later(hours=5)
        later(days=2)
        assert rules_of(make.make_lead(bounty, by=ana)) == {"few_accepted"}

    def test_of_one_browser_for_several(self, bounty, ana, wes):
        tom = make.make_user("Tom Berg")
        make.make_lead(bounty, by=tom)
        for person in (ana, tom):
            seen(person, device="one")
        assert rules_of(make.make_lead(bounty, by=ana)) == {"several_accounts"}
        seen(wes, device="one")
        assert rules_of(make.make_lead(bounty, by=ana)) == {"several_accounts", "member_device"}

    def test_of_a_program(self, bounty, ana):
        seen(ana, automated="yes")
        assert rules_of(make.make_lead(bounty, by=ana)) == {"automated"}

    def test_of_a_post_under_ones_own_name(self, bounty, ana):
        lead = make.make_lead(bounty, by=ana)
        with transaction():
            lead.evidence.author = ana.name
        assert rules_of(lead) == {"own_post"}


class TestConsent:
    def test_a_hold_lets_the_buyer_be_introduced_but_the_reward_waits(self, own_device, wes, work):
        assert case_of(own_device).level is Verdict.HOLD
        assert open_contact_as(own_device, wes).address == "david@example.com"
        reward = won(own_device, work)
        assert reward.state is RewardState.ON_HOLD

    def test_a_stop_introduces_nobody_before_a_person_has_looked(self, bounty, ana, wes, mona, as_user, work, mailbox):
        lead = make.accept(make.make_lead(bounty, by=ana))
        lead = make.consent(lead, email=wes.email)
        work()
        assert lead.consent is Consent.GRANTED and again(lead).is_held
        with pytest.raises(NoConsent):
            open_contact_as(lead, wes)
        page = page_for(as_user(wes), lead)
        assert "Until a person has looked at it, nobody" in page and "record the sale below" in page and "Move it on" not in page
        with pytest.raises(NotOpen, match="looks at this lead first"):
            do(change_stage, again(lead), Stage.INTRODUCED, by=wes)
        do(cases.let_go, case_of(lead), by=mona, reason="He buys for himself.")
        work()
        assert open_contact_as(lead, wes).name == "David Brandt"

    def test_a_yes_that_nobody_had_looked_at_stays_closed_when_its_referrer_goes(
            self, bounty, ana, wes, as_user, anonymous, work, mailbox):
        lead = make.accept(make.make_lead(bounty, by=ana))
        rename(wes, "wes@westside-motors.com")
        rename(ana, "ana@westside-motors.com")
        make.consent(again(lead), email="kim@example.com")
        assert again(lead).is_held
        do(close_account, ana, password=make.PASSWORD, by=ana)
        work()
        assert again(lead).moderation is Moderation.EXPIRED and again(lead).consent is Consent.GRANTED and case_of(lead) is None
        with pytest.raises(NoConsent):
            open_contact_as(lead, wes)
        assert "before a person at Fingerpost had looked at it" in page_for(as_user(wes), lead)
        buyers = words_of(anonymous.page(urlsplit(buyer_link(again(lead), MAILED)).path))
        assert "was given nothing of yours: this introduction has ended" in buyers and "was given none of this" in buyers
        assert "has ended before they were given anything" in " ".join(body_of(mailbox.last_to("kim@example.com")).split())

    def test_one_network_and_browser_alone_lengthens_the_return_period(self, bounty, ana, work):
        lead = make.accept(make.make_lead(bounty, by=ana))
        for one in (ana, lead):
            seen(one, browser="home", network="home")
        lead = make.consent(again(lead))
        assert case_of(lead) is None
        reward = won(lead, work)
        assert (reward.release_at.date() - reward.created_at.date()).days == 44 and standing_of(lead).longer_days == 14

    def test_the_same_network_two_days_apart_is_next_to_nothing(self, bounty, ana, later):
        lead = make.accept(make.make_lead(bounty, by=ana))
        seen(ana, browser="home", network="home")
        later(days=2)
        seen(lead, browser="home", network="home")
        make.consent(again(lead))
        assert looks_at(lead.id)[-1].score == 15


def open_contact_as(lead, member):
    with transaction():
        return open_contact(again(lead), by=db.session.get_one(User, member.id))


class TestClocks:
    def test_a_hold_that_nobody_keeps_ends_after_thirty_days_and_is_released(self, own_device, work, later):
        reward = won(own_device, work)
        later(days=31)
        work()
        assert db.session.get_one(Reward, reward.id, populate_existing=True).state is RewardState.PAYABLE
        assert actions_on(own_device.id)[-1] == "fraud.expired"

    def test_kept_with_a_reason_it_goes_on_for_thirty_days_more(self, own_device, mona, work, later, ana, mailbox):
        later(days=29)
        do(cases.keep_case, case_of(own_device), by=mona, reason="We wait for the buyer’s answer.")
        later(days=29)
        work()
        assert case_of(own_device).state is CaseState.OPEN
        assert any("We wait for the buyer" in body_of(mail) for mail in mailbox.to(ana.email))
        later(days=2)
        work()
        assert case_of(own_device) is None


class TestTheEndOfTheProtection:
    def test_it_stands_still_while_a_yes_is_held_up_and_a_case_ends_with_what_earned_nothing(
            self, ana, wes, mona, as_user, work, later, mailbox):
        bounty = make.make_bounty(make.make_business(wes), is_live=True, protection_days=30, funded_for=4)
        goes_on, ends, only_held, appealed = [make.accept(make.make_lead(bounty, by=ana)) for _ in range(4)]
        for one in (ana, only_held, appealed):
            seen(one, device="hers")
        make.consent(again(goes_on), email=wes.email)
        make.consent(again(ends), email=make.make_member(bounty.business).email)
        make.consent(again(only_held))
        make.consent(again(appealed), email="else@example.com")
        protected, opened = again(goes_on).protected_until, case_of(goes_on).created_at
        later(days=20)
        do(cases.keep_case, case_of(only_held), by=mona, reason="We wait for him.")
        confirm(appealed, mona)  # From now on its business may not talk to the buyer.
        later(days=5)
        do(cases.explain_lead, again(appealed), by=ana, why="We share a tablet.")
        later(days=10)
        work()
        assert {again(lead).moderation for lead in (goes_on, ends, appealed)} == {Moderation.ACCEPTED}
        assert again(only_held).moderation is Moderation.EXPIRED  # Its business could talk to the buyer all the time.
        assert words_of(as_user(mona).page("/admin/fraud")).count("Ana Flores") == 3
        for lead in (goes_on, appealed):
            do(cases.let_go, case_of(lead), by=mona, reason="He buys for himself.")
        given_back = again(appealed).protected_until - protected
        assert given_back == pytest.approx(timedelta(days=15), abs=timedelta(seconds=9))
        assert again(goes_on).protected_until - protected == pytest.approx(clock.now() - opened, abs=timedelta(seconds=9))
        assert actions_on(goes_on.id)[-2:] == ["fraud.let_go", "lead.protected"]
        later(days=17)
        work()
        assert (case_of(only_held), actions_on(only_held.id)[-1]) == (None, "fraud.ended")
        later(days=45)  # The last day of the other yes is over.
        work()
        assert (again(ends).moderation, case_of(ends)) == (Moderation.EXPIRED, None)
        assert actions_on(ends.id)[-1] == "fraud.ended" and not again(ends).is_held
        assert business_introduced(ends.id) == []  # Nor would a look that ends after the yes introduce anybody.
        assert [what(mail) for mail in mailbox.to(ana.email)].count("Your lead goes on") == 2


    def test_what_a_look_took_is_given_back_from_the_yes_on_and_is_no_extension(self, bounty, ana, wes, mona, later):
        lead = make.accept(make.make_lead(bounty, by=ana, buyer_email="bo@siemens.com"))
        promised = again(lead).protected_until
        rename(ana, "ana@siemens.com")
        do(look_at, again(lead), Point.POINTING)  # A hold, of a lead that nothing holds up yet.
        later(days=5)
        make.consent(again(lead), email=wes.email)
        assert case_of(lead).level is Verdict.STOP and again(lead).is_held
        later(days=70)
        do(cases.let_go, case_of(lead), by=mona, reason="He buys for himself.")
        given_back = again(lead).protected_until - promised
        assert given_back == pytest.approx(timedelta(days=70), abs=timedelta(seconds=9))
        for stage in (Stage.QUALIFIED, Stage.MEETING):
            do(change_stage, again(lead), stage, by=wes)
        assert again(lead).protected_until == promised + given_back + timedelta(days=60)

    def test_it_comes_on_top_of_an_extension_and_not_of_a_day_that_only_an_open_word_moved(self, bounty, ana, mona, later):
        active, said = [make.accept(make.make_lead(bounty, by=ana)) for _ in range(2)]
        promised = {lead.id: again(lead).protected_until for lead in (active, said)}
        for lead in (active, said):
            make.consent(again(lead), email=make.make_member(bounty.business).email)
        do(extend_for_activity, again(active), by=ana.id)
        later(days=85)
        do(say_bought, again(said), amount=make.SALE, bought_on=clock.now().date(), is_proven=True)
        waits_until = again(said).protected_until
        later(days=3)
        for lead in (active, said):
            do(cases.let_go, case_of(lead), by=mona, reason="He buys for himself.")
        waited = {lead.id: again(lead).protected_until - promised[lead.id] for lead in (active, said)}
        assert waits_until > promised[said.id]
        assert waited[active.id] == pytest.approx(timedelta(days=60 + 88), abs=timedelta(seconds=9))
        assert waited[said.id] == pytest.approx(timedelta(days=88), abs=timedelta(seconds=9))


class TestTheMonthOfTheLaw:
    def test_a_hold_that_nobody_keeps_ends_while_the_buyer_can_still_be_asked(self, bounty, ana, mona, as_user, work, later, mailbox):
        rename(ana, "ana@siemens.com")
        lead = make.review_lead(make.make_lead(bounty, by=ana, buyer_email="bo@siemens.com"))
        ends = told_by(db.session.get_one(Buyer, lead.buyer_id).created_at) - ASKING_TAKES
        assert (case_of(lead).level, case_of(lead).expires_at) == (Verdict.HOLD, ends)
        later(days=3)
        work()
        told = [" ".join(body_of(mail).split()) for mail in mailbox.to(mona.email)]
        assert any(f"ends by law before {day_in_words(ends + ASKING_TAKES)}" in words for words in told)
        kept = f"/admin/fraud/{case_of(lead).id}"
        assert f"kept until {day_in_words(ends)} at the latest" in words_of(as_user(mona).page(kept))
        do(cases.keep_case, case_of(lead), by=mona, reason="We wait for her answer.")
        assert case_of(lead).expires_at == ends
        later(days=(ends - clock.now()).days + 1)
        work()
        later(days=1)
        work()
        assert again(lead).consent is Consent.ASKED and mailbox.to("bo@siemens.com")
        later(days=12)
        do(forget_untold)
        work()
        assert again(lead).moderation is Moderation.ACCEPTED

    def test_a_stop_ends_with_the_lead_whose_buyer_nobody_told_and_no_admin_is_reminded_of_it_any_more(
            self, insider, ana, mona, work, later, mailbox):
        case = case_of(insider)
        later(days=30)
        do(forget_untold)
        work()
        assert (again(insider).moderation, case_of(insider)) == (Moderation.REJECTED, None)
        assert actions_on(insider.id).count("fraud.ended") == 1 and not again(insider).is_held
        told = [what(mail) for mail in mailbox.to(ana.email)]
        assert "Your lead goes on" not in told and "We did not decide in time." in body_of(mailbox.last_to(ana.email))
        with transaction():  # One of before cases ended with their leads.
            case.state, case.ended_with_lead = CaseState.OPEN, False
        before = len(mailbox.to(mona.email))
        later(days=8)
        work()
        assert case_of(insider) is None and len(mailbox.to(mona.email)) == before


class TestConfirmed:
    def test_until_it_is_decided_for_good_the_buyer_is_closed_to_the_business_and_a_sale_waits(
            self, own_device, bounty, ana, wes, mona, as_user, anonymous, work, mailbox):
        assert count_to_contact(bounty.business_id) == 1
        link, lasts_until = urlsplit(buyer_link(again(own_device), MAILED)).path, find_live_grant(own_device).until
        confirm(own_device, mona)
        work()
        assert "How to reach the buyer is closed to you" in body_of(mailbox.last_to(wes.email))
        for _ in range(2):  # Found, and appealed.
            with pytest.raises(NoConsent, match="not genuine"):
                open_contact_as(own_device, wes)
            page = page_for(as_user(wes), own_device)
            assert "is closed to you until that is decided for good" in page and "Show how to reach them" not in page
            assert "Nothing is to be done now" in page and "Move it on" not in page
            with pytest.raises(NotOpen, match="not genuine"):
                do(change_stage, again(own_device), Stage.MEETING, by=wes)
            assert count_to_contact(bounty.business_id) == 0
            buyers = words_of(anonymous.page(link))
            is_found = case_of(own_device).state is CaseState.CONFIRMED
            says = "Whether Westside Auto may contact you again is decided by" if is_found else "looks at it once more by"
            assert "may not contact you for now" in buyers and says in buyers and "31 Jan 2027, your yes ends on that day" in buyers
            assert "may contact you, and" not in buyers and "genuine" not in buyers and "until that day, while it is open" in buyers
            with transaction():  # Its day comes before anybody must have decided: no later one is promised.
                find_live_grant(again(own_device)).until = clock.now().date() + timedelta(days=1)
            buyers = words_of(anonymous.page(link))
            assert ("is not decided yet." if is_found else "looks at it once more. Until") in buyers
            assert f"not decided by {day_in_words(clock.now() + timedelta(days=1))}, your yes ends on that day" in buyers
            with transaction():
                find_live_grant(again(own_device)).until = lasts_until
            if is_found:
                do(cases.explain_lead, again(own_device), by=ana, why="He is my husband.")
        assert won(own_device, work).state is RewardState.ON_HOLD
        do(cases.let_go, case_of(own_device), by=make.make_user("Nils Roy", is_admin=True), reason="They are a family.")
        assert open_contact_as(own_device, wes).address and rewards_of_lead(again(own_device))[0].state is RewardState.PENDING

    def test_the_money_goes_back_and_what_other_leads_earned_stays(self, own_device, bounty, ana, wes, mona, work, later):
        other = make.consent(make.accept(make.make_lead(bounty, by=ana)), email="else@example.com")
        kept, reward = won(other, work), won(own_device, work)
        free = holds(AccountKind.FUNDS, bounty.id)
        do(cases.confirm_fraud, case_of(own_device), by=mona, reason="One person with two addresses.")
        assert holds(AccountKind.HELD, reward.id) > 0
        later(days=15)
        work()
        voided = db.session.get_one(Reward, reward.id, populate_existing=True)
        assert (voided.state, voided.void_reason) == (RewardState.VOIDED, "It was found not to be genuine.")
        with pytest.raises(NoConsent, match="not genuine"):
            open_contact_as(own_device, wes)
        stories = {who: " ".join(one.text for one in tell_story(again(own_device), who)) for who in Audience}
        assert {who for who, story in stories.items() if "two addresses" in story} == {Audience.REFERRER, Audience.ADMIN}
        assert (holds(AccountKind.HELD, reward.id), holds(AccountKind.FUNDS, bounty.id)) == (0, free + 105_000)
        later(days=30)
        work()
        assert db.session.get_one(Reward, kept.id, populate_existing=True).state is RewardState.PAYABLE

    def test_an_appeal_is_decided_by_another_admin(self, own_device, ana, mona, work, later):
        won(own_device, work)
        do(cases.confirm_fraud, case_of(own_device), by=mona, reason="One person.")
        do(cases.explain_lead, again(own_device), by=ana, why="He is my husband; we have one computer.")
        assert tell_story(again(own_device), Audience.REFERRER)[-1].title == "You appealed: another person decides"
        for verb in (cases.confirm_fraud, cases.keep_case):
            with pytest.raises(cases.SecondAdmin):
                do(verb, case_of(own_device), by=mona, reason="I still think so.")
        second = make.make_user("Nils Roy", is_admin=True)
        do(cases.let_go, case_of(own_device), by=second, reason="They are a family.")
        work()
        later(days=15)
        work()
        assert case_of(own_device) is None and rewards_of_lead(again(own_device))[0].state is RewardState.PENDING

    def test_nobody_else_explains_and_nobody_twice(self, own_device, ana, wes):
        with pytest.raises(Forbidden):
            do(cases.explain_lead, again(own_device), by=wes, why="I know her.")
        do(cases.explain_lead, again(own_device), by=ana, why="We share a computer.")
        with pytest.raises(cases.AppealUsed):
            do(cases.explain_lead, again(own_device), by=ana, why="And once more.")

    def test_an_earlier_one_counts_at_the_next_lead(self, own_device, bounty, ana, mona):
        do(cases.confirm_fraud, case_of(own_device), by=mona, reason="One person.")
        later_lead = make.review_lead(make.make_lead(bounty, by=ana))
        assert [one.rule for one in signals_on(later_lead)] == ["fraud_before"]


def confirm(lead, mona, reason="One person."):
    do(cases.confirm_fraud, case_of(lead), by=mona, reason=reason)


def say(lead, who):
    return next_step(again(lead), who, rewards_of_lead(lead))


def page_for(browser, lead):
    return words_of(browser.page(f"/leads/{lead.id}"))


class TestWordsForEveryReader:
    """What is true, and nothing to do where there is nothing to do."""

    def test_found_and_not_appealed_yet(self, own_device, ana, wes, mona, as_user, work, mailbox):
        won(own_device, work)
        held_until = case_of(own_device).expires_at
        told = as_user(mona).submit(f"/admin/fraud/{case_of(own_device).id}", {"reason": "One person."}, action="/confirmation")
        until = day_in_words(case_of(own_device).settles_at)
        work()
        mails = [" ".join(body_of(mail).split()) for mail in mailbox.all() if what(mail) == "A decision about your lead"]
        for reader in ("the", "your"):
            assert any("Without an appeal, what it earned and was not sent yet goes back to "
                       f"{reader} bounty on that day." in mail for mail in mails)
        assert f"may appeal; without an appeal it takes effect on {until}." in told.text
        assert say(own_device, Audience.REFERRER) == (
            f"A person found that it is not genuine. You may appeal until {until}; if you do not, what it earned and was not sent yet "
            "goes back to the bounty.")
        business = page_for(as_user(wes), own_device)
        assert f"The referrer may appeal until {until}; if they do not, what was set aside for it and not sent yet goes back" in business
        assert "It is your turn" not in business and day_in_words(held_until) not in business
        hers = page_for(as_user(ana), own_device)
        assert "It is your turn" in hers and "Read it, and appeal" in hers and f"takes effect on {until}" in hers
        assert hers.count("See it differently?") == 1 and "Or is something else not so?" in hers
        assert say(own_device, Audience.BUYER) == say_without_case(own_device, Audience.BUYER)

    def test_proven_after_it_was_sold(self, own_device, bounty, ana, wes, mona, as_user, anonymous, work, later):
        won(own_device, work)
        link = urlsplit(buyer_link(again(own_device), MAILED)).path
        confirm(own_device, mona)
        later(days=15)
        work()
        lead = again(own_device)
        business = page_for(as_user(wes), lead)
        assert "Nothing: it was found not to be genuine. You owe no reward for it" in business
        for offered in ("It is your turn", "Show how to reach them", "Gave money back?", "sale refunded"):
            assert offered not in business
        wes = db.session.get_one(User, wes.id)
        assert [one.evidence for one in see_leads([lead], by=wes)] == [None]
        page = as_user(ana).page(f"/leads/{lead.id}")
        hers = words_of(page)
        assert "that stands: the time to appeal is over, so no more can be done about it." in hers
        assert not page.xpath("//*[contains(@class, 'next done')]")  # Green is for good news.
        assert "What it had earned and was not sent yet is back in the bounty; what your other leads earned stays yours." in hers
        assert "Open a dispute" not in hers and "Say it openly" not in hers
        assert kinds_for(lead) == []
        buyers = words_of(anonymous.page(link))
        assert "may no longer contact you: this introduction has ended" in buyers
        assert [one.title for one in tell_story(lead, Audience.BUYER)][-2:] == ["Sold", "Ended"]
        assert "genuine" not in buyers and "I bought it" not in buyers
        assert (record_of_referrer(ana.id).found_false, record_of_business(bounty.business_id).found_false) == (1, 0)
        other = make.review_lead(make.make_lead(bounty, by=ana))
        assert "1 found not genuine" in page_for(as_user(mona), other)

    def test_proven_after_it_was_sold_no_sum_counts_the_sale_and_the_page_says_what_moved(
            self, own_device, bounty, ana, wes, mona, as_user, work, later):
        other = make.consent(make.accept(make.make_lead(bounty, by=ana)), email="else@example.com")
        for lead in (own_device, other):
            won(lead, work)
        assert record_of_business(bounty.business_id).sold == 2
        confirm(own_device, mona)
        later(days=15)
        work()
        shown = as_user(wes).page(f"/leads/{own_device.id}")
        own, wes = words_of(shown), db.session.get_one(User, wes.id)
        assert "paid by you on top" not in own and "Sold" not in words_of(shown.xpath("//header[.//h1]")[0])
        for line in ("Of the reward, given back $1,000", "Our fee, given back $50", "Returned to the bounty’s funds $1,050"):
            assert line in own
        counts = count_pipeline(bounty.business_id, seen_by=wes)
        assert (counts["won"], counts["ended"], sum(counts.values())) == (1, 1, 2)
        assert record_of_business(bounty.business_id).sold == record_of_referrer(ana.id).sold == 1
        assert pointed_counts(ana) == {Moderation.ACCEPTED: 1, Moderation.EXPIRED: 1}
        pipeline, day = f"/businesses/{bounty.business_id}/leads?stage=", day_in_words(again(own_device).protected_until)
        assert day not in words_of(as_user(wes).page(f"{pipeline}ended")) and day in words_of(as_user(wes).page(f"{pipeline}won"))
        hers, desk = as_user(ana).page("/leads?moderation=expired"), as_user(ana).page("/dashboard/referrer")
        listed = [words_of(row) for row in as_user(wes).page(f"/businesses/{bounty.business_id}/conversions").xpath("//tbody/tr")]
        assert ["Not genuine" in row for row in listed] == [False, True]
        tabs = [words_of(as_user(wes).page(f"/businesses/{bounty.business_id}/conversions?state={tab}").xpath("//main")[0])
                for tab in ("counted", "not_counted")]
        assert ["Not genuine" in one for one in tabs] == [False, True] and "Counted1 Not counted1" in tabs[0]
        assert "Ended" in words_of(hers) and "Sold" not in words_of(hers) and words_of(desk).count("Sold") == 1
        assert words_of(as_user(wes).page(f"/dashboard/business/{bounty.business_id}")).count("Sold") == 2  # The tab, the other.

    def test_proven_one_letter_tells_each_side_all_that_ended(self, ana, wes, mona, work, later, mailbox, as_user):
        bounty = make.make_bounty(make.make_business(wes), is_live=True, rules=[make.flat(100_000), *(
            {"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU, "words": "A bottle of wine", "whom": whom}
            for whom in (For.REFERRER, For.BUYER))])
        lead, eve = make.make_lead(bounty, by=ana), make.make_user("Eve Stone")
        do(answer_split, do(propose_split, lead, by=ana, own_bps=4_000, others=[(eve.email, 6_000)]), by=eve, agrees=True)
        lead = make.accept(again(lead))
        for one in (ana, lead):
            seen(one, device="hers")
        won(make.consent(again(lead)), work)
        (tile,) = [one for one in as_user(eve).page("/rewards").xpath("//*[@class='stats']/div") if "On hold" in words_of(one)]
        assert "$600" in words_of(tile) and "Once the hold is over" in words_of(as_user(eve).page("/rewards").xpath("//tbody")[0])
        confirm(lead, mona)
        work()
        read = {mail["To"]: len(mailbox.to(mail["To"])) for mail in mailbox.all()}
        later(days=15)
        work()
        [hers], [theirs], [buyers] = (mailbox.to(who)[read[who]:] for who in (ana.email, wes.email, "david@example.com"))
        for mail, back in ((hers, "the bounty: $1,000."), (theirs, "your bounty: $1,000, and with it our fee of $50.")):
            said = " ".join(body_of(mail).split())
            assert f"sent yet is back in {back} What is not money, and was not offered yet, is owed no more." in said
        told = " ".join(body_of(buyers).split())
        assert "What you bought is not touched by it. What was promised to you because of it" in told
        (mail,) = mailbox.to(eve.email)[read[eve.email]:]
        told = " ".join(body_of(mail).split())
        assert "What you were to have of it, $600 for the sale, was not sent yet and is back in the bounty." in told
        assert "owed no more" not in told and "/rewards" in told and f"/leads/{lead.id}" not in told  # Ana's was the wine.
        (row,) = as_user(eve).page("/rewards").xpath("//tbody/tr")
        cells = [words_of(cell) for cell in row.xpath("td")]
        assert cells[1:] == ["", "Cancelled", "Nothing: it was found not to be genuine."]

    def test_proven_before_it_was_sold_or_decided(
            self, own_device, insider, ana, wes, mona, as_user, anonymous, work, later, mailbox):
        link = urlsplit(buyer_link(again(own_device), MAILED)).path
        for lead in (own_device, insider):
            confirm(lead, mona)
        later(days=15)
        work()
        told = {what(mail) for mail in mailbox.to(ana.email)}
        assert "It earns nothing. What your other leads have earned stays yours." in " ".join(
            body_of(mailbox.last_to(ana.email)).split())
        assert "What was set aside for it is free again." in " ".join(body_of(mailbox.last_to(wes.email)).split())
        assert "A lead has ended" in told and "Your lead has ended" not in told
        [ended] = [mail for mail in mailbox.to("david@example.com") if what(mail) == "An introduction has ended"]
        assert "may not contact you because of it any more" in body_of(ended) and "genuine" not in body_of(ended)
        leads = f"/businesses/{own_device.business_id}/leads?stage=ended"
        for reader, path in ((ana, "/leads"), (wes, leads), (ana, ""), (wes, ""), (mona, "")):
            shown = words_of(as_user(reader).page(path or f"/leads/{own_device.id}"))
            assert "Ended" in shown and "Expired" not in shown
        buyers = words_of(anonymous.page(link))
        assert "this introduction has ended" in buyers and "genuine" not in buyers and "I bought it" not in buyers
        with pytest.raises(NothingToSay, match="introduction has ended"):
            do(say_bought, again(own_device), amount=make.SALE, bought_on=clock.now().date(), is_proven=True)
        assert kinds_for(again(own_device)) == []
        business = page_for(as_user(wes), own_device)
        assert "nobody is introduced by it" in business and "It is your turn" not in business
        hers = page_for(as_user(ana), insider)
        assert "It earns nothing; what your other leads earned stays yours." in hers and "You can appeal once" not in hers
        assert "Text that you gave" in hers and "given by the referrer" not in hers
        with pytest.raises(NotRefused, match="not genuine"):
            do(appeal_decision, again(insider), by=ana, why="I left that firm.")

    def test_proven_the_buyers_word_is_asked_of_nobody_any_more(
            self, own_device, ana, wes, mona, as_user, anonymous, work, later):
        do(say_bought, again(own_device), amount=make.SALE, bought_on=clock.now().date(), is_proven=True)
        link = urlsplit(buyer_link(again(own_device), MAILED)).path
        confirm(own_device, mona)
        do(cases.explain_lead, again(own_device), by=ana, why="He is my husband.")
        do(cases.confirm_fraud, case_of(own_device), by=make.make_user("Nils Roy", is_admin=True), reason="They are one.")
        work()
        desk = words_of(as_user(wes).page(f"/dashboard/business/{own_device.business_id}"))
        assert "says that they bought from you" not in desk and "Say yes or no" not in page_for(as_user(wes), own_device)
        assert "May come next" not in words_of(as_user(ana).page("/rewards"))
        assert not anonymous.page(link).xpath("//*[@id='word']")
        assert "Nothing to say here" in words_of(anonymous.page(link.replace("/buyer/", "/bought/")))
        later(days=8)
        work()
        assert "word.unanswered" not in actions_on(own_device.id) and rewards_of_lead(again(own_device)) == []

    def test_while_a_finding_stands_the_buyers_word_is_not_asked_and_after_it_anew(
            self, own_device, ana, wes, mona, as_user, anonymous, work, later, mailbox):
        do(say_bought, again(own_device), amount=make.SALE, bought_on=clock.now().date(), is_proven=True)
        link = urlsplit(buyer_link(again(own_device), MAILED)).path
        confirm(own_device, mona)
        do(cases.explain_lead, again(own_device), by=ana, why="We share a browser at work.")
        desk, pipeline = f"/dashboard/business/{own_device.business_id}", f"/businesses/{own_device.business_id}/leads"
        own = page_for(as_user(wes), own_device)
        assert "says that they bought from you" not in words_of(as_user(wes).page(desk))
        assert "Say yes or no" not in own and "How it stands" not in own and "said so already" not in own
        assert "Your turn" not in words_of(as_user(wes).page(pipeline))
        assert "is not asked while it is not decided" in page_for(as_user(ana), own_device)
        assert "asked to say yes or no, and we tell you" in words_of(anonymous.page(link))
        word = find_word(again(own_device))
        why = as_user(wes).page(f"/conversions/{word.id}")
        assert "Nobody is asked while" in words_of(why) and "Yes, they bought" not in words_of(why)
        with pytest.raises(NotAsked):
            do(confirm_word, word, by=wes)
        later(days=9)
        work()
        assert "word.unanswered" not in actions_on(own_device.id)
        assert "did this buyer buy" not in " ".join(str(mail["Subject"]).lower() for mail in mailbox.to(wes.email))
        do(cases.let_go, case_of(own_device), by=mona, reason="He is right.")
        due = day_in_words(add_business_days(clock.now(), 5))
        assert f"Say yes or no by {due}" in words_of(as_user(wes).page(pipeline))
        later(days=2)
        work()
        assert due in body_of(mailbox.last_to(wes.email)) and "word.unanswered" not in actions_on(own_device.id)
        later(days=7)
        work()
        assert "word.unanswered" in actions_on(own_device.id)

    def test_after_the_yes_only_the_reward_waits_and_everybody_reads_just_that(
            self, ana, wes, mona, as_user, anonymous, work, mailbox):
        business = make.make_business(wes)
        bounty = make.make_bounty(business, is_live=True, rules=[make.flat(100_000), make.flat(5_000, whom=For.BUYER)])
        lead = make.accept(make.make_lead(bounty, by=ana))
        for one in (ana, lead):
            seen(one, device="hers")
        make.consent(again(lead))
        work()
        ends = day_in_words(case_of(lead).expires_at)
        until = f"until {ends} at the latest"
        by = f"by {day_in_words(case_of(lead).due_at)}"
        assert say(lead, Audience.BUSINESS) == (
            f"Get in touch as the buyer allowed, then move the lead on. A person at Fingerpost looks at this lead {by}; its reward "
            f"waits meanwhile, {until}. You need do nothing for that.")
        assert say(lead, Audience.REFERRER).endswith(f"looks at this lead {by}; what it earns waits meanwhile, {until}.")
        assert say(lead, Audience.ADMIN).endswith(f"Signs of fraud hold what it earns, {until}.")
        assert say(lead, Audience.BUYER) == say_without_case(lead, Audience.BUYER)
        theirs, hers = page_for(as_user(wes), lead), page_for(as_user(ana), lead)
        assert "Show how to reach them" in theirs and "The lead goes on. Its reward waits" in theirs
        assert "The lead goes on. What it earns in money waits; it is neither refused nor lost." in hers
        do(cases.keep_case, case_of(lead), by=mona, reason="We wait for her answer.")
        make.win(again(lead))
        work()
        told = " ".join(" ".join(f"{mail['Subject']} {body_of(mail)}".split()) for mail in mailbox.all())
        for mailed in (
                "goes on. What it earns in money waits until a person", "goes on, and its reward waits until a person",
                "you earn $1,000. A person at Fingerpost looks at this lead by",
                "earns in money still waits for a decision", "The reward of a lead of yours still waits",
                "and until a person at Fingerpost has decided about it, then", "looks at it first. Then you may take"):
            assert mailed in told
        pages = [page_for(as_user(wes), lead), page_for(as_user(ana), lead),
                 words_of(anonymous.page(urlsplit(buyer_link(again(lead), MAILED)).path))]
        assert all("The money waits until a person at Fingerpost has decided." in page for page in pages)
        assert told.count(f"We decide {by}. If nobody decides, this wait ends on {ends} at the latest, and the reward goes") == 2
        everything = " ".join([told, *pages, theirs, hers])
        assert "ead waits" not in everything and "and the lead goes on" not in everything

    def test_a_strong_sign_at_the_buyers_yes(self, bounty, ana, wes, as_user, work, later, mailbox):
        lead = make.accept(make.make_lead(bounty, by=ana))
        lead = make.consent(lead, email=wes.email)
        work()
        said_yes = next(mail for mail in mailbox.to(ana.email) if what(mail) == "The buyer said yes")
        assert "can talk to them now" not in body_of(said_yes) and "looks at it first; then" in body_of(said_yes)
        due = day_in_words(case_of(lead).due_at)
        assert say(lead, Audience.BUSINESS).startswith(f"The buyer said yes. A person at Fingerpost looks at it first by {due};")
        assert count_to_contact(bounty.business_id) == 0
        waits_on = ("If nobody decides, the lead waits on, and our admins are reminded every week; as long as the buyer’s yes "
                    "lasts, the days of protection do not run.")
        pages = [page_for(as_user(who), lead) for who in (ana, wes)]
        mails = [" ".join(body_of(mail).split()) for who in (ana, wes) for mail in mailbox.to(who.email)]
        assert sum(f"We decide by {due}. {waits_on}" in words for words in (*pages, *mails)) == 4
        later(days=5)
        assert f"We wanted to decide by {due}, and are late. {waits_on}" in page_for(as_user(ana), lead)
        assert "looks at it first (we are late with it);" in say(lead, Audience.REFERRER)


class TestAYesThatWaits:
    """The buyer reads what is true of it: nothing is given yet, then it is, or it never was; and of nobody why."""

    def test_while_it_is_held_let_go_and_over(
            self, bounty, ana, wes, mona, anonymous, work, later, mailbox):
        make.fund_bounty(bounty, leads=2)
        leads = {name: make.accept(make.make_lead(bounty, by=ana)) for name in ("on", "over", "false", "back")}
        wes = rename(wes, "wes@westside-motors.com")
        rename(ana, "ana@westside-motors.com")
        for name, lead in leads.items():
            make.consent(again(lead), email=f"{name}@example.com")
        work()
        pages = {name: urlsplit(buyer_link(again(lead), MAILED)).path for name, lead in leads.items()}

        def read(name):
            about = data_link(db.session.get_one(Buyer, leads[name].buyer_id))
            [record] = receipt_for_buyer(again(leads[name]))["dpv:hasRecordOfActivity"]
            return [words_of(anonymous.page(pages[name])), words_of(anonymous.page(urlsplit(about).path)),
                    record.get("dct:description", ""), " ".join(body_of(mailbox.last_to(f"{name}@example.com")).split())]

        by = f"by {day_in_words(case_of(leads['on']).due_at)}"
        page, held_data, record, mail = read("on")
        for words in (page, held_data, mail):
            assert f"A person at Fingerpost looks at it first {by}. Until that is decided Westside Auto is given nothing" in words
            assert "31 Jan 2027, your yes ends on that day" in words
        confirming = urlsplit(confirming_link(find_live_grant(again(leads["on"])))).path
        assert "Westside Auto may not contact you yet" in words_of(anonymous.page(confirming))
        assert "may not contact you yet" in page and "gets, once that is decided and until that day" in page
        assert "Nobody can reach you" in held_data and "given yet" in record and "Then they may contact you by e-mail" in mail
        assert as_json("on@example.com")["entries"][0]["consents"][0]["given"] == []
        do(withdraw_consent, again(leads["back"]))
        do(cases.let_go, case_of(leads["on"]), by=mona, reason="She left the firm.")
        confirm(leads["false"], mona)
        work()
        [taken_back] = [mail for mail in mailbox.to(wes.email) if "took their yes back" in mail["Subject"]]
        assert "was never open to you. Nothing more is to be done" in " ".join(body_of(taken_back).split())
        assert "They were given nothing of yours. What we keep" in read("back")[-1]
        page, held_data, record, mail = read("on")
        assert "may contact you, and nobody else" in page and "gets, until that day" in page and record == ""
        assert "can reach you" in held_data and "may contact you now, by e-mail, until 31 Jan 2027" in mail
        later(days=15)
        work()
        page, _, _, mail = read("false")
        assert "was given nothing of yours: this introduction has ended" in page
        assert "has ended before they were given anything of yours" in mail
        later(days=90)
        work()
        assert "the day you chose was over before we had looked at it" in read("over")[0]
        day_over, stories = "Your yes ended: the day that you chose was over", {
            name: [one.title for one in tell_story(again(lead), Audience.BUYER)] for name, lead in leads.items()}
        assert all(story[-1] == "Ended" for story in stories.values())
        assert {name for name, story in stories.items() if day_over in story} == {"on", "over"}
        for name in ("over", "false", "back"):
            page, held_data, record, _ = read(name)
            assert record == "Nothing of it was ever given."
            for words in (page, held_data):
                assert "was given none of this" in words and "could read" not in words and "genuine" not in words
        assert "could read until its end" in read("on")[0]


def say_without_case(lead, who):
    return next_step(again(lead), who, rewards_of_lead(lead), cases={})


class TestAppeals:
    def test_what_was_explained_found_and_appealed_stays_side_by_side(self, own_device, ana, wes, mona, as_user, work, mailbox):
        won(own_device, work)
        person, page = as_user(ana), f"/leads/{own_device.id}"
        person.submit(page, {"why": "We share a computer."}, action="/explanation")
        confirm(own_device, mona, "One person with two names.")
        sent = person.submit(page, {"why": "He is my husband."}, action="/explanation")
        case = case_of(own_device)
        assert (case.explanation, case.appeal) == ("We share a computer.", "He is my husband.")
        assert f"Another person decides about it: we answer by {day_in_words(decision_due(clock.now()))}." in sent.text
        with transaction():  # Whoever accepted the lead was one, too.
            db.session.execute(update(User).where(User.id != mona.id).values(is_admin=False))
        work()
        told = next(" ".join(body_of(mail).split()) for mail in mailbox.to(mona.email) if what(mail) == "An appeal about fraud waits")
        assert "and there is none." in told and "flask make-admin" in told and "You may still let it go." in told
        hers = page_for(person, own_device)
        assert "Another person decides about your appeal by" in hers and "It is neither refused nor lost" not in hers
        for words in ("One person with two names.", "We share a computer.", "He is my husband."):
            assert words in hers
        assert "another person decides by" in page_for(as_user(wes), own_device)
        room = f"/admin/fraud/{case.id}"
        first = words_of(as_user(mona).page(room))
        assert "Another admin decides." in first and "It is fraud" not in first and "Not decided yet" not in first
        second = as_user(make.make_user("Nils Roy", is_admin=True))
        assert "Appeal" in words_of(second.page("/admin/fraud"))
        read = words_of(second.page(room))
        assert "Decide about the appeal by" in read and "Against this: Mona Lind found fraud" in read
        for words in ("One person with two names.", "We share a computer.", "He is my husband."):
            assert words in read
        told = second.submit(room, {"reason": "No marriage is on record."}, action="/confirmation")
        assert "Confirmed on the appeal: it is final and takes effect now." in told.text
        read, hers = words_of(second.page(room)), page_for(person, own_device)
        assert "Against this: Mona Lind found fraud" in read and "Decided by Nils Roy" in read
        for words in ("One person with two names.", "He is my husband.", "No marriage is on record."):
            assert words in read and words in hers

    def test_what_is_explained_is_answered_in_two_business_days_never_later_than_it_was_due(
            self, own_device, ana, mona, as_user, later, work):
        before = case_of(own_device).due_at
        later(days=3)  # It is overdue.
        sent = as_user(ana).submit(f"/leads/{own_device.id}", {"why": "We share a computer."}, action="/explanation")
        due = case_of(own_device).due_at
        assert before < clock.now() < due == decision_due(case_of(own_device).explained_at)
        assert f"we answer by {day_in_words(due)}." in sent.text
        assert "We have your explanation, and answer by" in page_for(as_user(ana), own_device)
        assert "Late" not in words_of(as_user(mona).page("/admin/fraud"))


class TestBeforeADecision:
    def test_a_held_lead_is_promised_to_no_clock(self, insider, ana, mona, as_user):
        for reader in (ana, mona):
            assert "after five" not in page_for(as_user(reader), insider)
        due = day_in_words(decision_due(case_of(insider).created_at))
        assert say(insider, Audience.REFERRER) == f"A person looks at it first by {due}. It is not accepted by itself before."
        assert "no clock accepts it" in page_for(as_user(mona), insider)
        for promise in ("/fairness", f"/bounties/{insider.bounty_id}/terms/1"):
            assert "hold it until a person has looked, or it waits for" in words_of(as_user(ana).page(promise))
        page = as_user(mona).page("/moderation")
        queue = words_of(page)
        assert "no clock accepts it" in queue and "Accepted automatically in" not in queue
        assert page.xpath("//input[@name='leads']") == []  # Nothing to accept several of.
        make.make_user("Nils Roy", is_admin=True)
        do(escalate_lead, again(insider), by=mona, note="Is this one of theirs?")
        assert "silence" not in why_not_yours(again(insider), mona).next_step
        case, month = case_of(insider), told_by(db.session.get_one(Buyer, insider.buyer_id).created_at)
        law = f"We decide by {due}. If nobody decides, the lead waits on, and our admins are reminded every week; by law the lead ends before"
        assert f"{law} {day_in_words(month)}, unless its buyer is asked before." in page_for(as_user(ana), insider)
        with transaction():
            case.level, case.expires_at = Verdict.HOLD, clock.now() + HOLD_ENDS_AFTER
        until = day_in_words(case_of(insider).expires_at)
        assert f"looks at it first by {due}; the wait ends on {until} at the latest." in page_for(as_user(ana), insider)
        assert f"Held until {until} at the latest" in words_of(as_user(mona).page("/moderation")).replace("  ", " ")

    def test_refused_meanwhile_its_case_ends_and_an_appeal_looks_again(self, insider, ana, mona, as_user, work, later):
        case = case_of(insider)
        do(reject_lead, again(insider), by=mona, reason_code=ReasonCode.SPAM)
        work()
        assert case_of(insider).id == case.id  # Nobody was told yet, and it may be undone.
        assert "It is neither refused nor lost" in page_for(as_user(ana), insider)
        do(tell_now, again(insider), by=mona)
        assert "It is neither refused nor lost" not in page_for(as_user(ana), insider)  # Before the job has run, too.
        later(minutes=10)
        work()
        assert case_of(insider) is None and not again(insider).is_held
        assert actions_on(insider.id)[-1] == "fraud.ended"
        room = words_of(as_user(mona).page(f"/admin/fraud/{case.id}"))
        assert "Nothing: the lead had ended, with nothing earned." in room
        do(appeal_decision, again(insider), by=ana, why="I left that firm.")
        assert case_of(insider).level is Verdict.STOP and again(insider).is_held

    def test_taken_back_by_the_referrer_it_ends_but_not_what_was_found_already(self, bounty, insider, ana, mona, work):
        found = make.review_lead(make.make_lead(bounty, by=ana))
        confirm(found, mona)
        do(cases.explain_lead, again(found), by=ana, why="Yes, but I left that firm.")
        for lead in (insider, found):
            do(withdraw_lead, again(lead), by=ana)
        work()
        assert case_of(insider) is None and case_of(found).is_appealed


class TestTransfer:
    def test_what_is_owed_already_is_stopped_when_two_accounts_have_one_bank(self, bounty, ana, work, later, mona):
        lead = make.consent(make.accept(make.make_lead(bounty, by=ana)))
        reward = won(lead, work)
        later(days=31)
        work()
        seen(make.make_user("Tom Berg"), account="fp_1")
        seen(ana, account="fp_1")
        from marketplace.referrals.fraud.scoring import look_at_owed  # noqa: PLC0415

        do(look_at_owed, ana.id)
        payable = db.session.get_one(Payable, reward.id)
        assert "a person at Fingerpost" in why_stopped(payable)
        do(cases.let_go, case_of(lead), by=mona, reason="A couple with one account.")
        assert why_stopped(payable) is None

    def test_proven_what_is_owed_goes_back_with_its_fee(self, bounty, ana, work, later, mona):
        lead = make.consent(make.accept(make.make_lead(bounty, by=ana)))
        reward = won(lead, work)
        later(days=31)
        seen(bounty.business_id, account="card_1")
        seen(ana, account="card_1")
        free = holds(AccountKind.FUNDS, bounty.id)
        work()
        assert case_of(lead).level is Verdict.STOP
        do(cases.confirm_fraud, case_of(lead), by=mona, reason="The owner’s own card.")
        later(days=15)
        work()
        assert holds(AccountKind.FUNDS, bounty.id) == free + 105_000 and holds(AccountKind.HELD, reward.id) == 0


class TestKeeping:
    def test_a_look_is_never_changed(self, insider):
        look = looks_at(insider.id)[0]
        for statement in (update(FraudScore).values(score=0), delete(FraudScore).where(FraudScore.id == look.id)):
            with pytest.raises(DBAPIError), transaction():
                db.session.execute(statement)

    def test_traces_are_hashes_and_forgotten_after_a_year(self, ana, later):
        seen(ana, device="the cookie", network="203.0.113.0/24")
        kept = db.session.scalars(select(Trace.hash)).all()
        assert len(kept) == 2 and all(len(one) == 64 and "203" not in one[:3] for one in kept)
        later(days=366)
        do(forget_traces)
        assert db.session.scalars(select(Trace.hash)).all() == []

    def test_what_admins_write_is_kept_encrypted_and_the_trail_has_its_id_alone(
            self, own_device, insider, ana, wes, mona, as_user, work, later):
        mark = "quillfeather"
        make.win(again(own_device))
        do(freeze_reward, rewards_of_lead(again(own_device))[0], by=mona, reason=f"Held {mark}.")
        for lead in (own_device, insider):
            do(cases.keep_case, case_of(lead), by=mona, reason=f"Kept {mark}.")
        confirm(own_device, mona, f"Found {mark}.")
        confirm(insider, mona, f"Seen {mark}.")
        do(cases.explain_lead, again(own_device), by=ana, why="He is my husband.")
        second = make.make_user("Nils Roy", is_admin=True)
        do(cases.let_go, case_of(own_device), by=second, reason=f"Let go {mark}.")
        later(days=15)
        work()
        places = places_of(mark)
        assert places == {"lead_words.text", "fraud_cases.reason", "fraud_cases.keep_reason"}
        assert places < {str(column) for column in encrypted_columns()}
        stories = {who: " ".join(one.text for one in tell_story(again(own_device), who)) for who in Audience}
        for who in (Audience.REFERRER, Audience.ADMIN):
            for words in (f"Kept {mark}.", f"Found {mark}.", f"Let go {mark}.", f"Held {mark}."):
                assert words in stories[who]
        assert stories[Audience.BUSINESS].count(mark) == 1 and f"Held {mark}." in stories[Audience.BUSINESS]
        assert mark not in stories[Audience.BUYER]
        assert mark not in str([said_by_others(again(lead)) for lead in (own_device, insider)])
        do(forget_user, ana, by=ana.id)
        assert places_of(mark) == set()

    def test_a_look_keeps_no_personal_data(self, own_device):
        assert looks_at(own_device.id)[-1].reasons == [["own_device", 70, ""]]


class TestPages:
    def test_the_room_shows_what_waits_and_an_admin_lets_it_go(self, own_device, ana, mona, as_user, work):
        case = case_of(own_device)
        admin = as_user(mona)
        assert "Ana Flores" in admin.page("/admin/fraud").text_content()
        page = admin.page(f"/admin/fraud/{case.id}")
        assert "on which the referrer signs in" in page.text_content()
        admin.submit(f"/admin/fraud/{case.id}", {"reason": "One family."}, action="/release")
        assert case_of(own_device) is None
        assert "Let go" in admin.page("/admin/fraud").text_content()

    def test_the_referrer_reads_why_and_explains(self, own_device, ana, wes, as_user):
        person = as_user(ana)
        assert "device that you use yourself" in person.page(f"/leads/{own_device.id}").text_content()
        person.submit(f"/leads/{own_device.id}", {"why": "We share a computer."}, action="/explanation")
        assert case_of(own_device).explanation == "We share a computer."
        business = as_user(wes).page(f"/leads/{own_device.id}").text_content()
        assert "A person at Fingerpost looks" in business and "device" not in business

    def test_a_browser_is_marked_once_somebody_signed_in_on_it(self, ana, app, anonymous, bounty):
        from_outside = {"REMOTE_ADDR": "8.8.8.8"}
        anonymous.get("/")
        assert anonymous.get_cookie("device") is None
        page = anonymous.page("/sign-in")
        token = page.xpath("//input[@name='csrf_token']/@value")[0]
        anonymous.post("/sign-in", data={"csrf_token": token, "email": ana.email, "password": make.PASSWORD},
                       environ_base=from_outside)
        assert anonymous.get_cookie("device") is not None
        assert {one.kind for one in db.session.scalars(select(Trace).filter_by(subject_id=ana.id))} == {
            BROWSER, NETWORK}


def test_what_admins_wrote_before_is_encrypted_where_it_stands(request, tmp_path, app):
    with old_database(request, tmp_path) as url:
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE lead_words (id TEXT)"))
            connection.execute(text("CREATE TABLE fraud_cases (id TEXT, keep_reason TEXT, reason TEXT)"))
            connection.execute(text("INSERT INTO fraud_cases VALUES ('a', NULL, 'She works there.'), ('b', '', NULL)"))
            before = connection.execute(text("SELECT * FROM fraud_cases ORDER BY id")).all()
            migrate(connection, "upgrade", "0030_admins_words")
            [(kept, none), (empty, _)] = connection.execute(
                text("SELECT reason, keep_reason FROM fraud_cases ORDER BY id")).all()
            assert (decrypt(kept), none, empty) == ("She works there.", None, None)
            migrate(connection, "downgrade", "0030_admins_words")
            assert connection.execute(text("SELECT * FROM fraud_cases ORDER BY id")).all() == before
        engine.dispose()


def test_old_words_of_the_person_stand_where_they_were_said(request, tmp_path):
    """An explanation was kept where the appeal is kept now."""
    with old_database(request, tmp_path) as url:
        engine = create_engine(url)
        with engine.begin() as connection:
            at = "TIMESTAMP WITH TIME ZONE"
            connection.execute(text(
                f"CREATE TABLE fraud_cases (id TEXT, state TEXT, appeal TEXT, appealed_at {at}, settles_at {at})"))
            day = "'2026-11-22 00:00:00'"
            for row in (f"'waits', 'open', 'a', {day}, NULL", f"'found', 'confirmed', 'b', {day}, {day}",
                        f"'appealed', 'open', 'c', {day}, {day}"):
                connection.execute(text(f"INSERT INTO fraud_cases VALUES ({row})"))
            before = connection.execute(text("SELECT * FROM fraud_cases ORDER BY id")).all()
            migrate(connection, "upgrade", "0027_fraud_words")
            kept = connection.execute(text("SELECT id, explanation, appeal FROM fraud_cases ORDER BY id")).all()
            assert kept == [("appealed", None, "c"), ("found", "b", None), ("waits", "a", None)]
            migrate(connection, "downgrade", "0027_fraud_words")
            assert connection.execute(text("SELECT * FROM fraud_cases ORDER BY id")).all() == before
        engine.dispose()
