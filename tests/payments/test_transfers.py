"""Money out: what is owed goes to the connected account once, whatever befalls the call."""
import pytest
from flask import current_app
from sqlalchemy import select

from marketplace.foundation import outbox
from marketplace.foundation.audit import AuditEvent
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.payments import ledger
from marketplace.payments.models import (
    PLATFORM,
    AccountKind,
    ConnectedAccount,
    Payable,
    PayableState,
    PayeeState,
    Transfer,
    TransferState,
)
from marketplace.payments.money_out import stops, transfers
from marketplace.payments.money_out.requests import minimum_transfer
from marketplace.payments.money_out.transfers import DELIVER_TRANSFER
from tests.factories import make_business, make_user, owner_of
from tests.payments.money_steps import (
    BOUNTY,
    fresh,
    holds,
    make_ready,
    only_transfer,
    owe,
    pay_in,
    promised,
    take_back,
    usd,
)

K, S = AccountKind, TransferState
TROUBLES = ["lost_before", "lost_after", "half_written", "error_unstored", "error_stored", "error_stored_after",
            "rate_limited", "key_in_use"]


@pytest.fixture
def funded(stripe, wes, later, keep_row):
    """A paid funding whose money has become available at Stripe."""
    def build():
        funding = pay_in(stripe, wes)
        later(days=10)
        return funding
    return keep_row("funded", build)


@pytest.fixture
def payee(stripe, funded, ana, keep_row):
    """Ana, ready to be paid out of it."""
    return keep_row("ready", lambda: make_ready(stripe, ana))


def ask(user) -> None:
    with transaction():
        transfers.request_transfers(user.id)


def sent(stripe) -> list[int]:
    return [one["amount"] for one in stripe.box.world.store.all("transfer")]


def test_what_is_owed_is_sent_and_settled(stripe, payee, westside, ana, work, news):
    payable = owe(ana, westside.id, usd(1000))
    ask(ana)
    transfer = only_transfer()
    assert (transfer.state, transfer.amount, transfer.destination) == (S.REQUESTED, usd(1000), payee.stripe_account_id)
    assert (holds(K.PAYABLE, "reward_1"), holds(K.IN_TRANSIT, transfer.id)) == (0, 1000_00)
    assert fresh(Payable, payable.id).state is PayableState.IN_TRANSFER
    work()
    transfer = only_transfer()
    assert transfer.state is S.SENT and transfer.stripe_transfer_id and transfer.sent_at
    assert fresh(Payable, payable.id).state is PayableState.SENT
    assert (holds(K.IN_TRANSIT, transfer.id), holds(K.CLEARING, PLATFORM)) == (0, -(50_00 - 30_75))
    assert sent(stripe) == [1000_00]
    assert news.count(("note_transfer", {"transfer_id": transfer.id})) == 2  # asked for, then sent


def test_several_rewards_of_one_business_go_in_one_transfer(stripe, payee, westside, ana, work):
    for number in range(3):
        owe(ana, westside.id, usd(100 + number), f"reward_{number}")
    ask(ana)
    work()
    assert sent(stripe) == [303_00]


def test_businesses_are_kept_apart(stripe, funded, westside, ana, work, later):
    other = make_business(name="Brightroof")
    pay_in(stripe, owner_of(other), usd(500), "bounty_roof")
    later(days=10)
    make_ready(stripe, ana)
    owe(ana, westside.id, usd(100), "reward_1")
    owe(ana, other.id, usd(200), "reward_2", "bounty_roof")
    ask(ana)
    work()
    assert sorted(sent(stripe)) == [100_00, 200_00]


def test_little_sums_wait_until_they_are_enough(stripe, payee, westside, ana, work):
    owe(ana, westside.id, Money(9_99, "usd"), "reward_1")
    ask(ana)
    assert db.session.scalar(select(Transfer)) is None
    owe(ana, westside.id, Money(1, "usd"), "reward_2")
    ask(ana)
    work()
    assert sent(stripe) == [10_00]


def test_the_minimum_is_ten_of_the_currencys_main_unit():
    assert minimum_transfer("usd") == Money(10_00, "usd")
    assert minimum_transfer("jpy") == Money(10, "jpy")


def test_what_is_owed_waits_for_an_account_and_goes_out_when_it_is_ready(stripe, funded, westside, ana, work):
    owe(ana, westside.id, usd(1000))
    ask(ana)
    assert db.session.scalar(select(Transfer)) is None
    make_ready(stripe, ana)
    work()
    assert sent(stripe) == [1000_00]


def test_a_second_transfer_waits_while_one_is_open(stripe, payee, westside, ana, work):
    owe(ana, westside.id, usd(100), "reward_1")
    ask(ana)
    owe(ana, westside.id, usd(200), "reward_2")
    ask(ana)
    assert only_transfer().amount == usd(100)
    work()  # Nobody asks again: the first one's end does.
    assert sorted(sent(stripe)) == [100_00, 200_00]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_whatever_befalls_the_call_the_money_goes_once(stripe, payee, westside, ana, work, later, trouble):
    owe(ana, westside.id, usd(1000))
    stripe.control.plan_fault(kind=trouble, path="/v1/transfers$", method="POST")
    ask(ana)
    for _ in range(3):
        work()
        later(minutes=20)
    assert only_transfer().state is S.SENT
    assert sent(stripe) == [1000_00]


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("times", [2, 4])
def test_trouble_that_stays_a_while_still_ends_with_the_money_going_once(
        stripe, payee, westside, ana, work, later, trouble, times):
    owe(ana, westside.id, usd(1000))
    stripe.control.plan_fault(kind=trouble, path="/v1/transfers", times=times)
    ask(ana)
    for _ in range(8):
        work()
        later(minutes=40)
    assert only_transfer().state is S.SENT
    assert sent(stripe) == [1000_00]


def test_a_worker_that_dies_after_the_call_leaves_it_to_the_next_one(stripe, payee, westside, ana, work, later, jobs):
    owe(ana, westside.id, usd(1000))
    ask(ana)
    while not promised("deliver_transfer"):
        assert outbox.run_next(jobs)

    def die(*outcome: object, **arguments: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        while outbox.run_next({**jobs, "deliver_transfer": outbox.Errand(DELIVER_TRANSFER.call, die)}):
            pass
    assert only_transfer().state is S.SENDING
    assert sent(stripe) == [1000_00]
    work()
    assert only_transfer().state is S.SENDING  # The dead worker's lease still runs.
    later(minutes=3)
    work()
    assert only_transfer().state is S.SENT
    assert sent(stripe) == [1000_00]


@pytest.mark.parametrize("was_done", [True, False])
@pytest.mark.parametrize("hours", [25, 31 * 24])
def test_when_the_key_is_too_old_to_trust_stripe_is_asked_what_happened(
        stripe, payee, westside, ana, work, later, jobs, was_done, hours):
    owe(ana, westside.id, usd(1000))
    stripe.control.plan_fault(kind="lost_after" if was_done else "lost_before", path="/v1/transfers$", method="POST")
    ask(ana)
    work()
    first_key = only_transfer().idempotency_key
    later(hours=hours)
    work()
    transfer = only_transfer()
    assert transfer.state is S.SENT
    assert sent(stripe) == [1000_00]
    assert transfer.attempt_no == (1 if was_done else 2)
    assert (transfer.idempotency_key == first_key) is was_done


def test_a_key_at_its_end_is_neither_used_nor_replaced_for_a_while(stripe, payee, westside, ana, work, later):
    owe(ana, westside.id, usd(1000))
    stripe.control.plan_fault(kind="lost_before", path="/v1/transfers$", method="POST")
    ask(ana)
    work()
    later(hours=23, minutes=5)
    work()
    assert (only_transfer().state, only_transfer().attempt_no, sent(stripe)) == (S.SENDING, 1, [])
    later(hours=1)
    work()
    assert (only_transfer().state, only_transfer().attempt_no, sent(stripe)) == (S.SENT, 2, [1000_00])


def test_a_key_of_yesterday_would_pay_twice_so_the_look_up_has_teeth(stripe, payee, westside, ana, later):
    gateway, amount = stripe.gateway(), usd(100)
    call = {"transfer_id": "t", "destination": payee.stripe_account_id, "amount": amount, "group": "g", "key": "k"}
    gateway.send_transfer(**call)
    gateway.send_transfer(**call)
    assert sent(stripe) == [100_00]
    later(hours=25)
    gateway.send_transfer(**call)
    assert sent(stripe) == [100_00, 100_00]
    with transaction():  # Keep the books level with what this test did behind their back.
        ledger.move(usd(200), source=ledger.account(K.FUNDS, BOUNTY, "usd"), target=ledger.clearing("usd"),
                    kind="test", reference="test")


def test_too_little_at_stripe_gives_the_money_back_and_tries_again_after_an_hour(
        stripe, wes, westside, ana, work, later, news):
    pay_in(stripe, wes)  # Paid just now: still pending at Stripe.
    make_ready(stripe, ana)
    owe(ana, westside.id, usd(1000))
    ask(ana)
    work()
    transfer = only_transfer()
    assert (transfer.state, transfer.failure_code) == (S.FAILED, "balance_insufficient")
    assert (holds(K.PAYABLE, "reward_1"), holds(K.IN_TRANSIT, transfer.id)) == (1000_00, 0)
    assert fresh(Payable, "reward_1").state is PayableState.OWED
    assert ("note_transfer", {"transfer_id": transfer.id}) in news
    ask(ana)
    assert only_transfer().id == transfer.id  # Not before the hour is over.
    later(days=10)
    work()
    assert sent(stripe) == [1000_00]
    assert fresh(Payable, "reward_1").state is PayableState.SENT
    assert db.session.scalars(select(AuditEvent).filter_by(action="transfer.failed", subject_id=transfer.id)).one()


@pytest.mark.parametrize("state", ["restricted", "pending", "closed"])
def test_the_account_is_looked_at_right_before_sending(stripe, payee, westside, ana, work, state):
    owe(ana, westside.id, usd(1000))
    ask(ana)
    stripe.control.set_account_state(payee.stripe_account_id, state=state)
    work()
    transfer = only_transfer()
    assert (transfer.state, transfer.failure_code) == (S.FAILED, "payee_not_ready")
    assert sent(stripe) == []
    assert fresh(ConnectedAccount, payee.id).state is not PayeeState.READY
    assert holds(K.PAYABLE, "reward_1") == 1000_00


def test_an_account_that_is_ready_again_is_paid_at_once(stripe, payee, westside, ana, work, later):
    owe(ana, westside.id, usd(1000))
    ask(ana)
    stripe.control.set_account_state(payee.stripe_account_id, state="restricted")
    work()
    stripe.control.set_account_state(payee.stripe_account_id, state="active")
    with transaction():
        outbox.promise("check_payee", payee_id=payee.id)
    work()
    assert sent(stripe) == [1000_00]


def test_an_account_that_was_stopped_after_the_money_went_is_not_paid_again(stripe, payee, westside, ana, work, later):
    owe(ana, westside.id, usd(1000))
    stripe.control.plan_fault(kind="lost_after", path="/v1/transfers$", method="POST")
    ask(ana)
    work()
    stripe.control.set_account_state(payee.stripe_account_id, state="restricted")
    later(minutes=5)
    work()
    assert only_transfer().state is S.SENT
    assert sent(stripe) == [1000_00]


def test_while_an_earlier_call_may_be_under_way_nothing_is_given_back(stripe, payee, westside, ana, work, later):
    """The first call was lost on its way, and may yet arrive: not found is not the same as never sent."""
    owe(ana, westside.id, usd(1000))
    stripe.control.plan_fault(kind="lost_before", path="/v1/transfers$", method="POST")
    ask(ana)
    work()
    with transaction():
        stops.stop_transfers("business", westside.id, reason="Chargeback", source="dispute_1", by="system")
    later(minutes=10)
    work()
    assert (only_transfer().state, holds(K.PAYABLE, "reward_1")) == (S.SENDING, 0)
    later(minutes=6)
    work()
    assert (only_transfer().state, only_transfer().failure_code) == (S.FAILED, "stopped")
    assert (holds(K.PAYABLE, "reward_1"), sent(stripe)) == (1000_00, [])


def test_a_currency_that_the_account_does_not_take_waits(stripe, payee, westside, ana, work):
    """Stripe converts no Kuwaiti dinars."""
    with transaction():
        ledger.move(Money(90_000, "kwd"), source=ledger.clearing("kwd"), target=ledger.account(K.FUNDS, BOUNTY, "kwd"),
                    kind="test", reference="test")
    owe(ana, westside.id, Money(90_000, "kwd"))
    ask(ana)
    assert payee.currency == "usd" and db.session.scalar(select(Transfer)) is None
    assert holds(K.PAYABLE, "reward_1", "kwd") == 90_000
    take_back("reward_1", Money(90_000, "kwd"))
    with transaction():  # Level with Stripe, which never saw these dinars.
        ledger.move(Money(90_000, "kwd"), source=ledger.account(K.FUNDS, BOUNTY, "kwd"), target=ledger.clearing("kwd"),
                    kind="test", reference="test back")


def test_an_account_that_stripe_does_not_know_any_more_is_tried_again_a_day_later(
        stripe, payee, westside, ana, work, later):
    known = payee.stripe_account_id
    owe(ana, westside.id, usd(1000))
    with transaction():
        db.session.get_one(ConnectedAccount, payee.id).stripe_account_id = "acct_of_nobody"
    ask(ana)
    work()
    transfer = only_transfer()
    assert transfer.state is S.FAILED and transfer.failure_code == "not_found"
    assert holds(K.PAYABLE, "reward_1") == 1000_00
    with transaction():
        db.session.get_one(ConnectedAccount, payee.id).stripe_account_id = known
    later(hours=23)
    work()
    assert sent(stripe) == []
    later(hours=2)
    work()
    assert sent(stripe) == [1000_00]


def test_the_key_is_kept_before_the_call(stripe, payee, westside, ana, jobs):
    owe(ana, westside.id, usd(1000))
    ask(ana)
    while not promised("deliver_transfer"):
        assert outbox.run_next(jobs)
    transfer = only_transfer()
    assert transfer.state is S.SENDING and transfer.first_sent_at
    assert sent(stripe) == []
    calls = []
    gateway = stripe.gateway()

    class Watching:
        def __getattr__(self, name: str) -> object:
            calls.append((name, only_transfer().idempotency_key))
            return getattr(gateway, name)

    current_app.extensions["gateway"] = Watching()
    while outbox.run_next(jobs):
        pass
    assert ("send_transfer", transfer.idempotency_key) in calls


def test_people_without_an_account_and_without_money_are_left_alone(app, ana):
    for somebody in (ana, make_user()):
        ask(somebody)
    assert db.session.scalar(select(Transfer)) is None
