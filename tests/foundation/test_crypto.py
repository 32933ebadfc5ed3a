"""Secrets: unreadable in the database, found by keyed hash, rotated key by key; forged links open nothing."""
import base64
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from marketplace.foundation import clock as product_clock
from marketplace.foundation import crypto
from marketplace.foundation.crypto import BadLink, Cipher, DamagedSecret, EncryptedText, LinkEnded, UnknownKey

pytestmark = pytest.mark.once

OLD, NEW = (base64.urlsafe_b64encode(bytes([n]) * 32).decode() for n in (1, 2))  # the same in every test process
DAY = date(2100, 1, 1)
HASH_KEY = "a hash key for tests, long enough to be taken"


@pytest.fixture(scope="module")
def app() -> Flask:
    app = Flask("secrets")
    crypto.init_app(app, encryption_keys=f"k1:{NEW},k0:{OLD}", hash_key=HASH_KEY)
    return app


@pytest.fixture(autouse=True)
def _context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


@given(st.text())
def test_what_is_encrypted_comes_back(text: str) -> None:
    cipher = Cipher(f"k1:{NEW}")
    token = cipher.encrypt(text)
    assert token.startswith("k1:") and cipher.decrypt(token) == text


def test_the_same_text_never_encrypts_alike() -> None:
    assert crypto.encrypt("david@example.org") != crypto.encrypt("david@example.org")


def test_an_older_key_still_reads_and_the_newest_writes() -> None:
    old_token = Cipher(f"k0:{OLD}").encrypt("david@example.org")
    rotated = Cipher(f"k1:{NEW},k0:{OLD}")
    assert rotated.decrypt(old_token) == "david@example.org"
    assert not rotated.is_current(old_token)
    assert rotated.is_current(rotated.encrypt(rotated.decrypt(old_token)))


def test_a_missing_key_is_named_without_showing_any_key() -> None:
    with pytest.raises(UnknownKey, match="'k0'") as failure:
        Cipher(f"k1:{NEW}").decrypt(Cipher(f"k0:{OLD}").encrypt("x"))
    assert NEW not in str(failure.value) and OLD not in str(failure.value)


def test_a_changed_secret_is_refused() -> None:
    token = crypto.encrypt("david@example.org")
    middle = len(token) // 2
    changed = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    for damaged in (changed, token[:-5], "k1:", "never encrypted", "k0:" + token.partition(":")[2]):
        with pytest.raises(DamagedSecret):
            crypto.decrypt(damaged)


@pytest.mark.parametrize("keys", ["", "k1", "k1:short", f":{NEW}", f"k1:{NEW},k1:{OLD}", f"k 1:{NEW}", f"k1:{NEW},", f"k:1:{NEW}"])
def test_unusable_keys_are_refused_at_the_start(keys: str) -> None:
    with pytest.raises(ValueError, match="encryption key") as refusal:
        Cipher(keys)
    assert NEW not in str(refusal.value)


def test_a_short_hash_key_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="fewer than 32"):
        crypto.init_app(Flask("weak"), encryption_keys=f"k1:{NEW}", hash_key="x" * 31)


def test_a_keyed_hash_is_stable_and_parted_by_purpose_and_key() -> None:
    first = crypto.keyed_hash("buyer-email", "david@example.org")
    assert first == crypto.keyed_hash("buyer-email", "david@example.org") and len(first) == 64
    others = {
        crypto.keyed_hash("buyer-phone", "david@example.org"),
        crypto.keyed_hash("buyer-email", "ana@example.org"),
        crypto.KeyedHash("another key that is long enough for this").digest("hash:buyer-email", "david@example.org").hex(),
    }
    assert len(others | {first}) == 4
    with pytest.raises(ValueError, match="purpose"):
        crypto.keyed_hash("a\0b", "c")


def test_a_signed_link_opens_for_its_purpose_only() -> None:
    token = crypto.sign("consent", "lead_01m80e3b.v2~x-y", until=DAY)
    assert crypto.unsign("consent", token) == "lead_01m80e3b.v2~x-y"
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
    assert len(token) <= len("lead_01m80e3b.v2~x-y") + 29
    with pytest.raises(BadLink):
        crypto.unsign("reset", token)


def test_a_forged_link_is_simply_not_found() -> None:
    token = crypto.sign("consent", "lead_1", until=DAY)
    forged = [
        "", ".", "lead_1", "lead_1.", token[:-1], token + "A", token.upper(), token.replace("lead_1", "lead_2"), "." + token,
        crypto.keyed_hash("consent", "lead_1"), "lead_1." + crypto.keyed_hash("consent", "lead_1"), "ünïcode." + token[-22:],
        token + "\n", token.replace(".", "%2e"), "lead_1.é" + token[8:], "a" * 5000 + token[6:],
    ]  # fmt: skip
    for link in forged:
        with pytest.raises(BadLink) as refusal:
            crypto.unsign("consent", link)
        assert (refusal.value.status, refusal.value.code) == (404, "bad_link")


@given(st.text(max_size=60))
def test_no_made_up_token_is_ever_accepted(token: str) -> None:
    with pytest.raises(BadLink):
        crypto.unsign("consent", token)


def test_a_link_opens_through_its_last_day_and_then_says_that_it_is_too_old(clock) -> None:
    today = product_clock.now().date()
    token = crypto.sign("consent", "lead_1", until=today)
    assert crypto.unsign("consent", token) == "lead_1"
    clock.move(timedelta(days=1))
    with pytest.raises(LinkEnded) as refusal:
        crypto.unsign("consent", token)
    assert (refusal.value.status, refusal.value.code, refusal.value.value) == (410, "link_ended", "lead_1")
    with pytest.raises(BadLink):  # Nobody moves the day.
        crypto.unsign("consent", token.replace(f"{today.toordinal():x}", f"{today.toordinal() + 9:x}"))


def test_every_changed_character_of_a_tag_is_noticed() -> None:
    token = crypto.sign("consent", "lead_1", until=DAY)
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        with pytest.raises(BadLink):
            crypto.unsign("consent", token[:place] + other + token[place + 1 :])


def test_free_text_cannot_be_signed() -> None:
    for value in ("", "a b", "david@example.org", "x/y", "é", "x" * 201):
        with pytest.raises(ValueError, match="id"):
            crypto.sign("consent", value, until=DAY)


class _Base(DeclarativeBase):
    pass


class _Person(_Base):
    __tablename__ = "person"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str | None] = mapped_column(EncryptedText)
    email_hash: Mapped[str | None] = mapped_column(sa.String(64))


def test_an_encrypted_column_is_unreadable_in_the_table_and_plain_in_the_model() -> None:
    engine = sa.create_engine("sqlite://")
    _Base.metadata.create_all(engine)
    address = "david@example.org"
    with engine.begin() as connection:
        connection.execute(sa.insert(_Person), [
            {"id": 1, "email": address, "email_hash": crypto.keyed_hash("buyer-email", address)},
            {"id": 2, "email": None, "email_hash": None}])
    with Session(engine) as session:
        stored = session.execute(sa.text("select email from person order by id")).scalars().all()
        assert stored[0].startswith("k1:") and "david" not in stored[0] and stored[1] is None
        found = session.scalars(sa.select(_Person).where(_Person.email_hash == crypto.keyed_hash("buyer-email", address))).one()
        assert found.email == address
        assert session.get_one(_Person, 2).email is None
        assert session.scalars(sa.select(_Person).where(_Person.email == address)).all() == []
    engine.dispose()
