"""The front page, the rules, the three dashboards, health, and the frame around every page."""
from datetime import timedelta

import pytest
from sqlalchemy import event

from marketplace.bounties.drafting import PLATFORM_FEE_BPS
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.foundation.outbox import OutboxMessage, promise
from marketplace.identity.models import MemberRole
from marketplace.payments.models import ConnectedAccount, PayeeState
from marketplace.referrals import deadlines
from marketplace.referrals.clawbacks import refund_sale
from marketplace.referrals.fraud.rules import APPEAL_WITHIN
from marketplace.referrals.letters import REASONS
from marketplace.referrals.models import Lead, ReasonCode
from tests.browsing import words_of
from tests.factories import (
    accept,
    consent,
    make_bounty,
    make_business,
    make_lead,
    make_member,
    make_user,
    owner_of,
    review_lead,
    win,
)

POST = "http://davids-blog.example/in-the-market-for-a-car"


def hrefs(page):
    return page.xpath("//main//a/@href")


# ---- Pages for everybody


def test_the_front_page_tells_the_thought_and_shows_what_is_on_offer(anonymous):
    bounty = make_bounty(is_live=True)
    page = anonymous.page("/")
    said = words_of(page)
    assert "If I could make $1K by reading David’s blog and telling my auto dealer about him" in said
    assert "$1,000 when they buy" in said
    assert f"/bounties/{bounty.id}" in hrefs(page)
    assert len(page.xpath("//ol[@class='numbered']")) == 4
    assert {len(steps.xpath("./li")) for steps in page.xpath("//ol[@class='numbered']")} == {3}


def test_the_front_page_without_a_bounty_says_what_to_do(anonymous):
    assert "No bounty is live yet" in words_of(anonymous.page("/"))


def test_what_is_pasted_on_the_front_page_is_read_and_matched(anonymous):
    make_bounty(is_live=True)
    answer = anonymous.submit("/", {"post": "I am looking for a used car in Denver."}, press="Find")
    assert (answer.request.path, answer.status_code) == ("/match", 200)
    assert "They want a car, and Westside Auto offers that." in answer.text


def test_whoever_is_signed_in_goes_from_the_front_page_to_the_dashboard(as_user):
    assert as_user(make_user()).get("/").location == "/dashboard"


def test_the_rules_are_the_constants_that_the_site_works_with(anonymous):
    said = words_of(anonymous.page("/fairness"))
    assert f"a decision is due after {deadlines.DECISION_DUE} business days" in said
    assert f"After {deadlines.ACCEPTED_BY_DEFAULT} business days without a decision a lead is accepted" in said
    assert f"Our fee is {PLATFORM_FEE_BPS // 100}% of the reward ($50 on a reward of $1,000)" in said
    assert "Taken back, rounded down $33.33" in said
    assert "Stays with the referrer $966.67" in said
    for reason, words in REASONS.items():
        assert (words in said) is (reason is not ReasonCode.OTHER), "none is named by its code"
    assert "A post is public if anybody can open it without signing in" in said
    assert f"may appeal within {APPEAL_WITHIN.days} days" in said and "goes back to the bounty with our fee" in said


def test_how_it_works_is_there_for_a_visitor(anonymous):
    assert "Ana reads and points" in words_of(anonymous.page("/how-it-works"))


# ---- Health


def test_health_says_how_long_the_oldest_due_job_waits(app, anonymous, clock):
    assert anonymous.get("/health").json == {
        "ok": True, "oldest_due_job_seconds": 0, "jobs_given_up": 0, "open_items": 0, "transfers_stopped": False}
    with transaction():
        promise("send_letter", letter="none")
        promise("send_letter", after=timedelta(days=1), letter="none")
    clock.move(timedelta(minutes=5))
    assert anonymous.get("/health").json["oldest_due_job_seconds"] in {300, 301}


def test_health_counts_the_jobs_that_were_given_up(app, anonymous):
    with transaction():
        db.session.add(OutboxMessage(job="run_batch", arguments={}, due_at=clock.now(), dead_at=clock.now()))
    assert anonymous.get("/health").json["jobs_given_up"] == 1


def test_health_is_503_when_the_database_does_not_answer(anonymous):
    def refuse(*_):
        from sqlalchemy.exc import OperationalError  # noqa: PLC0415
        raise OperationalError("SELECT", {}, Exception("gone"))

    event.listen(db.engine, "before_cursor_execute", refuse)
    try:
        answer = anonymous.get("/health")
        page = anonymous.get("/bounties")
    finally:
        event.remove(db.engine, "before_cursor_execute", refuse)
    assert (answer.status_code, answer.json["ok"]) == (503, False)
    assert page.status_code == 503
    assert "We are very busy right now" in page.text


# ---- The referrer's dashboard


def test_a_new_referrer_is_told_how_to_begin(as_user):
    page = as_user(make_user()).page("/dashboard/referrer")
    assert "You have not pointed at anybody yet" in words_of(page)
    assert page.xpath("//main//input[@name='post']")


def test_each_lead_says_what_happens_next(as_user):
    ana = make_user()
    make_lead(by=ana)
    accept(make_lead(by=ana))
    said = words_of(as_user(ana).page("/dashboard/referrer"))
    assert "Next: We are reading the post." in said
    assert "Next: Pass the private link on to the buyer; they decide." in said


def test_a_referrer_sees_no_lead_of_another(as_user):
    make_lead(by=make_user("Ben"), quote="I want to buy an estate car.")
    assert "estate car" not in words_of(as_user(make_user()).page("/dashboard/referrer"))


def test_earnings_stand_by_currency_and_a_refund_is_off_them(as_user):
    ana = make_user()
    lead = consent(accept(make_lead(by=ana)))
    win(lead)
    seller = owner_of(lead.business)
    with transaction():
        refund_sale(lead, by=seller, amount=Money(100_000, "usd"), refund_number="R-1")
    euros = make_bounty(make_business(name="Autohaus West"), is_live=True, currency="eur")
    win(consent(accept(make_lead(euros, by=ana)), email="clara@example.com"), amount=Money(500_000, "eur"))
    said = words_of(as_user(ana).page("/dashboard/referrer"))
    assert "What you earned in USD" in said
    assert "Held $966.67 waiting out the return period" in said
    assert "Taken back $33.33" in said
    assert "Held €1,000" in said


def test_whoever_earned_is_asked_to_set_up_stripe_until_it_is_ready(as_user):
    ana = make_user()
    win(consent(accept(make_lead(by=ana))))
    browser = as_user(ana)
    page = browser.page("/dashboard/referrer")
    assert "Tell Stripe where your rewards should go" in words_of(page)
    assert "/payouts" in hrefs(page)
    with transaction():
        db.session.add(ConnectedAccount(user_id=ana.id, country="US", currency="usd", state=PayeeState.READY,
                                        idempotency_key="k", stripe_account_id="acct_1"))
    assert "Tell Stripe where" not in words_of(browser.page("/dashboard/referrer"))


def test_an_unconfirmed_address_is_asked_for(as_user):
    page = as_user(make_user(is_confirmed=False)).page("/dashboard/referrer")
    assert "Please confirm your e-mail address." in words_of(page)


# ---- The business's dashboard


def test_a_new_business_is_told_to_write_a_bounty(as_user):
    business = make_business()
    page = as_user(owner_of(business)).page(f"/dashboard/business/{business.id}")
    assert "Write the first bounty" in words_of(page)
    assert f"/businesses/{business.id}/bounties/new" in hrefs(page)


def test_the_business_sees_funds_pipeline_and_whom_to_call(as_user):
    bounty = make_bounty(is_live=True)
    accept(make_lead(bounty))
    consent(accept(make_lead(bounty)))
    said = words_of(as_user(owner_of(bounty.business)).page(f"/dashboard/business/{bounty.business_id}"))
    assert "$1,050" in said
    assert "$2,100" in said
    assert "One buyer said yes and waits to hear from you." in said
    assert "Waiting for the buyer1" in said
    assert "New1" in said


def test_nothing_of_a_buyer_stands_there_before_the_yes(as_user):
    bounty = make_bounty(is_live=True)
    accept(make_lead(bounty, quote="My old wagon has given up, says David.", buyer_name="David", buyer_email="david@example.com"))
    page = as_user(owner_of(bounty.business)).get(f"/dashboard/business/{bounty.business_id}").text
    assert "Introduce a car buyer" in page
    assert "wagon" not in page
    assert "David" not in page
    assert "david@" not in page


def test_a_bounty_without_funds_is_what_waits_for_the_owner(as_user):
    bounty = make_bounty(is_live=True, funded_for=1)
    accept(make_lead(bounty))
    said = words_of(as_user(owner_of(bounty.business)).page(f"/dashboard/business/{bounty.business_id}"))
    assert "has no funds for one more lead" in said


def test_an_agent_gets_no_buttons_for_money_and_bounties(as_user):
    business = make_business()
    make_bounty(business, is_live=True)
    page = as_user(make_member(business, MemberRole.AGENT)).page(f"/dashboard/business/{business.id}")
    assert "Write a bounty" not in words_of(page)
    assert "Fund or change" not in words_of(page)


def test_the_desk_of_a_business_is_for_its_people_and_admins(as_user, anonymous):
    business = make_business()
    url = f"/dashboard/business/{business.id}"
    assert anonymous.get(url).location.startswith("/sign-in")
    assert as_user(make_user("Eve")).get(url).status_code == 403
    assert as_user(owner_of(make_business(name="Other"))).get(url).status_code == 403
    assert as_user(make_member(business)).get(url).status_code == 200
    assert as_user(make_user("Mona", is_admin=True)).get(url).status_code == 200
    assert as_user(make_user("Mona", is_admin=True)).get("/dashboard/business/biz_none").status_code == 404


# ---- The admin's dashboard


def test_the_queue_stands_oldest_first_with_its_clock(as_user, later):
    first = review_lead(make_lead(quote="I need a car, said the first."))
    later(hours=60)
    review_lead(make_lead(quote="I need a car, said the second."))
    said = words_of(as_user(make_user("Mona", is_admin=True)).page("/dashboard/admin"))
    assert said.index("said the first") < said.index("said the second")
    assert "Leads waiting 2 for a decision" in said
    assert "Leads overdue 1 decide these first" in said
    assert deadlines.decision_due(first.submitted_at) < clock.now()


def test_an_admin_with_a_stake_is_told_that_it_is_not_theirs(as_user):
    mona = make_user("Mona", is_admin=True)
    review_lead(make_lead(by=mona))
    assert "You have a stake" in words_of(as_user(mona).page("/dashboard/admin"))


def test_an_empty_queue_and_a_sound_ledger_say_so(as_user):
    browser = as_user(make_user("Mona", is_admin=True))
    said = words_of(browser.page("/dashboard/admin"))
    assert "Nothing waits for you" in said
    assert "nothing posted yet" in said
    make_bounty(is_live=True)
    assert "debits = credits in USD" in words_of(browser.page("/dashboard/admin"))


def test_jobs_given_up_are_counted(as_user):
    with transaction():
        db.session.add(OutboxMessage(job="send_letter", arguments={}, due_at=clock.now(), dead_at=clock.now()))
    assert "Jobs given up 1 a person must look" in words_of(as_user(make_user("Mona", is_admin=True)).page("/dashboard/admin"))


@pytest.mark.parametrize("path", ["/dashboard/admin"])
def test_only_admins_see_the_moderators_room(as_user, anonymous, path):
    assert as_user(make_user("Eve")).get(path).status_code == 403
    assert anonymous.get(path).status_code == 302


def test_dashboards_ask_the_database_as_often_for_ten_leads_as_for_one(as_user):
    ana, mona = make_user(), make_user("Mona", is_admin=True)
    bounty = make_bounty(is_live=True, funded_for=20)
    browsers = {"/dashboard/referrer": as_user(ana), f"/dashboard/business/{bounty.business_id}": as_user(owner_of(bounty.business)),
                "/dashboard/admin": as_user(mona)}

    def asked():
        counted = {}
        for url, browser in browsers.items():
            statements = []
            listener = lambda *given, seen=statements: seen.append(given[2])  # noqa: E731
            event.listen(db.engine, "before_cursor_execute", listener)
            browser.page(url)
            event.remove(db.engine, "before_cursor_execute", listener)
            counted[url] = len(statements)
        return counted

    def add_leads():
        accept(make_lead(bounty, by=ana))
        review_lead(make_lead(bounty, by=ana))
        sold = accept(make_lead(bounty, by=ana))
        win(consent(sold, email=f"{sold.id}@example.com"))

    add_leads()
    first = asked()
    for _ in range(2):
        add_leads()
    assert db.session.query(Lead).count() == 9
    assert asked() == first


# ---- Hats, and the frame


def test_the_dashboard_is_that_of_the_hat_worn_last(as_user):
    wes = make_user("Wes Park")
    business = make_business(wes)
    browser = as_user(wes)
    assert browser.get("/dashboard").location == f"/dashboard/business/{business.id}"
    browser.get("/dashboard/referrer")
    assert browser.get("/dashboard").location == "/dashboard/referrer"


def test_a_hat_that_was_taken_away_is_not_worn(as_user):
    business = make_business()
    user = make_member(business)
    browser = as_user(user)
    browser.get(f"/dashboard/business/{business.id}")
    with transaction():
        for membership in user.memberships:
            db.session.delete(membership)
    assert browser.get("/dashboard").location == "/dashboard/referrer"


def test_the_menu_offers_every_hat_and_marks_the_one_worn(as_user):
    wes = make_user("Wes Park", is_admin=True)
    business = make_business(wes)
    page = as_user(wes).page(f"/dashboard/business/{business.id}")
    panel = page.xpath("//div[@class='menu-panel']")[0]
    assert panel.xpath(".//a/@href")[:3] == ["/dashboard/referrer", f"/dashboard/business/{business.id}", "/dashboard/admin"]
    assert panel.xpath(".//a[@aria-current='true']/@href") == [f"/dashboard/business/{business.id}"]


def test_the_sandbox_is_named_on_every_page(anonymous):
    assert "no real money moves here" in words_of(anonymous.page("/how-it-works"))


def test_an_admins_menu_leads_to_every_room_that_is_worked_in_daily(as_user):
    page = as_user(make_user("Mona", is_admin=True)).page("/dashboard/admin")
    menu = page.xpath("//nav[@aria-label='Main']//a")
    assert [link.text for link in menu] == [
        "Dashboard", "Queue", "Disputes", "Fraud", "Gate", "Personal data", "Jobs", "Ledger", "Audit"]
