"""One buyer, pointed out twice: David said yes to one business, another is still to ask him."""
from types import SimpleNamespace

import pytest
from flask import Flask

from marketplace.foundation.db import db, transaction
from marketplace.referrals.contact import open_contact
from marketplace.referrals.data_link import data_link
from marketplace.referrals.models import Buyer, Lead
from tests import factories as make
from tests.browsing import end_reading
from tests.kept import Keep

NAME, MAIL, PHONE = "Zacharias Quillfeather", "zacharias@quillfeather.example", "+16195550177"
SAID = "I am in the market for a quillcar, says Zacharias Quillfeather"


@pytest.fixture
def david(app: Flask, keep: Keep) -> SimpleNamespace:
    """Ids, and the path of his data page: ``yes`` was opened by Wes; ``asked`` waits for an answer."""
    return keep("a buyer with data", _make)


def _make() -> SimpleNamespace:
    ana, wes, mona = make.make_user(), make.make_user("Wes Park"), make.make_user("Mona Lind", is_admin=True)
    west, east = make.make_business(wes), make.make_business(make.make_user("Pete Moss"), name="Eastside Auto")
    leads = [make.accept(make.make_lead(
        make.make_bounty(business, is_live=True), by=ana, quote=SAID,
        buyer_name=NAME, buyer_email=MAIL, buyer_jurisdiction="US-CO"), by=mona) for business in (west, east)]
    make.consent(leads[0], email=MAIL)
    with transaction():
        open_contact(leads[0], by=wes)
        buyer = db.session.get_one(Buyer, leads[0].buyer_id)
        buyer.name, buyer.phone = NAME, PHONE
        leads[0].how_known = f"{NAME} is my neighbour."
    return SimpleNamespace(ana=ana.id, wes=wes.id, mona=mona.id, yes=leads[0].id, asked=leads[1].id,
                           page=data_link(buyer).removeprefix("http://localhost"))


def lead_of(lead_id: str) -> Lead:
    end_reading()
    return db.session.get_one(Lead, lead_id, populate_existing=True)


def buyer_of(lead_id: str) -> Buyer:
    return db.session.get_one(Buyer, lead_of(lead_id).buyer_id, populate_existing=True)
