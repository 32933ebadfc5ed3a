"""A bounty that has paid all that it pays in all: it pauses, says so to everybody, and goes on with new terms."""
import pytest

from marketplace.bounties.models import Bounty, BountyState
from marketplace.foundation.db import db
from tests.browsing import end_reading, words_of
from tests.factories import accept, consent, flat, make_bounty, make_business, make_lead, owner_of, win


def now(bounty):
    end_reading()
    return db.session.get_one(Bounty, bounty.id)


@pytest.fixture
def bounty(app):
    return make_bounty(make_business(), is_live=True, funded_for=5, rules=[flat(100_000)], cap_per_bounty_minor=150_000)


def open_leads(bounty, count):
    return [consent(accept(make_lead(now(bounty))), email=f"buyer{number}@example.com") for number in range(count)]


def test_it_pauses_when_all_is_earned_and_tells_everybody(bounty, anonymous, as_user, work, mailbox):
    first, second = open_leads(bounty, 2)
    win(first)
    assert now(bounty).state is BountyState.LIVE
    win(second)
    assert (now(bounty).state, now(bounty).paused_because) == (
        BountyState.PAUSED, "All of the $1,500 that it pays in all has been earned.")
    assert "All of the $1,500 that it pays in all has been earned." in words_of(anonymous.page(f"/bounties/{bounty.id}"))
    owner = owner_of(bounty.business)
    work()
    assert mailbox.last_to(owner.email)["Subject"] == "Your bounty has paid all that it pays"
    page = words_of(as_user(owner).page(f"/bounties/{bounty.id}"))
    assert "Raise the limit for all of it, or take it out; then publish it again." in page


def test_it_is_published_again_only_with_a_higher_limit(bounty, as_user):
    for lead in open_leads(bounty, 2):
        win(lead)
    owner = as_user(owner_of(bounty.business))
    refused = owner.submit(f"/bounties/{bounty.id}", action="/publication")
    assert (refused.status_code, now(bounty).state) == (409, BountyState.PAUSED)
    owner.submit(f"/bounties/{bounty.id}/edit", {"cap_per_bounty": "5000"}, press="Save")
    owner.submit(f"/bounties/{bounty.id}", action="/publication")
    assert now(bounty).state is BountyState.LIVE


def test_a_bounty_without_such_a_limit_goes_on(app):
    bounty = make_bounty(make_business(), is_live=True, funded_for=5, rules=[flat(100_000)], cap_per_month_minor=100_000)
    for lead in open_leads(bounty, 2):
        win(lead)
    assert now(bounty).state is BountyState.LIVE
