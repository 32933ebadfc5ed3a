"""Taking back: out of what is not sent yet at once, out of what was sent by a reversal, and kept owed where refused."""
import pytest

from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.payments.ledger import check_ledger
from marketplace.payments.models import (
    PLATFORM,
    AccountKind,
    Payable,
    PayableState,
    ReversalState,
    TransferReversal,
    TransferState,
)
from marketplace.payments.money_out import transfers
from marketplace.payments.money_out.payables import MoreThanLeft
from marketplace.payments.money_out.reversals import find_reversal
from marketplace.payments.queries import owed_back_by
from tests.payments.money_steps import (
    BOUNTY,
    fresh,
    holds,
    make_ready,
    only_transfer,
    owe,
    pay_in,
    take_back,
    usd,
)

K, S = AccountKind, ReversalState


@pytest.fixture
def payee(stripe, wes, ana, later, keep_row):
    """Ana, ready to be paid, and $1,050 paid in and available."""
    def build():
        pay_in(stripe, wes)
        later(days=10)
        return make_ready(stripe, ana)
    return keep_row("ready", build)


def ask(user) -> None:
    with transaction():
        transfers.request_transfers(user.id)


@pytest.fixture
def paid(payee, westside, ana, work, keep_row):
    """$1,000 have gone to Ana."""
    def build():
        owe(ana, westside.id, usd(1000))
        ask(ana)
        work()
        return payee
    return keep_row("paid", build)


def reversal(reference: str = "clawback_1") -> TransferReversal:
    db.session.rollback()
    found = find_reversal(reference)
    assert found is not None
    return found


def test_what_is_owed_is_taken_back_at_once(stripe, payee, westside, ana, work):
    owe(ana, westside.id, usd(1000))
    assert take_back("reward_1", usd(40)) == "taken"
    assert fresh(Payable, "reward_1").amount == usd(960)
    assert (holds(K.PAYABLE, "reward_1"), holds(K.FUNDS, BOUNTY)) == (960_00, 90_00)
    ask(ana)
    work()
    assert only_transfer().amount == usd(960)


def test_what_is_taken_back_wholly_is_not_sent(stripe, payee, westside, ana):
    owe(ana, westside.id, usd(1000))
    take_back("reward_1", usd(1000))
    ask(ana)
    assert fresh(Payable, "reward_1").state is PayableState.OWED
    assert holds(K.PAYABLE, "reward_1") == 0


def test_what_was_sent_comes_back_by_a_reversal(stripe, paid, work, news):
    assert take_back("reward_1", usd(40)) == "reversing"
    work()
    assert reversal().state is S.DONE and reversal().stripe_reversal_id
    transfer = only_transfer()
    assert (transfer.state, transfer.taken_back) == (TransferState.PARTLY_REVERSED, usd(40))
    assert holds(K.FUNDS, BOUNTY) == 90_00
    assert stripe.control.read_balances()["accounts"][paid.stripe_account_id] == {"usd": 960_00}
    assert ("note_reversal", {"reference": "clawback_1"}) in news


def test_parts_add_up_to_the_whole_and_no_further(stripe, paid, work):
    take_back("reward_1", usd(300), "clawback_1")
    take_back("reward_1", usd(300), "clawback_2")  # The same amount twice is two reversals, not one.
    take_back("reward_1", usd(400), "clawback_3")
    work()
    assert only_transfer().state is TransferState.REVERSED
    with pytest.raises(MoreThanLeft) as refusal:
        take_back("reward_1", Money(1, "usd"), "clawback_4")
    assert (refusal.value.status, refusal.value.code) == (409, "more_than_left")
    assert holds(K.FUNDS, BOUNTY) == 1050_00


def test_more_than_is_owed_is_not_taken(stripe, payee, westside, ana):
    owe(ana, westside.id, usd(10))
    with pytest.raises(MoreThanLeft):
        take_back("reward_1", usd(11))
    assert holds(K.PAYABLE, "reward_1") == 10_00


def test_while_the_money_is_on_its_way_the_reversal_waits_for_it(stripe, payee, westside, ana, work, later):
    owe(ana, westside.id, usd(1000))
    stripe.control.plan_fault(kind="lost_after", path="/v1/transfers$", method="POST")
    ask(ana)
    work()
    assert only_transfer().state is TransferState.SENDING
    assert take_back("reward_1", usd(40)) == "reversing"
    work()
    assert reversal().state is S.REQUESTED
    later(minutes=5)
    work()
    assert (only_transfer().state, reversal().state) == (TransferState.PARTLY_REVERSED, S.DONE)
    assert holds(K.FUNDS, BOUNTY) == 90_00


def test_if_the_money_never_leaves_the_part_is_taken_from_what_is_owed(
        stripe, payee, westside, ana, work, later, news):
    owe(ana, westside.id, usd(1000))
    ask(ana)
    stripe.control.set_account_state(payee.stripe_account_id, state="restricted")
    assert take_back("reward_1", usd(40)) == "reversing"
    work()
    assert only_transfer().state is TransferState.FAILED
    assert find_reversal("clawback_1") is None
    assert (holds(K.PAYABLE, "reward_1"), holds(K.FUNDS, BOUNTY)) == (960_00, 90_00)
    assert fresh(Payable, "reward_1").amount == usd(960)
    assert ("note_reversal", {"reference": "clawback_1"}) in news


def test_a_payee_who_has_spent_it_owes_it_until_stripe_can_take_it(stripe, paid, ana, work, later, news):
    stripe.control.pay_out_account(paid.stripe_account_id, currency="usd", amount=980_00)
    take_back("reward_1", usd(40))
    work()
    claw = reversal()
    assert (claw.state, claw.failure_code) == (S.OUTSTANDING, "balance_insufficient")
    assert (holds(K.RECEIVABLE, claw.id), holds(K.CLAWBACK_DUE, claw.id)) == (-40_00, 40_00)
    assert holds(K.FUNDS, BOUNTY) == 50_00
    assert owed_back_by(ana) == [claw]
    later(days=1, minutes=5)
    work()
    claw = reversal()
    assert (claw.state, claw.attempt_no) == (S.OUTSTANDING, 2)
    assert (holds(K.RECEIVABLE, claw.id), holds(K.CLAWBACK_DUE, claw.id)) == (-40_00, 40_00)
    assert check_ledger() == []
    with stripe.box.world.store.transaction():  # New money arrives in the payee's account.
        account = stripe.box.world.store.get("v2.core.account", paid.stripe_account_id)
        stripe.box.world.store.save(account | {"_balance": {"usd": 70_00}})
    later(days=1, minutes=5)
    work()
    claw = reversal()
    assert (claw.state, claw.failure) == (S.DONE, None)
    assert (holds(K.RECEIVABLE, claw.id), holds(K.CLAWBACK_DUE, claw.id)) == (0, 0)
    assert holds(K.FUNDS, BOUNTY) == 90_00
    assert owed_back_by(ana) == []
    assert news.count(("note_reversal", {"reference": "clawback_1"})) == 3


@pytest.mark.parametrize("trouble", ["lost_before", "lost_after", "half_written", "error_unstored", "error_stored",
                                     "error_stored_after", "rate_limited", "key_in_use"])
def test_whatever_befalls_the_call_the_money_comes_back_once(stripe, paid, work, later, trouble):
    stripe.control.plan_fault(kind=trouble, path="/reversals$", method="POST")
    take_back("reward_1", usd(40))
    for _ in range(3):
        work()
        later(minutes=20)
    assert reversal().state is S.DONE
    assert only_transfer().taken_back == usd(40)
    assert [one["amount"] for one in stripe.box.world.store.all("transfer_reversal")] == [40_00]


@pytest.mark.parametrize("was_done", [True, False])
def test_a_key_too_old_to_trust_is_looked_up_first(stripe, paid, work, later, was_done):
    stripe.control.plan_fault(kind="lost_after" if was_done else "lost_before", path="/reversals$", method="POST")
    take_back("reward_1", usd(40))
    work()
    later(hours=25)
    work()
    assert (reversal().state, reversal().attempt_no) == (S.DONE, 1 if was_done else 2)
    assert [one["amount"] for one in stripe.box.world.store.all("transfer_reversal")] == [40_00]


def test_taking_back_leaves_our_balance_at_stripe_level(stripe, paid, work):
    before = holds(K.CLEARING, PLATFORM)
    take_back("reward_1", usd(40))
    work()
    assert holds(K.CLEARING, PLATFORM) == before - 40_00
