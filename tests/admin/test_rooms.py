"""The operators' rooms: jobs, audit trail, ledger. For admins alone."""
from datetime import timedelta

import pytest

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.outbox import MAX_ATTEMPTS, OutboxMessage
from marketplace.payments.models import Payable
from tests.browsing import end_reading, words_of
from tests.factories import accept, make_bounty, make_business, make_lead, make_user, owner_of
from tests.payments.money_steps import pay_in, usd

ROOMS = ("/admin/jobs", "/admin/audit", "/admin/ledger")


@pytest.fixture
def mona(app):
    return make_user("Mona Lind", is_admin=True)


@pytest.fixture
def browser(mona, as_user):
    return as_user(mona)


def dead_job(**given):
    with transaction():
        job = OutboxMessage(job="send_transfer", arguments={"transfer_id": "transfer_x"}, attempts=MAX_ATTEMPTS,
                            **{"due_at": clock.now(), "dead_at": clock.now(), "last_error": "TemporaryFailure: <b>503</b>", **given})
        db.session.add(job)
    return job


def token_of(browser):
    return browser.page("/settings").xpath("//input[@name='csrf_token']/@value")[0]


@pytest.mark.parametrize("room", ROOMS)
def test_nobody_but_admins_enters(app, as_user, anonymous, room):
    business = make_business()
    for person in (make_user(), owner_of(business)):
        as_user(person).page(room, status=403)
    assert anonymous.get(room).status_code == 302


class TestJobs:
    def test_empty_rooms_say_what_they_are_for(self, browser):
        assert "No job was given up" in words_of(browser.page("/admin/jobs"))

    def test_a_dead_job_shows_what_went_wrong_as_text(self, browser):
        job = dead_job()
        response = browser.get("/admin/jobs")
        assert job.id in response.text and "&lt;b&gt;503" in response.text and "transfer_x" in response.text

    def test_a_job_that_tries_again_by_itself_is_shown_apart(self, browser):
        dead_job(dead_at=None, due_at=clock.now() + timedelta(hours=1))
        assert "Failing, and tried again" in words_of(browser.page("/admin/jobs"))

    def test_a_dead_job_gets_its_attempts_back_once(self, browser, mona):
        job = dead_job()
        assert "all its attempts again" in browser.submit("/admin/jobs", action="/revival").text
        end_reading()
        kept = db.session.get_one(OutboxMessage, job.id, populate_existing=True)
        assert (kept.attempts, kept.dead_at) == (0, None)
        event = db.session.scalars(audit.events_about(job.id)).one()
        assert (event.action, event.actor_id) == ("job.revived", mona.id)
        token = token_of(browser)
        assert browser.post(f"/admin/jobs/{job.id}/revival", data={"csrf_token": token}).status_code == 409
        assert browser.post("/admin/jobs/job_nonsense/revival", data={"csrf_token": token}).status_code == 404

    def test_only_admins_revive(self, app, as_user):
        job, browser = dead_job(), as_user(make_user())
        assert browser.post(f"/admin/jobs/{job.id}/revival", data={"csrf_token": token_of(browser)}).status_code == 403
        end_reading()
        assert db.session.get_one(OutboxMessage, job.id, populate_existing=True).dead_at is not None


class TestAudit:
    def test_is_newest_first_and_says_who(self, browser, mona):
        lead = accept(make_lead(), by=mona)
        said = words_of(browser.page("/admin/audit"))
        assert said.index("Consent: asked") < said.index("Lead: accepted") < said.index("Lead: submitted")
        assert "Mona Lind" in said and "The clock or a rule" in said and f"…{lead.id[-6:]}" in said

    def test_can_be_narrowed_to_a_thing_or_a_person(self, browser, mona):
        lead, other = make_lead(), make_lead()
        accept(lead, by=mona)
        about_lead = browser.get(f"/admin/audit?subject={lead.id}").text
        assert lead.id in about_lead and other.id not in about_lead
        by_mona = words_of(browser.page(f"/admin/audit?subject={mona.id}"))
        assert "Lead: accepted" in by_mona and "Lead: submitted" not in by_mona

    def test_comes_in_pages(self, browser):
        with transaction():
            for number in range(60):
                audit.record("thing.counted", "thing_1", by=audit.SYSTEM, number=number)
        first = browser.page("/admin/audit?subject=thing_1")
        assert words_of(first).count("Thing: counted") == 50
        second = browser.page(first.xpath("//a[@rel='next']/@href")[0])
        assert words_of(second).count("Thing: counted") == 10
        browser.page("/admin/audit?cursor=nonsense", status=422)

    @pytest.mark.parametrize("asked", ["nothing_like_it", "%25", "'; DROP TABLE leads"])
    def test_a_search_without_a_result_says_so(self, browser, asked):
        assert "Nothing is kept about this" in words_of(browser.page(f"/admin/audit?subject={asked}"))


class TestLedger:
    @pytest.fixture
    def stripe(self, app, sandbox):
        before = app.extensions["gateway"]
        app.extensions["gateway"] = sandbox.gateway()
        yield sandbox
        sandbox.control.clear_faults()
        app.extensions["gateway"] = before

    def test_an_empty_ledger_is_sound(self, browser, sandbox):
        said = words_of(browser.page("/admin/ledger"))
        assert "The ledger is sound" in said and "Nothing posted yet" in said

    def test_shows_both_sides_to_the_cent(self, browser, stripe):
        wes = make_user("Wes Park")
        bounty = make_bounty(make_business(wes))
        pay_in(stripe, wes, usd(1050), purpose=bounty.id)
        said = words_of(browser.page("/admin/ledger"))
        ours, theirs = said.split("Beside Stripe")
        assert "Free funds of bounties" in ours and "$1,050" in ours and "SumUSD$0" in ours.replace(" ", "")
        assert "None" in theirs
        stripe.control.top_up(amount=1, currency="usd")
        assert "$0.01" in words_of(browser.page("/admin/ledger")).split("Beside Stripe")[1]

    @pytest.mark.parametrize("trouble", ["lost_before", "error_unstored", "half_written"])
    def test_says_when_stripe_does_not_answer(self, browser, stripe, trouble):
        stripe.control.plan_fault(kind=trouble, path="/v1/balance", times=None)
        assert "does not tell its balance" in words_of(browser.page("/admin/ledger"))

    def test_a_fault_is_shown_and_says_what_to_do(self, browser):
        """The database refuses a broken entry; a payable that no account holds is what it cannot know."""
        ana, bounty = make_user("Ana Flores"), make_bounty(is_live=True)
        with transaction():
            db.session.add(Payable(id="reward_lost", payee_id=ana.id, business_id=bounty.business_id, amount=usd(5)))
        said = words_of(browser.page("/admin/ledger"))
        assert "Stop paying out" in said and "payable and its account: reward_lost 500 0" in said
