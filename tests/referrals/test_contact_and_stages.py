"""The one door to contact data, and the business working the lead."""
from datetime import date, timedelta

import pytest

from marketplace.bounties.models import Bounty, BountyState
from marketplace.bounties.publishing import publish_bounty
from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.foundation.errors import Forbidden, Invalid
from marketplace.foundation.money import Money
from marketplace.foundation.show import day_in_words
from marketplace.foundation.states import IllegalMove
from marketplace.foundation.web import StaleForm
from marketplace.payments.ledger import NotEnoughMoney
from marketplace.payments.models import AccountKind
from marketplace.referrals.audience import Audience
from marketplace.referrals.consent import confirm_consent, give_consent, withdraw_consent
from marketplace.referrals.contact import NoConsent, SeenLead, open_contact
from marketplace.referrals.conversion import AlreadyCounted
from marketplace.referrals.disputes.subjects import OPEN_WITHIN
from marketplace.referrals.models import Channel, Conversion, Moderation, Reward, Stage
from marketplace.referrals.next_step import next_step
from marketplace.referrals.stages import NotOpen, change_stage, win_lead
from tests.browsing import body_of, what
from tests.factories import accept, consent, make_bounty, make_member, make_user, owner_of
from tests.referrals.steps import again, do, holds, point

DAVID = "david@example.com"


@pytest.fixture
def lead(bounty, ana, mona, keep_lead):
    return keep_lead("open", lambda: consent(accept(point(bounty, ana), by=mona), email=DAVID))


@pytest.fixture
def asked(bounty, ana, mona, keep_lead):
    return keep_lead("asked", lambda: accept(point(bounty, ana), by=mona))


class TestContact:
    def test_opens_after_the_yes_and_leaves_a_row_in_the_audit_trail(self, lead, wes):
        contact = do(open_contact, lead, by=wes)
        assert (contact.name, contact.address, contact.channel) == ("David Brandt", DAVID, Channel.EMAIL)
        event = db.session.scalars(audit.events_about(lead.id)).all()[-1]
        assert (event.action, event.actor_id) == ("contact.opened", wes.id)

    def test_is_closed_before_the_yes(self, asked, wes):
        with pytest.raises(NoConsent):
            do(open_contact, asked, by=wes)

    def test_is_closed_until_the_address_is_confirmed(self, asked, wes):
        do(give_consent, asked, name="D", email=DAVID, channel=Channel.EMAIL, until=date(2026, 11, 20), proven=False)
        with pytest.raises(NoConsent):
            do(open_contact, asked, by=wes)

    def test_is_closed_after_the_last_day(self, asked, wes, later):
        grant = do(give_consent, asked, name="D", email=DAVID, channel=Channel.EMAIL, until=date(2026, 11, 4), proven=False)
        do(confirm_consent, grant)
        later(days=2)
        do(open_contact, asked, by=wes)
        assert next_step(again(asked), Audience.BUSINESS, []).startswith("Get in touch as the buyer allowed")
        later(days=1)
        with pytest.raises(NoConsent):
            do(open_contact, asked, by=wes)
        assert "is over: contact them no more. If they bought" in next_step(again(asked), Audience.BUSINESS, [])
        assert "nobody contacts them" in next_step(again(asked), Audience.REFERRER, [])

    def test_is_closed_once_the_yes_is_taken_back(self, lead, wes):
        do(withdraw_consent, lead)
        with pytest.raises(NoConsent):
            do(open_contact, lead, by=wes)

    def test_shows_the_channel_that_was_allowed_only(self, asked, wes):
        grant = do(give_consent, asked, name="D", email=DAVID, channel=Channel.PHONE, phone="+16195550100",
                   until=date(2026, 11, 20), note="Mornings.", proven=False)
        do(confirm_consent, grant)
        contact = do(open_contact, asked, by=wes)
        assert (contact.address, contact.note) == ("+16195550100", "Mornings.")

    def test_is_for_the_business_alone(self, lead, ana, mona):
        for person in (ana, mona, make_user()):
            with pytest.raises(Forbidden):
                do(open_contact, lead, by=person)

    def test_evidence_is_seen_by_the_business_while_the_yes_stands(self, asked, wes, ana, mona):
        assert SeenLead(asked, by=wes).evidence is None
        assert SeenLead(asked, by=ana).evidence is not None
        assert SeenLead(asked, by=mona).evidence is not None
        consent(asked)
        assert SeenLead(again(asked), by=wes).evidence is not None
        assert SeenLead(again(asked), by=wes).stage is Stage.NEW
        do(withdraw_consent, again(asked))
        assert SeenLead(again(asked), by=wes).evidence is None


class TestStages:
    def test_a_lead_moves_on_and_its_protection_is_extended_once(self, lead, wes):
        was = lead.protected_until
        for stage in (Stage.INTRODUCED, Stage.QUALIFIED, Stage.MEETING, Stage.NEGOTIATION, Stage.MEETING):
            do(change_stage, again(lead), stage, by=wes)
        assert again(lead).stage is Stage.MEETING
        assert again(lead).protected_until - was == timedelta(days=60)

    def test_everyone_at_the_business_may_and_nobody_else(self, lead, westside, ana, mona):
        do(change_stage, lead, Stage.INTRODUCED, by=make_member(westside))
        for person in (ana, mona):
            with pytest.raises(Forbidden):
                do(change_stage, lead, Stage.QUALIFIED, by=person)

    def test_nothing_moves_before_the_yes(self, asked, wes):
        with pytest.raises(NotOpen):
            do(change_stage, asked, Stage.INTRODUCED, by=wes)

    def test_an_ending_needs_a_reason_frees_the_funds_and_is_told(self, bounty, lead, ana, wes, work, mailbox):
        with pytest.raises(Invalid) as refusal:
            do(change_stage, lead, Stage.LOST, by=wes)
        assert "reason" in refusal.value.fields
        do(change_stage, lead, Stage.LOST, by=wes, reason="He kept his old one.")
        assert holds(AccountKind.FUNDS, bounty.id) == 315_000
        work()
        told = next(" ".join(body_of(mail).split()) for mail in mailbox.to(ana.email) if what(mail) == "Your lead was closed")
        assert "marked it as lost, and wrote: He kept his old one." in told
        assert f"you can dispute it until {day_in_words(clock.now() + OPEN_WITHIN)}, on the lead’s page." in told

    def test_a_buyer_who_comes_back_has_funds_reserved_again(self, bounty, lead, wes):
        do(change_stage, lead, Stage.LOST, by=wes, reason="He kept his old one.")
        do(change_stage, again(lead), Stage.NEW, by=wes)
        assert holds(AccountKind.RESERVED, lead.id) == 105_000

    def test_a_buyer_who_comes_back_may_take_the_last_funds(self, ana, mona):
        bounty = make_bounty(funded_for=1, is_live=True)
        lead, owner = consent(accept(point(bounty, ana), by=mona)), owner_of(bounty.business)
        do(change_stage, lead, Stage.LOST, by=owner, reason="He kept his old one.")
        do(publish_bounty, db.session.get_one(Bounty, bounty.id), by=owner)
        do(change_stage, again(lead), Stage.NEW, by=owner)
        assert again(lead).bounty.state is BountyState.PAUSED

    def test_a_buyer_cannot_come_back_without_funds(self, ana, mona):
        bounty = make_bounty(funded_for=1, is_live=True)
        owner = owner_of(bounty.business)
        first = point(bounty, ana)
        second = point(bounty, make_user("Bo Li"))
        consent(accept(first, by=mona))
        do(change_stage, again(first), Stage.LOST, by=owner, reason="He kept his old one.")
        accept(second, by=mona)
        with pytest.raises(NotEnoughMoney):
            do(change_stage, again(first), Stage.NEW, by=owner)
        assert again(first).stage is Stage.LOST

    def test_what_is_not_a_fit_stays_so(self, lead, wes):
        do(change_stage, lead, Stage.UNQUALIFIED, by=wes, reason="Wants a boat.")
        with pytest.raises(IllegalMove):
            do(change_stage, again(lead), Stage.NEW, by=wes)

    def test_won_needs_a_sale(self, lead, wes):
        with pytest.raises(Invalid):
            do(change_stage, lead, Stage.WON, by=wes)

    def test_an_old_page_is_refused(self, lead, wes):
        seen = lead.version
        do(change_stage, lead, Stage.INTRODUCED, by=wes)
        with pytest.raises(StaleForm):
            do(change_stage, again(lead), Stage.QUALIFIED, by=wes, version=seen)

    def test_a_lead_ends_with_its_protection(self, bounty, lead, wes, ana, work, later, mailbox):
        do(change_stage, lead, Stage.LOST, by=wes, reason="He bought elsewhere.")
        later(days=91)
        work()
        [told] = [" ".join(body_of(mail).split()) for mail in mailbox.to(ana.email) if what(mail) == "Your lead has ended"]
        assert "The reason: the protection window ended. Westside Auto had closed it before, and wrote: He bought elsewhere." in told
        assert again(lead).moderation is Moderation.EXPIRED
        assert holds(AccountKind.FUNDS, bounty.id) == 315_000
        with pytest.raises(NotOpen):
            do(change_stage, again(lead), Stage.INTRODUCED, by=wes)

    def test_activity_moves_the_end(self, lead, wes, work, later):
        do(change_stage, lead, Stage.QUALIFIED, by=wes)
        later(days=91)
        work()
        assert again(lead).moderation is Moderation.ACCEPTED
        later(days=60)
        work()
        assert again(lead).moderation is Moderation.EXPIRED


class TestSale:
    def sell(self, lead, by, **given):
        return do(win_lead, again(lead), **{"by": by, "amount": Money(3_000_000, "usd"), "occurred_on": clock.now().date(), **given})

    def test_makes_conversion_and_reward_together(self, lead, wes, ana):
        conversion = self.sell(lead, wes, order_number="W-1")
        reward = db.session.query(Reward).one()
        assert (conversion.external_id, again(lead).stage) == ("W-1", Stage.WON)
        assert (reward.amount, reward.beneficiary_id, reward.conversion_id) == (Money(100_000, "usd"), ana.id, conversion.id)

    @pytest.mark.parametrize(("given", "field"), [
        ({"amount": Money(0, "usd")}, "amount"), ({"amount": Money(-100, "usd")}, "amount"),
        ({"amount": Money(100, "eur")}, "currency"), ({"occurred_on": date(2026, 11, 3)}, "occurred_on"),
        ({"occurred_on": date(2026, 11, 1)}, "occurred_on")])
    def test_bad_input_changes_nothing(self, lead, wes, given, field):
        with pytest.raises(Invalid) as refusal:
            self.sell(lead, wes, **given)
        assert list(refusal.value.fields) == [field]
        assert again(lead).stage is Stage.NEW
        assert db.session.query(Conversion).count() == 0

    def test_is_for_the_business_alone(self, lead, ana, mona):
        for person in (ana, mona):
            with pytest.raises(Forbidden):
                self.sell(lead, person)

    def test_comes_after_the_yes(self, asked, wes):
        with pytest.raises(NotOpen):
            self.sell(asked, wes)

    def test_still_counts_when_the_yes_was_taken_back(self, lead, wes):
        do(withdraw_consent, lead)
        assert self.sell(lead, wes).amount == Money(3_000_000, "usd")

    def test_is_recorded_once(self, lead, wes):
        self.sell(lead, wes)
        with pytest.raises(IllegalMove):
            self.sell(lead, wes)

    def test_an_order_counts_once_for_the_whole_business(self, bounty, lead, wes, mona):
        self.sell(lead, wes, order_number="W-1")
        other = consent(accept(point(bounty, make_user("Bo Li")), by=mona), email="other@example.com")
        with pytest.raises(AlreadyCounted):
            self.sell(other, wes, order_number="W-1")
        assert again(other).stage is Stage.NEW
        self.sell(other, wes, order_number="W-2")

    def test_an_old_page_is_refused(self, lead, wes):
        seen = lead.version
        do(change_stage, lead, Stage.INTRODUCED, by=wes)
        with pytest.raises(StaleForm):
            self.sell(lead, wes, version=seen)

    def test_a_won_lead_outlives_its_protection(self, lead, wes, work, later):
        self.sell(lead, wes)
        later(days=91)
        work()
        assert again(lead).moderation is Moderation.ACCEPTED
