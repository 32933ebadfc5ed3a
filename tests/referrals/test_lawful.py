"""What the law lets be given for one lead: the strictest of three places, kept when it was pointed out, asked at the sale."""
from urllib.parse import urlsplit

import pytest

from marketplace.bounties.models import Allowed, For, GateRule, NonCash, RewardKind
from marketplace.foundation.audit import events_about
from marketplace.foundation.db import db
from marketplace.identity.profile import say_home
from marketplace.payments.models import AccountKind
from marketplace.privacy.blanking import blank_lead
from marketplace.privacy.kinds import WORDS
from marketplace.referrals.asking import MAILED, buyer_link, confirming_link
from marketplace.referrals.buyers_place import asks_for_place
from marketplace.referrals.consent import AlreadyAnswered, confirm_consent, give_consent
from marketplace.referrals.in_kind import things_of_lead
from marketplace.referrals.lawful import HomeUnsaid, lowering_of, ruling_of
from marketplace.referrals.models import Channel, Consent, ConsentGrant, Lead
from marketplace.referrals.queries import find_live_grant, rewards_of_lead
from marketplace.referrals.reward_words import buyer_share_in_words
from tests.api.program import Program
from tests.browsing import body_of, words_of
from tests.factories import accept, consent, flat, make_bounty, make_lead, make_user, owner_of, win
from tests.referrals.steps import actions_on, again, do, holds

CAL = {"jurisdiction": "US-CA"}


def sold(lead: Lead) -> Lead:
    win(consent(accept(lead)))
    return again(lead)


class TestPointing:
    def test_where_they_live_is_asked_once_in_a_category_with_rules(self, app):
        bounty, ana = make_bounty(is_live=True), make_user(jurisdiction="")
        with pytest.raises(HomeUnsaid) as refused:
            make_lead(bounty, by=ana)
        assert "your_jurisdiction" in refused.value.fields
        make_lead(bounty, by=ana, your_jurisdiction="US-CO")
        assert make_lead(bounty, by=ana).allowed is Allowed.CASH

    def test_elsewhere_nobody_asks(self, app):
        assert make_lead(make_bounty(is_live=True, category="software"), by=make_user(jurisdiction="")).allowed is Allowed.CASH

    @pytest.mark.parametrize("whose", ["the referrer's", "the buyer's"])
    def test_the_strictest_place_is_kept_with_its_rule(self, app, whose):
        lead = (make_lead(by=make_user(**CAL)) if whose == "the referrer's" else make_lead(buyer_jurisdiction="US-CA"))
        assert (lead.allowed, db.session.get_one(GateRule, lead.gate_rule_id).key) == (Allowed.THANK_YOU, "us-ca-cars")


class TestEarning:
    def test_thanks_are_owed_instead_of_money_and_what_was_kept_comes_free(self, app, clock):
        lead = accept(make_lead(by=make_user(**CAL)))
        assert holds(AccountKind.RESERVED, lead.id) == 0  # Nothing can be earned, so nothing is set aside.
        lead = sold_from(lead)
        assert rewards_of_lead(lead) == []
        [thanks] = things_of_lead(lead)
        assert (thanks.thing.value, thanks.whom) == ("thank_you", For.REFERRER)

    def test_the_buyers_share_stays_where_the_rule_does_not_bind_it(self, app, clock):
        terms = {"rules": [flat(100_000), flat(5_000, whom=For.BUYER)], "jurisdiction": "US-CO"}
        louisiana = sold(make_lead(make_bounty(is_live=True, **terms), by=make_user(jurisdiction="US-LA")))
        assert [(one.whom, one.amount.minor) for one in rewards_of_lead(louisiana)] == [(For.BUYER, 5_000)]
        california = sold(make_lead(make_bounty(is_live=True, **terms), by=make_user(**CAL)))
        assert rewards_of_lead(california) == []

    def test_thanks_that_are_promised_anyway_are_given_once(self, app, clock):
        rules = [flat(100_000), {"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU, "words": "A song"}]
        lead = sold(make_lead(make_bounty(is_live=True, rules=rules), by=make_user(**CAL)))
        assert [thing.words for thing in things_of_lead(lead)] == ["A song"]

    def test_what_becomes_known_of_a_place_before_the_sale_lowers_it_and_never_raises(self, app, clock):
        moved, ana = make_user(), make_user(**CAL)
        lead, lowered = make_lead(by=moved), make_lead(by=ana)
        for one in (lead, lowered):
            accept(one)
        do(say_home, moved, "US-CA")
        do(say_home, ana, "US-CO")
        assert rewards_of_lead(sold_from(lead)) == []
        assert rewards_of_lead(sold_from(lowered)) == []

    def test_the_ledger_of_a_lawful_lead_is_as_before(self, app, clock):
        lead = sold(make_lead())
        assert [one.amount.minor for one in rewards_of_lead(lead)] == [100_000]
        assert lowering_of(lead) is None


def sold_from(lead: Lead) -> Lead:
    win(consent(again(lead), email=f"buyer.{lead.id[-6:]}@example.com"))
    return again(lead)


class TestWhereTheBuyerLives:
    """Said with the yes, if they like; it counts from the moment the yes does."""

    def test_it_lowers_the_lead_frees_what_was_kept_and_tells_the_referrer_once(self, app, clock, mailbox, work):
        lead = accept(make_lead(make_bounty(is_live=True, funded_for=1)))
        grant, before = said_yes(lead), held_and_free(lead)
        do(confirm_consent, grant, jurisdiction="US-CA")
        with pytest.raises(AlreadyAnswered):
            do(confirm_consent, grant, jurisdiction="US-LA")
        lead = again(lead)
        assert (before, held_and_free(lead)) == ((105_000, 0), (0, 105_000))
        assert (lead.buyer_jurisdiction, lead.allowed, lowering_of(lead).key) == ("US-CA", Allowed.THANK_YOU, "us-ca-cars")
        assert actions_on(lead.id).count("lead.lowered") == 1
        work()
        [told] = [mail for mail in mailbox.to(lead.referrer.email) if "leaves you less" in mail["Subject"]]
        assert "11713(h)" in body_of(told)
        assert "you get a thank-you" in body_of(told)
        win(lead)
        assert (rewards_of_lead(lead), [thing.thing.value for thing in things_of_lead(lead)]) == ([], ["thank_you"])

    @pytest.mark.parametrize("place", ["", "US-CO", "DE"])
    def test_unsaid_or_free_nothing_changes(self, app, place):
        lead = accept(make_lead())
        do(confirm_consent, said_yes(lead), jurisdiction=place)
        lead = again(lead)
        assert (lead.buyer_jurisdiction, lead.allowed, lowering_of(lead)) == (place, Allowed.CASH, None)
        assert holds(AccountKind.RESERVED, lead.id) == 105_000

    def test_the_place_is_erased_with_the_words_about_them_and_the_ruling_stands(self, app):
        lead = accept(make_lead())
        do(confirm_consent, said_yes(lead), jurisdiction="US-CA")
        do(blank_lead, again(lead), WORDS)
        assert (again(lead).buyer_jurisdiction, lowering_of(again(lead)).key) == ("", "us-ca-cars")
        assert "us-ca" not in str([event.details for event in db.session.scalars(events_about(lead.id))]).lower()

    def test_what_the_referrer_had_said_is_corrected_and_raises_nothing(self, app):
        lead = accept(make_lead(buyer_jurisdiction="US-CA"))
        do(confirm_consent, said_yes(lead), jurisdiction="US-CO")
        assert (again(lead).buyer_jurisdiction, again(lead).allowed) == ("US-CO", Allowed.THANK_YOU)
        assert "lead.lowered" not in actions_on(lead.id)

    @pytest.mark.once
    def test_where_no_law_limits_rewards_it_is_neither_asked_nor_kept(self, app):
        lead = accept(make_lead(make_bounty(is_live=True, category="software")))
        assert not asks_for_place(lead)
        do(confirm_consent, said_yes(lead), jurisdiction="US-CA")
        assert again(lead).buyer_jurisdiction == ""

    def test_their_own_share_falls_away_too_where_the_rule_binds_it(self, app, clock):
        lead = accept(make_lead(make_bounty(is_live=True, rules=[flat(100_000), flat(5_000, whom=For.BUYER)])))
        do(confirm_consent, said_yes(lead), jurisdiction="US-CA")
        assert holds(AccountKind.RESERVED, lead.id) == 0
        assert buyer_share_in_words(lead.terms, ruling_of(again(lead))) == ""

    @pytest.mark.once
    def test_it_is_asked_on_the_page_that_was_mailed_to_them(self, app, as_user, anonymous):
        lead = accept(make_lead(buyer_name="David", buyer_email="david@example.com"))
        address = urlsplit(buyer_link(lead, MAILED)).path
        shown = words_of(anonymous.page(address))
        assert "Where do you live?" in shown
        assert "If yours does, Ana Flores and Westside Auto read which rule says so." in shown
        anonymous.submit(address, {"until": last_day(lead), "jurisdiction": "US-CA"}, action=f"{address}/yes")
        receipt = words_of(anonymous.page(address))
        assert "The law leaves less for Ana Flores" in receipt
        assert "The law of a place leaves less" in receipt
        assert "11713(h)" in as_user(lead.referrer).get(f"/leads/{lead.id}").text

    def test_with_a_link_that_was_passed_on_it_is_asked_when_they_confirm(self, app, anonymous):
        lead = accept(make_lead())
        address = urlsplit(buyer_link(lead)).path
        assert "Where do you live?" not in anonymous.get(address).text
        anonymous.submit(address, {"name": "David", "email": "david@example.com", "until": last_day(lead)},
                         action=f"{address}/yes")
        confirming = urlsplit(confirming_link(find_live_grant(lead))).path
        assert anonymous.submit(confirming, {"jurisdiction": "XX-YY"}).status_code == 422
        anonymous.submit(confirming, {"jurisdiction": "US-CA"})
        assert (again(lead).consent, again(lead).buyer_jurisdiction) == (Consent.GRANTED, "US-CA")


def said_yes(lead: Lead) -> ConsentGrant:
    """Not proven yet: to be confirmed."""
    return do(give_consent, again(lead), name="David", email="david@example.com", channel=Channel.EMAIL,
              until=lead.consent_due_at.date(), proven=False)


def last_day(lead: Lead) -> str:
    return lead.consent_due_at.date().isoformat()


def held_and_free(lead: Lead) -> tuple[int, int]:
    return holds(AccountKind.RESERVED, lead.id), holds(AccountKind.FUNDS, lead.bounty_id)


class TestPages:
    def test_the_referrer_reads_why_it_is_a_thank_you(self, app, as_user):
        lead = make_lead(by=make_user(**CAL))
        shown = as_user(lead.referrer).get(f"/leads/{lead.id}").text
        assert "Less than the terms say" in shown
        assert "11713(h)" in shown
        assert "A thank-you" in shown

    @pytest.mark.once
    def test_all_they_read_before_pointing_says_what_they_would_really_get(self, app, as_user):
        bounty, cal, ana = make_bounty(is_live=True), make_user(**CAL), make_user()
        for path in (f"/bounties/{bounty.id}?sale=30000", f"/bounties/{bounty.id}/point"):
            lowered, plain = words_of(as_user(cal).page(path)), words_of(as_user(ana).page(path))
            assert "The law where you live allows less." in lowered
            assert "Thank-you by the law where you live" in lowered
            assert "The law where you live" not in plain
            assert "$1,000 when they buy" in plain
        previews = [Program(app, user, "bounties:read").get(f"/bounties/{bounty.id}/reward-preview", sale="30000").json
                    for user in (cal, ana, owner_of(bounty.business))]
        assert [preview["reward"]["minor"] for preview in previews] == [0, 100_000, 100_000]

    def test_the_buyer_is_told_what_the_referrer_really_gets(self, app, anonymous):
        lead = accept(make_lead(by=make_user(**CAL)))
        shown = anonymous.get(buyer_link(lead).removeprefix("http://localhost")).text
        assert "a thank-you" in shown
        assert "$1,000" not in shown

    def test_who_has_not_said_where_they_live_reads_where_it_would_be_less(self, app, as_user):
        page = words_of(as_user(make_user(jurisdiction="")).page(f"/bounties/{make_bounty(is_live=True).id}/point"))
        named = page.split(" you get a thank-you", 1)[0].rpartition("In ")[2]
        assert "California" in named and named.count("(United States)") == 1 and "instead." in page

    def test_the_pointing_form_asks_where_they_live_and_keeps_what_was_typed(self, app, as_user):
        bounty, ana = make_bounty(is_live=True), make_user(jurisdiction="")
        page = as_user(ana).submit(f"/bounties/{bounty.id}/point", {
            "text": "I am in the market for a car, for two kids and a dog.", "quote": "I am in the market for a car",
            "acquaintance": "friend", "how_known": "My neighbour."})
        assert page.status_code == 422
        assert "Choose where you live." in page.text
        assert "My neighbour." in page.text
