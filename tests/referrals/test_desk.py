"""The moderators' desk: one admin a case, nobody told for a while, passed on, several at once, by the clock, in figures."""
from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplace.bounties.drafting import change_bounty
from marketplace.bounties.models import BountyState
from marketplace.bounties.publishing import close_bounty, note_funds_came_free, pause_bounty
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Forbidden
from marketplace.foundation.outbox import promise
from marketplace.foundation.show import day_in_words
from marketplace.identity.models import MemberRole, Membership
from marketplace.payments.models import AccountKind, Funding
from marketplace.referrals.appeals import NotRefused, appeal_decision
from marketplace.referrals.audience import Audience
from marketplace.referrals.desk.claims import CLAIM_LASTS, Claimed, claim_lead, find_claim, let_go, take_over
from marketplace.referrals.desk.deciders import PassedOn, SecondAdminNeeded
from marketplace.referrals.desk.escalating import NobodyElse, escalate_lead, take_back_escalation
from marketplace.referrals.desk.figures import appeals_decided, pace_of_all, paces, queue_age
from marketplace.referrals.desk.next_case import claim_next
from marketplace.referrals.desk.telling import GRACE, NotYours, ToldAlready, tell_decision, tell_now, undo_decision
from marketplace.referrals.for_funds import count_overdue, find_due
from marketplace.referrals.models import Consent, Moderation, ReasonCode
from marketplace.referrals.moderation import accept_lead, ask_for_info, reject_lead
from marketplace.referrals.naming import number_of
from marketplace.referrals.next_step import next_step
from marketplace.referrals.pointing import withdraw_lead
from marketplace.referrals.suppression import hash_email, suppress
from tests.browsing import body_of, what, words_of
from tests.factories import TERMS, accept, flat, fund_bounty, make_bounty, make_user, owner_of, review_lead
from tests.referrals.steps import actions_on, again, decide, do, holds, point, rule

SPAM = ReasonCode.SPAM


@pytest.fixture
def lead(bounty, ana, keep_lead):
    return keep_lead("in review", lambda: review_lead(point(bounty, ana, buyer_email="david@example.com")))


@pytest.fixture
def noor():
    return make_user("Noor Haddad", is_admin=True)


class TestAClaim:
    def test_keeps_others_from_deciding_until_it_ends_by_itself(self, lead, mona, noor, later):
        assert do(claim_lead, lead, by=mona) and not do(claim_lead, lead, by=noor)
        for act, said in ((accept_lead, {}), (reject_lead, {"reason_code": SPAM}), (ask_for_info, {"question": "Who?"}),
                          (escalate_lead, {"note": "Not sure."})):
            with pytest.raises(Claimed) as refusal:
                do(act, lead, by=noor, **said)
        assert "Mona Lind" in refusal.value.message and "take this one over" in refusal.value.next_step
        later(seconds=CLAIM_LASTS.total_seconds() + 1)
        do(accept_lead, lead, by=noor)

    def test_is_taken_over_on_the_record(self, lead, mona, noor):
        do(claim_lead, lead, by=mona)
        do(take_over, lead, by=noor)
        with pytest.raises(Claimed):
            do(accept_lead, lead, by=mona)
        assert "lead.taken_over" in actions_on(lead.id)
        do(accept_lead, lead, by=noor)
        assert find_claim(lead) is None

    def test_is_given_by_the_button_to_one_after_the_other(self, bounty, lead, ana, mona, noor, later):
        later(hours=1)
        second = review_lead(point(bounty, make_user("Bo Li"), text="Another text. I am in the market for a car too."))
        assert do(claim_next, by=mona).id == lead.id
        assert do(claim_next, by=noor).id == second.id
        assert do(claim_next, by=make_user("Third", is_admin=True)) is None
        do(let_go, lead, by=mona)
        assert do(claim_next, by=noor, besides=second.id).id == lead.id

    def test_is_not_given_to_whom_it_concerns(self, lead, westside):
        both = make_user(is_admin=True)
        do(lambda: db.session.add(Membership(business_id=westside.id, user_id=both.id, role=MemberRole.AGENT)))
        db.session.refresh(both)
        assert do(claim_next, by=both) is None
        with pytest.raises(Forbidden):
            do(claim_lead, lead, by=both)


class TestUndoing:
    def test_an_acceptance_leaves_nothing_behind(self, bounty, lead, ana, mona, work, later, mailbox, as_user, wes):
        do(accept_lead, lead, by=mona)
        assert holds(AccountKind.RESERVED, lead.id) == 105_000
        assert "In review" in words_of(as_user(ana).page(f"/leads/{lead.id}"))
        as_user(wes).page(f"/leads/{lead.id}", status=404)
        work()
        do(undo_decision, again(lead), by=mona)
        lead = again(lead)
        assert (lead.moderation, lead.stage, lead.accepted_at, lead.decided_by) == (Moderation.IN_REVIEW, None, None, None)
        assert (holds(AccountKind.RESERVED, lead.id), holds(AccountKind.FUNDS, bounty.id)) == (0, 315_000)
        later(hours=2)
        work()
        assert mailbox.to("david@example.com") == [] and mailbox.to(ana.email) == []
        assert "accepted" not in words_of(as_user(ana).page(f"/leads/{lead.id}")).lower().replace("it is accepted", "")

    def test_ends_when_it_is_told_and_that_happens_once(self, lead, ana, mona, work, later, mailbox):
        do(accept_lead, lead, by=mona)
        tell_at = again(lead).tell_at.isoformat()
        later(seconds=GRACE.total_seconds() + 1)
        work()
        do(tell_decision, lead.id, tell_at)
        do(tell_now, again(lead), by=mona)
        work()
        assert again(lead).consent is Consent.ASKED
        assert [len(mailbox.to(one)) for one in ("david@example.com", ana.email)] == [1, 1]
        with pytest.raises(ToldAlready) as refusal:
            do(undo_decision, again(lead), by=mona)
        assert "appeal" in refusal.value.next_step

    def test_a_decision_made_anew_is_told_at_its_own_time(self, lead, ana, mona, work, later, mailbox):
        do(reject_lead, lead, by=mona, reason_code=SPAM)
        later(minutes=3)
        do(undo_decision, again(lead), by=mona)
        do(accept_lead, again(lead), by=mona)
        later(minutes=3)  # The first one's time is over.
        work()
        assert mailbox.to(ana.email) == []
        later(minutes=3)
        work()
        assert [what(mail) for mail in mailbox.to(ana.email)] == ["Your lead was accepted"]

    def test_is_for_whoever_decided(self, lead, mona, noor):
        do(reject_lead, lead, by=mona, reason_code=SPAM)
        with pytest.raises(NotYours):
            do(undo_decision, again(lead), by=noor)

    def test_a_refusal_whose_place_was_taken_stands_beside_the_new_one(self, bounty, ana, mona, blog, work):
        first = point(bounty, ana, url=blog.post())
        work()
        do(reject_lead, again(first), by=mona, reason_code=SPAM)
        second = point(bounty, make_user("Bo Li"), url=blog.post())
        do(undo_decision, again(first), by=mona)
        assert (again(first).moderation, again(first).duplicate_of_id) == (Moderation.IN_REVIEW, second.id)

    def test_silence_still_resolves_what_was_undone_after_its_time(self, lead, mona, work, later):
        later(days=7, seconds=-30)
        do(reject_lead, again(lead), by=mona, reason_code=SPAM)
        later(minutes=1)
        work()
        do(undo_decision, again(lead), by=mona)
        work()
        assert again(lead).moderation is Moderation.IN_REVIEW
        later(minutes=16)
        work()
        assert again(lead).moderation is Moderation.ACCEPTED

    def test_a_referrer_who_does_not_know_of_it_takes_the_lead_back(self, bounty, lead, ana, mona):
        do(accept_lead, lead, by=mona)
        do(withdraw_lead, again(lead), by=ana)
        assert again(lead).moderation is Moderation.WITHDRAWN
        assert holds(AccountKind.RESERVED, lead.id) == 0

    def test_a_never_said_meanwhile_is_heard(self, lead, ana, mona, work, later, mailbox):
        do(accept_lead, lead, by=mona)
        do(suppress, hash_email("david@example.com"))
        later(minutes=6)
        work()
        assert (again(lead).moderation, again(lead).reason_code) == (Moderation.REJECTED, ReasonCode.NO_CONSENT)
        assert holds(AccountKind.RESERVED, lead.id) == 0 and mailbox.to("david@example.com") == []
        assert "not accepted" in str(mailbox.last_to(ana.email)["Subject"])

    def test_a_refusal_nobody_told_is_not_appealed(self, lead, ana, mona):
        do(reject_lead, lead, by=mona, reason_code=SPAM)
        with pytest.raises(NotRefused):
            do(appeal_decision, again(lead), by=ana, why="How could I know of it?")


class TestPassingOn:
    def test_somebody_else_decides_and_is_told(self, lead, mona, noor, work, later, mailbox):
        do(escalate_lead, lead, by=mona, note="Is a car on a farm a car?", to_id=noor.id)
        for act, said in ((accept_lead, {}), (reject_lead, {"reason_code": SPAM})):
            with pytest.raises(PassedOn):
                do(act, again(lead), by=mona, **said)
        assert do(claim_next, by=mona) is None
        work()
        assert mailbox.to(noor.email) == []
        later(minutes=6)
        work()
        assert "passed on to you" in str(mailbox.last_to(noor.email)["Subject"])
        assert "farm" not in body_of(mailbox.last_to(noor.email))
        do(accept_lead, again(lead), by=noor)
        do(undo_decision, again(lead), by=noor)
        with pytest.raises(PassedOn):
            do(accept_lead, again(lead), by=mona)

    def test_is_taken_back_before_anybody_was_told(self, lead, mona, noor, work, later, mailbox):
        do(escalate_lead, lead, by=mona, note="Is a car on a farm a car?")
        do(take_back_escalation, lead, by=mona)
        later(minutes=6)
        work()
        assert mailbox.to(noor.email) == []
        do(accept_lead, again(lead), by=mona)

    def test_needs_somebody_else(self, lead, mona):
        with pytest.raises(NobodyElse):
            do(escalate_lead, lead, by=mona, note="Is a car on a farm a car?")

    def test_silence_accepts_what_is_passed_on_and_open(self, lead, mona, noor, work, later):
        do(escalate_lead, lead, by=mona, note="Is a car on a farm a car?")
        later(days=7, seconds=-1)
        do(claim_lead, again(lead), by=noor)
        later(seconds=2)
        work()
        assert (again(lead).moderation, again(lead).consent) == (Moderation.ACCEPTED, Consent.ASKED)


class TestAnAppeal:
    def test_goes_to_a_second_admin_and_an_overturned_refusal_is_whole(self, bounty, lead, ana, mona, noor, work, later, mailbox):
        decide(reject_lead, lead, by=mona, reason_code=SPAM)
        do(appeal_decision, again(lead), by=ana, why="It is no spam: he asked me himself.")
        work()
        assert "An appeal waits" in str(mailbox.last_to(noor.email)["Subject"])
        assert "Decide by 4 Nov 2026." in body_of(mailbox.last_to(noor.email))
        assert not any("An appeal waits" in what(mail) for mail in mailbox.to(mona.email))  # She may not decide it.
        for act, said in ((accept_lead, {}), (reject_lead, {"reason_code": SPAM}), (ask_for_info, {"question": "Who?"})):
            with pytest.raises(SecondAdminNeeded):
                do(act, again(lead), by=mona, **said)
        do(accept_lead, again(lead), by=noor)
        later(minutes=6)
        work()
        assert holds(AccountKind.RESERVED, lead.id) == 105_000
        assert (again(lead).consent, again(lead).reason_code) == (Consent.ASKED, None)
        assert "appeal" in body_of(mailbox.last_to(ana.email))

    def test_that_no_admin_may_decide_is_told_to_all_of_them(self, lead, ana, mona, work, mailbox):
        decide(reject_lead, lead, by=mona, reason_code=SPAM)
        do(appeal_decision, again(lead), by=ana, why="It is no spam: he asked me himself.")
        work()
        told = " ".join(body_of(mailbox.last_to(mona.email)).split())
        assert "and there is none." in told and "flask make-admin" in told and "Decide by 4 Nov 2026." in told

    def test_against_a_ruling_goes_to_a_second_admin_too(self, bounty, lead, mona, noor):
        second = review_lead(point(bounty, bo := make_user("Bo Li"), text="Another text. I am in the market for a car too."))
        rule(again(lead), again(second), by=mona, is_same=True)
        assert again(second).moderation is Moderation.DUPLICATE
        do(appeal_decision, again(second), by=bo, why="He is another man altogether.")
        with pytest.raises(SecondAdminNeeded):
            do(accept_lead, again(second), by=mona)
        do(accept_lead, again(second), by=noor)

    def test_whose_decision_is_undone_keeps_the_reason_of_the_first(self, lead, ana, mona, noor):
        decide(reject_lead, lead, by=mona, reason_code=SPAM)
        do(appeal_decision, again(lead), by=ana, why="It is no spam: he asked me himself.")
        do(reject_lead, again(lead), by=noor, reason_code=ReasonCode.OTHER, note="Really.")
        do(undo_decision, again(lead), by=noor)
        assert (again(lead).reason_code, again(lead).reason_note) == (SPAM, None)


def test_admins_hear_of_it_after_a_day_and_when_it_is_due(lead, mona, work, later, mailbox):
    later(hours=25)
    work()
    later(hours=24)
    do(claim_lead, again(lead), by=make_user("Noor Haddad", is_admin=True))
    work()
    assert [what(mail) for mail in mailbox.to(mona.email)] == ["A lead has waited for a day", "A decision is overdue"]
    assert "Noor Haddad has it open" in body_of(mailbox.last_to(mona.email))


class TestThePages:
    @pytest.mark.once
    def test_two_admins_at_one_case(self, lead, mona, noor, as_user):
        first, other = as_user(mona), as_user(noor)
        assert "Yours until" in words_of(first.page(f"/leads/{lead.id}"))
        seen = other.page(f"/leads/{lead.id}")
        assert "Mona Lind has this open" in words_of(seen)
        assert not [form for form in seen.forms if (form.action or "").endswith("/acceptance")]
        assert "Mona Lind has it open" in words_of(other.page("/moderation"))
        other.submit(f"/leads/{lead.id}", action="/claim", follow=False)
        assert "Noor Haddad has this open" in words_of(first.page(f"/leads/{lead.id}"))
        assert "Accepted. The funds are reserved" in other.submit(f"/leads/{lead.id}", action="/acceptance").text
        assert "Undo" not in words_of(first.page(f"/leads/{lead.id}"))
        assert "Undone" in other.submit(f"/leads/{lead.id}", action="/undoing").text
        assert again(lead).moderation is Moderation.IN_REVIEW

    @pytest.mark.once
    def test_from_case_to_case(self, bounty, lead, mona, noor, as_user):
        second = review_lead(point(bounty, make_user("Bo Li"), text="Another text. I am in the market for a car too."))
        browser = as_user(mona)
        assert browser.submit("/moderation", press="Next case").request.path == f"/leads/{lead.id}"
        assert browser.submit(f"/leads/{lead.id}", press="Next case").request.path == f"/leads/{second.id}"
        passed = browser.submit(f"/leads/{second.id}", {"note": "Is a car on a farm a car?", "to_id": noor.id}, action="/escalation")
        assert "You passed this lead on" in passed.text and "Is a car on a farm a car?" in passed.text
        assert "yours to decide again" in browser.submit(f"/leads/{second.id}", press="Decide it after all").text
        browser.submit(f"/leads/{second.id}", press="Put it back")
        assert find_claim(again(second)) is None

    def test_several_at_once_each_for_itself(self, lead, mona, noor, as_user, work, later):
        poor = make_bounty(funded_for=1, is_live=True)
        others = [review_lead(point(poor, make_user("Bo Li"), text=f"Text {n}. I am in the market for a car.")) for n in range(2)]
        do(claim_lead, again(lead), by=noor)
        browser = as_user(mona)
        page = browser.page("/moderation")
        offered = page.xpath("//input[@name='leads']/@value")
        assert offered == [f"{one.id}:{again(one).version}" for one in others]
        sent = {"leads": [*offered, f"{lead.id}:2", "lead_nowhere:1", f"{others[1].id}:0"], "decision": "accept",
                "csrf_token": page.xpath("//input[@name='csrf_token']/@value")[0]}
        answer = browser.post("/moderation/several", data=sent)
        codes = ["funds_gone", "claimed", "not_found", "stale_form"]
        assert [code for code in codes if f"<code>{code}</code>" in answer.text] == codes
        assert "1 accepted, 4 not done" in answer.text and "Open it, and decide it there." in answer.text
        assert f"“{again(lead).evidence.quote}”" in answer.text  # Each is told from the others of the same two.
        assert [again(one).moderation for one in others] == [Moderation.ACCEPTED, Moderation.IN_REVIEW]
        twice = browser.post("/moderation/several", data=sent)
        assert "Accepted before" in twice.text and actions_on(others[0].id).count("lead.accepted") == 1
        assert holds(AccountKind.RESERVED, others[0].id) == 105_000

    @pytest.mark.once
    def test_several_want_a_reason_and_a_choice(self, lead, mona, as_user):
        browser = as_user(mona)
        token = browser.page("/moderation").xpath("//input[@name='csrf_token']/@value")[0]
        for sent, words in (({"decision": "accept"}, "Please fill this in"),
                            ({"decision": "reject", "leads": [f"{lead.id}:2"]}, "every referrer reads it")):
            answer = browser.post("/moderation/several", data={"csrf_token": token, **sent})
            assert answer.status_code == 422 and words in answer.text
        said = browser.post("/moderation/several", data={
            "csrf_token": token, "decision": "reject", "leads": [f"{lead.id}:2"], "reason_code": "spam"})
        assert "1 rejected. The reason" in said.text and again(lead).reason_code is SPAM

    def test_of_a_lead_past_its_five_days_no_page_says_that_it_was_accepted(self, lead, ana, mona, as_user, later):
        def reads():
            return [words_of(as_user(who).page(here)) for who, here in (
                (mona, "/moderation"), (mona, f"/leads/{lead.id}"), (ana, f"/leads/{lead.id}"))]

        assert not any("half a day" in page for page in reads())
        later(days=9)
        assert all("within half a day" in page for page in reads())

    def test_of_a_lead_without_funds_nobody_is_promised_a_decision(self, mona, as_user, later, work, mailbox):
        bounty, bo = make_bounty(funded_for=1, is_live=True), make_user("Bo Li")
        poor, other = (review_lead(point(bounty, bo, text=f"Text {n}. I am in the market for a car.")) for n in range(2))
        first = words_of(as_user(bo).page("/dashboard/referrer"))
        assert "A moderator decides within two" in first and "waits for the bounty’s funds" not in first
        accept(other, by=mona)

        def say():
            return next_step(again(poor), Audience.REFERRER, [])

        waits = "It waits for the bounty’s funds and keeps its place: it can be accepted once there are enough"
        assert say() == (f"{waits}, after 9 Nov 2026 also without a decision. "
                         "If the bounty closes before, it is rejected.")
        assert say() in words_of(as_user(bo).page("/dashboard/referrer"))
        own, rooms = f"/leads/{poor.id}", ("/moderation", "/dashboard/admin")

        def overdue():
            return ["Leads overdue 1" in words_of(as_user(mona).page("/dashboard/admin")),
                    "One lead is overdue" in words_of(as_user(mona).page("/moderation")),
                    *("Overdue" in words_of(cell) for here in rooms for cell in as_user(mona).page(here).xpath("//tbody/tr")),
                    "Overdue" in words_of(as_user(mona).page(own))]

        later(days=2, hours=1)  # Past its two business days, and nobody could have decided.
        assert not any(overdue()) and "The decision is due" not in words_of(as_user(bo).page(own))
        page = as_user(mona).page(own)
        assert waits in words_of(page) and "without a decision it is accepted" not in words_of(page)
        [shut] = page.xpath("//button[normalize-space()='Accept']")
        assert "disabled" in shut.attrib and "Its bounty has no funds for it." in words_of(page)
        assert not page.xpath("//form[contains(@action, 'accept')]")
        assert "It waits for its bounty’s funds: nobody can accept it before" in words_of(as_user(mona).page("/moderation"))
        work()
        assert [what(mail) for mail in mailbox.to(bo.email)][-1:] == ["Your lead waits for funds"]
        [paused] = [mail for mail in mailbox.to(owner_of(bounty.business).email) if what(mail) == "Your bounty is paused"]
        short = words_of(as_user(owner_of(bounty.business)).page(f"/dashboard/business/{bounty.business_id}"))
        for said in (" ".join(body_of(paused).split()), short):
            assert "One lead waits for its funds already, and keeps its place." in said
            assert number_of(poor.id) not in said and "I am in the market" not in said
        do(lambda: [promise("send_letter", letter=one, lead_id=poor.id) for one in ("moderators_reminded", "decision_overdue")])
        work()
        assert not {"A lead has waited for a day", "A decision is overdue"} & {what(mail) for mail in mailbox.all()}
        fund_bounty(bounty, leads=1)
        do(note_funds_came_free, again(poor).bounty)
        work()
        [told] = [mail for mail in mailbox.to(mona.email) if what(mail) == "The funds for a lead have come"]
        assert number_of(poor.id) in told["Subject"] and (
            "one lead had to wait for them, and can be accepted as long as they last. Decide by 6 Nov 2026. After five business days a lead "
            "that nothing holds, and that its bounty has funds for, is accepted") in " ".join(body_of(told).split())
        [come] = [mail for mail in mailbox.to(bo.email) if what(mail) == "The funds for your lead have come"]
        assert "so your lead goes on" in body_of(come) and "The decision is due by 6 Nov 2026." in body_of(come)
        assert "The decision is due by 6 Nov 2026" in words_of(as_user(bo).page(own)) and not any(overdue())
        queue = words_of(as_user(mona).page("/moderation"))
        assert "nobody can accept it before" not in queue and "nothing holds, and that its bounty has funds for, is accepted" in queue
        later(days=2, hours=1)
        work()
        assert [what(mail) for mail in mailbox.to(mona.email)].count("A decision is overdue") == 1
        assert all(overdue()) and "The decision was due by 6 Nov 2026" in words_of(as_user(bo).page(own))
        accept(review_lead(point(bounty, bo, text="Text 3. I am in the market for a car.")), by=mona)
        later(days=7)
        assert say() == f"{waits}. If the bounty closes before, it is rejected."
        do(close_bounty, again(poor).bounty, by=owner_of(bounty.business))
        assert say().startswith("The bounty is closed and has no funds for it: it is rejected, unless")

    def test_funds_that_come_to_a_bounty_paused_by_hand_or_only_for_some_are_one_mail_and_a_new_day_for_what_waited(
            self, westside, wes, mona, noor, as_user, later, work, mailbox):
        bounty, bo = make_bounty(westside, funded_for=1, is_live=True), make_user("Bo Li")

        def pointed(name):
            return review_lead(point(bounty, bo, text=f"Text {name}. I am in the market for a car."))

        def pay(leads):
            fund_bounty(bounty, leads=leads)
            do(lambda: promise("note_funding", funding_id=db.session.scalars(select(Funding.id).order_by(Funding.id.desc())).first()))
            work()

        def told(who):
            return [" ".join(body_of(mail).split()) for mail in mailbox.to(who.email) if "funds for" in what(mail)]

        def due(lead):
            return "overdue" if count_overdue(clock.now()) else "waits" if (day := find_due(again(lead))) is None else day_in_words(day)

        dear, other = pointed("dear"), pointed("other")
        fields = {name: getattr(bounty.terms, name) for name in TERMS}
        do(change_bounty, again(dear).bounty, by=wes, title=bounty.title, offer=bounty.offer, **{**fields, "rules": [flat(50_000)]})
        cheap = [pointed(f"cheap {n}") for n in range(2)]
        do(pause_bounty, again(dear).bounty, by=wes)
        accept(again(other), by=mona)
        later(days=2, hours=1)
        work()
        assert [due(lead) for lead in (dear, *cheap)] == ["waits"] * 3 and not told(mona)
        pay(leads=1)  # Of the terms of today: too little for the one of older terms.
        assert again(dear).bounty.state is BountyState.PAUSED
        assert [due(lead) for lead in (dear, *cheap)] == ["waits", "6 Nov 2026", "6 Nov 2026"]
        for admin in (mona, noor):
            [mail] = told(admin)
            assert "2 leads had to wait for them" in mail and "Decide the first by 6 Nov 2026." in mail and "/moderation" in mail
        assert len(told(bo)) == 2 and "once there are enough" in words_of(as_user(bo).page(f"/leads/{dear.id}"))
        later(days=1)
        pay(leads=2)
        assert [due(lead) for lead in (dear, *cheap)] == ["9 Nov 2026", "6 Nov 2026", "6 Nov 2026"]
        assert len(told(mona)) == 2 and "one lead had to wait" in told(mona)[-1] and len(told(bo)) == 3
        assert "The bounty’s funds for it have come" in words_of(as_user(bo).page(f"/leads/{dear.id}"))
        for letter in ("leads_have_funds", "lead_has_funds"):  # As they were promised before leads were noted one by one.
            do(promise, "send_letter", letter=letter, bounty_id=bounty.id)
        work()
        assert "3 leads had to wait" in told(mona)[-1] and len(told(bo)) == 6

    def test_the_figures(self, bounty, lead, ana, mona, noor, as_user, later):
        assert "No decision yet" in words_of(as_user(mona).page("/moderation/figures"))
        later(hours=5)
        review_lead(point(bounty, make_user("Bo Li"), text="Another text. I am in the market for a car too."))
        later(hours=1)
        assert (queue_age().waiting, queue_age().oldest // timedelta(minutes=1), queue_age().median // timedelta(minutes=1)) == (2, 360, 210)
        decide(reject_lead, again(lead), by=mona, reason_code=SPAM)
        do(appeal_decision, again(lead), by=ana, why="It is no spam: he asked me himself.")
        do(reject_lead, again(lead), by=noor, reason_code=SPAM)
        do(undo_decision, again(lead), by=noor)
        later(hours=2)
        decide(ask_for_info, again(lead), by=noor, question="Who is it?")
        with transaction():
            again(lead)
        assert [(one.name, one.decisions, one.hours, one.rejected, one.overturned) for one in paces()] == [
            ("Mona Lind", 1, 1, 1, 0), ("Noor Haddad", 1, 1, 0, 0)]
        assert (appeals_decided().decided, pace_of_all(paces()).per_hour) == (0, "1.0")
        assert "1 (" not in words_of(as_user(mona).page("/moderation/figures")) and "0 of 1 rejections" in words_of(
            as_user(mona).page("/moderation/figures"))

    def test_the_overturned_share(self, lead, ana, mona, noor):
        decide(reject_lead, lead, by=mona, reason_code=SPAM)
        do(appeal_decision, again(lead), by=ana, why="It is no spam: he asked me himself.")
        decide(accept_lead, again(lead), by=noor)
        assert [(one.name, one.overturned_percent) for one in paces()] == [("Mona Lind", 100), ("Noor Haddad", None)]
        assert (appeals_decided().decided, appeals_decided().overturned, appeals_decided().by_silence) == (1, 1, 0)
