"""A buyer's contact data leaves by one door. What tests/test_who_sees_what.py asks of pages and API, here of the rest:
mails, files, logs, the database as it lies there, and the door itself."""
import logging
from datetime import date, timedelta

import pytest
from sqlalchemy import LargeBinary, Text, select, type_coerce

from marketplace.foundation import clock as product_clock
from marketplace.foundation.crypto import EncryptedBytes, EncryptedText
from marketplace.foundation.db import Base, db, transaction
from marketplace.identity.models import User
from marketplace.referrals.consent import give_consent, refuse_consent, withdraw_consent
from marketplace.referrals.contact import CONTACT_OPENED, NoConsent, open_contact
from marketplace.referrals.models import Buyer, Channel, Suppression
from marketplace.referrals.queries import find_live_grant
from marketplace.referrals.suppression import hash_email
from tests import canary
from tests import factories as make
from tests.browsing import body_of, end_reading
from tests.referrals.steps import actions_on, do

MAIL = f"zacharias@{canary.DOMAIN}"


@pytest.fixture
def wes(app):
    return make.make_user("Wes Park")


@pytest.fixture
def lead(wes):
    """Asked by mail; the referrer gave name and address."""
    bounty = make.make_bounty(make.make_business(wes), is_live=True)
    return make.accept(make.make_lead(bounty, buyer_name=canary.NAME, buyer_email=MAIL))


def say_yes(lead, channel=Channel.EMAIL, **given):
    with transaction():
        return give_consent(lead, name=canary.NAME, email=MAIL, phone=canary.PHONE, channel=channel,
                            until=date(2026, 12, 1), **{"proven": True, **given})


def test_mails_logs_and_rows_at_rest_hold_nothing_of_them(lead, wes, work, mailbox, caplog):
    caplog.set_level(logging.DEBUG)
    say_yes(lead)
    work()
    with transaction():
        open_contact(lead, by=wes)
    make.win(lead, by=wes)
    do(withdraw_consent, lead)
    work()
    told = [str(mail["To"]) for mail in mailbox.all() if canary.is_in_text(str(mail["Subject"]) + body_of(mail))]
    assert told and set(told) == {MAIL}, "to themselves alone"
    assert not [mail for mail in mailbox.to(MAIL) if canary.is_in_text(str(mail["Subject"]))], "it shows on lock screens"
    assert [record.getMessage() for record in caplog.records if canary.is_in_text(record.getMessage())] == []
    assert as_it_lies_there() == set()


def as_it_lies_there():
    """Tables that hold a word of them unencrypted."""
    end_reading()
    found = set()
    for table in Base.metadata.sorted_tables:
        raw = [type_coerce(column, {EncryptedText: Text, EncryptedBytes: LargeBinary}[type(column.type)]())
               if isinstance(column.type, EncryptedText | EncryptedBytes) else column for column in table.columns]
        if any(canary.is_in_text(str(list(row))) for row in db.session.execute(select(*raw))):
            found.add(table.name)
    end_reading()
    return found


@pytest.mark.once
def test_a_job_that_fails_keeps_no_address(lead, work, caplog):
    caplog.set_level(logging.DEBUG)
    with transaction():
        db.session.get_one(Buyer, lead.buyer_id).email = f"zacharias quillfeather <{MAIL}"
    work(may_fail=True)
    assert [record for record in caplog.records if "failed" in record.getMessage()], "the mail cannot go"
    assert not [record for record in caplog.records if canary.is_in_text(record.getMessage())]
    assert as_it_lies_there() == set()


@pytest.mark.once
@pytest.mark.parametrize(("channel", "given"), [(Channel.EMAIL, MAIL), (Channel.PHONE, canary.PHONE)])
def test_the_door_gives_the_one_address_that_was_agreed_to(lead, wes, channel, given):
    say_yes(lead, channel)
    opened = do(open_contact, lead, by=wes)
    assert opened.address == given and actions_on(lead.id).count(CONTACT_OPENED) == 1
    other = {MAIL, canary.PHONE} - {given}
    assert other & {str(value) for value in vars(opened).values()} == set()


def _nothing(lead):
    pass


def _unconfirmed(lead):
    say_yes(lead, proven=False)


def _no(lead):
    do(refuse_consent, lead)


def _taken_back(lead):
    say_yes(lead)
    do(withdraw_consent, lead)


def _over(lead):
    say_yes(lead)
    with transaction():
        find_live_grant(lead).until = product_clock.now().date() - timedelta(days=1)


def _for_something_else(lead):
    say_yes(lead)
    with transaction():
        find_live_grant(lead).purpose = "to tell me about boats"


def _never_before(lead):
    """Between their yes and its confirmation they said never to somebody else."""
    before = product_clock.now()
    say_yes(lead)
    with transaction():
        db.session.add(Suppression(hash=hash_email(MAIL), created_at=before))


@pytest.mark.once
@pytest.mark.parametrize("how", [_nothing, _unconfirmed, _no, _taken_back, _over, _for_something_else, _never_before])
def test_the_door_is_shut(lead, wes, how):
    how(lead)
    with pytest.raises(NoConsent):
        do(open_contact, lead, by=db.session.get_one(User, wes.id))
    assert CONTACT_OPENED not in actions_on(lead.id)
