"""The terms in plain words for all three: made of the bounty's own frozen terms, for whoever may see that number."""
from urllib.parse import urlsplit

import pytest

from marketplace.bounties.drafting import change_bounty
from marketplace.bounties.models import For, Happening, NonCash, RewardKind
from marketplace.referrals.asking import MAILED, PASSED_ON, buyer_link
from marketplace.referrals.promises import promises_of
from tests.browsing import words_of
from tests.factories import TERMS, accept, flat, make_bounty, make_lead, make_user, owner_of
from tests.referrals.steps import again, do

pytestmark = pytest.mark.once


def raised(bounty, **changed):
    """The same bounty under its next number."""
    do(change_bounty, bounty, by=owner_of(bounty.business), title=bounty.title, offer=bounty.offer, **{**TERMS, **changed})


class TestWords:
    def test_every_number_in_them_is_that_of_the_terms(self, app):
        bounty = make_bounty(rules=[flat(20_000, happening=Happening.QUALIFIED), flat(100_000), flat(5_000, whom=For.BUYER)],
                             hold_days=14, protection_days=60, consent_days=7, evidence_days=60, cause="Denver Food Bank",
                             cap_per_referrer_minor=110_000)
        said = promises_of(bounty, bounty.terms)
        business, referrer, buyer = dict(said.of_business), dict(said.of_referrer), dict(said.of_buyer)
        assert business["What it pays"] == "$200 when they are qualified; $1,000 when they buy; $50 for the buyer when they buy."
        assert "5% of both: $57.50; Kept ready for each lead: $1,207.50" in business["What it sets aside"]
        assert business["At the very most"].startswith("$1,100 to one referrer")
        assert "14 days" in business["If the sale is refunded"]
        assert "60 days from acceptance, once 60 days more" in business["Whose buyer it is"]
        assert "5 business days" in business["If it is silent"]
        assert referrer["When they are qualified"] == "You earn $200."
        assert "never more than $1,100 in all" in referrer["What you say openly"]
        assert "After 7 days" in buyer["How often you are asked"]
        assert "180 days" in buyer["What your yes covers"]
        assert "give it to Denver Food Bank" in buyer["What is in it for you"]

    def test_what_is_no_money_sets_nothing_aside(self, app):
        bounty = make_bounty(rules=[{"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU, "words": "A cake"}])
        assert dict(promises_of(bounty, bounty.terms).of_business)["What it sets aside"].startswith("Nothing")

    def test_the_law_is_todays_of_its_category_everywhere(self, app):
        cars, software = (promises_of(one, one.terms).of_law for one in (make_bounty(), make_bounty(category="software")))
        assert "A thank-you at most." in dict(cars)["California, United States"]
        assert "11713(h)" in dict(cars)["California, United States"]
        assert [question for question, _ in software] == ["In this category"]


class TestWhoSees:
    def test_the_page_of_the_terms_in_force_is_public_and_says_what_it_is_not(self, app, anonymous):
        bounty = make_bounty(is_live=True)
        page = words_of(anonymous.page(f"/bounties/{bounty.id}/terms/1"))
        for words in ("In force today", "For the business", "For the referrer", "For the buyer", "This says what the product does.",
                      "It is not legal advice"):
            assert words in page
        assert f"/bounties/{bounty.id}/terms/1" in anonymous.get(f"/bounties/{bounty.id}").text

    def test_earlier_terms_are_for_the_business_the_admins_and_whose_lead_has_them(self, app, as_user, anonymous):
        bounty = make_bounty(is_live=True, funded_for=9)
        lead = make_lead(bounty)
        raised(bounty, rules=[flat(200_000)])
        first = f"/bounties/{bounty.id}/terms/1"
        for reader in (as_user(lead.referrer), as_user(owner_of(bounty.business)), as_user(make_user(is_admin=True))):
            page = words_of(reader.page(first))
            assert "No longer in force" in page
            assert "$2,000" not in page
        for stranger in (anonymous, as_user(make_user())):
            assert stranger.get(first).status_code == 404
            assert "$2,000" in words_of(stranger.page(first.replace("/1", "/2")))
        assert first in as_user(lead.referrer).get(f"/leads/{lead.id}").text

    def test_a_draft_and_what_there_is_none_of_are_nobodys(self, app, as_user, anonymous):
        draft = make_bounty()
        assert as_user(owner_of(draft.business)).get(f"/bounties/{draft.id}/terms/1").status_code == 200
        assert anonymous.get(f"/bounties/{draft.id}/terms/1").status_code == 404
        assert anonymous.get(f"/bounties/{make_bounty(is_live=True).id}/terms/2").status_code == 404

    @pytest.mark.parametrize("purpose", [PASSED_ON, MAILED])
    def test_the_buyer_reads_theirs_first_through_their_own_link(self, app, anonymous, purpose):
        lead = accept(make_lead(buyer_email="david@example.com"))
        raised(lead.bounty, rules=[flat(200_000)])
        address = urlsplit(buyer_link(again(lead), purpose)).path
        page = anonymous.get(f"{address}/terms")
        assert f"{address}/terms" in anonymous.get(address).text
        assert page.text.index("For the buyer") < page.text.index("For the business")
        assert "noindex" in page.headers["X-Robots-Tag"]
        assert "$1,000" in page.text
        assert "$2,000" not in page.text
        assert anonymous.get(f"{address}x/terms").status_code == 404
