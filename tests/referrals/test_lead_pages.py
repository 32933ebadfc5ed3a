"""The pages of a lead, as each of its people reads them."""
import pytest

from tests import factories
from tests.browsing import words_of


@pytest.fixture
def lead(app):
    return factories.make_lead()


def test_every_party_reads_its_own_page_at_every_step(app, as_user, lead):
    admin, owner = factories.make_user("Mona Lind", is_admin=True), factories.owner_of(lead.business)
    address = f"/leads/{lead.id}"
    for step in (lambda: factories.review_lead(lead), lambda: factories.accept(lead, by=admin), lambda: factories.consent(lead), lambda: factories.win(lead)):
        step()
        for person in (lead.referrer, admin, *([owner] if lead.accepted_at else [])):
            assert lead.bounty.title in words_of(as_user(person).page(address))
    for path in ("/moderation", "/admin/jobs", "/admin/audit", "/admin/ledger"):
        as_user(admin).page(path)
    as_user(owner).page(f"/businesses/{lead.business_id}/leads")
    as_user(lead.referrer).page("/leads")
