"""A reward that takes a whole sentence stays within a phone, wherever it is told: pointing, the lead, the buyer's page."""
from collections.abc import Callable
from urllib.parse import urlsplit

from playwright.sync_api import Page

from marketplace.bounties.models import Happening, NonCash, RewardKind
from marketplace.referrals.asking import PASSED_ON, buyer_link
from tests.browser.conftest import PHONE
from tests.factories import accept, flat, make_bounty, make_lead, make_user, owner_of

SHARE = {"kind": RewardKind.PERCENT, "rate_bps": 300, "floor_minor": 10_000, "cap_minor": 45_000}
DINNER = {"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU, "words": "Dinner for two at the Buckhorn Exchange in Denver"}


def test_a_reward_in_many_words_never_widens_a_page(visit: Callable[..., Page]) -> None:
    ana, mona = make_user(), make_user("Mona Lind", is_admin=True)
    for rules in ([SHARE], [flat(2_500) | {"happening": Happening.QUALIFIED}, SHARE, DINNER]):
        bounty = make_bounty(is_live=True, rules=rules)
        lead = accept(make_lead(bounty, by=ana), by=mona)
        at_lead = f"/leads/{lead.id}"
        for person, address in (
                (ana, at_lead), (mona, at_lead), (owner_of(bounty.business), at_lead), (ana, f"/bounties/{bounty.id}/point"),
                (ana, f"/bounties/{bounty.id}"), (None, urlsplit(buyer_link(lead, PASSED_ON)).path)):
            page = visit(person, size=PHONE)
            page.goto(address)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide == 0, f"{wide} pixels too wide: {address} for {person.name if person else 'the buyer'}"
