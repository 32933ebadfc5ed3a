"""An old backup is put back while Stripe is ahead: every gap is found, nothing is sent until none is left."""
import os
import random

import pytest
from sqlalchemy import select

from marketplace.foundation.db import db, transaction
from marketplace.payments.books import adopting, booking, event_poll, open_items
from marketplace.payments.ledger import check_ledger
from marketplace.payments.models import (
    Funding,
    LedgerEntry,
    OpenItem,
    OpenItemKind,
    Payable,
    PayableState,
    StripeMovement,
    Transfer,
)
from marketplace.payments.money_in.refunds import refund_free_funds
from marketplace.payments.money_out.stops import why_stopped
from marketplace.payments.money_out.transfers import request_transfers
from tests.backups import Backup
from tests.browsing import end_reading
from tests.factories import make_business, make_user, owner_of
from tests.payments.book_steps import Market, named, reconcile, unnamed
from tests.payments.money_steps import ask_to_fund, fresh, make_ready, owe, pay_in, take_back, usd
from tests.sandbox_server import SandboxServer

K = OpenItemKind
SEED = int(os.environ.get("FINGERPOST_SEED") or 1)
STORIES = 2 * int(os.environ.get("FINGERPOST_LENGTH", "1"))


@pytest.fixture
def stripe(app, sandbox: SandboxServer):
    before = app.extensions["gateway"]
    app.extensions["gateway"] = sandbox.gateway()
    yield sandbox
    app.extensions["gateway"] = before


@pytest.fixture
def market(stripe, clock, work, app) -> Market:
    """Funds are there, Ana and Bo can be paid, nothing has gone to them yet."""
    business = make_business()
    wes, ana = owner_of(business), make_user("Ana Flores")
    market = Market(stripe, clock, work, wes, ana, business)
    pay_in(stripe, wes, usd(4000))
    make_ready(stripe, ana)
    market.later(days=10)
    return market


def gaps(market: Market) -> set[str]:
    """Movements at Stripe that no entry of ours explains and that no open item names: nobody may be asleep about one."""
    end_reading()
    at_stripe = {str(one["id"]) for one in market.stripe.control.read_movements()["movements"]}
    explained = set(db.session.scalars(select(StripeMovement.id).where(StripeMovement.explained_at.is_not(None))))
    open_now = set(db.session.scalars(select(OpenItem.subject_id).where(OpenItem.resolved_at.is_(None))))
    return at_stripe - explained - open_now


def settle_by_hand(reason: str = "Restored on Monday; read in Stripe's dashboard.") -> None:
    """What the runbook says of each item that the hour after a restore has not settled by itself."""
    admin = make_user("Mona Lind", is_admin=True)
    for item_id in [one.id for one in db.session.scalars(open_items.open_items())]:
        item = db.session.get_one(OpenItem, item_id)
        owed = fitting(item)
        with transaction():
            if owed:
                adopting.adopt_transfer(db.session.get_one(OpenItem, item_id), owed, reason=reason, by=admin)
            elif booking.may_be_booked(item):
                booking.book_item(db.session.get_one(OpenItem, item_id), reason=reason, by=admin)
            else:
                open_items.close_item(db.session.get_one(OpenItem, item_id), reason=reason, by=admin)
    end_reading()


def fitting(item: OpenItem) -> list[str]:
    """Of what the payee is still owed, oldest first, all that fits into the transfer."""
    left, chosen = -item.amount_minor, []
    for payable in adopting.payables_it_may_have_paid(item):
        if payable.amount_minor <= left:
            left -= payable.amount_minor
            chosen.append(payable.id)
    return chosen


def test_after_a_restore_every_gap_is_found_and_nothing_is_sent_until_none_is_open(market):
    page = ask_to_fund(market.wes, usd(300), purpose="bounty_boats")
    under_way, session = page.id, page.checkout_session_id
    market.pay_ana("reward_0", 200)
    owe(market.ana, market.westside.id, usd(400), "reward_1")
    backup = Backup()
    # What Stripe has seen, and the backup has not: a payment, a transfer, a reversal, a refund and a new page paid.
    market.stripe.control.pay_checkout(session)
    forgotten = market.pay_ana("reward_2", 500).id
    market.work()
    take_back("reward_2", usd(50), "clawback_2")
    pay_in(market.stripe, market.wes, usd(250), purpose="bounty_new")
    with transaction():
        refund_free_funds("bounty_new", "usd", by=market.wes.id)
    market.work()
    ahead = len(market.stripe.control.read_movements()["movements"])

    backup.restore()
    assert db.session.get(Transfer, forgotten) is None and fresh(Payable, "reward_1").state is PayableState.OWED
    market.later(hours=3)
    run = reconcile()
    assert run.movements == ahead and gaps(market) == set() and unnamed(run) == {}
    found = named()
    assert {"charge_unknown", "refund_unknown", "reversal_unknown", "transfer_unknown", "charge_not_posted"} <= found.keys()
    assert why_stopped(None) is not None

    # A payee to whom we still seem to owe is not paid a second time meanwhile.
    made = market.stripe.calls_to("/v1/transfers")
    with transaction():
        request_transfers(market.ana.id)
    market.work()
    assert market.stripe.calls_to("/v1/transfers") == made

    # The hourly reading of events, and the jobs' own looks, settle what our rows know of.
    with transaction():
        event_poll.poll_events()
    market.work()
    assert fresh(Funding, under_way).state.value == "paid"
    run = reconcile()
    assert "charge_not_posted" not in named() and why_stopped(None) is not None
    settle_by_hand()
    run = reconcile()
    assert named() == {} and unnamed(run) == {} and why_stopped(None) is None
    assert run.lines["usd"]["ledger_minor"] == run.lines["usd"]["stripe_minor"]
    assert check_ledger() == []
    # Of the $900 that had gone, $400 were for a reward that the backup still owed: it counts as paid, and stays so.
    assert fresh(Payable, "reward_1").state is PayableState.SENT
    owe(market.ana, market.westside.id, usd(600), "reward_9")
    with transaction():
        request_transfers(market.ana.id)
    market.work()
    assert market.newest(Transfer).amount == usd(600)


def test_a_transfer_that_was_under_way_at_the_backup_is_found_at_stripe_and_not_sent_again(market):
    owe(market.ana, market.westside.id, usd(400), "reward_1")
    with transaction():
        request_transfers(market.ana.id)
    transfer = market.newest(Transfer)
    backup = Backup()
    market.work()
    assert fresh(Transfer, transfer.id).stripe_transfer_id
    backup.restore()
    market.later(hours=30)
    reconcile()
    assert named().get("transfer_not_posted") == -400_00 and why_stopped(None) is not None
    for _ in range(3):
        market.work()
        market.later(hours=2)
    assert len(market.stripe.box.world.store.all("transfer")) == 1


def live_on(market: Market, dice: random.Random, steps: int) -> None:
    """Some days of a market, as the dice say."""
    for _ in range(steps):
        number = dice.randrange(10**9)
        match dice.randrange(5):
            case 0:
                pay_in(market.stripe, market.wes, usd(dice.randrange(50, 900)), purpose=f"bounty_{number}")
            case 1:
                market.later(days=3)
                market.pay_ana(f"reward_{number}", dice.randrange(20, 200))
            case 2:
                paid = db.session.scalars(select(Payable).filter_by(state=PayableState.SENT)).all()
                if paid:
                    take_back(dice.choice(paid).id, usd(1), f"clawback_{number}")
            case 3:
                purposes = list(db.session.scalars(select(Funding.purpose_id).where(Funding.purpose_id != "bounty_cars")))
                if purposes:
                    with transaction():
                        refund_free_funds(dice.choice(purposes), "usd", by=market.wes.id)
            case 4:
                market.later(hours=dice.randrange(1, 30))
        market.work()


def restore_at_random(market: Market, seed: int, steps: int) -> int:
    """One story of a backup, life going on, and the restore; how many gaps were found. ``seed`` repeats it."""
    dice = random.Random(seed)
    live_on(market, dice, steps)
    if dice.random() < 0.5:
        reconcile()
    backup = Backup()
    known = db.session.scalars(select(LedgerEntry.id)).all()
    live_on(market, dice, steps)
    backup.restore()
    market.later(hours=3)
    run = reconcile()
    assert gaps(market) == set(), f"seed {seed}"
    assert unnamed(run) == {}, f"seed {seed}"
    differs = any(line["ledger_minor"] != line["stripe_minor"] for line in run.lines.values())
    assert (why_stopped(None) is not None) == differs == any(
        open_items.does_stop(item.kind, item.amount_minor) for item in db.session.scalars(open_items.open_items())), f"seed {seed}"
    found = len(named())
    settle_by_hand()
    run = reconcile()
    assert named() == {} and unnamed(run) == {} and why_stopped(None) is None, f"seed {seed}"
    assert len(db.session.scalars(select(LedgerEntry.id)).all()) >= len(known)
    assert check_ledger() == [], f"seed {seed}"
    return found


@pytest.mark.parametrize("seed", range(SEED, SEED + STORIES))
def test_wherever_the_backup_was_made_no_gap_stays_unnamed(seed, market, record_property):
    print(f"seed {seed} (FINGERPOST_SEED={seed} begins with it)")
    record_property("gaps", restore_at_random(market, seed, steps=5))
    record_property("seed", seed)
