"""A new key takes over while the site runs; it may be stopped and begun again, and tells what it cannot read."""
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Text, select, type_coerce, update

from marketplace.foundation.crypto import Cipher
from marketplace.foundation.db import db, rows_of, transaction
from marketplace.privacy import rotation
from marketplace.referrals.models import Buyer, Evidence
from tests import factories as make
from tests.browsing import end_reading
from tests.privacy.conftest import MAIL, NAME, SAID


@pytest.fixture
def new_key(app):
    """What the settings hold from now on: another key first, the old ones after it."""
    before, old = app.extensions["secrets"], app.extensions["settings"].encryption_keys

    def take(keys="new:" + Fernet.generate_key().decode(), *, drop_old=False):
        app.extensions["secrets"] = replace(before, cipher=Cipher(keys if drop_old else f"{keys},{old}"))
    yield take
    app.extensions["secrets"] = before


@pytest.fixture
def lead(app):
    return make.make_lead(buyer_name=NAME, buyer_email=MAIL, quote=SAID)


def raw(model, column):
    end_reading()
    return db.session.scalars(select(type_coerce(rows_of(model).c[column], Text()))).all()


def test_everything_is_encrypted_anew_and_reads_as_before(app, lead, new_key):
    new_key()
    old = rotation.count_old()
    assert {"buyers.name", "buyers.email", "evidence.quote", "evidence.text", "leads.how_known"} <= set(old)
    result = app.test_cli_runner().invoke(args=["rotate-keys"])
    assert result.exit_code == 0 and "buyers.email: 1 encrypted anew" in result.output
    assert rotation.count_old() == {} and raw(Buyer, "email")[0].startswith("new:")
    new_key(drop_old=True)
    end_reading()
    buyer = db.session.get_one(Buyer, lead.buyer_id, populate_existing=True)
    assert (buyer.name, buyer.email) == (NAME, MAIL)
    assert app.test_cli_runner().invoke(args=["rotate-keys"]).output.startswith("Everything is encrypted with new")


@pytest.mark.once
def test_it_goes_on_where_it_was_stopped_and_leaves_alone_what_the_site_changed(app, lead, new_key, monkeypatch):
    monkeypatch.setattr(rotation, "AT_ONCE", 1)
    make.make_lead(buyer_name=NAME, buyer_email="b@example.com")
    new_key()
    next(iter(rotation.rotate()))  # Stopped after the first column.
    left = sum(rotation.count_old().values())
    with transaction():
        db.session.get_one(Buyer, lead.buyer_id, populate_existing=True).name = "Changed Meanwhile"
    assert sum(one.changed for one in rotation.rotate()) in {left, left - 1}
    end_reading()
    assert db.session.get_one(Buyer, lead.buyer_id, populate_existing=True).name == "Changed Meanwhile"
    assert rotation.count_old() == {} and sum(one.changed for one in rotation.rotate()) == 0


@pytest.mark.once
def test_what_cannot_be_read_is_named_and_nothing_is_lost(app, lead, new_key):
    with transaction():
        table = rows_of(Evidence)
        db.session.execute(update(table).values(quote=type_coerce("gone:nonsense", Text())))
    new_key()
    result = app.test_cli_runner().invoke(args=["rotate-keys"])
    assert result.exit_code == 1 and "evidence.quote evidence_" in result.output and MAIL not in result.output
    assert raw(Evidence, "quote") == ["gone:nonsense"] and rotation.count_old() == {"evidence.quote": 1}
    assert app.test_cli_runner().invoke(args=["rotate-keys", "--check"]).exit_code == 1


@pytest.mark.database("postgresql")
def test_what_somebody_saves_between_reading_and_writing_is_theirs(app, lead, new_key, monkeypatch):
    """The site writes while a handful is under way; on SQLite writers queue."""
    new_key()
    said = app.extensions["secrets"].cipher.encrypt("Saved Meanwhile")
    anew, names = rotation.encrypt_anew, rows_of(Buyer)

    def save_meanwhile(old):
        with db.engine.begin() as other:
            other.execute(update(names).where(names.c.id == lead.buyer_id).values(name=type_coerce(said, Text())))
        return anew(old)
    monkeypatch.setattr(rotation, "encrypt_anew", save_meanwhile)
    for rotated in rotation.rotate():
        if rotated.column == "buyers.name":
            break
    end_reading()
    assert raw(Buyer, "name") == [said] and rotated.changed == 0
