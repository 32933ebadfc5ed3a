"""The referrer has the open words at hand wherever they pass something on, and nobody else is given them to say."""
import pytest

from marketplace.bounties.disclosure import DECIDES
from marketplace.referrals.buyer_letters import buyer_asked, buyer_reminded
from marketplace.referrals.letters import lead_accepted
from tests.api.program import Program
from tests.browsing import words_of
from tests.factories import accept, consent, make_bounty, make_lead, make_user, owner_of, win
from tests.referrals.steps import again

LINE = f"I may get $1,000 from Westside Auto through Fingerpost if you buy. {DECIDES}"
LOWERED = f"I am not paid for this: Westside Auto may only thank me, through Fingerpost, if you buy. {DECIDES}"


@pytest.mark.once
def test_the_lead_page_has_it_for_its_referrer_alone_until_it_is_sold(app, as_user):
    lead = make_lead()
    ana, wes, mona = lead.referrer, owner_of(lead.business), make_user("Mona", is_admin=True)
    assert LINE in words_of(as_user(ana).page(f"/leads/{lead.id}"))
    accept(lead, by=mona)
    page = as_user(ana).page(f"/leads/{lead.id}")
    assert words_of(page).count(LINE) == 2  # By itself, and in the words to send along with the link.
    assert LINE in page.xpath("//button/@data-copy")
    assert not any("I may get" in as_user(one).get(f"/leads/{lead.id}").text for one in (wes, mona))
    consent(again(lead))
    page = words_of(as_user(ana).page(f"/leads/{lead.id}"))
    assert LINE.removesuffix(DECIDES) in page
    assert DECIDES not in page
    win(again(lead))
    assert "I may get" not in as_user(ana).get(f"/leads/{lead.id}").text


@pytest.mark.once
def test_the_bounty_page_has_it_for_who_may_point_as_the_law_of_their_place_leaves_it(app, as_user, anonymous):
    bounty = make_bounty(is_live=True)
    assert LINE in words_of(as_user(make_user()).page(f"/bounties/{bounty.id}"))
    assert LOWERED in words_of(as_user(make_user(jurisdiction="US-CA")).page(f"/bounties/{bounty.id}"))
    for reader in (anonymous, as_user(owner_of(bounty.business))):
        assert DECIDES not in words_of(reader.page(f"/bounties/{bounty.id}"))


@pytest.mark.once
def test_the_letters_that_hand_over_the_link_bring_it_along(app):
    passed_on = accept(make_lead())
    assert all(LINE in letter(passed_on.id)[0].text.replace("\n", " ") for letter in (lead_accepted, buyer_reminded))
    asked_by_us = accept(make_lead(buyer_email="david@example.com"))
    assert DECIDES not in lead_accepted(asked_by_us.id)[0].text
    told = "So that you know: if you end up buying, Ana Flores gets $1,000"
    assert all(told in letter(asked_by_us.id)[0].text.replace("\n", " ") for letter in (buyer_asked, buyer_reminded))


def test_the_api_gives_it_to_its_referrer_and_null_to_others(app):
    lead = accept(make_lead())
    wes = owner_of(lead.business)
    ours, theirs = (Program(app, user, "leads:read").get(f"/leads/{lead.id}").json for user in (lead.referrer, wes))
    assert (ours["disclosure"], theirs["disclosure"]) == (LINE, None)
