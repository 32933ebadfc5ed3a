"""What the law lets be given for one lead: the strictest of three places, kept when it was pointed out, asked at the sale."""
import pytest

from marketplace.bounties.models import Allowed, For, GateRule, NonCash, RewardKind
from marketplace.foundation.db import db
from marketplace.identity.profile import say_home
from marketplace.payments.models import AccountKind
from marketplace.referrals.in_kind import things_of_lead
from marketplace.referrals.lawful import HomeUnsaid, lowering_of
from marketplace.referrals.models import Lead
from marketplace.referrals.queries import rewards_of_lead
from tests.factories import accept, consent, flat, make_bounty, make_lead, make_user, win
from tests.referrals.steps import again, do, holds

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


class TestPages:
    def test_the_referrer_reads_why_it_is_a_thank_you(self, app, as_user):
        lead = make_lead(by=make_user(**CAL))
        shown = as_user(lead.referrer).get(f"/leads/{lead.id}").text
        assert "Less than the terms say" in shown
        assert "11713(h)" in shown
        assert "A thank-you" in shown

    def test_the_buyer_is_told_what_the_referrer_really_gets(self, app, anonymous):
        from marketplace.referrals.asking import buyer_link  # noqa: PLC0415

        lead = accept(make_lead(by=make_user(**CAL)))
        shown = anonymous.get(buyer_link(lead).removeprefix("http://localhost")).text
        assert "a thank-you" in shown
        assert "$1,000" not in shown

    def test_the_pointing_form_asks_where_they_live_and_keeps_what_was_typed(self, app, as_user):
        bounty, ana = make_bounty(is_live=True), make_user(jurisdiction="")
        page = as_user(ana).submit(f"/bounties/{bounty.id}/point", {
            "text": "I am in the market for a car, for two kids and a dog.", "quote": "I am in the market for a car",
            "acquaintance": "friend", "how_known": "My neighbour."})
        assert page.status_code == 422
        assert "Choose where you live." in page.text
        assert "My neighbour." in page.text
