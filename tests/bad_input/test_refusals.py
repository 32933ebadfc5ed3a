"""What a person reads when something in a form was wrong, also where the page has no place for it; nothing is lost."""
import pytest
from lxml import html

from marketplace.bounties.models import NonCash, RewardKind
from marketplace.foundation import clock
from marketplace.foundation.crypto import sign
from marketplace.foundation.db import db
from marketplace.identity.models import Business
from marketplace.payments.models import BusinessDebt
from marketplace.referrals.in_kind import things_of_lead
from marketplace.referrals.models import Consent, Lead
from tests import factories as make
from tests.browsing import end_reading

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("app")]


@pytest.fixture(autouse=True)
def _no_token(app, monkeypatch):
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)


def said_on(answer) -> str:
    return " ".join(alert.text_content() for alert in html.fromstring(answer.data).xpath("//*[@role='alert']"))


def test_a_button_whose_hidden_value_was_changed_says_that_nothing_was_done(as_user):
    ana = make.make_user()
    sold = make.consent(make.accept(make.make_lead(make.make_bounty(is_live=True, rules=[
        make.flat(100_000), {"kind": RewardKind.NON_CASH, "thing": NonCash.THANK_YOU, "words": "A cake"}]), by=ana)))
    make.win(sold)
    answer = as_user(ana).post(f"/rewards-in-kind/{things_of_lead(sold)[0].id}/refusal", data={"version": "x"})
    assert answer.status_code == 422
    assert "nothing was done. Reload the page" in said_on(answer)


def test_a_reason_that_is_too_short_stands_in_its_opened_box_with_what_is_wrong(as_user):
    business, mona = make.make_business(), make.make_user("Mona Lind", is_admin=True)
    bounty = make.make_bounty(business)
    with make.transaction():
        db.session.add(BusinessDebt(id="refund_1", business_id=business.id, purpose_id=bounty.id, owed=make.Money(100, "usd")))
    answer = as_user(mona).post("/admin/debts/refund_1/write-off", data={"reason": "<b"})
    page = html.fromstring(answer.data)
    assert answer.status_code == 422 and "Please write at least 3 characters." in said_on(answer)
    assert page.xpath("string(//details[@open]//textarea)").strip() == "<b"


def test_a_version_sent_along_with_a_new_business_is_refused_in_words(as_user):
    answer = as_user(make.make_user()).post("/businesses/new", data={"name": "Another One", "version": "1"})
    assert answer.status_code == 422 and said_on(answer)
    assert db.session.query(Business).count() == 0


def test_bytes_that_are_no_text_do_not_cost_the_rest_of_the_form(as_user):
    bounty = make.make_bounty(is_live=True)
    answer = as_user(make.make_user()).post(f"/bounties/{bounty.id}/point", data={"quote": "I want a car", "how_known": "a\0b"})
    page = html.fromstring(answer.data)
    assert answer.status_code == 400 and "no text" in said_on(answer)
    assert page.xpath("string(//textarea[@name='quote'])").strip() == "I want a car"
    assert page.xpath("string(//textarea[@name='how_known'])").strip() == "ab"


def test_a_withdrawal_that_cannot_be_read_withdraws_nothing(anonymous):
    lead = make.consent(make.accept(make.make_lead()))
    answer = anonymous.post(f"/buyer/{sign('buyer', lead.id, until=clock.now().date())}/withdrawal", data={"never": "perhaps"})
    assert answer.status_code == 422 and "Answer with yes or no." in said_on(answer)
    end_reading()
    assert db.session.get_one(Lead, lead.id).consent is Consent.GRANTED
