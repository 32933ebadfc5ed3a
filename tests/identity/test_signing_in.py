"""Coming back: signing in and out, sessions, a forgotten password."""
import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.identity import password_rules
from marketplace.identity.models import User
from marketplace.identity.password_rules import is_right_password
from marketplace.identity.queries import find_user
from tests.browsing import end_reading
from tests.identity.people import PASSWORD, make_person

NEW = "seven quiet mountain goats"


def sign_in(browser, email, password=PASSWORD, url="/sign-in", **options):
    return browser.submit(url, {"email": email, "password": password}, **options)


def is_in(browser):
    return browser.get("/settings").status_code == 200


def token_of(browser):
    return browser.page("/sign-up").xpath("//input[@name='csrf_token']/@value")[0]


def test_signing_in_and_out(anonymous):
    user = make_person()
    assert sign_in(anonymous, user.email, follow=False).headers["Location"] == "/"
    assert is_in(anonymous)
    anonymous.submit("/settings", action="/sign-out")
    assert not is_in(anonymous)


@pytest.mark.once
def test_signing_out_is_never_a_link(as_user):
    browser = as_user(make_person())
    assert browser.get("/sign-out").headers["Location"] == "/settings"
    assert is_in(browser)


def test_wrong_unknown_and_closed_are_answered_alike(app, clock):
    known, closed = make_person(), make_person(closed_at=clock())
    answers = []
    for email, password in ((known.email, "wrong wrong wrong"), ("nobody@example.com", PASSWORD), (closed.email, PASSWORD)):
        answer = sign_in(app.test_client(), email, password)
        token = next(line for line in answer.text.split('"') if line.count(".") == 2 and line.startswith("I"))
        answers.append((answer.status_code, answer.text.replace(email, "X").replace(token, "T")))
    assert answers[0][0] == 422
    assert "do not fit together" in answers[0][1]
    assert answers[0] == answers[1] == answers[2]


@pytest.mark.once
def test_an_unknown_address_costs_the_same_hashing_as_a_known_one(anonymous, monkeypatch):
    user = make_person()
    checked = []
    real = password_rules._hasher
    class Counting:
        def verify(self, hashed, password):
            checked.append(hashed.split("$")[1:4])
            return real.verify(hashed, password)
        check_needs_rehash = real.check_needs_rehash
        hash = real.hash
    monkeypatch.setattr(password_rules, "_hasher", Counting())
    sign_in(anonymous, user.email, "wrong wrong wrong")
    sign_in(anonymous, "nobody@example.com", "wrong wrong wrong")
    assert len(checked) == 2
    assert checked[0] == checked[1]


@pytest.mark.once
def test_what_was_typed_stays_but_the_password(anonymous):
    answer = sign_in(anonymous, "ana@example.com", "my wrong password", url="/sign-in?next=/settings/keys")
    assert 'value="ana@example.com"' in answer.text
    assert 'name="next" value="/settings/keys"' in answer.text
    assert "my wrong password" not in answer.text


def test_a_password_hashed_at_other_costs_is_hashed_anew(anonymous):
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    user = make_person(password_hash=old)
    sign_in(anonymous, user.email)
    end_reading()
    now = find_user(user.email).password_hash
    assert now != old
    assert "m=19456,t=2,p=1" in now
    assert is_right_password(PASSWORD, now)


@pytest.mark.once
def test_whoever_is_sent_to_sign_in_comes_back_to_where_they_were(anonymous):
    user = make_person()
    answer = anonymous.get("/settings/keys?x=1")
    assert answer.headers["Location"] == "/sign-in?next=/settings/keys?x%3D1"
    answer = sign_in(anonymous, user.email, url=answer.headers["Location"], follow=False)
    assert answer.headers["Location"] == "/settings/keys?x=1"


@pytest.mark.once
@pytest.mark.parametrize("target", [
    "https://evil.example/", "//evil.example/", "///evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example",
    "/ /evil.example", "http:evil.example", "javascript:alert(1)", "evil.example", "/%0d%0a\nLocation: x", "", " //evil.example",
])
def test_next_leads_to_this_site_only(anonymous, target):
    user = make_person()
    answer = anonymous.post("/sign-in", data={
        "email": user.email, "password": PASSWORD, "next": target, "csrf_token": token_of(anonymous)})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert anonymous.get("/sign-in", query_string={"next": target}).headers["Location"] == "/"


@pytest.mark.once
def test_a_session_planted_before_sign_in_is_worth_nothing(anonymous):
    user = make_person()
    with anonymous.session_transaction() as session:
        session["planted"] = "yes"
    sign_in(anonymous, user.email)
    with anonymous.session_transaction() as session:
        assert "planted" not in session


@pytest.mark.once
@pytest.mark.parametrize("kept", ["user_nobody.stamp", "nonsense", "", ".", "{id}.", "{id}.stamp_other", "{id}"])
def test_a_session_that_does_not_fit_is_nobodys(anonymous, kept):
    user = make_person()
    with anonymous.session_transaction() as session:
        session["_user_id"], session["_fresh"] = kept.format(id=user.id), True
    assert not is_in(anonymous)


def test_a_closed_persons_session_ends(as_user, clock):
    user = make_person()
    browser = as_user(user)
    assert is_in(browser)
    with transaction():
        user.closed_at = clock()
    assert not is_in(browser)


def test_changing_the_password_ends_every_other_session(as_user, anonymous, work, mailbox):
    user = make_person()
    here, elsewhere = as_user(user), as_user(user)
    answer = here.submit("/settings/password", {"current_password": PASSWORD, "new_password": NEW})
    assert "Everywhere else you are signed out" in answer.text
    assert is_in(here)
    assert not is_in(elsewhere)
    work()
    assert str(mailbox.last_to(user.email)["Subject"]) == "Your password was changed"
    assert sign_in(anonymous, user.email).status_code == 422
    assert sign_in(anonymous, user.email, NEW, follow=False).status_code == 302


@pytest.mark.once
@pytest.mark.parametrize(("current", "new", "said"), [
    ("wrong wrong wrong", NEW, "not your present password"), (PASSWORD, "short", "12 to 128"), (PASSWORD, "", "Please fill this in")])
def test_a_password_is_changed_only_by_who_knows_it_and_for_a_good_one(as_user, current, new, said):
    user = make_person()
    before = user.password_hash
    answer = as_user(user).submit("/settings/password", {"current_password": current, "new_password": new})
    assert (answer.status_code, said in answer.text) == (422, True)
    assert find_user(user.email).password_hash == before


def reset_link(browser, user, work, mailbox):
    browser.submit("/forgot", {"email": user.email})
    work()
    return mailbox.link_to(user.email, "/reset/")


def test_a_forgotten_password_is_set_by_a_link_and_every_session_ends(anonymous, as_user, work, mailbox):
    user = make_person(is_confirmed=False)
    elsewhere = as_user(user)
    answer = anonymous.submit(reset_link(anonymous, user, work, mailbox), {"password": NEW})
    assert "Your new password is set" in answer.text
    assert not is_in(elsewhere)
    assert sign_in(anonymous, user.email, NEW, follow=False).status_code == 302
    end_reading()
    assert find_user(user.email).email_confirmed_at is not None  # Whoever read the mail has the mailbox.
    assert db.session.scalars(select(AuditEvent.action).where(AuditEvent.subject_id == user.id).order_by(AuditEvent.id)).all() == [
        "user.confirmed", "user.password_reset"]


def test_a_reset_link_works_once(anonymous, work, mailbox):
    link = reset_link(anonymous, make_person(), work, mailbox)
    anonymous.submit(link, {"password": NEW})
    answer = anonymous.get(link)
    assert (answer.status_code, "used already" in answer.text) == (410, True)
    assert anonymous.post(link, data={"password": "yet another passphrase", "csrf_token": token_of(anonymous)}).status_code == 410


def test_a_reset_link_dies_when_the_password_is_changed_another_way(anonymous, as_user, work, mailbox):
    user = make_person()
    link = reset_link(anonymous, user, work, mailbox)
    as_user(user).submit("/settings/password", {"current_password": PASSWORD, "new_password": NEW})
    assert anonymous.get(link).status_code == 410


def test_a_reset_link_dies_after_an_hour(anonymous, work, mailbox, later):
    link = reset_link(anonymous, make_person(), work, mailbox)
    later(minutes=59)
    assert anonymous.get(link).status_code == 200
    later(minutes=2)
    assert anonymous.get(link).status_code == 410


@pytest.mark.once
def test_a_weak_new_password_leaves_the_link_alive(anonymous, work, mailbox):
    user = make_person()
    link = reset_link(anonymous, user, work, mailbox)
    answer = anonymous.submit(link, {"password": "password1234"})
    assert (answer.status_code, "anybody would try" in answer.text) == (422, True)
    assert "Your new password is set" in anonymous.submit(link, {"password": NEW}).text


def test_forgot_answers_alike_and_writes_only_to_who_is_here(anonymous, app, work, mailbox, clock):
    known, closed = make_person(), make_person(closed_at=clock())
    pages = [app.test_client().submit("/forgot", {"email": email}).text.replace(email, "X")
             for email in (known.email, "nobody@example.com", closed.email)]
    assert pages[0] == pages[1] == pages[2]
    work()
    assert [str(mail["To"]) for mail in mailbox.all()] == [known.email]


@pytest.mark.once
@pytest.mark.parametrize("url", ["/sign-up", "/sign-in", "/sign-out", "/forgot", "/confirm/x", "/confirmation", "/reset/x",
                                 "/settings", "/settings/password", "/settings/keys", "/settings/keys/x/revocation",
                                 "/businesses/new", "/businesses/x/settings", "/businesses/x/members",
                                 "/businesses/x/members/y/role", "/businesses/x/members/y/removal", "/dev/clock"])
def test_a_form_without_its_token_is_refused(as_user, url):
    answer = as_user(make_person()).post(url, data={})
    assert (answer.status_code, "reload the page" in answer.text) == (400, True)


@pytest.mark.once
def test_a_form_sent_from_another_site_is_refused(anonymous):
    answer = anonymous.post("/sign-in", data={"csrf_token": token_of(anonymous)}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


@pytest.mark.once
def test_the_sixth_wrong_guess_at_one_address_has_to_wait(anonymous, app):
    user = make_person()
    for _ in range(5):
        assert sign_in(app.test_client(), user.email, "wrong wrong wrong").status_code == 422
    answer = sign_in(anonymous, user.email.upper(), PASSWORD)
    assert (answer.status_code, "Retry-After" in answer.headers) == (429, True)
    assert "too often" in answer.text
    assert sign_in(anonymous, make_person().email, follow=False).status_code == 302  # Others go on.


@pytest.mark.once
def test_signing_in_rightly_locks_nobody_out(app):
    user = make_person()
    assert {sign_in(app.test_client(), user.email, follow=False).status_code for _ in range(8)} == {302}


@pytest.mark.once
def test_guessing_at_many_addresses_from_one_place_has_to_wait(app):
    statuses = [sign_in(app.test_client(), f"guess{number}@example.com").status_code for number in range(21)]
    assert statuses == [422] * 20 + [429]


@pytest.mark.once
@pytest.mark.parametrize("url", ["/forgot", "/sign-up"])
def test_nobodys_mailbox_is_flooded(app, work, mailbox, url):
    user = make_person()
    fields = {"email": user.email} | ({"name": "Ana", "password": NEW} if url == "/sign-up" else {})
    statuses = [app.test_client().submit(url, fields).status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    work()
    assert len(mailbox.to(user.email)) == 5


@pytest.mark.once
def test_sign_in_pages_send_those_away_who_are_in(as_user):
    browser = as_user(make_person())
    assert browser.get("/sign-in").headers["Location"] == browser.get("/sign-up").headers["Location"] == "/"


def test_no_password_is_kept_in_clear_text(anonymous):
    user = make_person()
    assert db.session.scalar(select(User.password_hash).where(User.id == user.id)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
