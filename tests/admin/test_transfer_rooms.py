"""The rooms for money out, as admins use them: preview, approval by two, progress, debts, taking back by hand."""
from dataclasses import replace

import pytest
from lxml import html
from sqlalchemy import select

from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.outbox import OutboxMessage
from marketplace.payments.models import AccountKind, BatchState, Transfer, TransferBatch
from marketplace.payments.money_out import stops
from marketplace.payments.money_out.transfers import request_transfers
from tests.browsing import body_of, words_of
from tests.factories import make_business, make_user, owner_of
from tests.payments.conftest import stripe  # noqa: F401 - the fixture
from tests.payments.money_steps import BOUNTY, fresh, holds, make_ready, owe, pay_in, take_back, usd


@pytest.fixture
def nightly(app):
    before = app.extensions["settings"]
    app.extensions["settings"] = replace(before, transfer_batches="nightly", transfer_approval_above={"usd": 500})
    yield
    app.extensions["settings"] = before


@pytest.fixture
def ana(app):
    return make_user("Ana Flores")


@pytest.fixture
def westside(app):
    return make_business()


@pytest.fixture
def funded(stripe, nightly, westside, ana, later):  # noqa: F811
    pay_in(stripe, owner_of(westside), usd(2100))
    later(days=10)
    return make_ready(stripe, ana)


@pytest.fixture
def mona(app, as_user):
    return as_user(make_user("Mona Lind", is_admin=True))


@pytest.fixture
def milo(app, as_user):
    return as_user(make_user("Milo Berg", is_admin=True))


def press(browser, page: str, action: str):
    """The button of ``page`` whose form leads to ``action``."""
    token = browser.page(page).xpath("//input[@name='csrf_token']/@value")[0]
    return browser.post(action, data={"csrf_token": token}, follow_redirects=True)


def test_a_batch_is_seen_approved_by_another_and_followed_to_its_end(
        stripe, funded, westside, ana, mona, milo, work, mailbox):  # noqa: F811
    owe(ana, westside.id, usd(600))
    little = make_user("Little Earner")
    make_ready(stripe, little)
    owe(little, westside.id, usd(3), "reward_2")
    words = words_of(mona.page("/admin/transfers"))
    assert "Goes with the next batch $600" in words and "Less than the smallest transfer: waits for more $3" in words
    answer = press(mona, "/admin/transfers", "/admin/transfers/batches")
    batch = db.session.scalars(select(TransferBatch)).one()
    page = f"/admin/transfers/batches/{batch.id}"
    assert answer.request.path == page
    words = words_of(mona.page(page))
    assert "Ana Flores" in words and "$600" in words and "another admin must approve it" in words
    assert "Less than the smallest transfer" in words
    assert press(mona, page, f"{page}/approval").status_code == 403
    assert press(milo, page, f"{page}/approval").status_code == 200
    assert "0 of 1" in words_of(milo.page(page)) and "Look again" in words_of(milo.page(page))
    work()
    words = words_of(milo.page(page))
    assert "1 of 1" in words and "Done" in words and "Look again" not in words
    assert "Sent" in words_of(milo.page("/admin/transfers?show=sent"))
    assert "No transfer here" in words_of(milo.page("/admin/transfers?show=failed"))
    assert mailbox.to(db.session.get(type(ana), batch.asked_by).email)


def test_a_batch_whose_job_was_given_up_says_so_and_goes_on_when_it_is_tried_again(
        stripe, funded, westside, ana, mona, work):  # noqa: F811
    owe(ana, westside.id, usd(100))
    press(mona, "/admin/transfers", "/admin/transfers/batches")
    batch = db.session.scalars(select(TransferBatch)).one()
    page = f"/admin/transfers/batches/{batch.id}"
    press(mona, page, f"{page}/approval")
    assert "stands still" not in words_of(mona.page(page)) + words_of(mona.page("/admin/transfers"))
    with transaction():
        job = db.session.scalars(select(OutboxMessage).filter_by(job="run_batch")).one()
        job.dead_at, job.last_error = clock.now(), "OperationalError: the disk was full"
    assert "A batch stands still, and no later one begins" in words_of(mona.page("/admin/transfers"))
    assert "What went wrong: OperationalError: the disk was full" in words_of(mona.page(page))
    press(mona, page, f"/admin/jobs/{job.id}/revival")
    assert "stands still" not in words_of(mona.page(page))
    work()
    assert fresh(TransferBatch, batch.id).state is BatchState.DONE


def test_a_batch_that_is_not_wanted_is_put_away(funded, westside, ana, mona, work, stripe):  # noqa: F811
    owe(ana, westside.id, usd(100))
    press(mona, "/admin/transfers", "/admin/transfers/batches")
    batch = db.session.scalars(select(TransferBatch)).one()
    page = f"/admin/transfers/batches/{batch.id}"
    assert "This batch sends nothing." in press(mona, page, f"{page}/dropping").text
    work()
    assert fresh(TransferBatch, batch.id).state is BatchState.DROPPED
    assert db.session.scalar(select(Transfer)) is None


def test_a_batch_of_which_nothing_could_be_sent_says_what_was_left_out_and_why(
        app, funded, westside, ana, mona, work, stripe, mailbox):  # noqa: F811
    owe(ana, westside.id, usd(100))
    press(mona, "/admin/transfers", "/admin/transfers/batches")
    batch = db.session.scalars(select(TransferBatch)).one()
    with transaction():
        stops.stop_transfers("payable", "reward_1", reason="Disputed", source="dispute_1", by="system")
    press(mona, f"/admin/transfers/batches/{batch.id}", f"/admin/transfers/batches/{batch.id}/approval")
    work()
    (row,) = mona.page("/admin/transfers").xpath("//table[caption='Latest batches']/tbody/tr")
    assert "$100 left out" in words_of(row) and "Taken back or stopped since the batch was counted" in words_of(row)
    assert "Nothing left to send" in words_of(row) and "Done" not in words_of(row)
    words = words_of(mona.page(f"/admin/transfers/batches/{batch.id}"))
    assert "Nothing left to send" in words and "Done" not in words
    assert "Nothing was left to send when it ran. Its page says why." in body_of(mailbox.all()[-1])
    answer = press(mona, "/admin/transfers", "/admin/transfers/batches")  # Of a page that was opened before the stop.
    assert answer.status_code == 409 and "Latest batches" in answer.text
    assert "Nothing was changed. Nothing is owed that could be sent now. “Owed now” says what waits" in words_of(html.fromstring(answer.text))
    with transaction():
        stops.lift_stops("dispute_1", by="system")
    press(mona, "/admin/transfers", "/admin/transfers/batches")
    batch = db.session.scalars(select(TransferBatch).filter_by(state=BatchState.PREVIEWED)).one()
    app.extensions["settings"] = replace(app.extensions["settings"], transfer_batches="at_once")
    with transaction():
        request_transfers(ana.id)
    press(mona, f"/admin/transfers/batches/{batch.id}", f"/admin/transfers/batches/{batch.id}/approval")
    work()
    words = words_of(mona.page(f"/admin/transfers/batches/{batch.id}"))
    assert "Sent since the batch was counted, in a transfer of its own" in words and "Taken back or stopped" not in words


def test_stopped_money_is_shown_with_its_reason_to_admin_and_payee(funded, westside, ana, mona, as_user, stripe):  # noqa: F811
    owe(ana, westside.id, usd(100))
    with transaction():
        stops.stop_transfers("business", westside.id, reason="A chargeback is open.", source="dispute_1", by="system")
    words = words_of(mona.page("/admin/transfers"))
    assert "A chargeback is open." in words and "Stopped: a dispute" in words
    assert "All that a business paid for: Westside Auto" in words and westside.id not in words
    words = words_of(as_user(ana).page("/payouts"))
    assert "$100 of it waits. A chargeback is open." in words and "with the next batch" in words


def test_a_debt_is_listed_aged_and_written_off(funded, westside, ana, mona, work, later, stripe):  # noqa: F811
    owe(ana, westside.id, usd(100))
    press(mona, "/admin/transfers", "/admin/transfers/batches")
    batch = db.session.scalars(select(TransferBatch)).one()
    press(mona, f"/admin/transfers/batches/{batch.id}", f"/admin/transfers/batches/{batch.id}/approval")
    work()
    stripe.control.pay_out_account(funded.stripe_account_id, currency="usd")
    take_back("reward_1", usd(40))
    work()
    later(days=45)
    words = words_of(mona.page("/admin/receivables"))
    assert "31 to 60 days $40" in words and "Ana Flores" in words
    link = mona.page("/admin/receivables").xpath("//a[text()='Write off']/@href")[0]
    answer = mona.submit(link, {"reason": ""}, follow=False)
    assert answer.status_code == 422
    mona.submit(link, {"reason": "She cannot be reached any more"})
    assert "Nobody owes anything back" in words_of(mona.page("/admin/receivables"))
    assert holds(AccountKind.LOSSES, "platform") == -40_00


def test_a_transfer_is_taken_back_by_two_admins(funded, westside, ana, mona, milo, work, stripe):  # noqa: F811
    owe(ana, westside.id, usd(600))
    press(mona, "/admin/transfers", "/admin/transfers/batches")
    batch = db.session.scalars(select(TransferBatch)).one()
    press(milo, f"/admin/transfers/batches/{batch.id}", f"/admin/transfers/batches/{batch.id}/approval")
    work()
    transfer = db.session.scalars(select(Transfer)).one()
    page, funds = f"/admin/transfers/{transfer.id}", holds(AccountKind.FUNDS, BOUNTY)
    unsaid = mona.submit(page, {"amount": "600", "cause": "", "reason": "The wrong Ana"}, follow=False)
    assert unsaid.status_code == 422 and "Choose why." in unsaid.text
    assert mona.submit(page, {"amount": "601", "cause": "wrong_payee", "reason": "The wrong Ana"}, follow=False).status_code == 422
    mona.submit(page, {"amount": "600", "cause": "wrong_payee", "reason": "The wrong Ana"})
    work()
    assert holds(AccountKind.FUNDS, BOUNTY) == funds
    assert "Agree" not in words_of(mona.page("/admin/receivables"))
    assert "To take back $600 waits for a second admin." in (words := words_of(milo.page(page)))
    to_business = "To the business: It had gone to the wrong person."
    assert to_business in words and to_business in words_of(milo.page("/admin/receivables"))
    [action] = milo.page("/admin/receivables").xpath("//form[contains(@action, '/grant')]/@action")
    assert "Asked of Stripe: $600 is being taken back." in press(milo, "/admin/receivables", action).text
    work()
    assert holds(AccountKind.FUNDS, BOUNTY) == funds + 600_00
    words = words_of(milo.page(page))
    assert f"$600Taken backThe wrong Ana{to_business} Mona Lind" in words and "To take back" not in words
