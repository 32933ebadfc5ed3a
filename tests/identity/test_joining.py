"""Signing up and confirming the address."""
import pytest
from lxml import html
from sqlalchemy import select

from marketplace.foundation.db import db, transaction
from marketplace.identity.models import User
from marketplace.identity.queries import find_user
from tests.browsing import body_of, end_reading, words_of
from tests.identity.people import PASSWORD, make_person

JOINING = {"name": "Ana Silva", "email": "Ana@Example.com", "password": PASSWORD}


def join(browser, **changed):
    return browser.submit("/sign-up", JOINING | changed)


def test_a_person_joins_confirms_by_mail_and_signs_in(anonymous, work, mailbox):
    answer = join(anonymous)
    assert "We sent a mail to ana@example.com" in answer.text
    work()
    link = mailbox.link_to("ana@example.com", "/confirm/")
    assert "ana@example.com" in anonymous.get(link).text
    assert find_user("ana@example.com").email_confirmed_at is None  # Mail programs open links: looking changes nothing.
    answer = anonymous.submit(link)
    assert "your address is confirmed" in answer.text
    end_reading()
    assert find_user("ana@example.com").email_confirmed_at is not None
    anonymous.submit("/sign-in", {"email": "ana@EXAMPLE.com", "password": PASSWORD})
    assert "Ana Silva" in anonymous.get("/settings").text


def test_an_address_that_is_known_gets_the_same_page_and_another_mail(anonymous, app, work, mailbox):
    make_person(email="ana@example.com")
    known = join(anonymous)
    unknown = join(app.test_client(), email="new@example.com")
    assert known.status_code == unknown.status_code == 200
    assert known.text.replace("ana@example.com", "X") == unknown.text.replace("new@example.com", "X")
    work()
    assert str(mailbox.last_to("ana@example.com")["Subject"]) == "You have joined Fingerpost already"
    assert "/reset/" in mailbox.link_to("ana@example.com", "/reset/")
    assert str(mailbox.last_to("new@example.com")["Subject"]) == "Please confirm your e-mail address"
    assert len(db.session.scalars(select(User).where(User.email == "ana@example.com")).all()) == 1


def test_joining_again_changes_neither_name_nor_password(anonymous, app):
    before = make_person("Ana Silva", email="ana@example.com").password_hash
    join(anonymous, name="Mallory", password="another long passphrase")
    user = find_user("ana@example.com")
    assert (user.name, user.password_hash) == ("Ana Silva", before)


def test_a_closed_address_hears_nothing(anonymous, work, mailbox, clock):
    make_person(email="ana@example.com", closed_at=clock())
    assert join(anonymous).status_code == 200
    work()
    assert mailbox.to("ana@example.com") == []


@pytest.mark.parametrize(("changed", "said"), [
    ({"password": "elevenchars"}, "12 to 128 characters"),
    ({"password": "x1" * 65}, "12 to 128 characters"),
    ({"password": "123456789012"}, "first that anybody would try"),
    ({"password": "qwertyuiopasdfghjkl"}, "first that anybody would try"),
    ({"password": "aaaabbbbaaaabbbb"}, "first that anybody would try"),
    ({"password": "lmnopqrstuvwxyz"}, "first that anybody would try"),
    ({"password": "my name is silva 7"}, "Leave your name"),
    ({"password": "I love fingerpost"}, "Leave your name"),
    ({"email": "marigold@example.com", "password": "marigold and thyme"}, "Leave your name"),
    ({"email": "not an address"}, "whole address"),
    ({"email": "ana@example.com\r\nBcc: x@example.com"}, "whole address"),
    ({"email": ""}, "Please fill this in"),
    ({"name": "Win money at http://evil.example"}, "just a name"),
    ({"name": "x" * 101}, "under 100 characters"),
])
def test_what_cannot_be_taken_is_said_beside_the_field_and_what_was_typed_stays(anonymous, changed, said):
    answer = join(anonymous, **changed)
    assert answer.status_code == 422
    assert said in answer.text
    typed = JOINING | changed
    for kept in ({"name", "email"} & typed.keys()) - {key for key in changed if not typed[key]}:
        assert f'value="{typed[kept].replace(chr(13), "").strip()}"'[:60] in answer.text.replace("\r", "")
    assert typed["password"] not in answer.text  # A password is never sent back.
    assert db.session.scalars(select(User)).all() == []


def test_a_field_that_the_form_does_not_have_is_refused(anonymous):
    page = anonymous.page("/sign-up")
    token = page.xpath("//input[@name='csrf_token']/@value")[0]
    answer = anonymous.post("/sign-up", data={**JOINING, "is_admin": "true", "csrf_token": token})
    assert (answer.status_code, "Unknown field" in answer.text) == (422, True)
    assert db.session.scalars(select(User)).all() == []


@pytest.mark.parametrize("password", ["café au lait, please", "пароль из трёх слов", "   spaces inside too   ", ("four unrelated words, " * 6)[:128]])
def test_any_long_enough_password_in_any_script_is_taken_whole(anonymous, app, password):
    assert join(anonymous, password=password).status_code == 200
    answer = app.test_client().submit("/sign-in", {"email": "ana@example.com", "password": password}, follow=False)
    assert answer.status_code == 302
    cut = app.test_client().submit("/sign-in", {"email": "ana@example.com", "password": password.strip()[:-1]})
    assert cut.status_code == 422


def test_a_confirmation_link_works_once(anonymous, work, mailbox):
    join(anonymous)
    work()
    link = mailbox.link_to("ana@example.com", "/confirm/")
    anonymous.submit(link)
    end_reading()
    first = find_user("ana@example.com").email_confirmed_at
    again = anonymous.get(link)
    assert (again.status_code, "It was confirmed before" in again.text) == (200, True)
    token = anonymous.page("/sign-in").xpath("//input[@name='csrf_token']/@value")[0]
    assert "It was confirmed before" in anonymous.post(link, data={"csrf_token": token}).text
    end_reading()
    assert find_user("ana@example.com").email_confirmed_at == first


def test_a_confirmation_link_dies_after_three_days(anonymous, work, mailbox, later):
    join(anonymous)
    work()
    link = mailbox.link_to("ana@example.com", "/confirm/")
    later(days=2, hours=23)
    assert anonymous.get(link).status_code == 200
    later(hours=2)
    answer = anonymous.get(link)
    assert (answer.status_code, "too old" in answer.text) == (410, True)


def test_a_confirmation_link_is_for_the_address_it_was_sent_to(anonymous, work, mailbox):
    join(anonymous)
    work()
    link = mailbox.link_to("ana@example.com", "/confirm/")
    with transaction():
        find_user("ana@example.com").email = "other@example.com"
    assert anonymous.get(link).status_code == 410


@pytest.mark.parametrize("forge", [lambda t: t[:-2] + ("A" if t[-2] != "A" else "B") + t[-1], lambda t: "x" + t, lambda t: "nonsense", lambda t: t[: len(t) // 2]])
def test_a_forged_or_cut_link_is_refused(anonymous, work, mailbox, forge):
    join(anonymous)
    work()
    token = mailbox.link_to("ana@example.com", "/confirm/").rpartition("/")[2]
    answer = anonymous.get(f"/confirm/{forge(token)}")
    assert (answer.status_code, "not one of ours" in answer.text) == (410, True)


def test_a_link_for_one_purpose_does_nothing_for_another(anonymous, work, mailbox):
    make_person(email="ana@example.com", is_confirmed=False)
    anonymous.submit("/forgot", {"email": "ana@example.com"})
    work()
    token = mailbox.link_to("ana@example.com", "/reset/").rpartition("/")[2]
    assert anonymous.get(f"/confirm/{token}").status_code == 410


def test_an_unconfirmed_person_may_have_the_link_sent_again(as_user, work, mailbox):
    user = make_person(is_confirmed=False)
    browser = as_user(user)
    answer = browser.submit("/settings", press="Send it again")
    assert f"We sent the link to {user.email} again" in words_of(html.fromstring(answer.text))
    work()
    browser.submit(mailbox.link_to(user.email, "/confirm/"), press="Yes, this is my address")
    end_reading()
    assert find_user(user.email).email_confirmed_at is not None


def test_two_letters_of_a_kind_are_two_mails(anonymous, work, mailbox):
    """Mail programs hide the second of two mails with one Message-ID, and with it the only link that still works."""
    user = make_person(email="ana@example.com")
    for _ in range(2):
        anonymous.submit("/forgot", {"email": user.email})
        work()
    assert len({str(mail["Message-ID"]) for mail in mailbox.to(user.email)}) == 2


def test_the_mail_says_whose_it_is_in_both_parts(anonymous, work, mailbox):
    join(anonymous, name="Ana & Co")
    work()
    mail = mailbox.last_to("ana@example.com")
    assert "Hello Ana & Co," in body_of(mail)
    assert "Hello Ana &amp; Co," in mail.get_body(("html",)).get_content()
