"""Businesses and their people."""
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Forbidden, NotFound
from marketplace.identity.admins import make_admin
from marketplace.identity.members import LastOwner, change_role, remove_member
from marketplace.identity.models import Business, MemberRole, Membership
from marketplace.identity.queries import get_business, get_user, members_of
from marketplace.identity.signup import sign_up
from tests.browsing import body_of, end_reading
from tests.identity.people import PASSWORD, make_business, make_member, make_person

OWNER, MANAGER, AGENT = MemberRole.OWNER, MemberRole.MANAGER, MemberRole.AGENT


def token_of(browser):
    return browser.page("/settings").xpath("//input[@name='csrf_token']/@value")[0]


def reread(user):
    end_reading()
    return get_user(user.id)


def test_a_person_founds_a_business_and_owns_it(as_user):
    user = make_person()
    answer = as_user(user).submit("/businesses/new", {
        "name": "Westside Auto", "place": "Portland, Oregon", "website": "https://westside.example/", "about": "Good used cars."})
    assert "Westside Auto is here" in answer.text
    user = reread(user)
    business = get_business("westside-auto")
    assert user.role_in(business.id) is OWNER
    assert (business.name, business.place, business.website, business.about) == (
        "Westside Auto", "Portland, Oregon", "https://westside.example/", "Good used cars.")
    assert get_business(business.id) is business


@pytest.mark.parametrize(("name", "slug"), [
    ("Westside Auto", "westside-auto-2"), ("Café Zürich & Söhne", "cafe-zurich-sohne"), ("日本の車", "business"), ("--", "business"),
    ("w" * 80, "w" * 60)])
def test_a_slug_is_made_of_the_name_and_is_nobody_elses(app, name, slug):
    owner = make_person()
    make_business(owner, "Westside Auto")
    make_business(owner, "Westside Auto Parts")
    assert make_business(owner, name).slug == slug


@pytest.mark.parametrize(("changed", "said"), [
    ({"name": ""}, "Please fill this in"), ({"name": "Cars at //evil.example"}, "just a name"), ({"website": "javascript:alert(1)"}, "begins with https"),
    ({"website": "https://user:x@westside.example"}, "user name in it"), ({"about": "x" * 2001}, "under 2000"), ({"place": "x" * 101}, "under 100")])
def test_what_cannot_be_taken_of_a_business_keeps_what_was_typed(as_user, changed, said):
    typed = {"name": "Westside Auto", "place": "Portland", "website": "https://w.example", "about": "Cars, mostly."} | changed
    answer = as_user(make_person()).submit("/businesses/new", typed)
    assert (answer.status_code, said in answer.text) == (422, True)
    assert all(text.replace("&", "&amp;") in answer.text for text in typed.values())
    assert db.session.scalars(select(Business)).all() == []


def test_an_unconfirmed_person_founds_nothing(as_user):
    answer = as_user(make_person(is_confirmed=False)).submit("/businesses/new", {"name": "Westside Auto"})
    assert (answer.status_code, "confirm your e-mail address" in answer.text) == (403, True)
    assert db.session.scalars(select(Business)).all() == []


def test_a_business_is_edited_and_keeps_its_slug(as_user):
    owner = make_person()
    business = make_business(owner)
    as_user(owner).submit(f"/businesses/{business.id}/settings", {"name": "Eastside Auto", "about": ""})
    end_reading()
    assert (get_business("westside-auto").name, get_business(business.id).version) == ("Eastside Auto", 2)


def test_a_form_made_before_somebody_elses_change_is_told_so_and_keeps_its_words(as_user):
    owner = make_person()
    business = make_business(owner)
    manager, _ = make_member(business, MANAGER)
    slow = as_user(manager)
    page = slow.page(f"/businesses/{business.id}/settings")
    sent = dict(page.forms[-1].form_values()) | {"about": "My own long text."}
    as_user(owner).submit(f"/businesses/{business.id}/settings", {"about": "Quicker."})
    answer = slow.post(f"/businesses/{business.id}/settings", data=sent)
    assert (answer.status_code, "My own long text." in answer.text, "Someone changed this" in answer.text) == (409, True, True)
    end_reading()
    assert get_business(business.id).about == "Quicker."


def test_who_may_see_and_change_what(as_user):
    owner = make_person()
    business = make_business(owner)
    manager, _ = make_member(business, MANAGER)
    agent, _ = make_member(business, AGENT)
    outsider, other_owner, admin = make_person(), make_person(), make_person(is_admin=True)
    make_business(other_owner, "Eastside Auto")
    wanted = {"settings": (200, 200, 403, 403, 403, 403), "members": (200, 200, 200, 403, 403, 200)}
    for page, statuses in wanted.items():
        seen = tuple(as_user(person).get(f"/businesses/{business.id}/{page}").status_code
                     for person in (owner, manager, agent, outsider, other_owner, admin))
        assert seen == statuses, page
    for person in (manager, agent, outsider, other_owner, admin):
        browser = as_user(person)
        answer = browser.post(f"/businesses/{business.id}/members", data={
            "email": outsider.email, "role": "owner", "csrf_token": token_of(browser)})
        assert answer.status_code == 403
    assert as_user(owner).get("/businesses/biz_nobody/members").status_code == 404


def test_a_member_is_added_by_address_and_hears_of_it(as_user, work, mailbox):
    owner, mo = make_person(), make_person("Mo Reyes")
    business = make_business(owner)
    answer = as_user(owner).submit(f"/businesses/{business.id}/members", {"email": mo.email.upper(), "role": "agent"}, press="Add to Westside Auto")
    assert "Mo Reyes is a member now" in answer.text
    assert reread(mo).role_in(business.id) is AGENT
    work()
    assert "as agent" in body_of(mailbox.last_to(mo.email))
    assert as_user(mo).get(mailbox.link_to(mo.email, "/members")).status_code == 200


@pytest.mark.parametrize("who", ["nobody", "unconfirmed", "closed", "member"])
def test_only_confirmed_people_become_members_and_once(as_user, clock, who):
    owner = make_person()
    business = make_business(owner)
    email = {"nobody": lambda: "nobody@example.com", "unconfirmed": lambda: make_person(is_confirmed=False).email,
             "closed": lambda: make_person(closed_at=clock()).email, "member": lambda: owner.email}[who]()
    answer = as_user(owner).submit(f"/businesses/{business.id}/members", {"email": email, "role": "manager"}, press="Add to Westside Auto")
    assert answer.status_code == (409 if who == "member" else 422)
    assert ("is a member already" if who == "member" else "Nobody with this address") in answer.text
    assert f'value="{email}"' in answer.text
    assert len(members_of(business.id, seen_by=reread(owner))) == 1


def test_one_person_has_several_hats(app):
    user = make_person()
    first, second = make_business(user, "Westside Auto"), make_business(make_person(), "Bakery")
    with transaction():
        db.session.add(Membership(business_id=second.id, user_id=user.id, role=AGENT))
    user = reread(user)
    assert [(one.business.name, user.role_in(one.business_id)) for one in user.memberships] == [
        ("Westside Auto", OWNER), ("Bakery", AGENT)]
    assert user.role_in("biz_nobody") is None
    assert first.id != second.id


def test_a_role_is_changed_by_an_owner(as_user):
    owner = make_person()
    business = make_business(owner)
    mo, member = make_member(business, AGENT)
    answer = as_user(owner).submit(f"/businesses/{business.id}/members", {"role": "manager"}, action=f"{member.id}/role")
    assert "Mo Reyes is manager now" in answer.text
    assert reread(mo).role_in(business.id) is MANAGER
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "member.role_changed")).one()
    assert (event.actor_id, event.subject_id, event.details) == (
        owner.id, business.id, {"user_id": mo.id, "was": "agent", "role": "manager"})


def test_a_role_that_does_not_exist_is_refused(as_user):
    owner = make_person()
    business = make_business(owner)
    _, member = make_member(business, AGENT)
    browser = as_user(owner)
    answer = browser.post(f"/businesses/{business.id}/members/{member.id}/role", data={"role": "king", "csrf_token": token_of(browser)})
    assert answer.status_code == 422


def test_the_last_owner_neither_leaves_nor_steps_down(as_user):
    owner = make_person()
    business = make_business(owner)
    [mine] = members_of(business.id, seen_by=owner)
    browser = as_user(owner)
    for path, fields in (("removal", {}), ("role", {"role": "agent"})):
        answer = browser.submit(f"/businesses/{business.id}/members", fields, action=f"{mine.id}/{path}")
        assert "A business needs an owner" in answer.text
    assert reread(owner).role_in(business.id) is OWNER
    _, other = make_member(business, OWNER)
    browser.submit(f"/businesses/{business.id}/members", action=f"{mine.id}/removal", follow=False)
    assert reread(owner).role_in(business.id) is None
    with pytest.raises(LastOwner), transaction():
        remove_member(other, by=get_user(other.user_id))


@pytest.mark.usefixtures("all_cores")
def test_two_owners_who_leave_at_once_do_not_both_get_away(app):
    for _ in range(5):
        owner = make_person()
        business = make_business(owner)
        make_member(business, OWNER)
        ids = [member.id for member in members_of(business.id, seen_by=reread(owner))]
        end_reading()
        ready = threading.Barrier(2)

        def leave(member_id, ready=ready):
            with app.app_context():
                ready.wait()
                try:
                    with transaction():
                        member = db.session.get_one(Membership, member_id)
                        remove_member(member, by=get_user(member.user_id))
                except LastOwner:
                    return "stays"
                return "left"

        with ThreadPoolExecutor(2) as threads:
            assert sorted(threads.map(leave, ids)) == ["left", "stays"]


@pytest.mark.usefixtures("all_cores")
def test_two_people_who_join_at_once_with_one_address_are_one(app, work, mailbox):
    ready = threading.Barrier(4)

    def join(number):
        with app.app_context():
            ready.wait()
            with transaction():
                return sign_up(f"Ana {'ABCD'[number]}", "ana@example.com", PASSWORD) is not None

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(join, range(4))) == [False, False, False, True]
    work()
    assert len(mailbox.to("ana@example.com")) == 4


def test_a_member_may_leave_and_may_not_remove_others(as_user):
    owner = make_person()
    business = make_business(owner)
    mo, mine = make_member(business, AGENT)
    _, others = make_member(business, AGENT, "Lee")
    with pytest.raises(Forbidden), transaction():
        remove_member(others, by=reread(mo))
    with pytest.raises(Forbidden), transaction():
        change_role(mine, OWNER, by=reread(mo))
    as_user(mo).submit(f"/businesses/{business.id}/members", action=f"{mine.id}/removal", follow=False)
    assert reread(mo).role_in(business.id) is None
    assert as_user(mo).get(f"/businesses/{business.id}/members").status_code == 403


def test_a_membership_of_another_business_is_not_found_here(as_user):
    owner = make_person()
    here, there = make_business(owner), make_business(make_person(), "Bakery")
    _, theirs = make_member(there, AGENT)
    browser = as_user(owner)
    answer = browser.post(f"/businesses/{here.id}/members/{theirs.id}/removal", data={"csrf_token": token_of(browser)})
    assert answer.status_code == 404


def test_an_admin_is_made_by_address_once(app):
    user = make_person()
    for _ in range(2):
        with transaction():
            make_admin(user.email.upper())
    assert reread(user).is_admin
    assert len(db.session.scalars(select(AuditEvent).where(AuditEvent.action == "user.made_admin")).all()) == 1
    with pytest.raises(NotFound), transaction():
        make_admin("nobody@example.com")


def test_no_form_makes_an_admin(as_user):
    user = make_person()
    browser = as_user(user)
    answer = browser.post("/settings", data={"name": "Ana", "is_admin": "true", "csrf_token": token_of(browser)})
    assert (answer.status_code, reread(user).is_admin) == (422, False)


def test_a_person_changes_their_name(as_user):
    user = make_person()
    browser = as_user(user)
    assert "Saved." in browser.submit("/settings", {"name": "Ana Maria Silva"}).text
    assert reread(user).name == "Ana Maria Silva"
    refused = browser.submit("/settings", {"name": "Ana <b>"})
    assert (refused.status_code, 'value="Ana &lt;b&gt;"' in refused.text) == (422, True)
