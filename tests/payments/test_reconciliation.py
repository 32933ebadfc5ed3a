"""The ledger beside our rows, Stripe's movements and its balance: every cent agrees, or has a name and an age."""
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from marketplace.foundation import clock as product_clock
from marketplace.foundation import outbox
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import Conflict, Forbidden, NotFound
from marketplace.identity.models import Business, User
from marketplace.payments import ledger
from marketplace.payments.books import adopting, booking, event_poll, letters, open_items, reconciliation
from marketplace.payments.models import (
    PLATFORM,
    AccountKind,
    Explanation,
    Funding,
    OpenItem,
    OpenItemKind,
    Payable,
    PayableState,
    Reconciliation,
    Refund,
    StripeEvent,
    StripeMovement,
    Transfer,
)
from marketplace.payments.money_out.stops import lift_stops, stop_transfers, why_stopped
from marketplace.payments.money_out.transfers import DELIVER_TRANSFER, request_transfers, send_transfer
from marketplace.payments.sending import NotThere, renew_key
from tests.backups import Backup, SandboxBackup
from tests.browsing import end_reading
from tests.factories import make_business, make_user, owner_of
from tests.payments.book_steps import Market, named, reconcile, unnamed
from tests.payments.forging import forge, forge_posting, forget_entry
from tests.payments.money_steps import BOUNTY, ask_to_fund, fresh, holds, owe, pay_in, promised, usd
from tests.sandbox_server import SandboxServer

K = OpenItemKind


@pytest.fixture
def stripe(app: Flask, sandbox: SandboxServer) -> Iterator[SandboxServer]:
    """The sandbox. Here the books may disagree in the end."""
    before = app.extensions["gateway"]
    app.extensions["gateway"] = sandbox.gateway()
    yield sandbox
    sandbox.control.clear_faults()
    app.extensions["gateway"] = before


_LIVED: dict[str, tuple[Backup, SandboxBackup, timedelta]] = {}


@pytest.fixture
def market(stripe, clock, work, app) -> Market:
    """Lived through once a run, and brought back for each test."""
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    if url not in _LIVED:
        wes = owner_of(make_business())
        Market(stripe, clock, work, wes, make_user("Ana Flores"), db.session.scalars(select(Business)).one()).live()
        _LIVED[url] = Backup(), SandboxBackup(stripe), clock.moved + timedelta(minutes=1)
    else:
        backup, sandbox_backup, lived = _LIVED[url]
        backup.restore()
        sandbox_backup.restore(stripe)
        clock.move(lived)
    people = {user.name: user for user in db.session.scalars(select(User))}
    return Market(stripe, clock, work, people["Wes Park"], people["Ana Flores"], db.session.scalars(select(Business)).one())


def count(model: type) -> int:
    end_reading()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def item(kind: OpenItemKind) -> OpenItem:
    end_reading()
    return db.session.scalars(select(OpenItem).filter_by(kind=kind).order_by(OpenItem.id.desc()).limit(1)).one()


# ---- A healthy market

def test_a_busy_healthy_market_has_no_open_item_and_every_movement_is_explained(market):
    run = reconcile()
    assert named() == {} and unnamed(run) == {}
    line = run.lines["usd"]
    assert line["ledger_minor"] == line["movements_minor"] == line["stripe_minor"] == holds(AccountKind.CLEARING, PLATFORM) * -1
    kinds = {one.type for one in db.session.scalars(select(StripeMovement))}
    assert kinds == {"charge", "transfer", "transfer_refund", "refund"}
    assert run.movements == count(StripeMovement) == 7
    assert count(Explanation) == 10  # Each charge has a fee besides.
    assert why_stopped(None) is None


def test_a_movement_is_kept_once_however_often_it_is_read(market):
    reconcile()
    market.later(hours=1)
    pay_in(market.stripe, market.wes)
    again = reconcile()
    assert (again.movements, count(StripeMovement), named()) == (1, 8, {})
    assert again.read_from is not None and again.read_through - again.read_from > timedelta(days=3)


def test_what_is_on_its_way_is_counted_and_called_a_fault_only_when_it_is_old(market):
    """Money has moved at Stripe and our row has not heard; or a row is asked for and nothing was sent."""
    funding = ask_to_fund(market.wes, usd(300))
    market.stripe.control.pay_checkout(funding.checkout_session_id)
    run = reconcile()
    assert named() == {} and unnamed(run) == {}
    assert run.lines["usd"]["under_way_minor"] == 300_00 - 900
    market.later(hours=2)
    assert unnamed(reconcile()) == {}
    assert named() == {"charge_not_posted": 300_00 - 900}
    market.work()  # The hourly look at an open payment.
    assert unnamed(reconcile()) == {} and named() == {}


def test_bad_days_that_we_heard_of_are_no_discrepancies(market):
    """A chargeback taken and given back, a refund by hand, one that came back: each has its own entries."""
    lost, won, handed = (pay_in(market.stripe, market.wes, usd(400), purpose=f"bounty_{name}") for name in ("lost", "won", "handed"))
    control = market.stripe.control
    control.open_dispute(lost.charge_id, amount=400_00)
    disputed = control.open_dispute(won.charge_id, amount=300_00)["id"]
    control.refund_by_hand(handed.charge_id, amount=100_00)
    control.settle_refund(market.newest(Refund).stripe_refund_id, status="failed")
    listen(market)
    control.settle_dispute(disputed, status="won", fee_back=True)
    listen(market)
    market.later(hours=3)
    run = reconcile()
    assert named() == {} and unnamed(run) == {}
    assert {"adjustment", "refund", "refund_failure"} <= {one.type for one in db.session.scalars(select(StripeMovement))}


def listen(market: Market) -> None:
    """No webhook comes through: the hourly reading tells."""
    end_reading()
    with transaction():
        event_poll.poll_events()
    market.work()
    market.later(minutes=5)
    market.work()


# ---- Differences, each worth what it is worth; all the others are in discrepancies.py

def charge_unknown(market: Market) -> None:
    page = market.stripe.gateway().open_checkout(
        funding_id="fund_none", amount=usd(70), description="Not ours", customer_email="x@example.com",
        success_url="http://localhost/ok", cancel_url="http://localhost/no", group="none", key="none",
        expires_at=product_clock.now() + timedelta(hours=2))
    market.stripe.control.pay_checkout(page.id)


def charge_not_posted(market: Market) -> None:
    market.stripe.control.pay_checkout(ask_to_fund(market.wes, usd(70)).checkout_session_id)
    market.later(hours=2)


def fee_differs(market: Market) -> None:
    change(market, market.newest(Funding).charge_id, fee=100)  # Of $500: 1480.


def transfer_unknown(market: Market) -> None:
    fill_up(market)
    market.stripe.gateway().send_transfer(
        transfer_id="transfer_none", destination=market.newest(Transfer).destination, amount=usd(70), group="none", key="no")


def transfer_doubled(market: Market) -> None:
    market.stripe.control.double_transfer(market.newest(Transfer).stripe_transfer_id)


def payout_unexplained(market: Market) -> None:
    market.stripe.control.pay_out(amount=70_00, currency="usd")


def topup_unexplained(market: Market) -> None:
    market.stripe.control.top_up(amount=70_00, currency="usd")


def collection_unexplained(market: Market) -> None:
    market.stripe.control.add_movement(type="connect_collection_transfer", amount=-70_00, currency="usd")


def currency_differs(market: Market) -> None:
    change(market, market.newest(Transfer).stripe_transfer_id, currency="eur")


def movement_missing(market: Market) -> None:
    movement = market.movement(market.newest(Transfer).stripe_transfer_id)
    market.stripe.control.forget_movement(movement["id"])
    market.later(hours=2)


def balance_differs(market: Market) -> None:
    market.stripe.control.skew_balance(currency="usd", amount=-70_00)


def held_in_reserve(market: Market) -> None:
    market.stripe.control.add_movement(type="reserve_hold", amount=-70_00, currency="usd")


def row_without_posting(market: Market) -> None:
    transfer = market.newest(Transfer)
    forge("UPDATE ledger_entries SET reference = 'elsewhere' WHERE reference = :was", was=f"{transfer.id}:sent")


def posting_without_row(market: Market) -> None:
    forge("UPDATE transfers SET state = 'sending', stripe_transfer_id = NULL WHERE id = :id", id=market.newest(Transfer).id)


def event_unhandled(market: Market) -> None:
    with transaction():
        db.session.add(StripeEvent(id="evt_stuck", type="refund.updated", object_id="re_1", livemode=False))
    market.later(hours=2)


def below_floor(market: Market) -> None:
    """A posting forged past every trigger."""
    forge_posting(AccountKind.FUNDS, BOUNTY, -9000_00)


def ledger_unsound(market: Market) -> None:
    forge("UPDATE postings SET amount_minor = amount_minor + 1 WHERE seq IS NOT NULL AND entry_id = "
          "(SELECT max(id) FROM ledger_entries WHERE kind = 'refund_requested') AND amount_minor > 0")


def fill_up(market: Market) -> None:
    pay_in(market.stripe, market.wes, usd(200), purpose="bounty_filled")
    market.later(days=10)


def change(market: Market, source: str, **changes: object) -> None:
    market.stripe.control.change_movement(str(market.movement(source)["id"]), **changes)


FEE_70 = 233  # 2.9% of $70 and 30 cents.


@pytest.mark.parametrize(("forgery", "found"), [
    (row_without_posting, {"row_without_posting"}),
    (posting_without_row, {"posting_without_row"}),
    (below_floor, {"below_floor"}),
    (ledger_unsound, {"ledger_unsound"}),
], ids=lambda one: getattr(one, "__name__", None))
def test_what_a_hand_in_the_database_did_is_named(forgery, found, market):
    reconcile()
    forgery(market)
    reconcile()
    assert found <= named().keys()
    assert why_stopped(None) is not None


def test_another_currency_at_stripe_is_named_in_both(market):
    currency_differs(market)
    run = reconcile()
    end_reading()
    items = {(one.kind, one.currency): one.amount_minor for one in db.session.scalars(select(OpenItem))}
    assert items == {(K.CURRENCY_DIFFERS, "usd"): 1000_00, (K.CURRENCY_DIFFERS, "eur"): -1000_00, (K.BALANCE_NEGATIVE, ""): 0}
    assert unnamed(run) == {}


def test_an_entry_that_goes_after_it_explained_a_movement_is_named_to_the_cent(market):
    reconcile()
    forget_entry(f"{market.newest(Funding).id}:fee")
    run = reconcile()
    assert named() == {"ledger_unsound": -14_80} and unnamed(run) == {} and why_stopped(None) is not None


def test_a_reversal_that_stands_still_is_named(market):
    forge("UPDATE transfer_reversals SET state = 'sending', stripe_reversal_id = NULL")
    market.later(hours=30)
    reconcile()
    assert "reversal_stale" in named()


def test_what_stripe_charges_is_booked_by_its_rule_once(market):
    for amount in (-2_00, 0):
        market.stripe.control.add_movement(type="stripe_fee", amount=amount, currency="usd")
    fees = holds(AccountKind.STRIPE_FEES, PLATFORM)
    for _ in range(2):
        assert reconcile().lines["usd"]["ledger_minor"] == market.stripe.control.read_balances()["platform"]["usd"]["available"]
    assert holds(AccountKind.STRIPE_FEES, PLATFORM) == fees - 2_00
    assert named() == {} and ledger.check_ledger() == []


def test_what_is_reserved_against_accounts_in_debt_is_still_ours(market):
    """Stripe's balance tells it apart, so that nothing is missing."""
    market.stripe.control.add_movement(type="reserve_transaction", amount=-70_00, currency="usd")
    run = reconcile()
    assert named() == {} and run.lines["usd"]["ledger_minor"] == run.lines["usd"]["stripe_minor"]


def test_a_run_reads_a_hundred_movements_a_page_and_goes_on_where_it_was_killed(market):
    for number in range(95):
        market.stripe.control.add_movement(type="stripe_fee", amount=-1 - number, currency="usd")
    with transaction():
        run = reconciliation.begin_by_hand()
    outbox.do_now(reconciliation.READ_MOVEMENTS, run_id=run.id)
    assert count(StripeMovement) == 100 and fresh(type(run), run.id).cursor
    outbox.do_now(reconciliation.READ_MOVEMENTS, run_id=run.id)  # A worker that takes it over knows no more than the row.
    assert fresh(type(run), run.id).finished_at and named() == {}
    assert count(StripeMovement) == 102
    admin = make_user("Mona Lind", is_admin=True)
    with transaction():
        again = reconciliation.request_reconciliation(by=admin).id
    slow = reconciliation.READ_MOVEMENTS.call(run_id=again)
    market.work()  # The worker goes from page to page by itself, and reads what it has read before.
    ended = fresh(Reconciliation, again).finished_at
    assert ended and (count(StripeMovement), named()) == (102, {})
    asked = market.stripe.calls_to("/v1/balance_transactions", method="GET")
    outbox.do_now(reconciliation.READ_MOVEMENTS, run_id=again)
    with transaction():  # By a worker that was thought dead.
        reconciliation.READ_MOVEMENTS.settle(slow, run_id=again)
    assert (fresh(Reconciliation, again).finished_at, promised("read_movements")) == (ended, [])
    assert market.stripe.calls_to("/v1/balance_transactions", method="GET") == asked


# ---- Transfers stop, and go on

def test_while_stripe_holds_less_than_we_count_on_nothing_is_sent_and_it_goes_on_once_that_is_gone(market):
    owe(market.ana, market.westside.id, usd(50), "reward_3", purpose="bounty_trucks")
    payout = market.stripe.control.pay_out(amount=70_00, currency="usd")
    reconcile()
    assert why_stopped(None) is not None
    with transaction():
        request_transfers(market.ana.id)
    assert fresh(Payable, "reward_3").transfer_id is None
    market.stripe.control.fail_payout(payout["id"])
    reconcile()
    both = db.session.execute(select(OpenItem.kind, OpenItem.amount_minor).order_by(OpenItem.amount_minor)).all()
    assert both == [(K.PAYOUT_UNEXPLAINED, -70_00), (K.PAYOUT_UNEXPLAINED, 70_00)]
    book_all()
    assert why_stopped(None) is None
    with transaction():
        request_transfers(market.ana.id)
    market.work()
    assert fresh(Payable, "reward_3").transfer_id is not None


def book_all() -> None:
    admin = make_user("Mona Lind", is_admin=True)
    for one in list(db.session.scalars(open_items.open_items())):
        with transaction():
            booking.book_item(db.session.get_one(OpenItem, one.id), reason="Our own payout.", by=admin)
    end_reading()


def test_what_is_named_and_worth_nothing_does_not_stop_transfers(market):
    event_unhandled(market)
    held_in_reserve(market)
    reconcile()
    assert named().keys() == {"event_unhandled", "held_in_reserve"} and why_stopped(None) is None


@pytest.mark.parametrize(("inject", "account"), [
    (payout_unexplained, (AccountKind.BANK, PLATFORM, -70_00)),
    (topup_unexplained, (AccountKind.BANK, PLATFORM, 70_00)),
    (fee_differs, (AccountKind.STRIPE_FEES, PLATFORM, 13_80)),
    (collection_unexplained, (AccountKind.LOSSES, PLATFORM, -70_00)),
    (transfer_doubled, (AccountKind.LOSSES, PLATFORM, -1000_00)),
    (charge_unknown, (AccountKind.UNMATCHED, "", 7000 - FEE_70)),
    (movement_missing, (AccountKind.UNMATCHED, "", 1000_00)),
], ids=lambda one: getattr(one, "__name__", None))
def test_an_admin_books_a_difference_with_a_reason_and_the_books_agree(inject, account, market):
    inject(market)
    reconcile()
    admin = make_user("Mona Lind", is_admin=True)
    one = item(K(inject.__name__))
    kind, owner, worth = account
    owner = owner or one.subject_id
    before = holds(kind, owner)
    with transaction():
        booking.book_item(db.session.get_one(OpenItem, one.id), reason="Told by Stripe's support.", by=admin)
    assert holds(kind, owner) - before == worth
    run = reconcile()
    assert named() == {} and why_stopped(None) is None and unnamed(run) == {}
    assert run.lines["usd"]["ledger_minor"] == run.lines["usd"]["stripe_minor"]
    assert ledger.check_ledger() == []


def test_only_an_admin_with_a_reason_closes_an_item_and_it_stays_closed_while_it_is_the_same(market):
    balance_differs(market)
    reconcile()
    one, admin = item(K.BALANCE_DIFFERS), make_user("Mona Lind", is_admin=True)
    with pytest.raises(Forbidden), transaction():
        open_items.close_item(db.session.get_one(OpenItem, one.id), reason="Because.", by=market.ana)
    with pytest.raises(open_items.ReasonMissing), transaction():
        open_items.close_item(db.session.get_one(OpenItem, one.id), reason="  ", by=admin)
    with pytest.raises(booking.NotBookable), transaction():
        booking.book_item(db.session.get_one(OpenItem, one.id), reason="Why not", by=admin)
    assert why_stopped(None) is not None
    with transaction():
        open_items.close_item(db.session.get_one(OpenItem, one.id), reason="Stripe's own mistake, ticket 7.", by=admin)
    assert why_stopped(None) is None
    with pytest.raises(Conflict, match="closed already"), transaction():
        open_items.close_item(db.session.get_one(OpenItem, one.id), reason="Once more.", by=admin)
    with pytest.raises(NotFound):
        open_items.get_item("item_none", seen_by=admin)
    reconcile()
    assert named() == {} and why_stopped(None) is None
    market.stripe.control.skew_balance(currency="usd", amount=-71_00)
    reconcile()
    assert named() == {"balance_differs": -71_00}


@pytest.mark.once
def test_what_was_settled_after_it_was_found_is_not_booked_as_well(market):
    charge_not_posted(market)
    reconcile()
    one, admin = item(K.CHARGE_NOT_POSTED), make_user("Mona Lind", is_admin=True)
    market.work()
    with pytest.raises(booking.NotBookable, match="has changed"), transaction():
        booking.book_item(db.session.get_one(OpenItem, one.id), reason="It came in.", by=admin)
    reconcile()
    assert named() == {}


@pytest.mark.once
def test_what_stripe_shows_after_all_is_not_taken_back(market):
    movement = market.movement(market.newest(Transfer).stripe_transfer_id)
    movement_missing(market)
    reconcile()
    one, admin = item(K.MOVEMENT_MISSING), make_user("Mona Lind", is_admin=True)
    store = market.stripe.box.world.store
    with store.transaction():
        store.add(movement)
    with transaction():
        run = reconciliation.request_reconciliation(by=admin)
    read = reconciliation.READ_MOVEMENTS.call(run_id=run.id)
    with transaction():  # The run has kept its page, and is not at its end yet.
        reconciliation.READ_MOVEMENTS.settle(replace(read, is_last=False), run_id=run.id)
    with pytest.raises(booking.NotBookable, match="after all"), transaction():
        booking.book_item(db.session.get_one(OpenItem, one.id), reason="It never was.", by=admin)
    market.work()
    assert named() == {}


def test_a_transfer_is_said_to_have_paid_only_what_it_can_have_paid(market):
    transfer_unknown(market)
    for reference, amount in (("reward_5", 100), ("reward_6", 50)):
        owe(market.ana, market.westside.id, usd(amount), reference, purpose="bounty_trucks")
    reconcile()
    one, admin = item(K.TRANSFER_UNKNOWN), make_user("Mona Lind", is_admin=True)

    def adopt(*payable_ids: str) -> None:
        with transaction():
            adopting.adopt_transfer(db.session.get_one(OpenItem, one.id), payable_ids, reason="Read there.", by=admin)

    for wrong in ((), ("reward_none",), ("reward_1",), ("reward_6", "reward_none")):
        with pytest.raises(adopting.NotThese, match="still owed"):
            adopt(*wrong)
    with pytest.raises(adopting.NotThese, match="These are \\$100, and Stripe sent \\$70"):
        adopt("reward_5")
    adopt("reward_6")
    assert fresh(Payable, "reward_6").state is PayableState.SENT and fresh(Payable, "reward_5").state is PayableState.OWED
    assert holds(AccountKind.LOSSES, PLATFORM) == -20_00
    reconcile()
    assert named() == {}


@pytest.mark.once
def test_the_letter_is_not_sent_when_all_was_settled_before_it_goes(market):
    balance_differs(market)
    run = reconcile()
    make_user("Mona Lind", is_admin=True)
    (mail,) = letters.books_disagree(run.id)
    assert "Transfers are stopped" in mail.text and "Stripe has $70 less" in mail.text
    market.stripe.control.skew_balance(currency="usd", amount=0)
    reconcile()
    assert letters.books_disagree(run.id) == []


def test_what_was_explained_stays_explained(market):
    reconcile()
    with pytest.raises(Exception, match="immutable"), transaction():
        db.session.execute(text("DELETE FROM explanations"))


def test_runs_are_asked_for_by_admins_and_follow_each_other(market):
    with pytest.raises(Forbidden), transaction():
        reconciliation.request_reconciliation(by=market.ana)
    admin = make_user("Mona Lind", is_admin=True)
    with transaction():
        run = reconciliation.request_reconciliation(by=admin)
    with transaction():
        assert reconciliation.request_reconciliation(by=admin).id == run.id
    assert len(promised("read_movements")) == 1
    market.work()
    assert fresh(type(run), run.id).finished_at is not None


def stale() -> list[tuple[str, bool]]:
    end_reading()
    return [(item.id, item.resolved_at is None) for item in db.session.scalars(
        select(OpenItem).where(OpenItem.kind == K.TRANSFER_STALE).order_by(OpenItem.id))]


def on_its_way(market: Market, *, is_sent: bool) -> Transfer:
    """Asked for, and its jobs are lost."""
    owe(market.ana, market.westside.id, usd(100), "reward_late")
    with transaction():
        request_transfers(market.ana.id)
    transfer = market.newest(Transfer)
    if is_sent:
        with transaction():
            send_transfer(transfer.id)
    return fresh(Transfer, transfer.id)


def test_a_transfer_that_is_late_is_named_until_it_moves_on(market):
    """A new key begins no new day, and neither does a stop that came later."""
    transfer = on_its_way(market, is_sent=True)
    market.later(hours=23)
    reconcile()
    assert stale() == []
    with transaction():
        assert renew_key(fresh(Transfer, transfer.id), NotThere(1))
    market.later(hours=2)
    reconcile()
    ((item, is_open),) = stale()
    assert is_open
    with transaction():
        assert renew_key(fresh(Transfer, transfer.id), NotThere(2))
        stop_transfers("all", None, reason="Wait.", source="a test", by="system")
    reconcile()
    assert stale() == [(item, True)]
    with transaction():
        lift_stops("a test", by="system")
    outbox.do_now(DELIVER_TRANSFER, transfer_id=transfer.id)
    reconcile()
    assert stale() == [(item, False)]


def test_a_stop_neither_names_what_it_holds_back_nor_hides_what_was_late_before(market):
    transfer = on_its_way(market, is_sent=False)
    with transaction():
        stop_transfers("all", None, reason="Wait.", source="a test", by="system")
    market.later(hours=25)
    reconcile()
    assert stale() == []
    with transaction():
        lift_stops("a test", by="system")
    reconcile()
    ((item, is_open),) = stale()
    assert is_open
    with transaction():
        stop_transfers("all", None, reason="Wait.", source="another test", by="system")
    reconcile()
    assert stale() == [(item, True)]
    with transaction():
        send_transfer(transfer.id)
    reconcile()
    assert stale() == [(item, False)]
